"""When each node was at work in each step: collected from the events of a journal, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from yk8s_tui.runs.events import Event

TASK_BARS = 20_000
"""Tasks on nodes up to which each of them is drawn; beyond that a bar stands for all tasks of a step on a node."""
GAPS = 200
"""Outages of the API that are told apart."""


class TaskSpan(NamedTuple):
    """One task on one node; seconds since 1970."""

    start: float
    end: float
    task: str
    result: str


@dataclass(slots=True)
class Span:
    """One node in one step."""

    start: float
    end: float
    busy: float = 0.0
    """Seconds in tasks; the rest of the time it waited for others."""
    result: str = ""
    tasks: list[TaskSpan] = field(default_factory=list)


class TaskTimes(NamedTuple):
    """How long one task took on all its nodes."""

    step: str
    task: str
    nodes: int
    median: float
    longest: float
    node: str
    """Where it took longest."""


class Spans:
    """Takes every event of a run in order."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, Span]] = {}
        """Step -> node -> when it was at work."""
        self.gaps: list[tuple[float, float]] = []
        """Outages of the API: first failed sample, next good one."""
        self.with_tasks = True
        """Whether the spans have their tasks."""
        self._drawn = 0
        self._doing: dict[tuple[str, str], float] = {}
        self._times: dict[tuple[str, str], tuple[list[float], list[float | str]]] = {}
        self._down = 0.0

    def take(self, event: Event) -> None:
        """One event."""
        kind = event["type"]
        if kind == "node_task":
            self._doing[event["step"], event["node"]] = event["t"]
            self._span(event)
        elif kind == "node_result":
            self._result(event)
        elif kind == "step_finished":
            for name, result in (event.get("nodes") or {}).items():
                if (span := self.of.get(event["step"], {}).get(name)) is not None:
                    span.result = result
        elif kind == "availability":
            self._sample(event)

    def slowest(self, count: int) -> list[TaskTimes]:
        """The tasks that took longest on any node."""
        found = []
        for (step, task), (seconds, (longest, node)) in self._times.items():
            middle = sorted(seconds)[len(seconds) // 2]
            found.append(TaskTimes(step, task, len(seconds), middle, float(longest), str(node)))
        return sorted(found, key=lambda times: -times.longest)[:count]

    def close(self, t: float) -> None:
        """The journal ends here: what still runs ran until now."""
        for (step, node), since in self._doing.items():
            span = self.of[step][node]
            span.end = max(span.end, t)
            span.busy += max(0.0, t - since)
        if self._down:
            self.gaps.append((self._down, t))

    def _span(self, event: Event) -> Span:
        of, name, t = self.of.setdefault(event["step"], {}), event["node"], event["t"]
        span = of.get(name)
        if span is None:
            span = of[name] = Span(t, t)
        return span

    def _result(self, event: Event) -> None:
        key, t, seconds = (event["step"], event["node"]), event["t"], event.get("seconds") or 0.0
        since = self._doing.pop(key, t)
        span = self._span(event)
        span.end = max(span.end, t)
        if event["result"] == "skipped":
            return
        seconds = seconds or max(0.0, t - since)
        span.start, span.busy = min(span.start, t - seconds), span.busy + seconds
        span.result = event["result"]
        of, longest = self._times.setdefault((event["step"], event["task"]), ([], [-1.0, ""]))
        of.append(seconds)
        if seconds > float(longest[0]):
            longest[:] = [seconds, event["node"]]
        if self.with_tasks:
            self._draw(span, TaskSpan(t - seconds, t, event["task"], event["result"]))

    def _draw(self, span: Span, task: TaskSpan) -> None:
        span.tasks.append(task)
        self._drawn += 1
        if self._drawn > TASK_BARS:
            self.with_tasks = False
            for of in self.of.values():
                for other in of.values():
                    other.tasks.clear()

    def _sample(self, event: Event) -> None:
        if not event["ok"]:
            self._down = self._down or event["t"]
        elif self._down:
            if len(self.gaps) < GAPS:
                self.gaps.append((self._down, event["t"]))
            self._down = 0.0
