"""The network between the hosts: ports, routes, the VIP, VRRP, and every pair of nodes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Any

from yk8s_tui.models.nodes import Node
from yk8s_tui.preflight.flows import interface_mtu, needed_ports, vpn_networks
from yk8s_tui.preflight.model import Check, Measured, Subject, Verdict, bad, doubtful, good

KUBERNETES = {"kubelet", "etcd", "kube-apiserver", "kube-controller", "kube-scheduler", "kube-proxy"}
"""Names of processes as the kernel keeps them, 15 characters."""
TRAMPOLINE = {"haproxy", "keepalived", "wireguard-go", ""}
"""The kernel's own WireGuard sockets belong to no process."""


def ports(node: Node, m: Measured, subject: Subject) -> Verdict:
    """Nobody else has the ports that this node's roles need."""
    wanted = needed_ports(node, subject.config)
    ours = KUBERNETES if subject.ours(node.name, "k8s-base") else set()
    ours = ours | TRAMPOLINE if subject.ours(node.name, "trampoline") else ours
    taken = {
        (entry["protocol"], entry["port"]): entry["process"] or "the kernel"
        for entry in m["ports"]
        if (entry["protocol"], entry["port"]) in wanted and entry["process"] not in ours
    }
    limit = "free: " + " ".join(str(port) for _, port in sorted(wanted))
    if not taken:
        return good(f"{len(wanted)} ports free or ours", limit)
    told = ", ".join(f"{protocol} {port} ({process})" for (protocol, port), process in sorted(taken.items()))
    return bad(told, limit, "ports are taken", "stop what has them, or move it to another port")


def vip(subject: Subject) -> Iterable[Verdict]:
    """Nobody but our frontends answers for the VIP, asked from each frontend by ARP (or neighbour discovery)."""
    wanted = subject.config.trampoline.vip
    own = {mac for node in subject.inventory.frontends for mac in _macs(subject, node)}
    for node in subject.chosen:
        state = subject.measured.get(node.name, {}).get("vip")
        if wanted is None or not state or not (node.is_frontend or state["here"]):
            continue
        measured = "held by this node" if state["here"] else " ".join(state["answers"]) or "no answer"
        foreign = [mac for mac in state["answers"] if mac not in own]
        if state["here"] and not (node.is_frontend and subject.ours(node.name, "trampoline")):
            text, remedy = (
                f"{wanted} is configured on this node by somebody else",
                f"ip address del {wanted} …",
            )
            yield bad(measured, "used by nobody else", text, remedy, node=node.name)
        elif foreign:
            text, remedy = f"another machine uses {wanted}", "choose a free address for trampoline.vip"
            yield bad(f"answered by {measured}", "used by nobody else", text, remedy, node=node.name)
        else:
            yield good(measured, "used by nobody else", node=node.name)


def _macs(subject: Subject, node: Node) -> list[str]:
    if node.name not in subject.measured or not subject.ours(node.name, "trampoline"):
        return []
    return list(subject.measured[node.name].get("macs") or ())


def vrrp(subject: Subject) -> Iterable[Verdict]:
    """No other VRRP router of the same id is heard on the node network."""
    wanted = subject.config.trampoline.vrrp.router_id
    own = {node.address for node in subject.inventory.frontends}
    for node in subject.chosen:
        if node.name not in subject.measured or not node.is_frontend:
            continue
        heard = subject.measured[node.name]["vrrp"] or ()
        foreign = [entry for entry in heard if entry["id"] == wanted and entry["source"] not in own]
        others = sorted({entry["id"] for entry in heard if entry["source"] not in own})
        limit = f"id {wanted} heard from nobody else"
        if foreign:
            told = ", ".join(f"{entry['source']} (priority {entry['priority']})" for entry in foreign)
            text = f"another VRRP router has the id {wanted}: the VIP would move back and forth"
            remedy = f"choose another trampoline.vrrp.router_id than {' '.join(map(str, others))}"
            yield bad(told, limit, text, remedy, node=node.name)
        else:
            yield good(f"other ids: {' '.join(map(str, others))}" if others else "none heard", limit, node=node.name)


