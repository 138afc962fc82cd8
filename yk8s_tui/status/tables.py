"""Applies what the watches found to a status; the only place that knows which message goes where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from yk8s_tui.status.link import LinkNews
from yk8s_tui.status.model import ClusterStatus, Leader, Node, Source, SourceState, Workload
from yk8s_tui.status.pod_table import PodTable
from yk8s_tui.status.reduce import Warned
from yk8s_tui.status.watch import Change, Chunk, Key, Listed, Message

API = "api"
WORKLOADS = {"deployments": "Deployment", "daemonsets": "DaemonSet", "statefulsets": "StatefulSet"}


class Tables:
    """What has to be remembered between two messages; used by one thread."""

    def __init__(self) -> None:
        self._pods = PodTable()
        self._troubles: dict[str, str] = {}
        self._link: LinkNews | None = None
        self._changes: dict[str, Callable[[Key, Any, ClusterStatus, float], bool]] = {
            "nodes": _node,
            "pods": self._pods.apply,
            "events": self._event,
            "leases": _lease,
            **{kind: partial(self._workload, kind) for kind in WORKLOADS},
        }

    def apply(self, message: Message | LinkNews, status: ClusterStatus, now: float) -> bool:
        """Apply one message; returns whether the status changed."""
        if isinstance(message, Change):
            return self._change(message.kind, message.key, message.value, status, now)
        if isinstance(message, Chunk):
            kind = message.kind
            return any([self._change(kind, key, value, status, now) for key, value in message.items])
        if isinstance(message, Listed):
            return self._complete(message, status, now)
        if isinstance(message, LinkNews):
            self._link = message
        else:
            self._troubles[message.kind] = message.error
        return self._source(status)

    def settle(self, status: ClusterStatus) -> bool:
        """After a batch of messages: bring the sums up to date."""
        return self._pods.loads(status)

    def tick(self, status: ClusterStatus, now: float) -> bool:
        """What changes by waiting alone; to be called about once a second."""
        return self._pods.tick(status, now)

    def _change(self, kind: str, key: Key, value: Any, status: ClusterStatus, now: float) -> bool:
        return self._changes[kind.partition("/")[0]](key, value, status, now)

    def _complete(self, message: Listed, status: ClusterStatus, now: float) -> bool:
        """A list is complete: forget what is not in it.

        Events and leases need that not: warnings go with their pods, and a leader is replaced by the next.
        """
        kind, keys = message.kind, message.keys
        status.read.add(kind)
        cleared = bool(self._troubles.pop(kind, "")) and self._source(status)
        if kind == "pods":
            return self._pods.keep(keys, status, now) or cleared
        gone: list[Key] = []
        if kind == "nodes":
            gone = [(name,) for name in status.nodes if (name,) not in keys]
        elif kind in WORKLOADS:
            mine = [key for key in status.workloads if key[0] == WORKLOADS[kind]]
            gone = [key[1:] for key in mine if key[1:] not in keys]
        return any([cleared, *(self._change(kind, key, None, status, now) for key in gone)])

    def _event(self, key: Key, value: Warned | None, status: ClusterStatus, now: float) -> bool:
        return value is not None and self._pods.warn(value, status, now)

    def _workload(self, kind: str, key: Key, value: Workload | None, status: ClusterStatus, now: float) -> bool:
        """Since when it is short is what the API says, else when that was seen to begin, else unknown (0)."""
        place = (WORKLOADS[kind], key[0], key[-1])
        before = status.workloads.get(place)
        if value is None:
            return status.workloads.pop(place, None) is not None
        if not value.since:
            known = before.since if before else (now if kind in status.read else 0.0)
            value = replace(value, since=known)
        status.workloads[place] = value
        return before != value

    def _source(self, status: ClusterStatus) -> bool:
        """Where the API part stands: a link, and what cannot be read although there is one."""
        link = self._link
        before = (status.sources.get(API), status.route, status.api_servers.get(""))
        if link is None:
            return False
        refused = "\n".join(error for error in self._troubles.values() if error)
        status.route = link.words
        state: SourceState = "live" if link.words else "unreachable"
        status.sources[API] = Source(state, link.since, link.error or refused)
        status.api_servers[""] = link.server
        return before != (status.sources[API], status.route, link.server)


def _node(key: Key, value: Node | None, status: ClusterStatus, now: float) -> bool:
    name = key[0]
    if status.nodes.get(name) == value:
        return False
    if value is None:
        del status.nodes[name]
    else:
        status.nodes[name] = value
    return True


def _lease(key: Key, value: Leader | None, status: ClusterStatus, now: float) -> bool:
    name = key[-1]
    if status.leaders.get(name) == value:
        return False
    if value is None:
        del status.leaders[name]
    else:
        status.leaders[name] = value
    return True
