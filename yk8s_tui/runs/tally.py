"""Counts, while a run goes on, how long each node was at work in each step, and how much was moved."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from yk8s_tui.runs.estimates import Sample, Worked, roles_of

BYTES = frozenset({"B", "byte", "bytes"})
GOOD = frozenset({"ok", "changed"})


class Tally:
    """Is told of every event before it is written; keeps sums only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._took: dict[str, dict[str, dict[str, float]]] = {}
        """Step -> node -> task -> seconds."""
        self._since: dict[tuple[str, str], float] = {}
        self._bytes: dict[str, dict[str, float]] = {}

    def take(self, kind: str, fields: Mapping[str, Any]) -> None:
        """One event."""
        if kind == "node_task":
            self._since[fields["step"], fields["node"]] = self._clock()
        elif kind == "node_result" and fields["result"] != "skipped":
            since = self._since.pop((fields["step"], fields["node"]), None)
            seconds = fields.get("seconds") or (self._clock() - since if since is not None else 0.0)
            took = self._took.setdefault(fields["step"], {}).setdefault(fields["node"], {})
            took[fields["task"]] = took.get(fields["task"], 0.0) + seconds
        elif kind == "progress" and fields.get("unit") in BYTES:
            of = self._bytes.setdefault(fields["step"], {})
            of[fields["node"]] = max(of.get(fields["node"], 0.0), float(fields["total"] or fields["done"]))

    def worked(
        self, step: str, seconds: float, results: Mapping[str, str], roles: Mapping[str, Iterable[str]]
    ) -> Worked:
        """What a step took; `results` are those of its nodes, `roles` those of all nodes."""
        sample = Sample(
            seconds=seconds,
            nodes=len(results),
            size=int(sum(self._bytes.get(step, {}).values())),
            roles=roles_of(roles[name] for name in results if name in roles),
        )
        took = self._took.get(step, {})
        good = {name: took[name] for name, result in results.items() if result in GOOD and name in took}
        return Worked(sample, good)
