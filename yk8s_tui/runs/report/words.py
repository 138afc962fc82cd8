"""How a report says things: the one way in which text gets into it, times and durations."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from datetime import datetime

MARKS = {
    "ok": "✓", "changed": "✓", "done": "✓", "partial": "!", "failed": "✗", "unreachable": "✗", "set aside": "✗",
    "skipped": "–", "cancelled": "■", "interrupted": "?", "unfinished": "■", "running": "●", "waiting": "○",
    "ignored": "!",
}  # fmt: skip
"""State or result -> the symbol that goes with its colour."""
RESULTS = {
    "done": "Done",
    "failed": "Failed",
    "partial": "Partly done",
    "cancelled": "Cancelled",
    "interrupted": "Interrupted",
    "running": "Still running",
}
"""Result of a run -> in words."""


class Text:
    """Makes text safe for the page: secrets out, then markup escaped. Every text that is not ours goes through it."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact
        self._known: dict[str, str] = {}

    def __call__(self, text: object) -> str:
        """The text as it may stand in an element or in a quoted attribute."""
        plain = str(text)
        found = self._known.get(plain)
        if found is None:
            visible = "".join(c if c.isprintable() or c in "\n\t" else "�" for c in self._redact(plain))
            found = self._known[plain] = html.escape(visible)
        return found

    def names(self, names: Iterable[str], most: int = 12) -> str:
        """A list of names, cut to its beginning when it is long."""
        listed = list(names)
        more = f" and {len(listed) - most} more" if len(listed) > most else ""
        return ", ".join(self(name) for name in listed[:most]) + more


def moment(t: float) -> str:
    """A point in time, with the offset of this machine's time zone."""
    return datetime.fromtimestamp(t).astimezone().strftime("%Y-%m-%d %H:%M:%S %z") if t else "not known"


def clock(seconds: float) -> str:
    """`0:48`, `12:03`, `1:02:03`."""
    hours, rest = divmod(max(0, round(seconds)), 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def span(seconds: float) -> str:
    """`0.4 s`, `12 s`, `1:40 min`, `1:02:03 h`: how long something took."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{clock(seconds)} {'min' if seconds < 3599.5 else 'h'}"


def count(number: int, what: str) -> str:
    """`1 node`, `3 nodes`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def mark(result: str) -> str:
    """The symbol of a state or result."""
    return MARKS.get(result, "·")


def kind(result: str) -> str:
    """The CSS class of a state or result."""
    return result.replace(" ", "-") if result in MARKS else "unknown"


def ticks(length: float, most: int) -> list[float]:
    """Round moments between 0 and the length, at most so many."""
    steps = [b * u for u in (1, 60, 3600, 86400) for b in (1, 2, 5, 10, 15, 30)]
    width = next((s for s in steps if length / s <= most), length)
    return [width * i for i in range(int(length / width) + 1)]
