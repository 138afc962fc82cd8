"""Raw JSON of the Kubernetes API to values: nodes, leases, events. Pure; nothing of the JSON is kept."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern
from typing import Any, NamedTuple

from yk8s_tui.status.model import Condition, Leader, Node
from yk8s_tui.status.quantities import moment, quantity

Raw = Mapping[str, Any]

ROLE = "node-role.kubernetes.io/"
BAD_WHEN_TRUE = frozenset(
    {
        "MemoryPressure",
        "DiskPressure",
        "PIDPressure",
        "NetworkUnavailable",
        # Those of the node problem detector.
        "KernelDeadlock",
        "ReadonlyFilesystem",
        "FrequentKubeletRestart",
        "FrequentContainerdRestart",
        "FrequentUnregisterNetDevice",
        "KubeletUnhealthy",
        "ContainerRuntimeUnhealthy",
        "CorruptDockerOverlay2",
    }
)
MESSAGE = 500
"""Characters of a message that are kept."""


class Warned(NamedTuple):
    """The last warning event about something."""

    when: float
    reason: str
    message: str
    subject: tuple[str, str, str]
    """kind, namespace, name."""


def node(item: Raw) -> Node:
    """A node."""
    meta, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    info, allocatable = status.get("nodeInfo") or {}, status.get("allocatable") or {}
    conditions = [_condition(c) for c in status.get("conditions") or ()]
    ready = next((c for c in conditions if c.type == "Ready"), None)
    cordoned = bool(spec.get("unschedulable"))
    by, since = _cordoned(meta, spec) if cordoned else ("", 0.0)
    return Node(
        name=intern(meta["name"]),
        roles=tuple(sorted(_roles(meta.get("labels") or {}))),
        address=_address(status, meta.get("annotations") or {}),
        ready=ready.status if ready else "Unknown",
        ready_since=ready.since if ready else moment(meta.get("creationTimestamp")),
        trouble=tuple(_trouble(conditions, ready)),
        cordoned=cordoned,
        cordoned_by=by,
        cordoned_since=since,
        version=intern(str(info.get("kubeletVersion", "")).removeprefix("v")),
        os_image=intern(str(info.get("osImage", ""))),
        kernel=intern(str(info.get("kernelVersion", ""))),
        runtime=intern(str(info.get("containerRuntimeVersion", ""))),
        created=moment(meta.get("creationTimestamp")),
        cpu=quantity(str(allocatable.get("cpu", "0"))),
        memory=int(quantity(str(allocatable.get("memory", "0")))),
        pods=int(quantity(str(allocatable.get("pods", "0")))),
    )


def lease(item: Raw) -> Leader:
    """The leader of a component; kube-controller-manager and kube-scheduler name themselves `node_uuid`."""
    spec = item.get("spec") or {}
    holder = str(spec.get("holderIdentity") or "")
    return Leader(
        component=item["metadata"]["name"],
        holder=holder.rpartition("_")[0] or holder,
        since=moment(spec.get("acquireTime")),
        renewed=moment(spec.get("renewTime")),
    )


def warning(item: Raw) -> Warned:
    """An event of the type Warning."""
    about = item.get("involvedObject") or {}
    series = item.get("series") or {}
    when = series.get("lastObservedTime") or item.get("lastTimestamp") or item.get("eventTime")
    when = when or item.get("firstTimestamp") or item["metadata"].get("creationTimestamp")
    subject = (str(about.get("kind", "")), str(about.get("namespace", "")), str(about.get("name", "")))
    return Warned(moment(when), intern(str(item.get("reason") or "")), shortened(item.get("message")), subject)


def shortened(message: object) -> str:
    """A message without the blanks around it, and not longer than is worth keeping."""
    text = str(message or "").strip()
    return text if len(text) <= MESSAGE else text[: MESSAGE - 1] + "…"


def _roles(labels: Mapping[str, str]) -> set[str]:
    return {intern(label.removeprefix(ROLE)) for label in labels if label.startswith(ROLE) and label != ROLE}


def _address(status: Raw, annotations: Mapping[str, str]) -> str:
    for entry in status.get("addresses") or ():
        if entry.get("type") == "InternalIP":
            return str(entry.get("address", ""))
    return annotations.get("alpha.kubernetes.io/provided-node-ip", "")


def _condition(raw: Raw) -> Condition:
    return Condition(
        type=intern(str(raw.get("type", ""))),
        status=intern(str(raw.get("status", ""))),
        reason=intern(str(raw.get("reason") or "")),
        message=shortened(raw.get("message")),
        since=moment(raw.get("lastTransitionTime")),
    )


def _trouble(conditions: list[Condition], ready: Condition | None) -> list[Condition]:
    """A node that does not report has all its conditions Unknown, some even when it is back: Ready alone says it."""
    silent = ready is not None and ready.status != "True"
    return [
        c
        for c in conditions
        if (c.type == "Ready" and c.status != "True")
        or (c.type in BAD_WHEN_TRUE and (c.status == "True" or (c.status == "Unknown" and not silent)))
    ]


def _cordoned(meta: Raw, spec: Raw) -> tuple[str, float]:
    """Which program set `spec.unschedulable`, and when it last wrote there."""
    for entry in meta.get("managedFields") or ():
        if "f:unschedulable" in ((entry.get("fieldsV1") or {}).get("f:spec") or {}):
            return str(entry.get("manager", "")), moment(entry.get("time"))
    for taint in spec.get("taints") or ():
        if taint.get("key") == "node.kubernetes.io/unschedulable":
            return "", moment(taint.get("timeAdded"))
    return "", 0.0
