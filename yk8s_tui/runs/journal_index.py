"""Where in a journal which event is: few positions in memory, everything else stays on the disk."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

from yk8s_tui.runs.events import Event, JournalError, decode_lines

BLOCK = 64
"""Lines between two positions that are kept."""
CHUNK = 1 << 20
"""Bytes read at a time."""
KEPT_BLOCKS = 32
"""Blocks of text kept for reading single events again."""


class JournalIndex:
    """Events of a journal by number, counted from 0, and by time.

    `batches` is called from one thread; once it has moved on, what it gave out may be read from any other.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = 0
        """End of the last whole line that was read."""
        self._starts = array("Q")
        """Number of the first event of each block."""
        self._offsets = array("Q")
        self._latest = array("d")
        """Latest time before each block; clocks may be set back, this does not go back."""
        self._top = float("-inf")
        self._count = 0
        self._file = -1
        self._texts: OrderedDict[int, list[str]] = OrderedDict()

    def batches(self, stop: Callable[[], bool] = lambda: False) -> Iterator[list[Event]]:
        """The events that were written since the last call; a torn last line waits for its end.

        Raises `JournalError` when there is no journal, or one of a newer version.
        """
        size = CHUNK
        while not stop() and (data := self._read(self.bytes, size)):
            end = data.rfind(b"\n") + 1
            if end:
                yield self._take(data[:end])
                size = CHUNK
            elif len(data) < size:
                return
            else:
                size *= 2

    def _take(self, data: bytes) -> list[Event]:
        raw = data.split(b"\n")[:-1]
        found: list[Event] = []
        starts, offsets, latest = array("Q"), array("Q"), array("d")
        offset, count = self.bytes, self._count
        events, damaged = _decode(data)
        even = not damaged and len(events) == len(raw)
        for first in range(0, len(raw), BLOCK):
            lines = raw[first : first + BLOCK]
            block = events[first : first + BLOCK] if even else _decode(b"\n".join(lines))[0]
            starts.append(count)
            offsets.append(offset)
            latest.append(self._top)
            self._top = max((event.get("t", 0.0) for event in block), default=self._top)
            self._top = max(self._top, latest[-1])
            count += len(block)
            offset += sum(map(len, lines)) + len(lines)
            found += block
        self._publish(offset, count, starts, offsets, latest)
        return found

    def _publish(self, end: int, count: int, starts: array[int], offsets: array[int], latest: array[float]) -> None:
        """In this order, as other threads look for a block in `_latest` or `_starts` and then for its place."""
        self.bytes, self._count = end, count
        self._offsets.extend(offsets)
        self._starts.extend(starts)
        self._latest.extend(latest)

    def read(self, first: int, last: int) -> list[Event]:
        """The events from number `first` up to, but without, `last`."""
        if last <= first:
            return []
        block, after = self._block(first), bisect_left(self._starts, last)
        end = self._offsets[after] if after < len(self._offsets) else self.bytes
        events, _damaged = _decode(self._read(self._offsets[block], end - self._offsets[block]))
        start = self._starts[block]
        return events[first - start : last - start]

    def event(self, number: int) -> Event:
        """One event; those near one another are found quickly."""
        block = self._block(number)
        lines = self._texts.get(block)
        if lines is None:
            end = self._offsets[block + 1] if block + 1 < len(self._offsets) else self.bytes
            lines = _lines(self._read(self._offsets[block], end - self._offsets[block]))
            self._texts[block] = lines
            if len(self._texts) > KEPT_BLOCKS:
                self._texts.popitem(last=False)
        place = number - self._starts[block]
        events, damaged = decode_lines(lines[place : place + 1])
        after = self._starts[block + 1] if block + 1 < len(self._starts) else self._count
        if damaged or len(lines) != after - self._starts[block]:
            events = decode_lines(lines)[0][place:]
        return events[0]

    def offset(self, number: int) -> int:
        """Where event `number` begins, in bytes; the end of what was read for the number after the last."""
        if number >= self._count:
            return self.bytes
        block = self._block(number)
        offset, left = self._offsets[block], number - self._starts[block]
        after = self._offsets[block + 1] if block + 1 < len(self._offsets) else self.bytes
        for line in self._read(offset, after - offset).split(b"\n"):
            whole = bool(_decode(line)[0])
            if whole and not left:
                break
            left -= whole
            offset += len(line) + 1
        return offset

    def number_at(self, t: float) -> int:
        """How many events had happened at a time, seconds since 1970."""
        block = bisect_right(self._latest, t) - 1
        if block < 0:
            return 0
        number, top = self._starts[block], self._latest[block]
        after = self._starts[block + 1] if block + 1 < len(self._starts) else self._count
        for event in self.read(number, after):
            top = max(top, event.get("t", 0.0))
            if top > t:
                break
            number += 1
        return number

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _block(self, number: int) -> int:
        return bisect_right(self._starts, number) - 1

    def _read(self, offset: int, size: int) -> bytes:
        if self._file < 0:
            try:
                self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise JournalError(
                    "there is no journal", where=str(self.path), hint="`yk8s-tui runs list` shows the runs there are"
                ) from None
        return os.pread(self._file, size, offset)


def _lines(data: bytes) -> list[str]:
    return [line for line in data.decode("utf-8", "replace").split("\n") if line]


def _decode(data: bytes) -> tuple[list[Event], int]:
    return decode_lines(_lines(data))
