"""A longer text to read: a diff."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from yk8s_tui.widgets.bars import KeyBar, TitleBar

_COLOURS = {"+": "$text-success", "-": "$text-error", "@": "$text-accent"}


class TextScreen(Screen[None]):
    """Lines of a diff in their colours; Esc goes back."""

    HELP = "Lines with + are new, lines with - are no longer there."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "app.pop_screen", "Back", tooltip="Back", key_display="Esc"),
    ]

    def __init__(self, title: str, lines: Iterable[str]) -> None:
        super().__init__()
        self.heading = title
        self.lines_shown = tuple(lines)

    def compose(self) -> ComposeResult:
        """The lines."""
        yield TitleBar(self.heading)
        with Vertical(classes="pane"), VerticalScroll(id="text"):
            yield Static(Content("\n").join(_line(line) for line in self.lines_shown), markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Arrow keys scroll."""
        self.query_one("#text").focus()


def _line(line: str) -> Content:
    colour = _COLOURS.get(line[:1], "")
    return Content.styled(line, colour) if colour else Content(line)
