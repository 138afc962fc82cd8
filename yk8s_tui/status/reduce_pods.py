"""Pods: what one asks for, and what is wrong with it, if anything. Pure; nothing of the JSON is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from sys import intern
from typing import Any, NamedTuple

from yk8s_tui.status.model import Pod
from yk8s_tui.status.quantities import moment
from yk8s_tui.status.reduce import shortened
from yk8s_tui.status.requests import requests

Raw = Mapping[str, Any]

PATIENCE_SECONDS = 60.0
"""How long a pod may be starting, unready, or late with its end before it counts as not well."""
RESTARTS = 3
"""A container that was restarted as often and has just begun again still counts as not well."""
STARTING = frozenset({"ContainerCreating", "PodInitializing", ""})
WEAK = frozenset({"NotReady", "ContainerCreating", "PodInitializing", "Pending", "Terminating"})
"""Reasons that say little: a warning event says more."""


class PodFacts(NamedTuple):
    """What is kept of a pod."""

    node: str
    cpu: int
    """Requested, in thousandths of a core."""
    memory: int
    """Requested, in bytes."""
    counts: bool
    """Whether it takes part of its node: pods that have ended do not."""
    pod: Pod | None
    """The pod when it is not well, from `begins` until `ends`."""
    begins: float
    ends: float


class Trouble(NamedTuple):
    """Something wrong with a pod, and when it counts (seconds since 1970)."""

    reason: str
    message: str
    since: float
    begins: float = 0.0
    ends: float = math.inf


def pod(item: Raw) -> PodFacts:
    """One pod."""
    meta, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    phase = status.get("phase") or "Pending"
    cpu, memory = requests(spec)
    node = intern(spec.get("nodeName") or "")
    counts = phase not in ("Succeeded", "Failed")
    found = _trouble(meta, status, phase)
    if found is None:
        return PodFacts(node, cpu, memory, counts, None, 0.0, 0.0)
    told = Pod(
        namespace=intern(meta.get("namespace", "")),
        name=meta["name"],
        node=node,
        phase=intern(phase),
        reason=intern(found.reason),
        message=shortened(found.message),
        since=found.since or moment(meta.get("creationTimestamp")),
        restarts=sum(c.get("restartCount") or 0 for c in _containers(status)),
        owner=owner(meta),
    )
    return PodFacts(node, cpu, memory, counts, told, found.begins, found.ends)


def owner(meta: Raw) -> str:
    """`kind/name` of the controller; for a ReplicaSet of a Deployment, the Deployment."""
    for reference in meta.get("ownerReferences") or ():
        if reference.get("controller"):
            kind, name = str(reference.get("kind", "")), str(reference.get("name", ""))
            suffix = "-" + (meta.get("labels") or {}).get("pod-template-hash", "")
            if kind == "ReplicaSet" and len(suffix) > 1 and name.endswith(suffix):
                return f"Deployment/{name.removesuffix(suffix)}"
            return f"{kind}/{name}"
    return ""


def _trouble(meta: Raw, status: Raw, phase: str) -> Trouble | None:
    """The first that applies, worst first; None for a pod that is well."""
    if meta.get("deletionTimestamp"):
        return _stuck(meta)
    if phase == "Succeeded":
        return None
    if phase == "Failed":
        return _failed(status)
    conditions = {c.get("type"): c for c in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled") or {}
    if scheduled.get("status") == "False":
        return _unscheduled(scheduled)
    for container, init in _with_kind(status):
        found = _container(container, init)
        if found is not None:
            since = found.since or _ready_since(conditions)
            return found._replace(since=since)
    return _unready(meta, status, phase, conditions)


def _stuck(meta: Raw) -> Trouble:
    """The time of deletion has the grace period in it already."""
    end = moment(meta["deletionTimestamp"])
    waits = ", ".join(meta.get("finalizers") or ())
    message = f"waits for its finalizers: {waits}" if waits else "its node does not confirm that it has ended"
    return Trouble("Terminating", message, end - (meta.get("deletionGracePeriodSeconds") or 0), end + PATIENCE_SECONDS)


def _failed(status: Raw) -> Trouble:
    ended = [c for c in _containers(status) if _exit(_state(c, "terminated"))]
    last = max((moment(_state(c, "terminated").get("finishedAt")) for c in ended), default=0.0)
    reason, message = status.get("reason") or "", status.get("message") or ""
    if ended:
        reason = reason or _state(ended[0], "terminated").get("reason") or "Failed"
        message = message or _ending(_state(ended[0], "terminated"))
    return Trouble(reason or "Failed", message, last or _latest(status))


def _unscheduled(condition: Raw) -> Trouble | None:
    """A pod that is held back on purpose (scheduling gates) is not in trouble."""
    reason = condition.get("reason") or "Unschedulable"
    if reason == "SchedulingGated":
        return None
    return Trouble(reason, condition.get("message") or "", moment(condition.get("lastTransitionTime")))


def _container(container: Raw, init: bool) -> Trouble | None:
    """What is wrong with one container."""
    what = f"{'init container' if init else 'container'} {container.get('name', '')}"
    waiting, ended = _state(container, "waiting"), _state(container, "terminated")
    reason = waiting.get("reason") or ""
    if reason not in STARTING:
        last = _ending(_last(container)) if reason == "CrashLoopBackOff" else ""
        return Trouble(reason, f"{what}: {last or waiting.get('message') or reason}", 0.0)
    if _exit(ended):
        return Trouble(ended.get("reason") or "Error", f"{what}: {_ending(ended)}", moment(ended.get("finishedAt")))
    running, last_end = _state(container, "running"), _last(container)
    if running and _exit(last_end) and (container.get("restartCount") or 0) >= RESTARTS:
        until = moment(running.get("startedAt")) + PATIENCE_SECONDS
        message = f"{what}: {_ending(last_end)}; started again"
        return Trouble(last_end.get("reason") or "Error", message, moment(last_end.get("finishedAt")), 0.0, until)
    return None


def _unready(meta: Raw, status: Raw, phase: str, conditions: Mapping[Any, Raw]) -> Trouble | None:
    """Not Ready for too long, or starting for too long."""
    ready = conditions.get("Ready") or {}
    if ready.get("status") == "True" or ready.get("reason") == "PodCompleted":
        return None
    since = moment(ready.get("lastTransitionTime")) or moment(meta.get("creationTimestamp"))
    starting = next((r for c in _containers(status) if (r := _state(c, "waiting").get("reason"))), "")
    reason = {"Pending": starting or "Pending", "Running": "NotReady"}.get(phase, phase)
    return Trouble(reason, ready.get("message") or "", since, since + PATIENCE_SECONDS)


def _ending(ended: Raw) -> str:
    """How a container ended: `exit code 137 (OOMKilled)`, with what it said; empty when it did not end."""
    if not ended:
        return ""
    reason = ended.get("reason") or ""
    text = f"exit code {ended.get('exitCode', '?')}"
    text += f" ({reason})" if reason not in ("", "Error", "Completed") else ""
    told = (ended.get("message") or "").strip()
    return f"{text}: {told}" if told else text


def _last(container: Raw) -> Raw:
    found: Raw = (container.get("lastState") or {}).get("terminated") or {}
    return found


def _state(container: Raw, which: str) -> Raw:
    found: Raw = (container.get("state") or {}).get(which) or {}
    return found


def _exit(ended: Raw) -> int:
    return int(ended.get("exitCode") or 0)


def _ready_since(conditions: Mapping[Any, Raw]) -> float:
    return moment((conditions.get("Ready") or {}).get("lastTransitionTime"))


def _latest(status: Raw) -> float:
    return max((moment(c.get("lastTransitionTime")) for c in status.get("conditions") or ()), default=0.0)


def _containers(status: Raw) -> Iterator[Raw]:
    return (container for container, _ in _with_kind(status))


def _with_kind(status: Raw) -> Iterator[tuple[Raw, bool]]:
    """Every container status, init containers first, and whether it is one."""
    for container in status.get("initContainerStatuses") or ():
        yield container, True
    for container in status.get("containerStatuses") or ():
        yield container, False
