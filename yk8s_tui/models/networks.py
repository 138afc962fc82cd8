"""Which networks and addresses a configuration means, where defaults depend on one another."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from yk8s_tui.models.config import Config

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


def lab_addresses(config: Config) -> dict[str, str]:
    """Names and addresses of the lab hosts; the names do not have the cluster's prefix."""
    lab = config.harbour.lab
    base = lab.subnet.network_address
    groups = (
        ("fe", 0 if lab.combined else lab.frontends, LAB_FRONTEND_OFFSET),
        ("cp", lab.control_planes, LAB_CONTROL_PLANE_OFFSET),
        ("w", lab.workers, LAB_WORKER_OFFSET),
    )
    return {f"{name}{i + 1}": str(base + offset + i) for name, count, offset in groups for i in range(count)}


def frontend_count(config: Config) -> int:
    """How many frontends there will be; 0 when that is not known yet."""
    harbour = config.cluster.harbour
    if harbour == "lab":
        lab = config.harbour.lab
        return lab.control_planes if lab.combined else lab.frontends
    if harbour == "baremetal":
        return sum("frontend" in n.roles for n in config.harbour.baremetal.nodes)
    return int(getattr(getattr(config.harbour.openstack, "frontends", None), "count", 0) or 0)


def effective_vip(config: Config) -> str:
    """The address of the API: the VIP, or the only frontend's own address; "" when there is none yet."""
    if config.trampoline.vip is not None:
        return str(config.trampoline.vip)
    harbour = config.cluster.harbour
    if harbour == "lab":
        return _lab_vip(config)
    if harbour == "baremetal":
        frontends = [n for n in config.harbour.baremetal.nodes if "frontend" in n.roles]
        return str(frontends[0].address) if len(frontends) == 1 else ""
    return ""


def _lab_vip(config: Config) -> str:
    lab = config.harbour.lab
    base = lab.subnet.network_address
    if frontend_count(config) > 1:
        offset = LAB_VIP_OFFSET if lab.subnet.num_addresses > LAB_VIP_OFFSET + 1 else lab.subnet.num_addresses - 2
        return str(base + offset)
    return str(base + (LAB_CONTROL_PLANE_OFFSET if lab.combined else LAB_FRONTEND_OFFSET))


def is_inside(address: str, network: IPv4Network | IPv6Network) -> bool:
    """Whether an address belongs to a network of its own family."""
    parsed = ip_address(address)
    return parsed.version == network.version and parsed in network
