"""The append-only journal of a run: one writer, any number of readers."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from yk8s_tui.runs.events import SCHEMA_VERSION, SYNCED, Event, JournalError, decode_lines, encode

FLUSH_SECONDS = 0.05
"""How long a line may wait for others before it is written."""
CHUNK = 1 << 20
"""Bytes read at a time, so that a long journal is never in memory as a whole."""
IDLE_SECONDS = 0.1
"""How often a follower looks for more."""
RESERVE_BYTES = 64 * 1024
"""Kept free beside the journal, so that a full disk still lets the end be written."""


class JournalWriter:
    """Appends events; thread-safe, one per run.

    Intents and results are synced before `write` returns; other lines are written in batches after at
    most `FLUSH_SECONDS`. `redact` is applied to every event. When the disk is full, `on_full` is called
    once, the reserve beside the journal is given up, and lines other than synced ones are dropped.
    """

    def __init__(
        self,
        path: Path,
        *,
        redact: Callable[[Any], Any] | None = None,
        clock: Callable[[], float] = time.time,
        on_full: Callable[[OSError], None] | None = None,
    ) -> None:
        self.path = path
        self.failure: OSError | None = None
        self._redact = redact
        self._clock = clock
        self._on_full = on_full
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._reserve = path.with_name("reserve")
        self._reserve.write_bytes(b"\0" * RESERVE_BYTES)
        self._lock = threading.RLock()
        self._pending: list[bytes] = []
        self._seq = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._flusher = threading.Thread(target=self._flush_loop, name="journal", daemon=True)
        self._flusher.start()

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, type_: str, **fields: Any) -> Event:
        """Append one event; returns it as it was written."""
        with self._lock:
            head = {"v": SCHEMA_VERSION, "seq": self._seq + 1, "t": round(self._clock(), 3), "type": type_}
            event: Event = head | fields
            if self._redact is not None:
                event = self._redact(event)
            synced = type_ in SYNCED
            if self.failure is not None and not synced:
                return event
            self._seq += 1
            self._pending.append(encode(event))
            if synced:
                self._flush(sync=True)
            elif len(self._pending) == 1:
                self._wake.set()
            return event

    def fail(self, error: OSError) -> None:
        """Something else of the run could not be written for want of space: give up the reserve for the end."""
        with self._lock:
            self._disk_full(error, sync=True)

    def close(self) -> None:
        """Write and sync what is left."""
        self._closing.set()
        self._wake.set()
        self._flusher.join()
        with self._lock:
            if self._file >= 0:
                self._flush(sync=True)
                os.close(self._file)
                self._file = -1
                self._reserve.unlink(missing_ok=True)

    def _flush_loop(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(FLUSH_SECONDS)
            self._wake.clear()
            with self._lock:
                self._flush(sync=False)

    def _flush(self, *, sync: bool) -> None:
        if not self._pending:
            return
        data = b"".join(self._pending)
        self._pending.clear()
        try:
            while data:
                data = data[os.write(self._file, data) :]
            if sync:
                os.fdatasync(self._file)
        except OSError as error:
            if data:
                self._pending.insert(0, data)
            self._disk_full(error, sync=sync)

    def _disk_full(self, error: OSError, *, sync: bool) -> None:
        first = self.failure is None
        self.failure = self.failure or error
        if first:
            self._reserve.unlink(missing_ok=True)
            if self._on_full is not None:
                self._on_full(error)
            self._flush(sync=sync)


class JournalReader:
    """Reads a journal from where it stopped last time; a torn last line waits for its end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.damaged = 0
        self.ended = False
        self._tail = b""

    def batches(self) -> Iterator[list[Event]]:
        """The events written since the last call, in batches of bounded size."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self.offset)
            while chunk := file.read(CHUNK):
                self.offset += len(chunk)
                events = self._parse(chunk)
                if events:
                    yield events

    def read(self) -> list[Event]:
        """All events written since the last call."""
        return [event for batch in self.batches() for event in batch]

    async def follow(self, *, alive: Callable[[], bool] | None = None) -> AsyncIterator[list[Event]]:
        """Batches of events as they come, until the run has ended.

        With `alive` it also ends when the engine is gone and everything it wrote was read.
        """
        while not self.ended:
            living = alive is None or alive()
            for batch in self.batches():
                yield batch
            if self.ended or not living:
                return
            await asyncio.sleep(IDLE_SECONDS)

    def follow_blocking(self, *, alive: Callable[[], bool] | None = None) -> Iterator[list[Event]]:
        """The same for code without an event loop."""
        pause = threading.Event()
        while not self.ended:
            living = alive is None or alive()
            yield from self.batches()
            if self.ended or not living:
                return
            pause.wait(IDLE_SECONDS)

    def _parse(self, chunk: bytes) -> list[Event]:
        data = self._tail + chunk
        whole, newline, self._tail = data.rpartition(b"\n")
        if not newline:
            return []
        lines = [line for line in whole.decode("utf-8", "replace").split("\n") if line]
        events, damaged = decode_lines(lines)
        self.damaged += damaged
        if any(event.get("type") == "run_finished" for event in events[-3:]):
            self.ended = True
        return events


def read_events(path: Path) -> list[Event]:
    """All events of a journal; raises `JournalError` when there is none."""
    if not path.exists():
        raise JournalError("there is no journal", where=str(path), hint="`yk8s-tui runs list` shows the runs there are")
    return JournalReader(path).read()
