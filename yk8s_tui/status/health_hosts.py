"""Rules about the hosts, as they tell over SSH."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from yk8s_tui.status.health_words import first_line, is_live, lasting, listed, size, span
from yk8s_tui.status.model import Certificate, ClusterStatus, Finding, Host, Severity

DAY = 86400.0
CERTIFICATE_FAILED = 7 * DAY
CERTIFICATE_WARNING = 30 * DAY
"""kubelet renews its own with 10 to 30 % of their year left; kubeadm's are renewed by an upgrade or by hand."""
DISK_WARNING = 0.10
"""kubelet evicts pods below 10 % of nodefs (imagefs: 15 %); kubernetes.io, node-pressure eviction."""
DISK_FAILED = 0.03
CLOCK_WARNING = 1.0
"""Seconds; etcd and certificates want clocks that agree, etcd warns from 1 s between its members on."""
CLOCK_FAILED = 30.0
SAME_CLOCK = 1.0
"""Seconds by which the clocks of hosts may differ to count as one: then it is this machine's that is wrong."""


def _live(status: ClusterStatus) -> list[Host]:
    return [host for name, host in status.hosts.items() if is_live(status, name)]


def unreachable(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Hosts that do not answer, or have gone silent."""
    for key, source in status.sources.items():
        kind, _, name = key.partition(":")
        if kind == "host" and source.state == "unreachable":
            text = f"cannot be read over SSH{lasting(source.since, now)}: {_reason(name, source.error)}"
            look = f"is {name} on, and does its network work? see its console"
            yield Finding("failed", name, text, source.since, look, f"host.unreachable:{name}")


def _reason(name: str, error: str) -> str:
    """The first two lines of an error of ours, without the host's name: what, and why."""
    what = first_line(error)
    for prefix in (f"{name}: ", f"{name} ("):
        if what.startswith(prefix):
            what = what.partition(": ")[2]
    why = next(
        (line.strip().removeprefix("why: ") for line in error.splitlines() if line.strip().startswith("why: ")), ""
    )
    return f"{what}: {why}" if why else what


def unread(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Parts of a host that cannot be read although it answers."""
    for key, source in status.sources.items():
        kind, _, name = key.partition(":")
        if kind == "host" and source.state == "live" and source.error:
            text = f"not everything can be read: {first_line(source.error)}"
            yield Finding("warning", name, text, 0, "this is a fault of yk8s-tui or of the host", f"host.unread:{name}")


def certificates(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Certificates that have ended or end soon, together for each host."""
    for name, host in status.hosts.items():
        tiers: dict[str, list[Certificate]] = {}
        for certificate in host.certificates:
            if tier := _tier(certificate.ends - now):
                tiers.setdefault(tier, []).append(certificate)
        for tier, found in tiers.items():
            found.sort(key=lambda one: (one.ends, one.name))
            yield _certificate_finding(name, tier, found, now)


def _tier(left: float) -> str:
    if left <= 0:
        return "ended"
    if left < CERTIFICATE_FAILED:
        return "ending"
    return "soon" if left < CERTIFICATE_WARNING else ""


def _certificate_finding(host: str, tier: str, found: list[Certificate], now: float) -> Finding:
    first = found[0]
    what = f"certificate{'s' if len(found) > 1 else ''} {listed([one.name for one in found])}"
    day = datetime.fromtimestamp(first.ends, UTC).date().isoformat()
    verb = "end" if len(found) > 1 else "ends"
    if tier == "ended":
        text, since = f"{what} ended {span(now - first.ends)} ago ({day}): what uses them fails", first.ends
    else:
        text, since = f"{what} {verb} in {span(first.ends - now)} ({day})", 0.0
    look = f"`kubeadm certs renew all` on {host}, then its control plane pods anew; kubelet renews its own by itself"
    if any(one.authority for one in found):
        look = (
            "a CA is among them: it must be replaced everywhere; see kubernetes.io, manual rotation of CA certificates"
        )
    severity: Severity = "warning" if tier == "soon" else "failed"
    return Finding(severity, host, text, since, look, f"certificate.{tier}:{host}")


def disks(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """File systems that are nearly full."""
    for host in _live(status):
        for disk in host.disks:
            share = disk.free / disk.size if disk.size else 1.0
            if share < DISK_WARNING:
                text = f"{disk.path} has {size(disk.free)} of {size(disk.size)} free ({share:.1%})"
                look = f"`du -xh --max-depth=2 {disk.path} | sort -h | tail` on {host.name}"
                severity: Severity = "failed" if share < DISK_FAILED else "warning"
                yield Finding(severity, host.name, text, 0, look, f"disk.full:{host.name}:{disk.path}")


def units(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Units that failed; kubelet and containerd of a node must run. HAProxy and keepalived have rules of their own."""
    for host in _live(status):
        node = status.nodes.get(host.name)
        for unit, state in host.units.items():
            needed = unit in ("kubelet", "containerd") and node is not None
            if unit in ("haproxy", "keepalived") or (unit == "kubelet" and node and node.ready != "True"):
                continue
            if state == "failed" or (needed and state == "inactive"):
                look = f"`journalctl -u {unit}` on {host.name}"
                yield Finding("failed", host.name, f"{unit} is {state}", 0, look, f"unit.{unit}:{host.name}")


def clocks(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Clocks that are wrong; when all differ from ours by the same, ours is."""
    hosts = _live(status)
    offsets = [host.clock_offset for host in hosts]
    if len(hosts) > 1 and min(map(abs, offsets)) > CLOCK_WARNING and max(offsets) - min(offsets) <= SAME_CLOCK:
        text = f"the clock of this machine is {_offset(-offsets[0])} all hosts: times shown here are wrong by that"
        yield Finding("warning", "this machine", text, 0, "`timedatectl` here", "clock.here")
        return
    for host in hosts:
        if abs(host.clock_offset) > CLOCK_WARNING:
            text = f"its clock is {_offset(host.clock_offset)} ours"
            look = f"`chronyc tracking` on {host.name}"
            severity: Severity = "failed" if abs(host.clock_offset) > CLOCK_FAILED else "warning"
            yield Finding(severity, host.name, text, 0, look, f"clock.offset:{host.name}")


def _offset(seconds: float) -> str:
    amount = f"{abs(seconds):.1f} s" if abs(seconds) < 90 else span(abs(seconds))
    return f"{amount} {'ahead of' if seconds > 0 else 'behind'}"


def drift(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """What is no longer as the last run wrote it, together for each host and step."""
    for host in _live(status):
        frontend = status.frontends.get(host.name)
        firewall_told = frontend is not None and frontend.firewall in ("changed", "missing")
        steps: dict[str, list[str]] = {}
        for one in host.drift:
            if not (firewall_told and one.text.startswith("firewall table")):
                steps.setdefault(one.step, []).append(one.text)
        for step, texts in steps.items():
            look = f"`yk8s-tui plan --limit {host.name}` shows it, `yk8s-tui apply --limit {host.name}` puts it right"
            text = f"{'; '.join(texts[:2])}{f' and {len(texts) - 2} more' if len(texts) > 2 else ''} (step {step})"
            yield Finding("warning", host.name, text, 0, look, f"drift:{host.name}:{step}")


def reboot(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Hosts that should be rebooted."""
    for host in _live(status):
        if host.reboot:
            text = f"a reboot is pending: {host.reboot} (up for {span(now - host.boot)})"
            look = "drain it, reboot it, uncordon it; one control plane at a time"
            yield Finding("warning", host.name, text, 0, look, f"host.reboot:{host.name}")
