"""Times, sizes and shares as an operator reads them; pure."""

from __future__ import annotations

from datetime import datetime

MINUTE, HOUR, DAY = 60, 3600, 86400


def span(seconds: float) -> str:
    """A time span in its largest fitting unit: `45 s`, `3 min`, `7 h`, `12 d`."""
    whole = max(0, int(seconds))
    if whole < 2 * MINUTE:
        return f"{whole} s"
    if whole < 2 * HOUR:
        return f"{whole // MINUTE} min"
    return f"{whole // HOUR} h" if whole < 2 * DAY else f"{whole // DAY} d"


def since(moment: float, now: float) -> str:
    """How long something has been so; empty when that is not known."""
    return span(now - moment) if moment else ""


def clock(moment: float) -> str:
    """A moment in local time, to the second; empty for 0."""
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def size(count: float) -> str:
    """Bytes: `41 MB`, `1.9 GB`."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            value = count / factor
            return f"{value:.1f} {unit}" if value < 10 and unit != "MB" else f"{value:.0f} {unit}"
    return f"{count:.0f} B"


def share(part: float, whole: float) -> str:
    """A percentage; empty when there is no whole."""
    return f"{100 * part / whole:.0f} %" if whole else ""
