"""The chain of steps that decided when a run ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

SLACK = 0.5
"""Seconds between the end of one step and the start of the next that are the engine's own."""


class Timed(NamedTuple):
    """A step with its place in time; seconds on any one clock, `start` 0 or less when it never began."""

    id: str
    needs: tuple[str, ...]
    start: float
    end: float


class Link(NamedTuple):
    """One step of the chain."""

    step: str
    after: str
    """The step it waited for; empty for the first."""
    waited: float
    """Seconds between the end of that step (or the start of the run) and its own start."""
    needed: bool
    """Whether it needed that step; otherwise it waited for its place among what ran at the same time."""


def critical_path(steps: Iterable[Timed], started: float) -> tuple[Link, ...]:
    """From the first step to the one that ended last; `started` is when the run began."""
    known = {step.id: step for step in steps}
    ran = [step for step in known.values() if step.start > 0]
    if not ran:
        return ()
    step = max(ran, key=lambda s: (s.end, s.start))
    chain: list[Link] = []
    seen: set[str] = set()
    while step.id not in seen:
        seen.add(step.id)
        before, needed = _before(step, known, ran)
        if before is None or before.id in seen:
            chain.append(Link(step.id, "", max(0.0, step.start - started), True))
            break
        chain.append(Link(step.id, before.id, max(0.0, step.start - before.end), needed))
        step = before
    return tuple(reversed(chain))


def _before(step: Timed, known: Mapping[str, Timed], ran: Iterable[Timed]) -> tuple[Timed | None, bool]:
    """What the step waited for: the last of its needs, or, when that was long over, what made room for it."""
    needs = [need for need in _needs(step, known, frozenset()) if need.end <= step.start + SLACK]
    last = max(needs, key=lambda s: (s.end, s.start), default=None)
    if last is not None and step.start - last.end <= SLACK:
        return last, True
    ended = [s for s in ran if s.id != step.id and step.start - SLACK <= s.end <= step.start + SLACK / 10]
    room = max((s for s in ended if s.start < step.start), key=lambda s: s.end, default=None)
    return (room, False) if room is not None else (last, True)


def _needs(step: Timed, known: Mapping[str, Timed], above: frozenset[str]) -> list[Timed]:
    """The needs that ran; in place of one that did not, what that one needed."""
    found: list[Timed] = []
    for key in step.needs:
        need = known.get(key)
        if need is None or key in above:
            continue
        found += [need] if need.start > 0 else _needs(need, known, above | {step.id, key})
    return found
