"""How long a run will still take: a range along the critical path of what is left. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import NamedTuple

from yk8s_tui.runs.estimates import Durations, quantile, roles_of
from yk8s_tui.runs.state import RunState
from yk8s_tui.runs.views import StepState

LOW, HIGH = 0.2, 0.8
"""Shares of what was seen between which a step is expected to end."""
OVERDUE = 0.3
"""A step that already takes longer than it ever did may take this share of its time again."""
LONG = 600.0
"""Seconds from which the rest is told in minutes."""


class Range(NamedTuple):
    """Seconds, at best and at worst."""

    low: float
    high: float


def time_left(state: RunState, durations: Durations, now: float) -> Range | None:
    """Seconds until the last step ends; None while nothing is known, and when the run has ended."""
    open_steps = [step for step in state.steps.values() if not step.ended]
    known = {step.id: expected(step, state, durations) for step in open_steps}
    seen = [found.high for found in known.values() if found is not None]
    if state.finished or not seen:
        return None
    usual = Range(0.0, statistics.median(seen))
    rest: dict[str, Range] = {}
    for step in open_steps:
        whole = known[step.id] or usual
        running = step.status == "running"
        rest[step.id] = _rest(step, whole, state, durations, now) if running else whole
    ends: dict[str, Range] = {}
    for step in open_steps:
        _end(step.id, state.steps, rest, ends, frozenset())
    return Range(max(e.low for e in ends.values()), max(e.high for e in ends.values()))


def expected(step: StepState, state: RunState, durations: Durations) -> Range | None:
    """How long a step takes as a whole, by what was seen of it; None when nothing is known."""
    seen = _seen(step, state, durations)
    if len(seen) > 1:
        middle = statistics.median(seen)
        return Range(min(quantile(seen, LOW), 0.92 * middle), max(quantile(seen, HIGH), 1.1 * middle))
    one = seen[0] if seen else step.estimate
    return Range(0.85 * one, 1.2 * one) if one > 0 else None


def in_words(left: Range | None) -> str:
    """`1:20–1:50 left`, `22–30 min left`; empty when nothing is known. Rounded, so that it stays readable."""
    if left is None:
        return ""
    if left.high >= LONG:
        low, high = int(left.low // 60), -int(-left.high // 60)
        return f"{low}–{high} min left" if low < high else f"{high} min left"
    grain = 10 if left.high >= 60 else 5
    low, high = int(left.low // grain) * grain, -int(-left.high // grain) * grain
    return f"{_clock(low)}–{_clock(high)} left" if low < high else f"{_clock(high)} left"


def _clock(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02}"


def _nodes(step: StepState, state: RunState) -> tuple[str, ...]:
    """The nodes a step runs on, or will: those that are not set aside."""
    return step.running_on or tuple(name for name in step.nodes if name not in state.failures)


def _seen(step: StepState, state: RunState, durations: Durations) -> list[float]:
    nodes = _nodes(step, state)
    roles = roles_of(state.nodes[name].roles for name in nodes if name in state.nodes)
    return durations.of_step(step.id, nodes=len(nodes), roles=roles)


def _rest(step: StepState, whole: Range, state: RunState, durations: Durations, now: float) -> Range:
    """What is left of a running step; one that is overdue ends soon, or as late as it ever did."""
    gone = max(0.0, now - step.started)
    if gone < whole.high:
        return Range(max(0.0, whole.low - gone), whole.high - gone)
    later = [seconds - gone for seconds in _seen(step, state, durations) if seconds > gone]
    return Range(0.0, max(later) if later else OVERDUE * gone)


def _end(
    key: str,
    steps: Mapping[str, StepState],
    rest: Mapping[str, Range],
    ends: dict[str, Range],
    above: frozenset[str],
) -> Range:
    """When a step ends, from now; what has ended needs no time, and steps in a circle end the search."""
    if key in above or key not in rest:
        return Range(0.0, 0.0)
    if key not in ends:
        needs = [_end(need, steps, rest, ends, above | {key}) for need in steps[key].needs]
        own = rest[key]
        ends[key] = Range(
            own.low + max((e.low for e in needs), default=0.0), own.high + max((e.high for e in needs), default=0.0)
        )
    return ends[key]
