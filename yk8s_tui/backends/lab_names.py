"""Names and addresses of a lab: computed, so that they are the same on every start."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from yk8s_tui.errors import ConfigError
from yk8s_tui.models.config import Config
from yk8s_tui.models.harbours import Lab
from yk8s_tui.models.nodes import Inventory, Node
from yk8s_tui.models.types import Role

GATEWAY, FRONTENDS, CONTROL_PLANES, WORKERS, VIP = 1, 11, 21, 51, 250
"""Offsets of the bridge, of the first host of each kind and of the usual VIP from the network address."""

INTERFACE = "host0"
"""The interface of a host; systemd-nspawn names it."""

KEY = Path("secrets/ssh/id_ed25519")
"""The operator's key of a lab, relative to the cluster repository."""


def tag_of(root: Path) -> str:
    """Six hexadecimal digits that stand for this cluster repository in every name on this machine."""
    return hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:6]


def bridge_name(tag: str) -> str:
    """The lab's bridge; interface names have at most 15 characters."""
    return f"yk-{tag}"


def table_name(tag: str) -> str:
    """The lab's nftables table."""
    return f"yk8s_lab_{tag}"


def machine_name(tag: str, node: str) -> str:
    """Name of the nspawn machine; its interface on the bridge is `vb-` and this (at most 12 characters)."""
    return f"y{tag}{node}"


def veth_name(tag: str, node: str) -> str:
    """The host's interface on the bridge, as the machine sees it."""
    return f"vb-{machine_name(tag, node)}"


def subnet_of(lab: Lab) -> IPv4Network:
    """The lab's network; `ConfigError` when the fixed addresses do not fit into it."""
    if not isinstance(lab.subnet, IPv4Network) or lab.subnet.prefixlen > 24:
        raise ConfigError(
            f"{lab.subnet} does not fit a lab",
            where="harbour.lab.subnet",
            why=f"hosts have fixed addresses from .{GATEWAY} to .{VIP}",
            hint="choose an unused private IPv4 network of /24 or larger, for example 10.77.0.0/24",
        )
    return lab.subnet


def gateway_of(subnet: IPv4Network) -> IPv4Address:
    """The bridge's own address: the hosts' default route."""
    return subnet.network_address + GATEWAY


def default_vip(lab: Lab) -> IPv4Address:
    """The virtual address a lab uses when the configuration names none."""
    return subnet_of(lab).network_address + VIP


def lab_inventory(config: Config, root: Path) -> Inventory:
    """The hosts the configuration asks for, with their addresses, in configuration order."""
    lab = config.harbour.lab
    first = subnet_of(lab).network_address
    key = str(root.resolve() / KEY)

    def nodes(prefix: str, count: int, offset: int, roles: tuple[Role, ...]) -> tuple[Node, ...]:
        return tuple(
            Node(
                name=f"{prefix}{i + 1}",
                address=str(first + offset + i),
                roles=roles,
                ssh_key=key,
                interface=INTERFACE,
                labels=config.kubernetes.labels.get(f"{prefix}{i + 1}", {}),
                taints=config.kubernetes.taints.get(f"{prefix}{i + 1}", ()),
            )
            for i in range(count)
        )

    if lab.combined:
        upper = nodes("cp", lab.control_planes, CONTROL_PLANES, ("frontend", "control-plane"))
    else:
        upper = nodes("fe", lab.frontends, FRONTENDS, ("frontend",))
        upper += nodes("cp", lab.control_planes, CONTROL_PLANES, ("control-plane",))
    return Inventory(nodes=upper + nodes("w", lab.workers, WORKERS, ("worker",)))
