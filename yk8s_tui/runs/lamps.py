"""Which nodes are slower than they used to be, and than the others that do the same. Pure."""

from __future__ import annotations

import statistics
from typing import NamedTuple

from yk8s_tui.runs.estimates import LEARNT, OUTLIER, Durations, quantile
from yk8s_tui.runs.state import RunState
from yk8s_tui.runs.views import StepState

LEAST_SECONDS = 2.0
"""A task shorter than this says nothing about a node."""
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
        return f"slow: {self.times:.1f}x its peers"


def slow_nodes(state: RunState, durations: Durations, now: float) -> dict[str, Slow]:
    """Node -> why its lamp is on.

    It is on while a step runs in which the node took (or has taken so far), in one of its tasks, longer than its own
    95th percentile in at least five learnt runs, and more than three times the median of the others in the same task.
    """
    found: dict[str, Slow] = {}
    for step in state.steps.values():
        if step.status == "running":
            for name in step.running_on:
                if (slow := slow_in(step, name, durations, now)) is not None:
                    found[name] = slow
    return found


def slow_in(step: StepState, name: str, durations: Durations, now: float) -> Slow | None:
    """Why the lamp of one node is on in a running step, by the task that shows it most; None when it is not."""
    doing, nodes = step.doing.get(name), len(step.running_on)
    own = [(task, took[name]) for task, took in step.took.items() if took.get(name, 0.0) >= LEAST_SECONDS]
    if doing is not None and now - doing[1] >= LEAST_SECONDS:
        own.append((doing[0], now - doing[1]))
    worst: Slow | None = None
    for task, seconds in own:
        before = durations.of_task(step.id, name, task, nodes=nodes)
        if len(before) < LEARNT or seconds <= quantile(before, 0.95):
            continue
        times = _against_peers(step, name, task, seconds, now)
        if times > OUTLIER and (worst is None or times > worst.times):
            worst = Slow(name, step.id, task, times)
    return worst


def _against_peers(step: StepState, name: str, task: str, seconds: float, now: float) -> float:
    """How many times the median of the others that finished the task, or are in it; 0 when they are too few."""
    peers = [s for node, s in step.took.get(task, {}).items() if node != name]
    peers += [max(0.0, now - since) for node, (t, since) in step.doing.items() if t == task and node != name]
    return seconds / max(LEAST_MEDIAN, statistics.median(peers)) if len(peers) >= LEAST_PEERS else 0.0
