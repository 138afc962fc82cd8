"""Openings of a host's firewall, as the role `nftables` wants them."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

from yk8s_tui.models.config import Config
from yk8s_tui.models.networks import node_network


def networks(given: Iterable[object]) -> list[str]:
    """Networks (or addresses) in canonical form, without overlaps: nftables refuses overlapping sets."""
    parsed = [ip_network(str(one), strict=False) for one in given]
    v4 = collapse_addresses(n for n in parsed if isinstance(n, IPv4Network))
    v6 = collapse_addresses(n for n in parsed if isinstance(n, IPv6Network))
    return [str(n) for n in v4] + [str(n) for n in v6]


def opening(
    comment: str,
    *ports: int | str,
    protocol: str = "tcp",
    sources: Iterable[object] = (),
    destinations: Iterable[object] = (),
) -> dict[str, Any]:
    """One opening; no sources means from anywhere, no ports means the whole protocol."""
    rule: dict[str, Any] = {"comment": comment, "protocol": protocol, "ports": [str(p) for p in ports]}
    if found := networks(sources):
        rule["sources"] = found
    if found := networks(destinations):
        rule["destinations"] = found
    return rule


def ssh_opening(config: Config, port: int = 22, also: Iterable[object] = ()) -> dict[str, Any]:
    """SSH as configured; `also` are sources that must not be shut out where sources are limited."""
    allowed = config.trampoline.ssh_allowed_sources
    return opening("SSH", port, sources=[*allowed, *also] if allowed else ())


def api_opening(config: Config) -> dict[str, Any]:
    """The API as configured; nodes, pods and the clients of the VPN reach it wherever sources are limited."""
    kubernetes, wireguard = config.kubernetes, config.trampoline.wireguard
    allowed = config.trampoline.api_allowed_sources
    own: list[object] = [node_network(config), kubernetes.pod_cidr, kubernetes.pod_cidr_v6]
    if wireguard.enabled:
        own += [network for e in wireguard.endpoints for network in (e.network_v4, e.network_v6)]
    sources = [*allowed, *(network for network in own if network)] if allowed else []
    return opening("Kubernetes API", kubernetes.api_port, sources=sources)
