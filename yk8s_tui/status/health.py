"""Judges a cluster: what is wrong, in sentences, the worst first; pure, and nothing is asked here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from yk8s_tui.status import health_control, health_frontends, health_hosts, health_nodes, health_work
from yk8s_tui.status.model import ClusterStatus, Finding

Rule = Callable[[ClusterStatus, float], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    health_control.not_built,
    health_control.api_unreachable,
    health_frontends.vip,
    health_control.etcd_leader,
    health_control.etcd_members,
    health_frontends.haproxy,
    health_control.api_servers,
    health_control.api_unread,
    health_control.etcd_database,
    health_control.etcd_agreement,
    health_nodes.not_ready,
    health_nodes.missing,
    health_hosts.unreachable,
    health_hosts.certificates,
    health_control.leaders,
    health_frontends.firewall,
    health_frontends.backends,
    health_nodes.pressure,
    health_hosts.disks,
    health_hosts.units,
    health_hosts.clocks,
    health_work.workloads,
    health_work.pods,
    health_nodes.skew,
    health_frontends.keepalived,
    health_work.last_run,
    health_work.layers,
    health_hosts.drift,
    health_nodes.cordoned,
    health_hosts.reboot,
    health_hosts.unread,
)
"""In the order of their weight: of what is equally severe, the earlier stands first."""


def findings(status: ClusterStatus, now: float) -> list[Finding]:
    """Everything that is wrong at a time (seconds since 1970): failures before warnings, then by weight of the rule.

    Within one rule, what is wrong for longer stands first.
    """
    found = [(weight, finding) for weight, rule in enumerate(RULES) for finding in rule(status, now)]
    found.sort(key=lambda one: (one[1].severity != "failed", one[0], one[1].since or now, one[1].subject))
    return [finding for _, finding in found]
