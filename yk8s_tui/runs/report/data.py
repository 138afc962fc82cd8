"""What a report says, as values: computed from the events of a run and what its directory has beside them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from yk8s_tui.models.plan import Plan, PlannedStep
from yk8s_tui.runs.events import Event
from yk8s_tui.runs.report.critical import Link, Timed, critical_path
from yk8s_tui.runs.report.spans import Span, Spans, TaskTimes
from yk8s_tui.runs.state import RunState
from yk8s_tui.runs.views import NodeState, StepState

SLOWEST = 15
"""Tasks in the list of the slowest."""
TROUBLE = frozenset({"failed", "unreachable", "set aside"})
"""States of a node that stand in a report without having to be unfolded."""


@dataclass(frozen=True)
class Beside:
    """What is in the directory of a run beside its journal."""

    run: str
    number: int = 0
    result: str = ""
    """`running`, `interrupted`, or the result of the run."""
    plan: Plan | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    """What is known of versions besides what the journal says."""


@dataclass(frozen=True)
class StepRow:
    """One step of the timeline; times in seconds since the start of the run."""

    step: StepState
    start: float
    end: float
    link: Link | None
    """Its place on the critical path, when it is on it."""
    spans: Mapping[str, Span]
    """Node -> when it was at work, in the order of the plan."""

    @property
    def ran(self) -> bool:
        """Whether it was begun at all."""
        return self.step.started > 0


@dataclass(frozen=True)
class NodeRow:
    """One node over the whole run."""

    node: NodeState
    spans: tuple[tuple[StepState, Span], ...]
    busy: float
    """Seconds at work."""

    @property
    def in_trouble(self) -> bool:
        """Whether it failed."""
        return self.node.status in TROUBLE


@dataclass(frozen=True)
class Report:
    """Everything the page shows."""

    state: RunState
    beside: Beside
    result: str
    started: float
    length: float
    """Seconds from the start of the run to its end, or to the last word of its journal."""
    steps: tuple[StepRow, ...]
    path: tuple[Link, ...]
    nodes: tuple[NodeRow, ...]
    """Those in trouble first, then in the order of the plan."""
    slowest: tuple[TaskTimes, ...]
    gaps: tuple[tuple[float, float], ...]
    versions: Mapping[str, str]
    left_out: tuple[tuple[str, str, str], ...]
    """Layer, title and reason of every step the plan left out."""

    @property
    def planned(self) -> Mapping[str, PlannedStep]:
        """What the plan says of each step; empty when there is none to be read."""
        return {p.step.id: p for p in self.beside.plan.steps} if self.beside.plan else {}


def build(events: Iterable[Event], beside: Beside) -> Report:
    """Read the events once, and put together what the page shows."""
    state, spans, versions = RunState(), Spans(), dict(beside.versions)
    for event in events:
        state.apply(event)
        spans.take(event)
        if event["type"] == "run_started":
            versions = {**event.get("versions", {}), **versions}
    end = max(state.ended, state.last)
    if not state.finished:
        spans.close(end)
    path = critical_path([_timed(step, end) for step in state.steps.values()], state.started)
    steps = _steps(state, spans, path, end)
    if state.tool_version:
        versions = {"yk8s-tui": state.tool_version, **versions}
    return Report(
        state=state,
        beside=beside,
        result=state.status if state.finished else beside.result or "interrupted",
        started=state.started,
        length=max(0.001, end - state.started),
        steps=steps,
        path=path,
        nodes=_nodes(state, steps),
        slowest=tuple(spans.slowest(SLOWEST)),
        gaps=tuple(spans.gaps),
        versions=versions,
        left_out=tuple(state.skipped.values()),
    )


def step_end(step: StepState, last: float) -> float:
    """When a step ended, or the last that is known of one that has not."""
    if not step.started:
        return 0.0
    return step.started + step.seconds if step.ended else last


def _timed(step: StepState, last: float) -> Timed:
    return Timed(step.id, step.needs, step.started, step_end(step, last))


def _steps(state: RunState, spans: Spans, path: Iterable[Link], last: float) -> tuple[StepRow, ...]:
    links = {link.step: link for link in path}
    rows = []
    for step in state.steps.values():
        found = spans.of.get(step.id, {})
        ordered = {name: found[name] for name in (*step.nodes, *found) if name in found}
        start = max(0.0, step.started - state.started) if step.started else 0.0
        end = max(start, step_end(step, last) - state.started) if step.started else 0.0
        rows.append(StepRow(step, start, end, links.get(step.id), ordered))
    return tuple(rows)


def _nodes(state: RunState, steps: Iterable[StepRow]) -> tuple[NodeRow, ...]:
    found: dict[str, list[tuple[StepState, Span]]] = {name: [] for name in state.nodes}
    for row in steps:
        for name, span in row.spans.items():
            found[name].append((row.step, span))
    rows = [
        NodeRow(state.nodes[name], tuple(spans), sum(span.busy for _, span in spans)) for name, spans in found.items()
    ]
    return tuple(sorted(rows, key=lambda row: not row.in_trouble))
