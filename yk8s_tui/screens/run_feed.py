"""From the journal of a run to its state: read in a thread, applied ten times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from yk8s_tui.runs.journal import JournalReader
from yk8s_tui.runs.state import RunState

Batch = list[dict[str, Any]]

SLICE = 2_000
"""Events applied before the clock is looked at."""
BUDGET_SECONDS = 0.03
"""How long one drain may keep the interface busy."""
BACKLOG = 8
"""Batches that may wait before the reader pauses."""
POLL_SECONDS = 0.1
ALIVE_SECONDS = 2.0
"""How often the reader looks whether the engine is still there."""


class RunSource(Protocol):
    """Where a screen has the state of a run from, and what time it is there."""

    state: RunState
    error: Exception | None
    ready: bool

    @property
    def engine_gone(self) -> bool:
        """Whether the engine ended without an end in the journal."""

    @property
    def read_bytes(self) -> int:
        """How much of the journal was read."""

    @property
    def now(self) -> float:
        """The time durations are counted to, seconds since 1970."""

    def follow(self) -> None:
        """Read the journal; runs in a thread of its own."""

    def drain(self) -> bool:
        """Take over what is new; True when the state has moved."""

    def stop(self) -> None:
        """Let the reader end."""


class RunFeed:
    """Follows one journal. `state` belongs to the caller's thread; only the reader thread touches the file.

    What was written before the feed began is applied in the reader thread and handed over as a whole, so
    that attaching to a long run never keeps the interface busy.
    """

    def __init__(self, directory: Path, *, alive: Callable[[], bool], clock: Callable[[], float] = time.time) -> None:
        self.directory = directory
        self.state = RunState()
        self.engine_gone = False
        """Whether the engine ended without an end in the journal."""
        self.error: Exception | None = None
        self.read_bytes = 0
        self.ready = False
        """Whether what was there at the beginning has been taken over."""
        self._alive = alive
        self._clock = clock
        self._queue: SimpleQueue[Batch] = SimpleQueue()
        self._first: RunState | None = None
        self._stop = threading.Event()
        self._left: Batch = []

    @property
    def now(self) -> float:
        """The end of the run, its last sign of life, or the time it is."""
        return self.state.ended or (self.state.last if self.engine_gone else self._clock())

    def follow(self) -> None:
        """Read until stopped; runs in a thread of its own."""
        try:
            reader = JournalReader(self.directory / "journal.jsonl")
            state = RunState()
            for batch in reader.batches():
                state.apply_all(batch)
                self.read_bytes = reader.offset
                if self._stop.is_set():
                    return
            self._first = state
            self._follow(reader, ended=state.finished)
        except Exception as error:
            self.error = error

    def _follow(self, reader: JournalReader, *, ended: bool) -> None:
        looked, living = 0.0, True
        while not self._stop.is_set() and not ended:
            if time.monotonic() - looked > ALIVE_SECONDS:
                looked, living = time.monotonic(), self._alive()
            for batch in reader.batches():
                ended = ended or any(e.get("type") == "run_finished" for e in batch)
                self._queue.put(batch)
                while self._queue.qsize() > BACKLOG and not self._stop.is_set():
                    self._stop.wait(0.01)
            self.engine_gone = not living and not ended
            self._stop.wait(POLL_SECONDS)

    def drain(self) -> bool:
        """Apply what has arrived, for at most `BUDGET_SECONDS`; True when the state has moved."""
        if self._first is not None and not self.ready:
            self.state, self.ready = self._first, True
            return True
        before = self.state.version
        until = time.monotonic() + BUDGET_SECONDS
        while self.ready and time.monotonic() < until:
            if not self._left:
                try:
                    self._left = self._queue.get_nowait()
                except Empty:
                    break
            part, self._left = self._left[:SLICE], self._left[SLICE:]
            self.state.apply_all(part)
        return self.state.version != before

    def stop(self) -> None:
        """Let the reader end."""
        self._stop.set()
