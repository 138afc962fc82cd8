"""Deployments, DaemonSets and StatefulSets that are short of replicas. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from yk8s_tui.status.model import Workload
from yk8s_tui.status.quantities import moment
from yk8s_tui.status.reduce import shortened

Raw = Mapping[str, Any]
Reducer = Callable[[Raw], Workload | None]


def deployment(item: Raw) -> Workload | None:
    """A Deployment with fewer ready replicas than wanted, or None."""
    status = item.get("status") or {}
    return _short("Deployment", item, _wanted(item), status.get("readyReplicas"))


def stateful_set(item: Raw) -> Workload | None:
    """A StatefulSet with fewer ready replicas than wanted, or None."""
    status = item.get("status") or {}
    return _short("StatefulSet", item, _wanted(item), status.get("readyReplicas"))


def daemon_set(item: Raw) -> Workload | None:
    """A DaemonSet that is not ready on every node it should run on, or None."""
    status = item.get("status") or {}
    return _short("DaemonSet", item, int(status.get("desiredNumberScheduled") or 0), status.get("numberReady"))


def _wanted(item: Raw) -> int:
    """Kubernetes wants one when nothing is said."""
    wanted = (item.get("spec") or {}).get("replicas")
    return 1 if wanted is None else int(wanted)


def _short(kind: str, item: Raw, wanted: int, ready: object) -> Workload | None:
    has = int(ready) if isinstance(ready, int) else 0
    if has >= wanted:
        return None
    reason, since = _explanation((item.get("status") or {}).get("conditions") or ())
    meta = item["metadata"]
    return Workload(kind, meta["namespace"], meta["name"], wanted, has, reason, since)


def _explanation(conditions: Any) -> tuple[str, float]:
    """What says most: that replicas cannot be made, that it does not go on, that it is not available."""
    by_type = {c.get("type"): c for c in conditions}
    reason = ""
    for kind, bad in (("ReplicaFailure", "True"), ("Progressing", "False"), ("Available", "False")):
        condition = by_type.get(kind)
        if condition and condition.get("status") == bad:
            reason = shortened(condition.get("message") or condition.get("reason"))
            break
    available = by_type.get("Available") or {}
    since = moment(available.get("lastTransitionTime")) if available.get("status") == "False" else 0.0
    return reason, since
