"""Where each key of a TOML text stands, so that a problem can name its line.

The text has been accepted by `tomllib` before; this only keeps track of places and never judges.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field

from yk8s_tui.models.keys import Path

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SKIP_INLINE = re.compile(r"[ \t]*")
_SKIP_LINES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:\\.|(?!""").)*"""(?:"{0,2})'
    r"|'''(?:(?!''').)*'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]\}\r\n#]+")


@dataclass
class Layout:
    """Lines are counted from 1."""

    lines: dict[Path, int] = field(default_factory=dict)
    """Where each key and each table header is written."""
    headers: dict[Path, int] = field(default_factory=dict)
    """Where each table header is written; of an array of tables, every entry's."""
    comments: list[tuple[Path, int, str]] = field(default_factory=list)
    """Whole-line comments outside values: the table they stand in, line, text."""

    @property
    def header_lines(self) -> list[int]:
        """The lines with headers, in order."""
        return sorted(self.headers.values())

    def line_of(self, path: Sequence[str | int]) -> int:
        """The line of a key; for one that is not there, of the table it would be in; 0 for none."""
        for length in range(len(path), 0, -1):
            if line := self.lines.get(tuple(path[:length])):
                return line
        return 0


def layout(text: str) -> Layout:
    """Find every key of a valid TOML text."""
    return _Scanner(text).scan()


class _Scanner:
    """One pass over the text; `at` is the position in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found = Layout()
        self.table: Path = ()
        self.lengths: dict[Path, int] = {}
        self.counted = (0, 1)

    def scan(self) -> Layout:
        while self._next_statement():
            if self.text.startswith("[", self.at):
                self._header()
            else:
                self._pair()
        return self.found

    def _next_statement(self) -> bool:
        while self.at < len(self.text):
            self.at = _match_end(_SKIP_INLINE, self.text, self.at)
            if self.text.startswith("#", self.at):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                self.found.comments.append((self.table, self._line(), self.text[self.at : end].rstrip("\r")))
                self.at = end
            elif self.text[self.at : self.at + 1] in "\r\n" and self.at < len(self.text):
                self.at += 1
            else:
                return self.at < len(self.text)
        return False

    def _header(self) -> None:
        line = self._line()
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        self.table = self._resolve(self._key(), opens_item=is_array)
        self._mark(self.table, line)
        self.found.headers[self.table] = line
        self.at += 2 if is_array else 1
        self._end_of_line()

    def _resolve(self, parts: list[str], *, opens_item: bool) -> Path:
        """The path of a header: names of arrays of tables get the place of their last entry."""
        path: Path = ()
        for number, part in enumerate(parts):
            path = (*path, part)
            if opens_item and number == len(parts) - 1:
                self.lengths[path] = self.lengths.get(path, 0) + 1
            if path in self.lengths:
                path = (*path, self.lengths[path] - 1)
        return path

    def _pair(self) -> None:
        line = self._line()
        path = (*self.table, *self._key())
        self._mark(path, line)
        self.at = _match_end(_SKIP_INLINE, self.text, self.at + 1)
        self._value(path)
        self._end_of_line()

    def _mark(self, path: Path, line: int) -> None:
        for length in range(1, len(path) + 1):
            self.found.lines.setdefault(path[:length], line)

    def _key(self) -> list[str]:
        """A dotted key; ends on what follows it (`=` or `]`)."""
        parts: list[str] = []
        while True:
            self.at = _match_end(_SKIP_INLINE, self.text, self.at)
            if self.text[self.at] in "\"'":
                end = _match_end(_STRING, self.text, self.at)
                parts.append(tomllib.loads(f"k = {self.text[self.at : end]}")["k"])
            else:
                end = _match_end(_BARE_KEY, self.text, self.at)
                parts.append(self.text[self.at : end])
            self.at = _match_end(_SKIP_INLINE, self.text, end)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def _value(self, path: Path) -> None:
        first = self.text[self.at]
        if first in "\"'":
            self.at = _match_end(_STRING, self.text, self.at)
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            self.at = _match_end(_SCALAR, self.text, self.at)

    def _array(self, path: Path) -> None:
        self.at += 1
        number = 0
        while True:
            self.at = _match_end(_SKIP_LINES, self.text, self.at)
            if self.text[self.at] == "]":
                break
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._mark((*path, number), self._line())
            self._value((*path, number))
            number += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self.at = _match_end(_SKIP_LINES, self.text, self.at)
            if self.text[self.at] == "}":
                break
            if self.text[self.at] == ",":
                self.at += 1
                continue
            line = self._line()
            key = (*path, *self._key())
            self._mark(key, line)
            self.at = _match_end(_SKIP_INLINE, self.text, self.at + 1)
            self._value(key)
        self.at += 1

    def _end_of_line(self) -> None:
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end

    def _line(self) -> int:
        position, line = self.counted
        self.counted = (self.at, line + self.text.count("\n", position, self.at))
        return self.counted[1]


def _match_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
