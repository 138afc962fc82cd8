"""Times, sizes and shares as an operator reads them; pure."""

from __future__ import annotations

from datetime import datetime

from yk8s_tui.status.health_words import size, span

__all__ = ["age", "clock", "share", "since", "size", "span"]


def since(moment: float, now: float) -> str:
    """How long something has been so; empty when that is not known."""
    return span(now - moment) if moment else ""


def age(moment: float, now: float) -> str:
    """How long something has been so, for a narrow column: `45s`, `3m`, `7h`, `12d`; empty when that is not known."""
    if not moment:
        return ""
    left = max(0.0, now - moment)
    for unit, length, limit in (("s", 1, 90), ("m", 60, 90 * 60), ("h", 3600, 48 * 3600)):
        if left < limit:
            return f"{left / length:.0f}{unit}"
    return f"{left / 86400:.0f}d"


def clock(moment: float) -> str:
    """A moment in local time, to the second; empty for 0."""
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def share(part: float, whole: float) -> str:
    """A percentage; empty when there is no whole."""
    return f"{100 * part / whole:.0f}%" if whole else ""
