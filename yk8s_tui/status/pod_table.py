"""All pods, as little of each as is needed: the load of every node, and the pods that are not well now."""

from __future__ import annotations

import math
from dataclasses import replace

from yk8s_tui.status.model import ClusterStatus, Load, Pod
from yk8s_tui.status.reduce import Warned
from yk8s_tui.status.reduce_pods import WEAK, PodFacts
from yk8s_tui.status.watch import Key

WARNINGS = 20_000
"""Warning events about pods that are kept; the oldest go first."""

Row = tuple[str, int, int, bool]
"""Node, thousandths of a core, bytes, whether it counts."""


class PodTable:
    """Applies pods and warning events to a status; each change costs the same, however many pods there are."""

    def __init__(self) -> None:
        self._rows: dict[Key, Row] = {}
        self._sums: dict[str, list[int]] = {}
        self._dirty: set[str] = set()
        self._ill: dict[Key, PodFacts] = {}
        self._warnings: dict[Key, Warned] = {}

    def apply(self, key: Key, facts: PodFacts | None, status: ClusterStatus, now: float) -> bool:
        """A pod is new, changed, or gone; returns whether anything that is shown changed, loads aside."""
        count = len(self._rows)
        self._account(key, facts)
        if facts is None or facts.pod is None:
            self._ill.pop(key, None)
        else:
            self._ill[key] = facts
        status.pod_count = len(self._rows)
        return self._show(key, status, now) or count != len(self._rows)

    def keep(self, keys: frozenset[Key], status: ClusterStatus, now: float) -> bool:
        """Forget every pod but these."""
        gone = [key for key in self._rows if key not in keys]
        return any([self.apply(key, None, status, now) for key in gone])

    def warn(self, warned: Warned, status: ClusterStatus, now: float) -> bool:
        """A warning event came; returns whether it changed what is shown."""
        kind, *rest = warned.subject
        key = tuple(rest)
        known = self._warnings.get(key)
        if kind != "Pod" or (known and known.when > warned.when):
            return False
        self._warnings.pop(key, None)
        self._warnings[key] = warned
        if len(self._warnings) > WARNINGS:
            del self._warnings[next(iter(self._warnings))]
        return self._show(key, status, now)

    def tick(self, status: ClusterStatus, now: float) -> bool:
        """Look at the clock: pods become unwell, or well again, by waiting."""
        timed = [key for key, f in self._ill.items() if f.begins or f.ends != math.inf]
        return any([self._show(key, status, now) for key in timed])

    def loads(self, status: ClusterStatus) -> bool:
        """Write the loads that changed since the last time."""
        for node in self._dirty:
            pods, cpu, memory = self._sums[node]
            if pods:
                status.loads[node] = Load(pods, cpu / 1000, memory)
            else:
                status.loads.pop(node, None)
                del self._sums[node]
        changed = bool(self._dirty)
        self._dirty.clear()
        return changed

    def _account(self, key: Key, facts: PodFacts | None) -> None:
        before = self._rows.get(key)
        after = None if facts is None else facts[:4]
        if after == before:
            return
        if before is not None:
            self._add(before, -1)
        if after is None:
            self._rows.pop(key, None)
            self._warnings.pop(key, None)
        else:
            self._rows[key] = after
            self._add(after, 1)

    def _add(self, row: Row, sign: int) -> None:
        node, cpu, memory, counts = row
        if node and counts:
            sums = self._sums.setdefault(node, [0, 0, 0])
            sums[0] += sign
            sums[1] += sign * cpu
            sums[2] += sign * memory
            self._dirty.add(node)

    def _show(self, key: Key, status: ClusterStatus, now: float) -> bool:
        """Bring one pod of the status up to date; returns whether it changed."""
        shown = status.pods.get((key[0], key[-1]))
        facts = self._ill.get(key)
        wanted = None
        if facts is not None and facts.pod is not None and facts.begins <= now < facts.ends:
            wanted = _explained(facts.pod, self._warnings.get(key), shown)
        if wanted == shown:
            return False
        if wanted is None:
            status.pods.pop((key[0], key[-1]), None)
        else:
            status.pods[key[0], key[-1]] = wanted
        return True


def _explained(pod: Pod, warned: Warned | None, shown: Pod | None) -> Pod:
    """With what the last warning says, when the pod itself says little; since it first was not well."""
    since = min(pod.since, shown.since) if shown else pod.since
    if warned is not None and pod.reason in WEAK and warned.when >= since - 1:
        return replace(pod, reason=warned.reason or pod.reason, message=warned.message or pod.message, since=since)
    if warned is not None and not pod.message:
        return replace(pod, message=warned.message, since=since)
    return replace(pod, since=since) if since != pod.since else pod
