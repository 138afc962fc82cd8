"""Which nodes are slower than they used to be, and than the others that do the same. Pure."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from yk8s_tui.runs.estimates import LEARNT, OUTLIER, Durations, quantile
from yk8s_tui.runs.state import RunState
from yk8s_tui.runs.views import LONG_SECONDS, StepState

LEAST_PEERS = 2
"""Other nodes in the same task that are needed for a median."""
LEAST_MEDIAN = 0.05
"""Seconds; keeps the factor readable where the peers took no time at all."""


class Slow(NamedTuple):
    """A node with its lamp on."""

    node: str
    step: str
    task: str
    """The task that shows it most."""
    times: float
    """How many times the median of its peers it took, or has taken so far."""

    @property
    def words(self) -> str:
        """As it stands on the screen."""
        return f"slow: {self.times:.0f}x its peers"


class Peers:
    """What the nodes of one running step took for each task, or have taken so far."""

    def __init__(self, step: StepState, now: float) -> None:
        self._step, self._now = step, now
        self._sorted: dict[str, list[float]] = {}

    def times(self, task: str, own: float) -> float:
        """How many times the median of the others `own` seconds are; 0 when the others are too few."""
        found = self._sorted.get(task)
        if found is None:
            ended = self._step.took[task].values() if task in self._step.took else []
            found = self._sorted[task] = sorted([*ended, *self._so_far(task)])
        if len(found) - 1 < LEAST_PEERS:
            return 0.0
        return own / max(LEAST_MEDIAN, _median_without(found, own))

    def _so_far(self, task: str) -> list[float]:
        return [max(0.0, self._now - since) for doing, since in self._step.doing.values() if doing == task]


def _median_without(found: list[float], own: float) -> float:
    """The median of sorted values, one of which (the nearest to `own`) is not counted."""
    place = min(bisect_left(found, own), len(found) - 1)
    if place and own - found[place - 1] < found[place] - own:
        place -= 1
    others = len(found) - 1
    middle = [(others - 1) // 2, others // 2]
    low, high = (found[n + (n >= place)] for n in middle)
    return (low + high) / 2


def slow_nodes(state: RunState, durations: Durations, now: float) -> dict[str, Slow]:
    """Node -> why its lamp is on.

    It is on while a step runs in which the node took (or has taken so far), in one of its tasks, longer than its own
    95th percentile in at least five learnt runs, and more than three times the median of the others in the same task.
    """
    found: dict[str, Slow] = {}
    for step in state.steps.values():
        if step.status == "running" and step.id in durations.parts:
            peers = Peers(step, now)
            for name in step.running_on:
                if (slow := slow_in(step, name, durations, now, peers)) is not None:
                    found[name] = slow
    return found


def slow_in(step: StepState, name: str, durations: Durations, now: float, peers: Peers | None = None) -> Slow | None:
    """Why the lamp of one node is on in a running step, by the task that shows it most; None when it is not."""
    doing, nodes = step.doing.get(name), len(step.running_on)
    own = list(step.long.get(name, {}).items())
    if doing is not None and now - doing[1] >= LONG_SECONDS:
        own.append((doing[0], now - doing[1]))
    worst: Slow | None = None
    for task, seconds in own:
        before = durations.of_task(step.id, name, task, nodes=nodes)
        if len(before) < LEARNT or seconds <= quantile(before, 0.95):
            continue
        peers = peers or Peers(step, now)
        times = peers.times(task, seconds)
        if times > OUTLIER and (worst is None or times > worst.times):
            worst = Slow(name, step.id, task, times)
    return worst
