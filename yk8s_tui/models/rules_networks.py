"""Rules about networks and the VIP."""

from __future__ import annotations

from datetime import date
from ipaddress import ip_address
from itertools import combinations

from yk8s_tui.models.config import Config
from yk8s_tui.models.networks import effective_vip, frontend_count, is_inside, node_network, planned_nodes
from yk8s_tui.models.rules import Findings, IpNetwork, Rule, error, free_network, plural, warning

NODE_MASK = {4: 24, 6: 64}
"""Prefix length of the pod network of one node."""
LARGEST_SERVICE = {4: 12, 6: 108}
"""kubeadm refuses service networks with more than 20 bits of hosts."""
SMALLEST_SERVICE = {4: 28, 6: 124}
"""kubeadm wants at least 10 addresses."""
NODE_NETWORK_KEYS = {"lab": "harbour.lab.subnet", "baremetal": "harbour.baremetal.node_network",
                     "openstack": "harbour.openstack.network_cidr"}  # fmt: skip


def named_networks(config: Config) -> list[tuple[str, str, IpNetwork]]:
    """Name, key and network of everything that needs a range of its own."""
    kubernetes = config.kubernetes
    found: list[tuple[str, str, IpNetwork | None]] = []
    if config.cluster.harbour != "baremetal" or config.harbour.baremetal.nodes:
        found.append(("the node network", NODE_NETWORK_KEYS[config.cluster.harbour], node_network(config)))
    found += [
        ("the service network", "kubernetes.service_cidr", kubernetes.service_cidr),
        ("the service network", "kubernetes.service_cidr_v6", kubernetes.service_cidr_v6),
        ("the pod network", "kubernetes.pod_cidr", kubernetes.pod_cidr),
        ("the pod network", "kubernetes.pod_cidr_v6", kubernetes.pod_cidr_v6),
    ]
    if config.trampoline.wireguard.enabled:
        for number, endpoint in enumerate(config.trampoline.wireguard.endpoints):
            key = f"trampoline.wireguard.endpoints[{number}]"
            found.append((f"the VPN network of wg{number}", f"{key}.network_v4", endpoint.network_v4))
            found.append((f"the VPN network of wg{number}", f"{key}.network_v6", endpoint.network_v6))
    return [(name, key, network) for name, key, network in found if network is not None]


def overlaps(config: Config, _today: date | None) -> Findings:
    """No two networks share an address."""
    networks = named_networks(config)
    taken = [n for _, _, n in networks]
    for (name, _, first), (_, key, second) in combinations(networks, 2):
        if first.version == second.version and first.overlaps(second):
            free = free_network(second.prefixlen, second.version, taken)
            remedy = "take one that nothing else uses" + (f', for example "{free}"' if free else "")
            yield error(key, f"overlaps {name} {first}", remedy, second)


def families(config: Config, _today: date | None) -> Findings:
    """IPv4 stands where IPv4 belongs, and dual stack is whole."""
    kubernetes = config.kubernetes
    fields: list[tuple[str, IpNetwork | None, int]] = [
        ("kubernetes.pod_cidr", kubernetes.pod_cidr, 4),
        ("kubernetes.pod_cidr_v6", kubernetes.pod_cidr_v6, 6),
        ("kubernetes.service_cidr", kubernetes.service_cidr, 4),
        ("kubernetes.service_cidr_v6", kubernetes.service_cidr_v6, 6),
    ]
    for number, endpoint in enumerate(config.trampoline.wireguard.endpoints):
        key = f"trampoline.wireguard.endpoints[{number}]"
        fields += [(f"{key}.network_v4", endpoint.network_v4, 4), (f"{key}.network_v6", endpoint.network_v6, 6)]
    for key, network, version in fields:
        if network is not None and network.version != version:
            other = key.removesuffix("_v4") + "_v6" if version == 4 else key.replace("_v6", "_v4")
            if not key.startswith("trampoline"):
                other = key + "_v6" if version == 4 else key.removesuffix("_v6")
            remedy = f"IPv{network.version} networks go into {other.rpartition('.')[2]}"
            yield error(key, f"must be an IPv{version} network", remedy, network)
    if (kubernetes.pod_cidr_v6 is None) != (kubernetes.service_cidr_v6 is None):
        missing = "pod_cidr_v6" if kubernetes.pod_cidr_v6 is None else "service_cidr_v6"
        example = "fd00:10:244::/56" if missing == "pod_cidr_v6" else "fd00:10:96::/112"
        yield error(
            f"kubernetes.{missing}", "is missing: dual stack needs IPv6 networks of pods and of services",
            f'for example "{example}"',
        )  # fmt: skip
    if kubernetes.pod_cidr_v6 and kubernetes.service_cidr_v6:
        yield warning("kubernetes.pod_cidr_v6", "pods on different nodes reach each other over IPv4 only",
                      "leave the IPv6 networks out, or add IPv6 routes between the nodes in the customization layer",
                      kubernetes.pod_cidr_v6)  # fmt: skip
    if config.cluster.harbour == "baremetal":
        yield from _nodes_without_ipv4(config)


def _nodes_without_ipv4(config: Config) -> Findings:
    for node in planned_nodes(config):
        if ip_address(node.address).version == 6:
            yield error(f"{node.key}.address", f"{node.name} has an IPv6 address, but pods and services are IPv4 first",
                        "give the node's IPv4 address", node.address)  # fmt: skip


