"""Which ports the nodes need, and who talks to whom: from roles and configuration alone."""

from __future__ import annotations

import ipaddress
from typing import Any

from yk8s_tui.models.config import Config
from yk8s_tui.models.nodes import Inventory, Node
from yk8s_tui.preflight.model import Measured

API, ETCD, KUBELET, PROXY, BGP = 6443, (2379, 2380), 10250, 10256, 179
CONTROL_PLANE = (API, *ETCD, KUBELET, PROXY, 10257, 10259)
"""API server, etcd, kubelet, kube-proxy, controller manager, scheduler."""


def needed_ports(node: Node, config: Config) -> frozenset[tuple[str, int]]:
    """(protocol, port) of everything that will listen on a node."""
    wanted: set[tuple[str, int]] = set()
    if node.is_control_plane:
        wanted |= {("tcp", port) for port in CONTROL_PLANE}
    if node.is_worker:
        wanted |= {("tcp", KUBELET), ("tcp", PROXY)}
    if node.is_frontend:
        wanted.add(("tcp", config.kubernetes.api_port))
        wanted |= {("tcp", published.port) for published in config.trampoline.published_ports}
        if config.trampoline.wireguard.enabled:
            wanted |= {("udp", endpoint.port) for endpoint in config.trampoline.wireguard.endpoints}
    return frozenset(wanted)


def vpn_networks(config: Config) -> tuple[Any, ...]:
    """The client networks of the VPN, when there is one."""
    if not config.trampoline.wireguard.enabled:
        return ()
    endpoints = config.trampoline.wireguard.endpoints
    networks = [network for e in endpoints for network in (e.network_v4, e.network_v6) if network is not None]
    return tuple(ipaddress.ip_network(str(network), strict=False) for network in networks)


def flow_ports(source: Node, target: Node, config: Config) -> tuple[int, ...]:
    """TCP ports of `target` that `source` must reach; empty when an echo is enough."""
    wanted: set[int] = set()
    if target.is_control_plane and (source.is_kubernetes or source.is_frontend):
        wanted.add(API)
    if target.is_control_plane and source.is_control_plane:
        wanted |= set(ETCD)
    if target.is_kubernetes and source.is_control_plane:
        wanted.add(KUBELET)
    if target.is_frontend and source.is_kubernetes:
        wanted.add(config.kubernetes.api_port)
    if target.is_kubernetes and source.is_frontend:
        wanted |= {published.node_port for published in config.trampoline.published_ports}
    if target.is_kubernetes and source.is_kubernetes and config.kubernetes.cni == "calico":
        wanted.add(BGP)
    return tuple(sorted(wanted))


def flows(inventory: Inventory, config: Config, chosen: frozenset[str]) -> dict[str, dict[str, tuple[int, ...]]]:
    """Source -> target -> ports, of every pair that has a chosen node."""
    return {
        source.name: {
            target.name: flow_ports(source, target, config)
            for target in inventory.nodes
            if target.name != source.name and (source.name in chosen or target.name in chosen)
        }
        for source in inventory.nodes
    }


def interface_mtu(node: Node, m: Measured | None) -> int:
    """MTU in bytes of the interface with the node's address; 0 when it is not known."""
    identity = (m or {}).get("identity") or {}
    found = (e["mtu"] for e in identity.get("addresses", ()) if e["address"] == node.address)
    return int(next(found, 0))
