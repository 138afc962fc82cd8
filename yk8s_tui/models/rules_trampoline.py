"""Rules about the frontends: ports and the VPN."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

from yk8s_tui.models.config import Config
from yk8s_tui.models.networks import planned_nodes
from yk8s_tui.models.rules import Findings, Rule, error, plural, warning

CONTROL_PLANE_PORTS = {
    2379: "etcd", 2380: "etcd", 6443: "the API server", 10250: "the kubelet", 10256: "kube-proxy",
    10257: "the controller manager", 10259: "the scheduler",
}  # fmt: skip
"""Taken on a frontend that is a control plane, too."""
NODE_PORTS = range(30000, 32768)


def ports(config: Config, _today: date | None) -> Findings:
    """No two things listen on the same port of a frontend."""
    taken = dict(_reserved(config))
    api = config.kubernetes.api_port
    if api in taken:
        yield error("kubernetes.api_port", f"port {api} is taken by {taken[api]} on the frontends", "8888", api)
    elif _combined(config) and api in NODE_PORTS:
        yield error("kubernetes.api_port", _in_node_ports(api), "8888", api)
    taken[api] = "the API (kubernetes.api_port)"
    for number, published in enumerate(config.trampoline.published_ports):
        key = f"trampoline.published_ports[{number}].port"
        port = published.port
        if port in taken:
            yield error(key, f"port {port} is taken by {taken[port]} on the frontends", "publish another port", port)
        elif _combined(config) and port in NODE_PORTS:
            yield error(key, _in_node_ports(port), "publish a port below 30000", port)
        taken.setdefault(port, f"trampoline.published_ports[{number}]")


def _reserved(config: Config) -> Iterator[tuple[int, str]]:
    yield 22, "SSH"
    if config.cluster.harbour == "baremetal":
        for node in config.harbour.baremetal.nodes:
            if "frontend" in node.roles:
                yield node.ssh_port, f"SSH of {node.name}"
    if _combined(config):
        yield from CONTROL_PLANE_PORTS.items()


def _combined(config: Config) -> bool:
    return any({"frontend", "control-plane"} <= set(n.roles) for n in planned_nodes(config))


def _in_node_ports(port: int) -> str:
    return f"port {port} is in the range of node ports, which a frontend that is a control plane serves itself"


def wireguard(config: Config, _today: date | None) -> Findings:
    """Tunnels have ports and networks of their own, and peers are told apart."""
    vpn = config.trampoline.wireguard
    if not vpn.enabled:
        return
    base = "trampoline.wireguard"
    if not vpn.endpoints:
        yield error(f"{base}.endpoints", "is empty: a VPN needs a tunnel interface", "port = 51820 and a network")
    if not vpn.peers:
        yield warning(f"{base}.peers", "is empty: nobody may come in", "add a table [[trampoline.wireguard.peers]]")
    yield from _twice([e.port for e in vpn.endpoints], f"{base}.endpoints", "port", "another UDP port")
    yield from _twice([p.name for p in vpn.peers], f"{base}.peers", "name", "every peer needs a name of its own")
    yield from _twice([p.public_key for p in vpn.peers], f"{base}.peers", "public_key", "every peer needs its own key")
    for number, endpoint in enumerate(vpn.endpoints):
        networks = {"network_v4": endpoint.network_v4, "network_v6": endpoint.network_v6}
        if not any(networks.values()):
            yield error(f"{base}.endpoints[{number}]", "has no network", 'for example network_v4 = "10.199.0.0/24"')
        for name, network in networks.items():
            room = network.num_addresses - 3 if network else 0
            if network and room < max(len(vpn.peers), 1):
                yield error(f"{base}.endpoints[{number}].{name}",
                            f"has room for {plural(max(room, 0), 'peer')}, there are {len(vpn.peers)}",
                            "a larger network (a smaller prefix length)", network)  # fmt: skip


def _twice(values: list[str] | list[int], table: str, field: str, remedy: str) -> Findings:
    counts = Counter(values)
    seen: dict[object, int] = {}
    for number, value in enumerate(values):
        if value and counts[value] > 1:
            if value in seen:
                yield error(
                    f"{table}[{number}].{field}", f"is the same as that of entry {seen[value] + 1}", remedy, value
                )
            seen.setdefault(value, number)


RULES = (
    Rule(ports, ("cluster.harbour", "harbour", "kubernetes.api_port", "trampoline.published_ports")),
    Rule(wireguard, ("trampoline.wireguard",)),
)
