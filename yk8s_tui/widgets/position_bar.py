"""Where in a run one is: a time line with marks, and the number of the event."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from textual.content import Content
from textual.widget import Widget

from yk8s_tui.widgets.symbols import COLOURS, State, duration, symbol


class Place(NamedTuple):
    """What the bar shows; times are seconds since 1970."""

    position: int
    events: int
    time: float
    began: float
    ended: float
    speed: float
    playing: bool
    complete: bool
    failures: Sequence[float]
    """Times of failures."""


class PositionBar(Widget):
    """One line; it only paints when it looks different."""

    shown: Place | None = None

    def show(self, place: Place) -> None:
        """Take the place as it is now."""
        before = self.shown
        self.shown = place
        if before is None or bar(before, self.size.width) != bar(place, self.size.width):
            self.refresh()

    def render(self) -> Content:
        """Playing or paused, how fast, the line, and the event."""
        return Content.assemble(*bar(self.shown, self.size.width)) if self.shown else Content("")


def bar(place: Place, columns: int) -> list[tuple[str, str]]:
    """The texts of the line and their styles."""
    word = speed_word(place.speed) if place.playing else "paused"
    sign: State = "running" if place.playing else "paused"
    colour = COLOURS[sign]
    head = f" {word:<6} {duration(place.time - place.began)} "
    more = "" if place.complete else ", reading"
    events = f"{place.events:,}"
    tail = f" {duration(place.ended - place.began)}  event {place.position:>{len(events)},} of {events}{more} "
    width = max(4, columns - len(head) - len(tail) - 2)
    return [(f" {symbol(sign)}", colour), (head, "bold"), *time_line(place, width), (tail, "$foreground-muted")]


def speed_word(speed: float) -> str:
    """`10x`, or `max`."""
    return "max" if math.isinf(speed) else f"{speed:g}x"


def time_line(place: Place, width: int) -> list[tuple[str, str]]:
    """What was played, what is to come, and where something failed."""
    span = max(place.ended - place.began, 1e-9)

    def column(t: float) -> int:
        return max(0, min(width - 1, int((t - place.began) / span * width)))

    played = width if place.position >= place.events else column(place.time)
    failed = {column(t) for t in place.failures}
    cells = [
        (symbol("failed"), "$text-error")
        if at in failed
        else (symbol("full"), "$text-accent")
        if at < played
        else (symbol("rest"), "$foreground-muted")
        for at in range(width)
    ]
    return [("".join(text for text, _ in run), style) for style, run in groupby(cells, itemgetter(1))]
