"""Where in a journal the lines of one node are: the file stays on the disk, only positions are kept."""

from __future__ import annotations

import json
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

CHUNK = 4 << 20
"""Bytes read at a time."""
KEPT_LINES = 1_000
"""Parsed events that are kept for painting."""

_LEFT_OUT = tuple(
    f'"{key}":"{value}"'.encode()
    for key, value in (
        ("type", "progress"),
        ("type", "node_task"),
        ("type", "availability"),
        ("type", "task_started"),
        ("result", "skipped"),
    )
)
"""What a reader of a log does not want to see: the journal has it."""
_KINDS = {
    "failed": "failed",
    "unreachable": "failed",
    "changed": "changed",
    "ok": "ok",
    "error": "failed",
    "warning": "changed",
}


class LogLine(NamedTuple):
    """One line as it is shown."""

    time: str
    kind: str
    """`ok`, `changed`, `failed`, `text`, `muted`."""
    text: str


class LogIndex:
    """Positions of the events of one node (all nodes when the name is empty) that contain a text.

    `extend` is called from one thread at a time; `line` may be called from another: positions are only
    ever appended.
    """

    def __init__(
        self, path: Path, node: str = "", contains: str = "", *, end: Callable[[], int | None] = lambda: None
    ) -> None:
        self.path = path
        self.end = end
        """How far the journal is looked at, bytes; None is all of it."""
        self.node = node
        self.contains = contains.lower().encode()
        self._needles = [
            json.dumps({"node": node}, separators=s).strip("{}").encode() for s in ((",", ":"), (", ", ": "))
        ]
        self._offsets = array("Q")
        self._parts = array("H")
        """Which line of the event's text; an event with a long text fills several lines."""
        self._position = 0
        self._cache: OrderedDict[int, list[LogLine]] = OrderedDict()
        self._file: BinaryIO | None = None

    def __len__(self) -> int:
        return len(self._parts)

    def extend(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Look at what was written since the last call; True when lines were added."""
        before = len(self._parts)
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return False
        with file:
            file.seek(self._position)
            rest, until = b"", self.end()
            room = CHUNK if until is None else max(0, until - self._position)
            while (chunk := file.read(min(CHUNK, room))) and not stop():
                data = rest + chunk
                room = CHUNK if until is None else room - len(chunk)
                end = data.rfind(b"\n") + 1
                self._scan(data[:end], self._position)
                self._position += end
                rest = data[end:]
        return len(self._parts) != before

    def _scan(self, data: bytes, base: int) -> None:
        if not self.node:
            start = 0
            for line in data.splitlines(keepends=True):
                self._take(line, base + start)
                start += len(line)
            return
        needle = next((n for n in self._needles if n in data), None)
        position = data.find(needle) if needle else -1
        while needle and position >= 0:
            start = data.rfind(b"\n", 0, position) + 1
            end = data.find(b"\n", position) + 1
            self._take(data[start:end], base + start)
            position = data.find(needle, end)

    def _take(self, line: bytes, offset: int) -> None:
        if any(kind in line for kind in _LEFT_OUT) or (self.contains and self.contains not in line.lower()):
            return
        count = len(self._lines_of(line)) if b"\\n" in line or b"node_set_aside" in line else 1
        for part in range(min(count, 60_000)):
            self._parts.append(part)
            self._offsets.append(offset)

    def line(self, number: int) -> LogLine:
        """One line, counted from 0; read from the file when it is not in memory."""
        offset, part = self._offsets[number], self._parts[number]
        lines = self._cache.get(offset)
        if lines is None:
            lines = self._lines_of(self._read(offset))
            self._cache[offset] = lines
            if len(self._cache) > KEPT_LINES:
                self._cache.popitem(last=False)
        return lines[part] if part < len(lines) else LogLine("", "text", "")

    def _read(self, offset: int) -> bytes:
        if self._file is None:
            self._file = self.path.open("rb")
        self._file.seek(offset)
        return self._file.readline()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lines_of(self, raw: bytes) -> list[LogLine]:
        try:
            event = json.loads(raw)
        except ValueError:
            return [LogLine("", "muted", raw.decode("utf-8", "replace").strip())]
        kind, text = describe(event, with_node=not self.node)
        stamp = time.strftime("%H:%M:%S", time.localtime(event.get("t", 0)))
        first, *others = text.split("\n")
        return [
            LogLine(stamp, kind, first),
            *(LogLine("", kind if kind == "failed" else "text", o) for o in others),
        ]


def describe(event: dict[str, Any], *, with_node: bool) -> tuple[str, str]:
    """(kind, text) of an event as a line of the log; control characters are taken out."""
    kind_of_event = str(event.get("type"))
    words = _WORDS.get(kind_of_event)
    text, kind = words(event) if words else (kind_of_event, "muted")
    node = f"{event['node']}: " if with_node and event.get("node") else ""
    return kind, "".join(c if c == "\n" or c.isprintable() else " " for c in f"{node}{text}".rstrip())


def _result(event: dict[str, Any]) -> tuple[str, str]:
    message = event.get("message") or ""
    seconds = f" ({event['seconds']:.1f} s)" if event.get("seconds", 0) >= 1 else ""
    text = f"{event['result']:<8} {event['task']}{seconds}"
    return (f"{text}: {message}" if message else text), _KINDS.get(event["result"], "muted")


def _set_aside(event: dict[str, Any]) -> tuple[str, str]:
    parts = [f"set aside in {event.get('task') or event.get('step')}: {event.get('reason', '')}"]
    parts += [str(event["evidence"])] if event.get("evidence") else []
    parts += [f"what to do: {event['hint']}"] if event.get("hint") else []
    return "\n".join(parts), "failed"


def _step_finished(event: dict[str, Any]) -> tuple[str, str]:
    reason = f": {event['reason']}" if event.get("reason") else ""
    return (
        f"step {event['step']} {event['result']} after {event.get('seconds', 0):.1f} s{reason}",
        _KINDS.get(event["result"], "muted"),
    )


_WORDS: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "node_result": _result,
    "log": lambda e: (str(e.get("text", "")), "text"),
    "retry": lambda e: (f"again    {e['task']}: attempt {e['attempt']} of {e['of']}", "changed"),
    "node_set_aside": _set_aside,
    "note": lambda e: (str(e.get("text", "")), _KINDS.get(str(e.get("level")), "text")),
    "step_started": lambda e: (
        f"step {e['step']} begins on {' '.join(e.get('nodes', ())) or 'no node'}",
        "muted",
    ),
    "step_finished": _step_finished,
    "run_started": lambda e: (f"run {e.get('run')} of {e.get('cluster')} begins, by {e.get('by')}", "muted"),
    "run_finished": lambda e: (f"run {e['result']} {e.get('message', '')} {e.get('next', '')}", "text"),
    "control": lambda e: (f"{e['action']} asked for by {e.get('by')}", "changed"),
    "consent": lambda e: (f"consent by {e.get('by')}: {e.get('text')}", "changed"),
    "waiver": lambda e: (f"check {e.get('check')} waived by {e.get('by')}: {e.get('reason')}", "changed"),
}
