"""How long steps took, and how long each node took for its part: what plans, the time left and the lamps go by."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from yk8s_tui.repository.atomic import write_atomic

FORMAT = 2
"""Layout of the file; one without a format has nothing but seconds per step, and is read."""
KEPT = 10
"""Samples kept of a step (and of a node in a step) for each size."""
KEPT_OF_ALL_SIZES = 40
OUTLIER = 3.0
"""Times the median of its peers, and over its own 95th percentile: that slow a node was ill, which is not learnt."""
LONG_TASK = 1.0
"""Seconds; shorter tasks are not kept one by one."""
LEARNT = 5
"""Runs of a node in a step before anything is said about it."""


class Sample(NamedTuple):
    """One execution of a step."""

    seconds: float
    nodes: int = 0
    """How many it ran on; 0 when that was not written down."""
    size: int = 0
    """Bytes it moved, as far as its progress said so."""
    roles: str = ""
    """Roles of the nodes, sorted, joined by `+`."""


class Part(NamedTuple):
    """What one node took for its part of a step."""

    seconds: float
    nodes: int = 0
    """How many nodes the step ran on."""
    tasks: Mapping[str, float] = MappingProxyType({})
    """Task -> seconds, of the tasks that took at least `LONG_TASK`."""


Kept = TypeVar("Kept", Sample, Part)


@dataclass(frozen=True)
class Durations:
    """What is remembered of earlier runs."""

    steps: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, tuple[Part, ...]]] = field(default_factory=dict)
    """Step -> node -> its parts, oldest first."""

    def of_step(self, step: str, *, nodes: int = 0, roles: str = "", size: int = 0) -> list[float]:
        """Seconds of the executions most like this one: same roles and size if there are any, else the next best."""
        known = self.steps.get(step, ())
        alike = [s for s in known if not nodes or _class(s.nodes) == _class(nodes)]
        for samples in (
            [s for s in alike if s.roles == roles and size and s.size and _class(s.size) == _class(size)],
            [s for s in alike if s.roles == roles],
            alike,
            [s for s in known if not s.nodes],
            list(known),
        ):
            if samples:
                return [s.seconds for s in samples[-KEPT:]]
        return []

    def of_node(self, step: str, node: str, *, nodes: int) -> list[float]:
        """Seconds the node took for its part of the step when that ran on about as many nodes."""
        parts = self.parts.get(step, {}).get(node, ())
        return [part.seconds for part in parts if _class(part.nodes) == _class(nodes)]

    def of_task(self, step: str, node: str, task: str, *, nodes: int) -> list[float]:
        """Seconds the node took for a task in each of these executions; 0 where it was too short to be kept."""
        parts = self.parts.get(step, {}).get(node, ())
        return [part.tasks.get(task, 0.0) for part in parts if _class(part.nodes) == _class(nodes)]

    def expected(self, step: str, *, nodes: int = 0, roles: str = "") -> float:
        """Expected seconds: the median of the executions most like this one; 0 when nothing is known."""
        found = self.of_step(step, nodes=nodes, roles=roles)
        return round(statistics.median(found), 1) if found else 0.0


@dataclass(frozen=True)
class Worked:
    """What one step of a run took, to be remembered."""

    sample: Sample
    tasks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Node -> task -> seconds, of the nodes that succeeded."""


def roles_of(roles: Iterable[Iterable[str]]) -> str:
    """The roles of some nodes as one word."""
    return "+".join(sorted({role for of_one in roles for role in of_one}))


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which that share of the values lies, between neighbours in proportion; 0 of nothing."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


DURATIONS = "durations.json"
"""Name of the file, in `state/`, and in the directory of a run as it was when the run began."""


def durations_path(root: Path) -> Path:
    """`state/durations.json`."""
    return root / "state" / DURATIONS


def load_durations(root: Path) -> Durations:
    """What is remembered; empty when there is nothing, or nothing readable: it is only advice."""
    return read_durations(durations_path(root))


def known_at_start(directory: Path) -> Durations:
    """What was remembered when a run began: what it is measured against, now and whenever it is shown again."""
    return read_durations(directory / DURATIONS)


