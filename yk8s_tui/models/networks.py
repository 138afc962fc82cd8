"""Which networks and addresses a configuration means, where defaults depend on one another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from yk8s_tui.models.config import Config
from yk8s_tui.models.harbours import Lab
from yk8s_tui.models.types import Role

LAB_FRONTEND_OFFSET = 11
"""Lab frontends take the addresses from here on, counted from the network address."""
LAB_CONTROL_PLANE_OFFSET = 21
LAB_WORKER_OFFSET = 51
LAB_VIP_OFFSET = 250
"""Default VIP of a lab with more than one frontend."""


def node_network(config: Config) -> IPv4Network | IPv6Network:
    """The network all nodes are on."""
    harbour = config.cluster.harbour
    if harbour == "lab":
        return config.harbour.lab.subnet
    if harbour == "openstack":
        return config.harbour.openstack.network_cidr
    given = config.harbour.baremetal
    if given.node_network is not None:
        return given.node_network
    if not given.nodes:
        return ip_network("0.0.0.0/32")
    first = given.nodes[0].address
    return ip_network(f"{first}/{24 if first.version == 4 else 64}", strict=False)


@dataclass(frozen=True)
class PlannedNode:
    """A node as the configuration names it, before any harbour was asked."""

    name: str
    address: str
    roles: tuple[Role, ...]
    key: str
    """Dotted key of what it comes from."""


def planned_nodes(config: Config) -> tuple[PlannedNode, ...]:
    """The nodes that the configuration itself names; none for harbours that choose addresses."""
    if config.cluster.harbour == "lab":
        return tuple(_lab_nodes(config.harbour.lab))
    if config.cluster.harbour == "baremetal":
        return tuple(
            PlannedNode(n.name, str(n.address), n.roles, f"harbour.baremetal.nodes[{i}]")
            for i, n in enumerate(config.harbour.baremetal.nodes)
        )
    return ()


def _lab_nodes(lab: Lab) -> Iterator[PlannedNode]:
    control: tuple[Role, ...] = ("frontend", "control-plane") if lab.combined else ("control-plane",)
    groups: tuple[tuple[str, int, int, tuple[Role, ...], str], ...] = (
        ("fe", 0 if lab.combined else lab.frontends, LAB_FRONTEND_OFFSET, ("frontend",), "frontends"),
        ("cp", lab.control_planes, LAB_CONTROL_PLANE_OFFSET, control, "control_planes"),
        ("w", lab.workers, LAB_WORKER_OFFSET, ("worker",), "workers"),
    )
    for prefix, count, offset, roles, field in groups:
        for number in range(count):
            address = _offset(lab.subnet, offset + number)
            yield PlannedNode(f"{prefix}{number + 1}", address, roles, f"harbour.lab.{field}")


def _offset(network: IPv4Network | IPv6Network, offset: int) -> str:
    """An address counted from the network address; "" when the network is too small."""
    return str(network.network_address + offset) if offset < network.num_addresses - 1 else ""


def frontend_count(config: Config) -> int:
    """How many frontends there will be; 0 when that is not known yet."""
    return sum("frontend" in node.roles for node in planned_nodes(config))


def effective_vip(config: Config) -> str:
    """The address of the API: the VIP, or the only frontend's own address; "" when there is none yet."""
    if config.trampoline.vip is not None:
        return str(config.trampoline.vip)
    frontends = [n for n in planned_nodes(config) if "frontend" in n.roles]
    if len(frontends) == 1:
        return frontends[0].address
    if config.cluster.harbour == "lab":
        return _offset(config.harbour.lab.subnet, LAB_VIP_OFFSET)
    return ""


def is_inside(address: str, network: IPv4Network | IPv6Network) -> bool:
    """Whether an address belongs to a network of its own family."""
    parsed = ip_address(address)
    return parsed.version == network.version and parsed in network
