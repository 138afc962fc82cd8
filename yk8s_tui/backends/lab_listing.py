"""The hosts of a lab as `lab list` shows them."""

from __future__ import annotations

from typing import Any

from yk8s_tui.backends import lab_cgroups
from yk8s_tui.backends.lab_names import lab_inventory
from yk8s_tui.backends.lab_state import LabState
from yk8s_tui.models.config import Config


def describe(state: LabState, config: Config) -> list[dict[str, Any]]:
    """A row per host: name, address, roles, state (running, stopped, absent, extra), memory_mb, pid."""
    inventory = lab_inventory(config, state.root)
    rows = []
    for node in inventory.nodes:
        host = state.host(node.name)
        init = host.init
        rows.append(
            {
                "name": node.name,
                "address": node.address,
                "roles": list(node.roles),
                "state": "running" if init else "stopped" if host.exists else "absent",
                "memory_mb": lab_cgroups.memory_mb(state.tag, node.name) if init else 0,
                "pid": init.pid if init else 0,
            }
        )
    for host in state.hosts():
        if host.name not in inventory.names:
            rows.append(
                {
                    "name": host.name,
                    "address": str(host.record.get("address", "")),
                    "roles": [],
                    "state": "not configured",
                    "memory_mb": lab_cgroups.memory_mb(state.tag, host.name),
                    "pid": host.init.pid if host.init else 0,
                }
            )
    return rows
