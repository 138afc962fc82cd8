"""Where new keys and tables go in a TOML text: where an operator would write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.items import Table

from yk8s_tui.models import keys
from yk8s_tui.repository.lines import Layout, layout

_HEADER = re.compile(r"#\s*\[.*\]\s*$")


def is_table(value: Any) -> bool:
    """Whether a value is written as a table, or as a list of tables."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(v, Mapping) for v in value)
    return isinstance(value, Mapping)


def beside_comment(text: str, path: keys.Path) -> str:
    """The text with a placeholder for a new key below its commented-out default, if it has one."""
    places = layout(text)
    *table, last = path
    if isinstance(last, int) or path in places.lines:
        return text
    pattern = re.compile(rf"#\s*{re.escape(str(last))}\s*=")
    shadow: tuple[keys.Path, bool] = ((), False)
    for owner, line, comment in places.comments:
        if owner != shadow[0]:
            shadow = (owner, False)
        if _HEADER.match(comment):
            shadow = (owner, True)
        if owner == tuple(table) and not shadow[1] and pattern.match(comment):
            return _insert(text, line, [f"{last} = 0"])
    return text


def with_new_tables(text: str, path: keys.Path, value: Any) -> str:
    """The text with a new table, or list of tables, in a good place; the caller checks that it is valid there."""
    if any(isinstance(part, int) for part in path):
        return text
    places = layout(text)
    name = keys.join(path)
    entries = value if isinstance(value, list) else [value]
    header = f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
    lines: list[str] = []
    for entry in entries:
        body = tomlkit.dumps(new_table(entry)).rstrip("\n").split("\n") if entry else []
        lines += ["", header, *body]
    return _insert(text, _place(text.split("\n"), places, path), lines)


def new_table(value: Mapping[str, Any]) -> Table:
    """A table whose inner tables are on one line each."""
    table = tomlkit.table()
    for key, inner in value.items():
        table.append(key, inline(inner))
    return table


def inline(value: Any) -> Any:
    """A value on one line."""
    if isinstance(value, Mapping):
        table = tomlkit.inline_table()
        for key, inner in value.items():
            table.append(key, inline(inner))
        return table
    if isinstance(value, list):
        array = tomlkit.array()
        for inner in value:
            array.append(inline(inner))
        return array
    return value


def _place(lines: list[str], places: Layout, path: keys.Path) -> int:
    """After how many lines: below the commented example, else at the end of the table around it, else at the end."""
    example = re.compile(rf"#\s*\[+\s*{re.escape(keys.join(path))}\s*\]+\s*$")
    for _, line, comment in places.comments:
        if example.match(comment):
            return _end_of_comment(lines, line)
    around = next((path[:n] for n in range(len(path) - 1, 0, -1) if path[:n] in places.headers), None)
    if around is None:
        return _last_line(lines, len(lines))
    start = places.headers[around]
    following = [line for line in places.header_lines if line > start]
    return _last_line(lines, following[0] - 1 if following else len(lines), is_open=bool(following))


def _end_of_comment(lines: list[str], line: int) -> int:
    while line < len(lines) and lines[line].startswith("#") and lines[line].strip() != "#":
        line += 1
    return line


def _last_line(lines: list[str], end: int, *, is_open: bool = False) -> int:
    """The last line that belongs to what stands before; comments right above a header belong to the header."""
    while is_open and end and lines[end - 1].lstrip().startswith("#"):
        end -= 1
    while end and not lines[end - 1].strip():
        end -= 1
    return end


def _insert(text: str, place: int, new: list[str]) -> str:
    lines = text.split("\n")
    end = "\r" if "\r\n" in text else ""
    added = [f"{line}{end}" for line in new]
    if place and not lines[place - 1].endswith(end):
        lines[place - 1] += end
    after = lines[place:]
    if not after:
        after = [""]
    return "\n".join([*lines[:place], *added, *after])
