"""The log of one node, or of the whole run, full screen: filter, follow, any length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from yk8s_tui.runs.state import RunState
from yk8s_tui.screens.log_index import LogIndex
from yk8s_tui.widgets.bars import KeyBar, TitleBar
from yk8s_tui.widgets.log_view import LogView
from yk8s_tui.widgets.node_cells import state_of
from yk8s_tui.widgets.symbols import symbol


class NodeLogScreen(Screen[None]):
    """Reads the journal itself, so it shows every line however long the run was."""

    AUTO_FOCUS = "LogView"
    HELP = """
Every result and every line of this node, oldest first; tasks that were skipped are left out. Up and Page up leave the
end; End goes back to it and follows. Left and Right scroll long lines.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", tooltip="Show only lines that contain a text"),
        Binding("f", "follow", "Follow", tooltip="Stay at the end, or not"),
        Binding("escape,q", "back", "Back", tooltip="Back to the run"),
    ]

    def __init__(
        self,
        journal: Path,
        node: str,
        state: Callable[[], RunState],
        *,
        end: Callable[[], int | None] = lambda: None,
    ) -> None:
        super().__init__()
        self.journal = journal
        self.node = node
        self.state = state
        self.end = end
        self.index = LogIndex(journal, node, end=end)
        self._text = ""

    def compose(self) -> ComposeResult:
        """The log, a line about the failure, the filter."""
        yield TitleBar(f"{self.node or 'whole run'} {symbol('dot')} log", "reading …")
        yield LogView()
        yield Static("", id="remark", markup=False)
        yield Input(id="filter", placeholder="text", compact=True)
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one("#filter").display = False
        self._show_index(self.index)

    def on_unmount(self) -> None:
        """Close the file."""
        self.index.close()

    def _show_index(self, index: LogIndex) -> None:
        self.index.close()
        self.index = index
        view = self.query_one(LogView)
        view.follow = True
        view.take(index)
        self.read(index)

    @work(thread=True, exclusive=True, exit_on_error=False, group="log")
    def read(self, index: LogIndex) -> None:
        """Look for lines until this screen, or the filter, is gone."""
        import threading

        worker = get_current_worker()
        pause = threading.Event()
        first = True
        while not worker.is_cancelled and self.is_attached:
            if index.extend(lambda: worker.is_cancelled) or first:
                self.app.call_from_thread(self._grown, index)
                first = False
            pause.wait(0.25)

    def _grown(self, index: LogIndex) -> None:
        if index is self.index and self.is_attached:
            self.query_one(LogView).grow()
            self.paint()

    def paint(self) -> None:
        """Title and failure."""
        view = self.query_one(LogView)
        follow = "following" if view.follow else "not following"
        shown = f"filter {self._text!r}, " if self._text else ""
        self.query_one(TitleBar).right = f"{shown}{len(self.index)} lines, {follow}"
        node = self.state().nodes.get(self.node)
        failure = self.state().failures.get(self.node)
        text = f"{symbol('failed')} {failure.reason} {failure.hint}" if failure else ""
        if not text and node is not None and node.task:
            text = f"{symbol(state_of(node))} {node.task}"
        self.query_one("#remark", Static).update(text)

    @on(LogView.FollowChanged)
    def _follow_changed(self) -> None:
        self.paint()

    def action_follow(self) -> None:
        """Stay at the end, or not."""
        view = self.query_one(LogView)
        view.follow = not view.follow

    def action_filter(self) -> None:
        """Type a text."""
        line = self.query_one("#filter", Input)
        line.display = True
        line.focus()

    @on(Input.Submitted, "#filter")
    def _filtered(self, event: Input.Submitted) -> None:
        self._apply_filter(event.value.strip())
        self.query_one("#filter").display = bool(self._text)
        self.query_one(LogView).focus()

    def _apply_filter(self, text: str) -> None:
        if text != self._text:
            self._text = text
            self._show_index(LogIndex(self.journal, self.node, text, end=self.end))

    def action_back(self) -> None:
        """Esc in the filter clears it; otherwise back to the run."""
        line = self.query_one("#filter", Input)
        if line.display:
            line.value = ""
            line.display = False
            self._apply_filter("")
            self.query_one(LogView).focus()
        else:
            self.dismiss(None)