def overlap(node: Node, m: Measured, subject: Subject) -> Verdict:
    """The host's routes against the networks of pods, services and VPN."""
    networks = list(_cluster_networks(node, subject))
    clashes: list[str] = []
    shadows: list[str] = []
    for route in m["routes"]:
        try:
            there = ipaddress.ip_network(route["network"], strict=False)
        except ValueError:
            continue
        for what, network in networks:
            if there.version == network.version and there.overlaps(network):
                told = f"{what} {network} and {there} ({route['device']})"
                broader = route["gateway"] and there.prefixlen < network.prefixlen
                (shadows if broader else clashes).append(told)
    limit = " ".join(str(network) for _, network in networks)
    if clashes:
        text = "the host is connected to a network that the cluster would use"
        return bad("; ".join(clashes), limit, text, "choose other networks for the cluster")
    if shadows:
        text = "addresses behind a route of this host will not be reached from the cluster"
        return doubtful("; ".join(shadows), limit, text, "choose other networks when they matter")
    return good("no overlap", limit)


def _cluster_networks(node: Node, subject: Subject) -> Iterator[tuple[str, Any]]:
    kubernetes = subject.config.kubernetes
    if not subject.ours(node.name, "k8s-base"):
        for what, network in (
            ("pod network", kubernetes.pod_cidr),
            ("pod network", kubernetes.pod_cidr_v6),
            ("service network", kubernetes.service_cidr),
            ("service network", kubernetes.service_cidr_v6),
        ):
            if network is not None:
                yield what, ipaddress.ip_network(str(network), strict=False)
    if not subject.ours(node.name, "trampoline"):
        for network in vpn_networks(subject.config):
            yield "VPN", network


def pairs(subject: Subject) -> Iterable[Verdict]:
    """From each chosen node to every other, and back: echo and the TCP ports that are needed."""
    for node in subject.chosen:
        if node.name not in subject.pairs:
            continue
        blocked: list[str] = []
        doubts: list[str] = []
        count = 0
        for source, target, told in _from_and_to(node.name, subject):
            count += 1
            managed = any(subject.ours(target, layer) for layer in ("trampoline", "k8s-base"))
            wrong = [f"tcp {port} {why}" for port, why in told["tcp"].items() if why != "ok"]
            if not told["ping"] and len(wrong) == len(told["tcp"]):
                wrong = ["no answer at all"]
            if wrong:
                (doubts if managed else blocked).append(f"{source} → {target}: {', '.join(wrong)}")
        limit = "every pair, both directions"
        remedy = "open these in the firewall between them (security groups, switches, host firewalls)"
        if blocked:
            text = f"{len(blocked)} of {count} connections are blocked"
            yield bad(_first(blocked), limit, text, remedy, node=node.name)
        elif doubts:
            text = "closed by our own firewall, which apply sets anew"
            yield doubtful(_first(doubts), limit, text, "nothing, when nodes or ports are new", node=node.name)
        else:
            yield good(f"{count} directions open", limit, node=node.name)


def mtu(subject: Subject) -> Iterable[Verdict]:
    """Packets as large as the interface sends arrive at every other node, unfragmented."""
    for node in subject.chosen:
        size = interface_mtu(node, subject.measured.get(node.name))
        told = subject.pairs.get(node.name)
        if told is None or not size:
            continue
        lost = sorted(peer for peer, result in told.items() if result["ping"] and result["mtu"] is False)
        silent = sorted(peer for peer, result in told.items() if not result["ping"])
        limit = f"packets of {size} bytes arrive"
        if lost:
            text = f"packets of {size} bytes do not reach {', '.join(lost)}"
            remedy = "set the same MTU on all hosts and switches between them, or a smaller one here"
            yield bad(f"lost to {len(lost)} nodes", limit, text, remedy, node=node.name)
        elif silent:
            text = f"no answer to echo requests from {', '.join(silent)}: not measured"
            yield doubtful("not measured", limit, text, "allow ICMP echo", node=node.name)
        else:
            yield good(f"{size} bytes", limit, node=node.name)


def _from_and_to(name: str, subject: Subject) -> Iterator[tuple[str, str, Any]]:
    for peer, told in subject.pairs[name].items():
        yield name, peer, told
    for peer, results in subject.pairs.items():
        if name in results:
            yield peer, name, results[name]


def _first(texts: list[str]) -> str:
    return "; ".join(texts[:4]) + (f"; and {len(texts) - 4} more" if len(texts) > 4 else "")


CHECKS = (
    Check("ports.free", "Ports", "host", ("ports", "receipts"), host=ports),
    Check("net.vip-unused", "Virtual address", "cluster", ("vip", "macs", "receipts"), cluster=vip),
    Check("net.vrrp-id-unused", "VRRP id", "cluster", ("vrrp",), cluster=vrrp),
    Check("net.overlap", "Networks", "host", ("routes", "receipts"), host=overlap),
    Check("net.pairs", "Every pair of nodes", "pair", ("identity", "receipts"), cluster=pairs),
    Check("net.mtu", "MTU end to end", "pair", ("identity",), cluster=mtu),
)
