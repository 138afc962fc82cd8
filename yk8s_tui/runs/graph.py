"""The graph of steps while it runs: which may begin, which never will, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from yk8s_tui.models.plan import PlannedStep

Result = Literal["ok", "changed", "failed", "partial", "skipped", "cancelled"]


@dataclass(frozen=True)
class Ready:
    """A step that may begin, with the nodes that are left for it."""

    planned: PlannedStep
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Blocked:
    """A step that will not run, and why."""

    planned: PlannedStep
    reason: str


@dataclass
class Graph:
    """Steps that run, in plan order; what the plan left out counts as done."""

    steps: Mapping[str, PlannedStep]
    results: dict[str, Result] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    aside: dict[str, str] = field(default_factory=dict)
    """Node -> step in which it failed."""
    broken: set[str] = field(default_factory=set)
    """Steps that failed without being the fault of a node."""
    emptied: set[str] = field(default_factory=set)
    """Steps that were left out for no other reason than that all their nodes are set aside."""
    weights: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, planned: Iterable[PlannedStep]) -> Graph:
        """From the steps of a plan; raises `ValueError` when an id comes twice."""
        steps: dict[str, PlannedStep] = {}
        for step in planned:
            if step.decision != "run":
                continue
            if step.step.id in steps:
                raise ValueError(f"step {step.step.id} is in the plan twice")
            steps[step.step.id] = step
        graph = cls(steps)
        graph.weights = _weights(steps)
        return graph

    @property
    def waiting(self) -> list[PlannedStep]:
        """Steps that have neither begun nor ended, in plan order."""
        return [s for key, s in self.steps.items() if key not in self.results and key not in self.running]

    @property
    def ended(self) -> bool:
        """Whether every step has a result."""
        return len(self.results) == len(self.steps)

    def blocked(self) -> list[Blocked]:
        """Steps that can never begin; each one blocks those that need it in turn."""
        found = []
        for planned in self.waiting:
            reason = self._reason(planned)
            if reason:
                found.append(Blocked(planned, reason))
        return found

    def ready(self) -> list[Ready]:
        """Steps that may begin now; those with the longest way behind them first."""
        found = [
            Ready(planned, self._left(planned))
            for planned in self.waiting
            if all(need in self.results for need in self._needs(planned)) and not self._reason(planned)
        ]
        return sorted(found, key=lambda ready: -self.weights.get(ready.planned.step.id, 0.0))

    def begin(self, step: str) -> None:
        """A step begins."""
        self.running.add(step)

    def finish(self, step: str, nodes: Mapping[str, str], *, cancelled: bool = False, error: bool = False) -> Result:
        """A step has ended, with the result of each node; returns the step's own."""
        self.running.discard(step)
        if error:
            self.broken.add(step)
        bad = [name for name, result in nodes.items() if result in ("failed", "unreachable")]
        for name in bad:
            self.aside.setdefault(name, step)
        result: Result
        if cancelled:
            result = "cancelled"
        elif error or (bad and len(bad) == len(nodes)):
            result = "failed"
        elif bad:
            result = "partial"
        else:
            result = "changed" if "changed" in nodes.values() else "ok"
        self.results[step] = result
        return result

    def leave(self, step: str, result: Literal["skipped", "cancelled"]) -> None:
        """A step will not run."""
        planned = self.steps[step]
        if result == "skipped" and planned.nodes and not self._left(planned) and not self._failed_need(planned):
            self.emptied.add(step)
        self.results[step] = result

    def _needs(self, planned: PlannedStep) -> list[str]:
        """What must have ended before; in place of a step that was emptied also what that one waited for."""
        found: list[str] = []
        for need in planned.step.needs:
            if need in self.steps:
                found.append(need)
                if need in self.emptied:
                    found += self._needs(self.steps[need])
        return list(dict.fromkeys(found))

    def _left(self, planned: PlannedStep) -> tuple[str, ...]:
        return tuple(name for name in planned.nodes if name not in self.aside)

    def _reason(self, planned: PlannedStep) -> str:
        if reason := self._failed_need(planned):
            return reason
        if planned.nodes and not self._left(planned):
            return f"set aside before: {', '.join(planned.nodes)}"
        return ""

    def _failed_need(self, planned: PlannedStep) -> str:
        """Why a step cannot run on any node; failing nodes of a tolerant step are the fault of none but themselves."""
        for need in self._needs(planned):
            result, step = self.results.get(need), self.steps[need].step
            tolerated = step.tolerance == "any" and need not in self.broken
            if result == "failed" and not tolerated:
                return f"{step.title} failed"
            if result == "partial" and not tolerated:
                names = ", ".join(sorted(name for name, where in self.aside.items() if where == need))
                return f"{step.title} failed on {names}"
            if result == "cancelled" or (result == "skipped" and not (tolerated and need in self.emptied)):
                return f"{step.title} was not done"
        return ""


def _weights(steps: Mapping[str, PlannedStep]) -> dict[str, float]:
    """Step -> seconds (or steps, where nothing is known) from its start to the end of the last that waits for it."""
    followers: dict[str, list[str]] = {key: [] for key in steps}
    for key, planned in steps.items():
        for need in planned.step.needs:
            if need in followers:
                followers[need].append(key)
    weights: dict[str, float] = {}

    def weight(key: str, above: frozenset[str]) -> float:
        if key in above:
            raise ValueError(f"steps need one another in a circle: {', '.join(sorted(above))}")
        if key not in weights:
            own = steps[key].estimate_seconds or 1.0
            weights[key] = own + max((weight(f, above | {key}) for f in followers[key]), default=0.0)
        return weights[key]

    for key in steps:
        weight(key, frozenset())
    return weights
