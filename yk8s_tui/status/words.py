"""Times, sizes and shares as an operator reads them; pure."""

from __future__ import annotations

from datetime import datetime

from yk8s_tui.status.health_words import size, span

__all__ = ["clock", "share", "since", "size", "span"]


def since(moment: float, now: float) -> str:
    """How long something has been so; empty when that is not known."""
    return span(now - moment) if moment else ""


def clock(moment: float) -> str:
    """A moment in local time, to the second; empty for 0."""
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def share(part: float, whole: float) -> str:
    """A percentage; empty when there is no whole."""
    return f"{100 * part / whole:.0f} %" if whole else ""
