"""What a valid configuration means, in a few lines."""

from __future__ import annotations

from yk8s_tui.models import versions
from yk8s_tui.models.config import Config
from yk8s_tui.models.networks import effective_vip, node_network, planned_nodes


def summarize(config: Config) -> dict[str, str]:
    """Title -> text, in the order to be read."""
    lines = {"cluster": f"{config.cluster.name} ({config.cluster.harbour})"}
    nodes = planned_nodes(config)
    if nodes:
        lines["nodes"] = ", ".join(
            _count(sum(role in n.roles for n in nodes), title)
            for role, title in (("frontend", "frontend"), ("control-plane", "control plane"), ("worker", "worker"))
        )
    port = config.kubernetes.api_port
    vip = effective_vip(config)
    shown = f"[{vip}]" if ":" in vip else vip
    lines["API"] = f"{shown}:{port}" if vip else f"port {port}"
    lines["networks"] = ", ".join(_networks(config))
    minor = versions.find(config.kubernetes.version)
    support = f" (supported until {minor.end_of_support})" if minor else ""
    lines["Kubernetes"] = (
        f"{config.kubernetes.version}{support}, CNI {config.kubernetes.cni}, from {config.kubernetes.source}"
    )
    return lines


def _count(number: int, title: str) -> str:
    return f"{number} {title}{'' if number == 1 else 's'}"


def _networks(config: Config) -> list[str]:
    kubernetes = config.kubernetes
    pairs = [
        ("nodes", node_network(config)),
        ("pods", kubernetes.pod_cidr),
        ("pods", kubernetes.pod_cidr_v6),
        ("services", kubernetes.service_cidr),
        ("services", kubernetes.service_cidr_v6),
    ]
    if config.trampoline.wireguard.enabled:
        for number, endpoint in enumerate(config.trampoline.wireguard.endpoints):
            pairs += [(f"wg{number}", endpoint.network_v4), (f"wg{number}", endpoint.network_v6)]
    return [f"{title} {network}" for title, network in pairs if network is not None]
