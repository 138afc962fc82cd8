"""How one node is painted: what it says (compared from tick to tick), and the segments of each line."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size

from yk8s_tui.runs.views import Failure, NodeState
from yk8s_tui.widgets.node_cells import Part, pane_lines, pane_title, state_of
from yk8s_tui.widgets.symbols import State, cut, symbol, table

Styles = Callable[[str], Style]
"""Name of a style -> the style."""

_LIGHT = ("┌", "─", "┐", "│", "└", "┘")
_HEAVY = ("┏", "━", "┓", "┃", "┗", "┛")
_PLAIN = ("+", "-", "+", "|", "+", "+")
_PLAIN_HEAVY = ("#", "=", "#", "#", "#", "#")


class Drawn(NamedTuple):
    """What a node looks like now; equal values need no painting."""

    name: str
    state: State
    under: bool
    """Whether the cursor is on it."""
    title: tuple[Part, ...] = ()
    lines: tuple[Part, ...] = ()


def draw(
    node: NodeState, failure: Failure | None, now: float, size: Size, *, under: bool, dense: bool, slow: str = ""
) -> Drawn:
    """What a node looks like as a cell (dense) or as a pane of this size; `slow` says that its lamp is on."""
    state = state_of(node, (node.name,) if slow else ())
    if dense:
        return Drawn(node.name, state, under)
    lines = pane_lines(node, failure, now, size.width - 4, size.height - 2, slow)
    return Drawn(node.name, state, under, tuple(pane_title(node, now, slow)), tuple(lines))


def cell(drawn: Drawn, width: int, style: Styles) -> list[Segment]:
    """Symbol and name in one line."""
    room = width - 3
    plain = drawn.state if drawn.state in ("failed", "warning") else "text"
    return [
        Segment(" " + symbol(drawn.state), style(drawn.state)),
        Segment(" ", style("")),
        Segment(cut(drawn.name, room), style("cursor" if drawn.under else plain)),
        Segment(" " * max(0, room - len(drawn.name)), style("")),
    ]


def pane(drawn: Drawn, line: int, size: Size, style: Styles) -> list[Segment]:
    """One line of a pane; the frame is heavy under the cursor."""
    width, height = size
    light, heavy = (_PLAIN, _PLAIN_HEAVY) if table()["ok"] == "v" else (_LIGHT, _HEAVY)
    left, flat, right, side, bottom_left, bottom_right = heavy if drawn.under else light
    frame = style("failed" if drawn.state == "failed" else "chosen" if drawn.under else "frame")
    if line == 0:
        used = sum(len(text) for text, _ in drawn.title)
        parts = [Segment(f"{left} ", frame)]
        parts += [Segment(text, style(name)) for text, name in drawn.title]
        return [*parts, Segment(f" {flat * max(0, width - used - 4)}{right}", frame)]
    if line == height - 1:
        return [Segment(bottom_left + flat * (width - 2) + bottom_right, frame)]
    text, name = drawn.lines[line - 1] if line <= len(drawn.lines) else ("", "text")
    text = cut(text, width - 4).ljust(width - 4)
    return [Segment(f"{side} ", frame), Segment(text, style(name)), Segment(f" {side}", frame)]
