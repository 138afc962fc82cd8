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

    It is on while a step runs in which the node has been at work for longer than its own 95th percentile in at least
    five learnt runs, and took, in one task of it, more than three times the median of the other nodes.
    """
    found: dict[str, Slow] = {}
    for step in state.steps.values():
        if step.status == "running":
            for name in step.running_on:
                if (slow := slow_in(step, name, durations, now)) is not None:
                    found[name] = slow
    return found


def slow_in(step: StepState, name: str, durations: Durations, now: float) -> Slow | None:
    """Why the lamp of one node is on in a running step; None when it is not."""
    nodes = len(step.running_on)
    busy = step.busy.get(name, 0.0) + _so_far(step, name, now)
    if nodes <= LEAST_PEERS or busy < LEAST_SECONDS:
        return None
    own = durations.of_node(step.id, name, nodes=nodes)
    if len(own) < LEARNT or busy <= quantile(own, 0.95):
        return None
    return _against_peers(step, name, now)


def _so_far(step: StepState, name: str, now: float) -> float:
    """Seconds a node has been in its present task."""
    doing = step.doing.get(name)
    return max(0.0, now - doing[1]) if doing else 0.0


def _against_peers(step: StepState, name: str, now: float) -> Slow | None:
    """The task in which the node is furthest behind the others that finished it, or are in it."""
    doing = step.doing.get(name)
    own = [(task, took[name]) for task, took in step.took.items() if name in took]
    own += [(doing[0], _so_far(step, name, now))] if doing else []
    worst: Slow | None = None
    for task, seconds in own:
        if seconds < LEAST_SECONDS:
            continue
        peers = [s for node, s in step.took.get(task, {}).items() if node != name]
        peers += [max(0.0, now - since) for node, (t, since) in step.doing.items() if t == task and node != name]
        if len(peers) < LEAST_PEERS:
            continue
        times = seconds / max(LEAST_MEDIAN, statistics.median(peers))
        if times > OUTLIER and (worst is None or times > worst.times):
            worst = Slow(name, step.id, task, times)
    return worst
