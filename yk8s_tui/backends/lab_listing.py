"""The hosts of a lab as `lab list` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from yk8s_tui.backends import lab_cgroups
from yk8s_tui.backends.lab_host import LabHost
from yk8s_tui.backends.lab_names import lab_inventory
from yk8s_tui.backends.lab_state import LabState
from yk8s_tui.models.config import Config


def describe(state: LabState, config: Config | None) -> list[dict[str, Any]]:
    """A row per host: name, address, roles, state (running, stopped, absent, not configured), memory_mb, pid.

    Without a configuration: the hosts that were made, running or stopped, and no roles.
    """
    nodes = lab_inventory(config, state.root).nodes if config else ()
    rows = [_row(state.host(node.name), node.address, node.roles) for node in nodes]
    names = {node.name for node in nodes}
    surplus = [host for host in state.hosts() if host.name not in names]
    extra = [_row(host, str(host.record.get("address", "")), ()) for host in surplus]
    return rows + [row | {"state": "not configured"} if config else row for row in extra]


def _row(host: LabHost, address: str, roles: Sequence[str]) -> dict[str, Any]:
    init = host.init
    return {
        "name": host.name,
        "address": address,
        "roles": list(roles),
        "state": "running" if init else "stopped" if host.exists else "absent",
        "memory_mb": lab_cgroups.memory_mb(host.tag, host.name) if init else 0,
        "pid": init.pid if init else 0,
    }
