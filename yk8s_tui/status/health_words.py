"""Words that the rules of health share."""

from __future__ import annotations

from collections.abc import Sequence

from yk8s_tui.status.model import ClusterStatus

NAMED = 3
"""Names that are said before the rest is counted."""


def span(seconds: float) -> str:
    """A duration as one says it: `40 s`, `3 min`, `5 h`, `12 days`."""
    seconds = max(0.0, seconds)
    for unit, length, limit in (("s", 1, 90), ("min", 60, 90 * 60), ("h", 3600, 48 * 3600)):
        if seconds < limit:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} days"


def lasting(since: float, now: float) -> str:
    """` for 3 min`, or nothing when the beginning is not known."""
    return f" for {span(now - since)}" if since else ""


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b, c and 9 more`."""
    if len(names) <= 1:
        return "".join(names)
    if len(names) <= NAMED:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def size(amount: float) -> str:
    """Bytes as one says them: `1.6 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def first_line(text: str) -> str:
    """The first line of a longer text."""
    return next(iter(text.splitlines()), "")


def source_state(status: ClusterStatus, key: str) -> str:
    """State of a source; empty when there is none."""
    source = status.sources.get(key)
    return source.state if source else ""


def is_live(status: ClusterStatus, host: str) -> bool:
    """Whether a host tells how it is now."""
    return source_state(status, f"host:{host}") == "live"


def is_lost(status: ClusterStatus, host: str) -> bool:
    """Whether a host does not answer over SSH."""
    return source_state(status, f"host:{host}") == "unreachable"
