"""The symbols that go with every colour, and what stands in for them in plain terminals."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Literal

State = Literal["ok", "running", "waiting", "failed", "warning", "skipped", "unknown", "paused"]
"""What anything on a screen can be: a node, a step, a layer, a check, a wizard page."""

_UNICODE = {
    "ok": "✓",
    "running": "●",
    "waiting": "○",
    "failed": "✗",
    "warning": "!",
    "skipped": "–",
    "unknown": "?",
    "paused": "■",
    "full": "█",
    "rest": "░",
    "more": "…",
    "dot": "·",
    "dash": "–",
    "to": "→",
}
_ASCII = {
    "ok": "v",
    "running": ">",
    "waiting": ".",
    "failed": "x",
    "warning": "!",
    "skipped": "-",
    "unknown": "?",
    "paused": "=",
    "full": "#",
    "rest": ".",
    "more": "~",
    "dot": "-",
    "dash": "-",
    "to": ">",
}

STATES: tuple[State, ...] = (
    "ok",
    "running",
    "waiting",
    "failed",
    "warning",
    "skipped",
    "unknown",
    "paused",
)

COLOURS: dict[State, str] = {
    "ok": "$text-success",
    "running": "$text-accent",
    "waiting": "$foreground-muted",
    "failed": "$text-error",
    "warning": "$text-warning",
    "skipped": "$foreground-muted",
    "unknown": "$text-warning",
    "paused": "$text-warning",
}
"""Theme colour of each state, for styled text."""


def is_plain(environment: Mapping[str, str]) -> bool:
    """Whether the terminal cannot show more than ASCII.

    The locale decides as POSIX says (LC_ALL, LC_CTYPE, LANG; the first that is set). Terminals that are
    known to lack the symbols count as plain whatever the locale says.
    """
    if environment.get("TERM", "") in ("dumb", "linux", "vt100", "vt102", "vt220"):
        return True
    named = next((v for k in ("LC_ALL", "LC_CTYPE", "LANG") if (v := environment.get(k))), "")
    return bool(named) and "utf" not in named.lower()


@cache
def table() -> Mapping[str, str]:
    """The symbols of this terminal, by name."""
    return _ASCII if is_plain(os.environ) else _UNICODE


def symbol(name: str) -> str:
    """One symbol by name: a state, or `full`, `rest`, `more`, `dot`, `dash`, `to`."""
    return table()[name]


def bar(done: float, total: float, width: int) -> str:
    """A progress bar of `width` characters."""
    filled = 0 if total <= 0 else max(0, min(width, round(width * done / total)))
    return symbol("full") * filled + symbol("rest") * (width - filled)


def duration(seconds: float) -> str:
    """`0:48`, `12:03`, `1:02:03`: a time span as an operator reads it."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def cut(text: str, width: int) -> str:
    """The text in at most `width` characters, with a sign that something is missing."""
    if len(text) <= width:
        return text
    return text[: max(0, width - 1)] + symbol("more") if width > 0 else ""
