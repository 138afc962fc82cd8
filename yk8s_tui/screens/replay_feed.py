"""A run again: its state and its time as they were, played, paused, or at any event."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from yk8s_tui.errors import UsageError
from yk8s_tui.runs.replay import SLICE, Replay, empty_journal
from yk8s_tui.runs.state import RunState

SPEEDS = (1.0, 2.0, 5.0, 10.0, 50.0, 100.0, math.inf)
"""Times as fast as it was; the last one: as fast as this machine can."""
LONGEST_PAUSE = 3.0
"""Seconds that are waited for at most before the next event."""
BUDGET_SECONDS = 0.03
"""How long one drain may apply events at the highest speed."""
POLL_SECONDS = 0.5
"""How often the journal of a run that still goes on is looked at."""


class Start(NamedTuple):
    """How a replay begins."""

    speed: float = 10.0
    at: int | None = None
    """Event to stand still at; None plays from the first."""


class ReplayFeed:
    """The same to a screen as the feed of a live run; positions count events."""

    def __init__(
        self,
        directory: Path,
        start: Start = Start(),  # noqa: B008
        *,
        alive: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.replay = Replay(directory / "journal.jsonl")
        self.state = RunState()
        self.speed = start.speed
        self.playing = start.at is None
        self.error: Exception | None = None
        self.ready = False
        """Whether there is something to show."""
        self.complete = False
        """Whether all that was in the journal when it was opened has been read."""
        self.over = False
        """Whether nothing more will be written to it."""
        self.time = 0.0
        """Where in the time of the run one is, seconds since 1970."""
        self._start = start
        self._alive = alive
        self._clock = clock
        self._looked = clock()
        self._waited = 0.0
        self._said = False
        self._stop = threading.Event()

    def follow(self) -> None:
        """Read until all is read and the run has ended; runs in a thread of its own."""
        try:
            while not self._stop.is_set():
                living = self._alive()
                self.replay.extend(self._stop.is_set)
                self.complete = True
                if self.replay.finished or not living:
                    self.over = True
                    return
                self._stop.wait(POLL_SECONDS)
        except Exception as error:
            self.error = error
            self.over = self.complete = True

    def stop(self) -> None:
        """Let the reader end."""
        self._stop.set()

    def close(self) -> None:
        """Close the journal."""
        self.replay.index.close()

    @property
    def read_bytes(self) -> int:
        """How far the journal has been read."""
        return self.replay.index.bytes

    @property
    def position(self) -> int:
        """How many events have been taken."""
        return self.state.version

    @property
    def engine_gone(self) -> bool:
        """Whether this is the end of a journal without an end."""
        return self.over and self.position >= self.replay.events and not self.replay.finished

    @property
    def now(self) -> float:
        """The time it was, seconds since 1970."""
        return self.state.ended or (self.state.last if self.engine_gone else self.time)

    def drain(self) -> bool:
        """Go on as far as the time that has passed allows; True when the state has moved."""
        now = self._clock()
        passed, self._looked = now - self._looked, now
        if not self.ready:
            return self._begin()
        if not self.playing:
            return False
        before = self.position
        if math.isinf(self.speed):
            self._rush()
        else:
            self._play(passed)
        if self.position >= self.replay.events:
            self.time = self.state.last
            self.playing = not self.over
        return self.position != before

    def _begin(self) -> bool:
        first = self._start.at if self._start.at is not None else 1
        if self.replay.events < first and not self.complete:
            return False
        if not self.replay.events:
            if self.over and not self._said:
                self._said = True
                self.error = self.error or empty_journal(self.replay.index.path)
            return False
        self.ready = True
        self.seek(first)
        return True

    def _play(self, passed: float) -> None:
        self.time += passed * self.speed
        target = self.replay.position_at(self.time)
        self._waited = 0.0 if target > self.position else self._waited + passed
        if self._waited >= LONGEST_PAUSE and self.position < self.replay.events:
            self.time = max(self.time, self.replay.time_of(self.position + 1))
            target = max(self.replay.position_at(self.time), self.position + 1)
            self._waited = 0.0
        if target > self.position:
            self.state = self.replay.moved(self.state, target)

    def _rush(self) -> None:
        until = time.monotonic() + BUDGET_SECONDS
        while self.position < self.replay.events and time.monotonic() < until:
            self.replay.forward(self.state, min(self.replay.events, self.position + SLICE // 4))
        self.time = self.state.last

    def seek(self, position: int) -> None:
        """Be just after event `position`, counted from 1."""
        position = max(1, min(position, self.replay.events))
        self.state = self.replay.moved(self.state, position) if self.position else self.replay.state_at(position)
        self.time, self._waited = self.state.last, 0.0

    def faster(self, direction: int) -> None:
        """The next speed up (1) or down (-1)."""
        if direction > 0:
            self.speed = next((speed for speed in SPEEDS if speed > self.speed), SPEEDS[-1])
        else:
            self.speed = next((speed for speed in reversed(SPEEDS) if speed < self.speed), SPEEDS[0])

    def find(self, goal: str) -> int:
        """The position meant by `1234`, `12:30` (since the start), or `45%`; raises `UsageError`."""
        text = goal.strip().replace(",", "").lstrip("#")
        try:
            if ":" in text:
                seconds = 0.0
                for part in text.split(":"):
                    seconds = 60 * seconds + float(part)
                return self.replay.position_at(self.replay.began + seconds)
            if text.endswith("%"):
                return round(self.replay.events * float(text[:-1]) / 100)
            return int(text)
        except (ValueError, OverflowError):
            hint = "give the number of an event (1234), a time since the start (12:30), or a share (45%)"
            raise UsageError(f"{goal!r} is no place in a run", hint=hint) from None
