"""States of a run kept along its journal: packed, so that hundreds of them with 1,000 nodes take little memory."""

from __future__ import annotations

import pickle
import zlib
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from yk8s_tui.runs.ring import Ring
from yk8s_tui.runs.state import RunState
from yk8s_tui.runs.views import Line, NodeState

KEPT_BYTES = 32_000_000
"""Memory of all snapshots together, about; when it is used up, every second one goes."""
STEP_BYTES, STATE_BYTES = 300, 4_000
"""What one step, and all that is neither step nor node, take in a snapshot, about."""

_FIXED = ("name", "roles", "address")
_MOVING = tuple(field.name for field in fields(NodeState) if field.name not in (*_FIXED, "log"))
_fixed, _moving = attrgetter(*_FIXED), attrgetter(*_MOVING)

RestoreLog = Callable[[str, int, int], Ring[Line]]
"""Makes the log of a node again from its name, its limit, and how many lines it has had."""


class Snapshot(NamedTuple):
    """A state after so many events."""

    events: int
    state: RunState
    """Everything but the nodes and the tasks; not to be changed."""
    fixed: tuple[tuple[Any, ...], ...]
    """Name, roles, address of every node; the same object in most snapshots."""
    packed: bytes
    """The rest of every node, and what the tasks of running steps do and took: many small objects, which Python's
    collector of garbage would look through again and again."""

    @property
    def bytes(self) -> int:
        """Memory it takes, about."""
        return len(self.packed) + STEP_BYTES * len(self.state.steps) + STATE_BYTES


class Snapshots:
    """Snapshots in the order of the journal; one thread adds, any may read."""

    def __init__(self, *, kept_bytes: int = KEPT_BYTES) -> None:
        self.kept_bytes = kept_bytes
        self.thinned = 0
        """How often every second one was given up."""
        self._all: list[Snapshot] = []
        self.bytes = 0
        """Memory they take, about."""

    def __len__(self) -> int:
        return len(self._all)

    def add(self, state: RunState) -> None:
        """Keep this state."""
        nodes = state.nodes.values()
        fixed = tuple(map(_fixed, nodes))
        if self._all and self._all[-1].fixed == fixed:
            fixed = self._all[-1].fixed
        rows = [(*_moving(node), node.log.limit, node.log.end) for node in nodes]
        rest = state.copy(nodes=False)
        moving = (list(zip(*rows, strict=True)), _take_tasks(rest))
        packed = zlib.compress(pickle.dumps(moving, 5), 1)
        snapshot = Snapshot(state.version, rest, fixed, packed)
        self._all.append(snapshot)
        self.bytes += snapshot.bytes
        if self.bytes > self.kept_bytes and len(self._all) > 2:
            self._all = self._all[::2]
            self.bytes = sum(kept.bytes for kept in self._all)
            self.thinned += 1

    def before(self, events: int) -> Snapshot | None:
        """The last one that had not taken more than so many events."""
        kept = self._all
        place = bisect_right(kept, events, key=itemgetter(0))
        return kept[place - 1] if place else None


def _take_tasks(state: RunState) -> dict[str, tuple[Any, ...]]:
    """What the steps that run hold of their tasks, taken out of the state."""
    taken = {}
    for key, step in state.steps.items():
        if not step.ended:
            taken[key] = (step.doing, step.took, step.long)
            step.doing, step.took, step.long = {}, {}, {}
    return taken


def restore(snapshot: Snapshot, log: RestoreLog) -> RunState:
    """A state of its own, as it was."""
    state = snapshot.state.copy()
    columns, tasks = pickle.loads(zlib.decompress(snapshot.packed))
    for key, moving in tasks.items():
        step = state.steps[key]
        step.doing, step.took, step.long = moving
    for (name, roles, address), row in zip(snapshot.fixed, zip(*columns, strict=True), strict=True):
        *values, limit, size = row
        state.nodes[name] = NodeState(name, roles, address, log(name, limit, size), *values)
    return state
