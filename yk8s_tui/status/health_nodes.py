"""Rules about the nodes as the API has them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from yk8s_tui.status.health_words import is_live, is_lost, lasting, listed, source_state
from yk8s_tui.status.model import ClusterStatus, Finding, Node

OLDEST_KUBELET = 3
"""Minors that a kubelet may be older than the API server, never newer; kubernetes.io/releases/version-skew-policy."""


def not_ready(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Nodes that are not Ready, with what the host itself says of it."""
    for node in status.nodes.values():
        if node.ready == "True":
            continue
        why = _why(node)
        text = f"not Ready{lasting(node.ready_since, now)}{': ' + why if why else ''}{_host_says(status, node.name)}"
        look = f"`journalctl -u kubelet -u containerd` on {node.name}"
        if is_lost(status, node.name):
            look = f"the console of {node.name}: neither kubelet nor SSH answers"
        yield Finding("failed", node.name, text, node.ready_since, look, f"node.not-ready:{node.name}")


def _why(node: Node) -> str:
    ready = next((condition for condition in node.trouble if condition.type == "Ready"), None)
    if node.ready == "Unknown":
        return "kubelet stopped posting"
    return (ready.message or ready.reason) if ready else ""


def _host_says(status: ClusterStatus, name: str) -> str:
    if is_lost(status, name):
        return " (host does not answer)"
    host = status.hosts.get(name)
    if not is_live(status, name) or host is None:
        return ""
    kubelet = host.units.get("kubelet")
    return f" (host answers, kubelet is {kubelet})" if kubelet else " (host answers, and has no kubelet)"


def missing(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Kubernetes nodes of the inventory that the API does not know."""
    if source_state(status, "api") != "live" or "nodes" not in status.read:
        return
    for name, roles in status.expected.items():
        if name not in status.nodes and {"control-plane", "worker"} & set(roles):
            look = "`yk8s-tui apply` joins it"
            yield Finding(
                "failed", name, "is not in the cluster: the API has no such node", 0, look, f"node.missing:{name}"
            )


def pressure(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Conditions other than Ready that are bad."""
    for node in status.nodes.values():
        for bad in node.trouble:
            if bad.type == "Ready":
                continue
            text = f"{bad.type} is {bad.status}{lasting(bad.since, now)}: {bad.message or bad.reason}"
            look = f"`kubectl describe node {node.name}`"
            yield Finding("failed", node.name, text, bad.since, look, f"node.condition:{node.name}:{bad.type}")


def cordoned(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Nodes that take no new pods."""
    for node in status.nodes.values():
        if node.cordoned:
            by = f" by {node.cordoned_by}" if node.cordoned_by else ""
            text = f"cordoned{lasting(node.cordoned_since, now)}{by}: takes no new pods"
            look = f"`kubectl uncordon {node.name}` when its maintenance is over"
            yield Finding("warning", node.name, text, node.cordoned_since, look, f"node.cordoned:{node.name}")


def skew(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Kubelets of another version than the cluster's, together for each version."""
    wanted = _parts(status.version)
    if not wanted:
        return
    versions: dict[str, list[str]] = {}
    for node in status.nodes.values():
        versions.setdefault(node.version, []).append(node.name)
    for version, names in versions.items():
        found = _parts(version)
        if not found or found == wanted:
            continue
        behind = wanted[1] - found[1]
        look = "`yk8s-tui apply` brings what the configuration says, `yk8s-tui upgrade` another version"
        text = f"{'runs' if len(names) == 1 else 'run'} kubelet {version}, the cluster is {status.version}"
        allowed = 0 <= behind <= OLDEST_KUBELET
        if not allowed:
            text += f": {'newer than the API server' if behind < 0 else f'more than {OLDEST_KUBELET} minors behind'}"
        subject = listed(sorted(names))
        yield Finding("warning" if allowed else "failed", subject, text, 0, look, f"node.skew:{version}")


@lru_cache(64)
def _parts(version: str) -> tuple[int, ...]:
    words = version.removeprefix("v").partition("-")[0].split(".")
    return tuple(int(word) for word in words) if len(words) == 3 and all(w.isdigit() for w in words) else ()