def sizes(config: Config, _today: date | None) -> Findings:
    """Every node gets its pod network, and kubeadm accepts the ranges."""
    kubernetes = config.kubernetes
    count = sum(bool({"control-plane", "worker"} & set(n.roles)) for n in planned_nodes(config))
    for key, pods in (("pod_cidr", kubernetes.pod_cidr), ("pod_cidr_v6", kubernetes.pod_cidr_v6)):
        if pods is None:
            continue
        mask = NODE_MASK[pods.version]
        room = 2 ** (mask - pods.prefixlen) if pods.prefixlen <= mask else 0
        if room < max(count, 1):
            needed = mask - max(count - 1, 0).bit_length()
            yield error(f"kubernetes.{key}", f"has room for {plural(room, 'node')} (a /{mask} each), there are {count}",
                        f"a prefix length of at most /{needed}", pods)  # fmt: skip
        elif mask - pods.prefixlen > 16:
            yield error(f"kubernetes.{key}", "is too large for kubeadm", f"at least /{mask - 16}", pods)
    for key, services in (("service_cidr", kubernetes.service_cidr), ("service_cidr_v6", kubernetes.service_cidr_v6)):
        if services is None:
            continue
        low, high = LARGEST_SERVICE[services.version], SMALLEST_SERVICE[services.version]
        if not low <= services.prefixlen <= high:
            what = "large" if services.prefixlen < low else "small"
            yield error(f"kubernetes.{key}", f"is too {what} for kubeadm", f"between /{low} and /{high}", services)


def vip(config: Config, _today: date | None) -> Findings:
    """The VIP is there when it is needed, and nobody else has it."""
    if config.cluster.harbour == "baremetal" and not config.harbour.baremetal.nodes:
        return
    frontends = frontend_count(config)
    network = node_network(config)
    if config.trampoline.vip is None and config.cluster.harbour == "baremetal" and frontends:
        if frontends > 1:
            yield error("trampoline.vip", f"is missing: {frontends} frontends need an address that they share",
                        f"a free address of {network}{_example(config, network)}")  # fmt: skip
        else:
            yield warning("trampoline.vip", "is not set: the API has the address of the only frontend, for good",
                          f"with a free address of {network} here, more frontends can be added later")  # fmt: skip
    is_default_of_lab = config.trampoline.vip is None
    if is_default_of_lab and (config.cluster.harbour != "lab" or frontends == 1):
        return
    address = effective_vip(config)
    if address and (reason := _why_not(config, address, network)):
        key = "harbour.lab.subnet" if is_default_of_lab else "trampoline.vip"
        yield error(key, reason, f"a free address of {network}{_example(config, network)}", address)


def _why_not(config: Config, address: str, network: IpNetwork) -> str:
    parsed = ip_address(address)
    if not is_inside(address, network):
        return f"is not in the node network {network}"
    if parsed in (network.network_address, network.broadcast_address) and network.num_addresses > 2:
        which = "network" if parsed == network.network_address else "broadcast"
        return f"is the {which} address of the node network {network}"
    if config.cluster.harbour == "lab" and parsed == network.network_address + 1:
        return "is the address of the lab's bridge"
    owner = next((n.name for n in planned_nodes(config) if n.address == address), "")
    return f"is the address of {owner}" if owner else ""


def _example(config: Config, network: IpNetwork) -> str:
    used = {n.address for n in planned_nodes(config)}
    last = int(network.broadcast_address) - 5
    for candidate in range(last, max(last - 300, int(network.network_address) + 1), -1):
        shown = str(type(network.network_address)(candidate))
        if shown not in used and is_inside(shown, network):
            return f', for example "{shown}"'
    return ""


def lab_subnet(config: Config, _today: date | None) -> Findings:
    """Lab hosts have fixed places in their network."""
    if config.cluster.harbour != "lab":
        return
    subnet = config.harbour.lab.subnet
    if subnet.version != 4 or subnet.prefixlen > 24:
        yield error("harbour.lab.subnet", "does not fit a lab: hosts have fixed addresses from .1 to .250",
                    'an unused private IPv4 network of /24 or larger, for example "10.77.0.0/24"', subnet)  # fmt: skip
        return
    allowed = config.trampoline.ssh_allowed_sources
    gateway = str(subnet.network_address + 1)
    if allowed and not any(is_inside(gateway, n) for n in allowed):
        yield error("trampoline.ssh_allowed_sources", f"locks this machine ({gateway}) out of the lab",
                    f'add "{subnet}"', ", ".join(map(str, allowed)))  # fmt: skip


_NODES = ("harbour", "cluster.harbour")
_PODS = ("kubernetes.pod_cidr", "kubernetes.pod_cidr_v6", "kubernetes.service_cidr", "kubernetes.service_cidr_v6")

RULES = (
    Rule(
        overlaps, ("cluster.harbour", "harbour.baremetal", *NODE_NETWORK_KEYS.values(), *_PODS, "trampoline.wireguard")
    ),
    Rule(families, (*_NODES, *_PODS, "trampoline.wireguard.endpoints")),
    Rule(sizes, (*_NODES, *_PODS)),
    Rule(vip, (*_NODES, "trampoline.vip")),
    Rule(lab_subnet, ("cluster.harbour", "harbour.lab.subnet", "trampoline.ssh_allowed_sources")),
)
