"""A run at any moment: its state after any event of its journal, in a tenth of a second however long it was."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from yk8s_tui.runs.events import Event, JournalError
from yk8s_tui.runs.journal_index import JournalIndex
from yk8s_tui.runs.lines import line_of
from yk8s_tui.runs.ring import Ring
from yk8s_tui.runs.snapshots import KEPT_BYTES, Snapshots, restore
from yk8s_tui.runs.state import RunState
from yk8s_tui.runs.views import Line

SPACING = (500, 2_000)
"""Events between two snapshots, at least and (before any is given up) at most; 2 for each node between that."""
SLICE = 2_000
"""Events read at a time on the way from a snapshot."""
KEPT_LINES = 8_000
"""Log lines kept for painting."""

_STEPS = frozenset({"step_started", "step_finished"})


def empty_journal(path: Path) -> JournalError:
    """There is nothing to show."""
    return JournalError(
        "the journal is empty",
        where=str(path),
        why="the run ended before it wrote anything",
        hint="see engine.err there",
    )


class Marks:
    """Events of one kind: their numbers and times, in order."""

    def __init__(self) -> None:
        self.numbers = array("Q")
        self.times = array("d")

    def after(self, position: int) -> int | None:
        """The position that has just taken the next of them."""
        place = bisect_left(self.numbers, position)
        return self.numbers[place] + 1 if place < len(self.numbers) else None

    def before(self, position: int) -> int | None:
        """The position that has just taken the one before the newest event."""
        place = bisect_left(self.numbers, position - 1)
        return self.numbers[place - 1] + 1 if place > 0 and position > 0 else None


class Replay:
    """Position `n` means: after the first `n` events.

    `extend` reads on, in one thread; `state_at` works in another for every position up to `events`, also while
    the first reads. What it returns depends on the journal alone, never on where one was before.
    """

    def __init__(self, path: Path, *, kept_bytes: int = KEPT_BYTES, spacing: tuple[int, int] = SPACING) -> None:
        self.index = JournalIndex(path)
        self.events = 0
        """How many events can be asked for."""
        self.began = self.ended = 0.0
        """Times of the first and the last of them."""
        self.finished = False
        """Whether the journal has its end."""
        self.steps, self.failures = Marks(), Marks()
        self.snapshots = Snapshots(kept_bytes=kept_bytes)
        self._spacing = spacing
        self._next = 1
        self._logs: dict[str, array[int]] = {}
        self._lines: OrderedDict[int, Line] = OrderedDict()
        self._reading = RunState(self._new_log)

    def extend(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Take what was written since the last call; True when there was something.

        Raises `JournalError` when there is no journal, or one of a newer version.
        """
        before = self.events
        for batch in self.index.batches(stop):
            self._take(batch)
        return self.events != before

    def _take(self, batch: list[Event]) -> None:
        state, place = self._reading, 0
        while place < len(batch):
            part = batch[place : place + self._next - state.version]
            self._mark(part, state.version)
            state.apply_all(part)
            place += len(part)
            self.began = self.began or part[0].get("t", 0.0)
            self.ended, self.finished = state.last, state.finished
            self.events = state.version
            if state.version >= self._next:
                self.snapshots.add(state)
                fewest, most = self._spacing
                spacing = min(most, max(fewest, 2 * len(state.nodes))) << self.snapshots.thinned
                self._next = state.version + spacing

    def _mark(self, events: Sequence[Event], first: int) -> None:
        for number, event in enumerate(events, first):
            kind = event.get("type")
            if kind in _STEPS or kind == "node_set_aside":
                marks = self.steps if kind in _STEPS else self.failures
                marks.numbers.append(number)
                marks.times.append(event.get("t", 0.0))

    def state_at(self, position: int) -> RunState:
        """The state after so many events, the caller's own."""
        position = max(0, min(position, self.events))
        snapshot = self.snapshots.before(position)
        state = RunState(self._new_log) if snapshot is None else restore(snapshot, self._log)
        self.forward(state, position)
        return state

    def moved(self, state: RunState, position: int) -> RunState:
        """The state at a position, by the shortest way: `state` itself goes on when nothing is nearer."""
        snapshot = self.snapshots.before(position)
        if state.version > position or (snapshot is not None and snapshot.events > state.version + SLICE):
            return self.state_at(position)
        self.forward(state, position)
        return state

    def forward(self, state: RunState, position: int) -> None:
        """Apply what comes after the state, up to a position."""
        while state.version < position:
            state.apply_all(self.index.read(state.version, min(position, state.version + SLICE)))

    def time_of(self, position: int) -> float:
        """When the newest event of a position happened, seconds since 1970; 0 before the first."""
        return float(self.index.event(position - 1).get("t", 0.0)) if position > 0 else 0.0

    def position_at(self, t: float) -> int:
        """The position at a time, seconds since 1970."""
        return min(self.events, self.index.number_at(t))

    def offset(self, position: int) -> int:
        """The end of the newest event of a position in the journal, bytes."""
        return self.index.offset(position)

    # Logs of nodes

    def _new_log(self, name: str, limit: int) -> JournalLog:
        return self._log(name, limit, 0)

    def _log(self, name: str, limit: int, size: int) -> JournalLog:
        numbers = self._logs.get(name)
        if numbers is None:
            numbers = self._logs.setdefault(name, array("I"))
        return JournalLog(self, numbers, limit, size)

    def number_being_read(self) -> int:
        """Number of the event that is taken now."""
        return self._reading.version - 1

    def line(self, number: int) -> Line:
        """The log line of an event."""
        line = self._lines.get(number)
        if line is None:
            line = self._lines[number] = line_of(self.index.event(number))
            if len(self._lines) > KEPT_LINES:
                for old in list(islice(self._lines, KEPT_LINES // 2)):
                    del self._lines[old]
        return line


class JournalLog(Ring[Line]):
    """The log of a node whose lines stay in the journal: only the numbers of their events are in memory.

    As a journal does not change, all states share one list of numbers; a log only knows how far it has come in it.
    """

    __slots__ = ("_numbers", "_replay")

    def __init__(self, replay: Replay, numbers: array[int], limit: int, size: int) -> None:
        self.limit = limit
        self._replay = replay
        self._numbers = numbers
        self._end = size

    def append(self, item: Line) -> None:
        """One line more; its event is known already, unless it is being read for the first time."""
        if self._end == len(self._numbers):
            self._numbers.append(self._replay.number_being_read())
        self._end += 1

    def copy(self) -> JournalLog:
        """The same lines; later ones do not touch it."""
        return JournalLog(self._replay, self._numbers, self.limit, self._end)

    def last(self, count: int) -> list[Line]:
        """The newest `count` lines, oldest first."""
        first = max(0, self._end - min(count, self.limit))
        return [self._replay.line(number) for number in self._numbers[first : self._end]]

    def __getitem__(self, index: int) -> Line:
        count = len(self)
        position = index + count if index < 0 else index
        if not 0 <= position < count:
            raise IndexError(index)
        return self._replay.line(self._numbers[self._end - count + position])
