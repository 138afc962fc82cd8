"""Dotted keys of the configuration: `harbour.baremetal.nodes[0].labels."example.org/zone"`."""

from __future__ import annotations

import re
from collections.abc import Sequence

Path = tuple[str | int, ...]
"""A key as its parts; a number is a place in a list, counted from 0."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PART = re.compile(r'"(?P<quoted>[^"]*)"|(?P<bare>[^.\[\]"]+)')
_INDEX = re.compile(r"\[(\d+)\]")


def join(path: Sequence[str | int]) -> str:
    """The dotted key of a path."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        text += "." if text else ""
        text += part if _BARE.fullmatch(part) else f'"{part}"'
    return text


def split(key: str) -> Path:
    """The path of a dotted key; raises `ValueError` when it is not one."""
    path: list[str | int] = []
    position = 0
    while position < len(key):
        if match := _INDEX.match(key, position):
            path.append(int(match.group(1)))
        elif (match := _PART.match(key, position)) and (position == 0 or key[position - 1] == "."):
            path.append(match.group("bare") if match.group("quoted") is None else match.group("quoted"))
        else:
            raise ValueError(f"{key!r} is not a dotted key")
        position = match.end()
        if key[position : position + 1] == ".":
            position += 1
            if position == len(key):
                raise ValueError(f"{key!r} ends with a dot")
    if not path:
        raise ValueError("the key is empty")
    return tuple(path)
