"""Two runs side by side, to be read; changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from yk8s_tui import paths
from yk8s_tui.runs.compare import Comparison
from yk8s_tui.runs.compare_words import sections
from yk8s_tui.widgets.bars import KeyBar, TitleBar
from yk8s_tui.widgets.symbols import symbol

_DIFF = {"+": "$text-success", "-": "$text-error", "@": "$text-accent"}


class CompareScreen(Screen[None]):
    """Reads both journals in a thread, then shows what differs."""

    CSS_PATH = paths.assets() / "styles" / "run.tcss"
    HELP = """
A is the older of the two runs, B the newer. Differences are B less A, the largest first.

The seconds of a node are those of its tasks, added up; a step takes as long as the slowest of its nodes, and longer.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "app.pop_screen", "Back", tooltip="Back to the run", key_display="Esc"),
    ]

    class Read(Message):
        """Both runs were read, or could not be."""

        def __init__(self, found: Comparison | None, error: Exception | None = None) -> None:
            super().__init__()
            self.found = found
            self.error = error

    def __init__(self, root: Path, run: str, other: str) -> None:
        super().__init__()
        self.root = root
        self.runs = (run, other)
        self.ready = False

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        yield TitleBar("compare", "reading both journals")
        with Vertical(classes="pane"), VerticalScroll(id="compare-list"):
            yield Static("", id="compare-text", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one("#compare-list").focus()
        self.read()

    @work(thread=True, exclusive=True, exit_on_error=False, group="compare")
    def read(self) -> None:
        """Read both runs."""
        from yk8s_tui.runs.account import read_account
        from yk8s_tui.runs.compare import compare
        from yk8s_tui.runs.start import find_run, run_directory

        try:
            runs = sorted((find_run(self.root, name) for name in self.runs), key=lambda run: run.started)
            found = compare(*(read_account(run_directory(self.root, run.id), run) for run in runs))
            self.post_message(self.Read(found))
        except Exception as error:
            self.post_message(self.Read(None, error))

    @on(Read)
    def _read(self, event: Read) -> None:
        if event.error is not None:
            self.app.show_error(event.error, self.app.pop_screen)  # type: ignore[attr-defined]
        if event.found is None:
            return
        self.ready = True
        bar = self.query_one(TitleBar)
        bar.left = f"compare {symbol('dot')} A #{event.found.a.number}, B #{event.found.b.number}"
        bar.right = f"{event.found.a.operation} {symbol('dot')} {event.found.b.operation}"
        lines: list[Content] = []
        for heading, texts in sections(event.found):
            lines.append(Content.styled(heading, "bold $text-accent"))
            colours = _DIFF if heading == "Configuration" else {}
            lines += [Content.styled(f"  {text}", colours.get(text[:1], "")) for text in texts]
            lines.append(Content(""))
        self.query_one("#compare-text", Static).update(Content("\n").join(lines[:-1]))
