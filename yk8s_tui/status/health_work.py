"""Rules about what runs on the cluster, and about the runs of this tool."""

from __future__ import annotations

from collections.abc import Iterator

from yk8s_tui.status.health_words import first_line, lasting, listed, span
from yk8s_tui.status.model import ClusterStatus, Finding, Pod, Severity

CLEARED = ("Evicted", "NodeShutdown", "Terminated", "Preempting")
"""Reasons of pods that ended and that their owner has replaced: leftovers, not failures."""

ENDINGS: dict[str, tuple[Severity, str]] = {
    "failed": ("failed", "failed"),
    "partial": ("failed", "was done in part only"),
    "interrupted": ("failed", "was interrupted: its engine is gone"),
    "cancelled": ("warning", "was cancelled"),
}


def pods(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Pods that are not well, together for each owner and reason."""
    groups: dict[tuple[str, str, str], list[Pod]] = {}
    for pod in status.pods.values():
        groups.setdefault((pod.namespace, pod.owner or f"Pod/{pod.name}", pod.reason), []).append(pod)
    for (namespace, owner, reason), found in groups.items():
        since = min((pod.since for pod in found if pod.since), default=0.0)
        many = f"{len(found)} pods " if len(found) > 1 else ""
        where = sorted({pod.node for pod in found if pod.node})
        message = first_line(next((pod.message for pod in found if pod.message), ""))
        restarts = max(pod.restarts for pod in found)
        text = f"{many}{reason or found[0].phase}{lasting(since, now)}{f' on {listed(where)}' if where else ''}"
        text += f", {restarts} restarts" if restarts else ""
        text += f": {message}" if message else ""
        look = f"`kubectl -n {namespace} describe pod {found[0].name}`, and its logs with `--previous`"
        severity: Severity = "warning" if reason in CLEARED else "failed"
        yield Finding(severity, f"{namespace}/{owner}", text, since, look, f"pod:{namespace}/{owner}:{reason}")


def workloads(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Deployments, DaemonSets and StatefulSets that are short; one without any replica fails."""
    for short in status.workloads.values():
        why = f": {first_line(short.reason)}" if short.reason else ""
        text = f"{short.ready} of {short.wanted} ready{lasting(short.since, now)}{why}"
        name = f"{short.namespace}/{short.kind}/{short.name}"
        look = f"`kubectl -n {short.namespace} describe {short.kind.lower()} {short.name}`"
        severity: Severity = "warning" if short.ready else "failed"
        yield Finding(severity, name, text, short.since, look, f"workload:{name}")


def last_run(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """The newest run did not end well."""
    run = next(iter(status.runs), None)
    if run is None or run.result not in ENDINGS:
        return
    severity, words = ENDINGS[run.result]
    ended = run.started + run.seconds
    message = f": {first_line(run.message)}" if run.message else ""
    text = f"{run.operation} {words} {span(now - ended)} ago{message}"
    look = f"`yk8s-tui runs show {run.number}`; `yk8s-tui apply` goes on from there"
    yield Finding(severity, f"run #{run.number}", text, ended, look, "run.last")


def layers(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Layers with steps that did not end well, of runs before the newest."""
    newest = next(iter(status.runs), None)
    for layer in status.layers:
        if layer.failed and not (newest and newest.id == layer.run):
            text = f"{listed(layer.failed)} did not end well{f' in run #{layer.number}' if layer.number else ''}"
            look = f"`yk8s-tui apply --layer {layer.layer}` does what is left"
            yield Finding("warning", f"layer {layer.layer}", text, layer.when, look, f"layer.failed:{layer.layer}")