def read_durations(path: Path) -> Durations:
    """What one file says; empty when there is none, or it cannot be read."""
    try:
        found = json.loads(path.read_text())
        return _read(found)
    except (OSError, ValueError, TypeError, AttributeError, LookupError):
        return Durations()


def load_estimates(root: Path) -> dict[str, float]:
    """Step id -> expected seconds, whatever the nodes."""
    durations = load_durations(root)
    return {step: durations.expected(step) for step in durations.steps}


def remember(root: Path, worked: Mapping[str, Worked]) -> None:
    """Add what the steps of a run took."""
    if worked:
        body = _written(learn(load_durations(root), worked))
        write_atomic(durations_path(root), body)


def learn(known: Durations, worked: Mapping[str, Worked]) -> Durations:
    """What is known after one more run."""
    steps, parts = dict(known.steps), {step: dict(of) for step, of in known.parts.items()}
    for step, work in worked.items():
        sample = work.sample._replace(seconds=round(work.sample.seconds, 2))
        steps[step] = _kept(steps.get(step, ()), sample)
        of = parts.setdefault(step, {})
        for node, tasks in work.tasks.items():
            if not _ill(known, step, node, work):
                long = {task: round(seconds, 2) for task, seconds in tasks.items() if seconds >= LONG_TASK}
                part = Part(round(sum(tasks.values()), 2), sample.nodes, long)
                of[node] = _kept(of.get(node, ()), part)
    return Durations(steps, {step: of for step, of in parts.items() if of})


def _ill(known: Durations, step: str, node: str, work: Worked) -> bool:
    """Whether what a node took would spoil what is known of it."""
    for task, seconds in work.tasks[node].items():
        own = known.of_task(step, node, task, nodes=work.sample.nodes)
        peers = [took[task] for name, took in work.tasks.items() if name != node and task in took]
        if seconds < 2 * LONG_TASK or len(own) < LEARNT or not peers:
            continue
        if seconds > quantile(own, 0.95) and seconds > OUTLIER * statistics.median(peers):
            return True
    return False


def _kept(before: tuple[Kept, ...], newest: Kept) -> tuple[Kept, ...]:
    found = list(before)
    found.append(newest)
    alike = [old for old in found if _class(old.nodes) == _class(newest.nodes)]
    for old in alike[:-KEPT]:
        found.remove(old)
    return tuple(found[-KEPT_OF_ALL_SIZES:])


def _class(size: int) -> int:
    """Sizes within about a factor of two of one another are alike: 3 to 5 nodes, 23 to 45."""
    return round(math.log2(size)) if size > 0 else -1


def _read(found: Any) -> Durations:
    if "format" not in found:
        return Durations({str(k): tuple(Sample(float(s)) for s in seconds) for k, seconds in found.items()})
    if found["format"] != FORMAT:
        return Durations()
    steps = {
        str(step): tuple(Sample(float(s), int(n), int(b), str(r)) for s, n, b, r in rows)
        for step, rows in found["steps"].items()
    }
    parts = {
        str(step): {str(node): tuple(_part(of["tasks"], row) for row in rows) for node, rows in of["nodes"].items()}
        for step, of in found["parts"].items()
    }
    return Durations(steps, parts)


def _part(names: list[str], row: Any) -> Part:
    seconds, nodes, tasks = row
    return Part(float(seconds), int(nodes), {str(names[place]): float(s) for place, s in tasks})


def _written(durations: Durations) -> str:
    """One line for each step and each node, so that a difference can be read."""

    def block(rows: Mapping[str, str]) -> str:
        return "{\n" + ",\n".join(f"{json.dumps(key)}: {rows[key]}" for key in sorted(rows)) + "\n}"

    steps = {step: json.dumps([list(s) for s in samples]) for step, samples in durations.steps.items()}
    parts = {}
    for step, of in durations.parts.items():
        names = sorted({task for rows in of.values() for part in rows for task in part.tasks})
        place = {task: number for number, task in enumerate(names)}
        lines = {
            node: json.dumps([[p.seconds, p.nodes, [[place[t], s] for t, s in p.tasks.items()]] for p in rows])
            for node, rows in of.items()
        }
        parts[step] = f'{{"tasks": {json.dumps(names)}, "nodes": {block(lines)}}}'
    return f'{{"format": {FORMAT},\n"steps": {block(steps)},\n"parts": {block(parts)}}}\n'
