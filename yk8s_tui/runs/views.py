"""What a run looks like at one moment, per step, per node, and as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from yk8s_tui.runs.ring import Ring
from yk8s_tui.runs.times import Times

StepStatus = Literal["waiting", "running", "ok", "changed", "failed", "partial", "skipped", "cancelled"]
NodeStatus = Literal["waiting", "running", "ok", "unfinished", "failed", "unreachable", "set aside"]
ENDED: frozenset[str] = frozenset({"ok", "changed", "failed", "partial", "skipped", "cancelled"})
"""Step results that are final."""
SUCCEEDED: frozenset[str] = frozenset({"ok", "changed", "partial"})
"""Step results that let dependents go on (a partial one only with tolerance `any`)."""
LONG_SECONDS = 2.0
"""A task shorter than this says nothing about a node."""


class Line(NamedTuple):
    """One line of a node's log; `kind` is `log`, `retry`, or the result of a task."""

    t: float
    kind: str
    step: str
    text: str
    seconds: float = 0.0


class Progress(NamedTuple):
    """How far a long task is."""

    done: float
    total: float
    unit: str
    text: str


class Failure(NamedTuple):
    """A node that was set aside, with everything needed to mend it."""

    t: float
    node: str
    step: str
    task: str
    reason: str
    evidence: str
    hint: str


class Note(NamedTuple):
    """A remark of the engine."""

    t: float
    level: str
    text: str


@dataclass(slots=True)
class StepState:
    """One step of the plan."""

    id: str
    layer: str
    title: str
    nodes: tuple[str, ...]
    needs: tuple[str, ...] = ()
    always: bool = False
    estimate: float = 0.0
    """Seconds, from earlier runs; 0 when unknown."""
    status: StepStatus = "waiting"
    started: float = 0.0
    seconds: float = 0.0
    task: str = ""
    tasks: int = 0
    """Tasks started so far."""
    reason: str = ""
    running_on: tuple[str, ...] = ()
    """Nodes it runs on now: those of the step that were not set aside before."""
    results: dict[str, str] = field(default_factory=dict)
    """Node -> result, when the step has ended."""
    doing: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Node -> the task it is in and since when; empty unless the step is running."""
    took: dict[str, Times] = field(default_factory=dict)
    """Task -> what it took on the nodes where it has ended; empty unless the step is running."""
    long: dict[str, dict[str, float]] = field(default_factory=dict)
    """Node -> task -> seconds, of its ended tasks of at least `LONG_SECONDS`; empty unless the step is running."""

    @property
    def ended(self) -> bool:
        """Whether nothing more happens in it."""
        return self.status in ENDED

    def copy(self) -> StepState:
        """An independent copy; what an ended step holds is shared, as nobody changes it any more."""
        if self.ended:
            return replace(self)
        took = {task: times.copy() for task, times in self.took.items()}
        long = {node: dict(tasks) for node, tasks in self.long.items()}
        return replace(self, doing=dict(self.doing), took=took, long=long)


@dataclass(slots=True)
class NodeState:
    """One node: what it does now, and what it did."""

    name: str
    roles: tuple[str, ...]
    address: str
    log: Ring[Line]
    """Task results and log lines, oldest first; bounded, the journal has all."""
    status: NodeStatus = "waiting"
    step: str = ""
    task: str = ""
    since: float = 0.0
    """When the current task (or state) began."""
    last_result: str = ""
    last_change: float = 0.0
    """When something was changed on it last; 0 when nothing was."""
    ok: int = 0
    changed: int = 0
    failed: int = 0
    skipped: int = 0
    retries: int = 0
    progress: Progress | None = None
    reason: str = ""
    active: int = 0
    """Steps that run on it now."""
    pending: int = 0
    """Steps of the plan that have not ended on it."""
    missed: frozenset[str] = frozenset()
    """Steps of the plan that ended without having been done on it: cancelled, left out, or failed elsewhere."""

    def copy(self) -> NodeState:
        """An independent copy; the log shares its lines."""
        return replace(self, log=self.log.copy())

    def settle(self, t: float) -> None:
        """The status that follows from what runs and what is to come."""
        if self.status == "set aside":
            return
        if self.active:
            self.status = "running"
            return
        self.task, self.step, self.progress = "", "", None
        self.since = t
        if self.status not in ("failed", "unreachable"):
            self.status = "waiting" if self.pending else "unfinished" if self.missed else "ok"


@dataclass(frozen=True, slots=True)
class LayerState:
    """One layer, computed from its steps."""

    id: str
    status: StepStatus
    done: int
    total: int
    started: float
    seconds: float


@dataclass(slots=True)
class Availability:
    """Samples of the API through its public address."""

    samples: int = 0
    failed: int = 0
    last_ok: bool = True
    last_error: str = ""
    longest_gap: float = 0.0
    """Seconds from the first failed sample of the worst outage to the next good one."""
    gap_since: float = 0.0
