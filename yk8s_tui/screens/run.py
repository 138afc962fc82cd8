"""A run: layers above, all nodes below, everything computed from the journal."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from yk8s_tui import paths
from yk8s_tui.runs.alive import engine_alive
from yk8s_tui.runs.estimates import Durations, known_at_start
from yk8s_tui.runs.lamps import slow_nodes
from yk8s_tui.runs.state import RunState
from yk8s_tui.screens import run_words
from yk8s_tui.screens.run_feed import RunFeed, RunSource
from yk8s_tui.widgets.bars import KeyBar, TitleBar
from yk8s_tui.widgets.layer_lines import LayerLines
from yk8s_tui.widgets.node_grid import NodeGrid
from yk8s_tui.widgets.said import Said
from yk8s_tui.widgets.symbols import symbol

TICK_SECONDS = 0.1
"""How often the screen takes over what the journal says."""
FULL_TICKS = 5
"""Layers, counts and words are painted every so many ticks; the grid at every tick that changed something."""


class RunScreen(Screen[None]):
    """Watch, cancel, pause, retry; leaving it never stops the run."""

    CSS_PATH = paths.assets() / "styles" / "run.tcss"
    AUTO_FOCUS = "NodeGrid"
    GRID: ClassVar[type[NodeGrid]] = NodeGrid
    HELP = """
A run is carried out by a process of its own. This screen only reads its journal: closing the terminal, or leaving
with D, does not touch the run, and yk8s-tui offers to attach to it again.

Failed nodes stand first. A node that fails is set aside and takes part in nothing more; the others go on.

Cancel ends what runs now in an orderly way. Nothing that was done is undone; a new plan goes on from there.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Retry", tooltip="Plan what is still missing, when the run has ended"),
        Binding("f", "failures", "Failures", tooltip="Every failure with its evidence and what to do"),
        Binding(
            "slash",
            "filter",
            "Filter",
            tooltip="Show only nodes with these words in name, role, state or task",
        ),
        Binding("l", "layers", "Layers", tooltip="Every step of every layer"),
        Binding("c", "cancel", "Cancel", tooltip="End the run in an orderly way"),
        Binding("p", "pause", "Pause", tooltip="Start nothing new, or go on"),
        Binding("d,escape", "detach", "Detach", tooltip="Leave this screen; the run goes on", key_display="D"),
        Binding("a", "all_log", "Run log", tooltip="The log of the whole run"),
        Binding("v", "replay", "Replay", tooltip="See the run again, from its first event to its last"),
        Binding("o", "compare", "Compare", tooltip="Set the run beside another one"),
    ]

    class Answered(Message):
        """The engine has taken a request, or has not."""

        def __init__(self, text: str, error: Exception | None = None) -> None:
            super().__init__()
            self.text = text
            self.error = error

    def __init__(self, root: Path, run: str, feed: RunSource | None = None) -> None:
        super().__init__()
        self.root = root
        self.run_id = run
        self.directory = root / "runs" / run
        self.feed = feed or RunFeed(self.directory, alive=lambda: engine_alive(self.directory))
        self.durations = Durations()
        self._ticks = 0
        self._words = ""

    @property
    def state(self) -> RunState:
        """The run as the journal tells it."""
        return self.feed.state

    def compose(self) -> ComposeResult:
        """Layers, counts, grid, the node under the cursor, a sentence."""
        yield TitleBar("run", "reading …")
        yield LayerLines()
        yield Said(id="counts")
        yield self.GRID(id="grid")
        with Vertical(id="detail-pane", classes="pane"):
            yield Said(id="detail")
        yield Said(id="remark", wraps=True)
        yield Input(id="filter", placeholder="words, for example: failed w1", compact=True)
        yield from self.compose_bottom()

    def compose_bottom(self) -> ComposeResult:
        """The last line."""
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to follow the journal."""
        self.query_one("#filter").display = False
        self.query_one("#detail-pane").display = False
        self.run_worker(self.feed.follow, thread=True, exit_on_error=False, group="feed")
        self.set_interval(TICK_SECONDS, self.tick)
        self._remember()
        self._learn()

    def on_unmount(self) -> None:
        """Stop reading."""
        self.feed.stop()

    @work(thread=True, exit_on_error=False, group="recent")
    def _remember(self) -> None:
        from yk8s_tui.repository.recent import remember

        remember(self.root)

    @work(thread=True, exit_on_error=False, group="durations")
    def _learn(self) -> None:
        """What earlier runs took: the time left and the lamps go by it."""
        self.durations = known_at_start(self.directory)

    def _lamps(self) -> dict[str, str]:
        """Slow nodes, and why, in words."""
        if self.state.finished or not self.feed.ready:
            return {}
        return {name: slow.words for name, slow in slow_nodes(self.state, self.durations, self.feed.now).items()}

    # Painting

    def tick(self) -> None:
        """Take over what the journal says, and paint what has changed."""
        moved = self.feed.drain()
        self._ticks += 1
        if self.feed.error is not None:
            error, self.feed.error = self.feed.error, None
            self.app.show_error(error)  # type: ignore[attr-defined]
        if not self.is_current and not moved:
            return
        full = self._ticks % FULL_TICKS == 0
        if moved or (full and not self.state.finished):
            grid = self.query_one(NodeGrid)
            if full:
                grid.slow = self._lamps()
            grid.show(list(self.state.nodes.values()), self.state.failures, self.feed.now)
        if full or not self.feed.ready:
            self.paint()

    def paint(self) -> None:
        """Everything around the grid."""
        state, grid, gone = self.state, self.query_one(NodeGrid), self.feed.engine_gone
        title = self.query_one(TitleBar)
        if not self.feed.ready:
            title.right = f"reading the journal, {self.feed.read_bytes // 1_000_000} MB"
            return
        title.left = self.place()
        title.right = run_words.heading(state, self.feed.now, gone=gone, durations=self.durations)
        layers = self.query_one(LayerLines)
        layers.set_tall(self.size.height >= 32)
        layers.show(state.layers)
        self.query_one("#counts", Said).say(run_words.counts(state, len(grid.nodes), self._words, grid.slow))
        self.query_one("#remark", Said).say(run_words.remark(state, gone=gone, slow=grid.slow))
        self._paint_detail()
        key = (state.status, bool(state.failures), gone)
        if key != self._offered:
            self._offered = key
            self.refresh_bindings()

    def place(self) -> str:
        """Which run this is."""
        state = self.state
        number = f" #{self._number}" if self._number else ""
        check = " (check only)" if state.check_only else ""
        return f"{state.cluster} {symbol('dot')} {state.operation or 'apply'}{number}{check}"

    _offered: tuple[str, bool, bool] = ("", False, False)

    @property
    def _number(self) -> int:
        if self._cached_number is None:
            import json

            try:
                self._cached_number = int(json.loads((self.directory / "run.json").read_text())["number"])
            except (OSError, ValueError, KeyError, TypeError):
                self._cached_number = 0
        return self._cached_number

    _cached_number: int | None = None

    def _paint_detail(self) -> None:
        grid = self.query_one(NodeGrid)
        node = self.state.nodes.get(grid.cursor)
        pane = self.query_one("#detail-pane")
        pane.display = grid.dense and node is not None
        if node is not None and pane.display:
            slow = grid.slow.get(node.name, "")
            text = run_words.node_detail(node, self.state, self.feed.now, self.size.width - 6, slow)
            self.query_one("#detail", Said).say(text)

    @on(NodeGrid.Moved)
    def _moved(self) -> None:
        self._paint_detail()

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that make no sense now are not offered."""
        over = self.state.finished or self.feed.engine_gone
        if action == "retry":
            return bool(over and self.state.failures)
        if action in ("replay", "compare"):
            return over
        if action in ("pause", "cancel"):
            return not over and self.state.status != "cancelling"
        if action == "failures":
            return bool(self.state.failures)
        return True

    @on(NodeGrid.Chosen)
    def _open_log(self, event: NodeGrid.Chosen) -> None:
        self._show_log(event.name)

    def action_all_log(self) -> None:
        """The log of the whole run."""
        self._show_log("")

    def _show_log(self, node: str) -> None:
        from yk8s_tui.screens.node_log import NodeLogScreen

        journal = self.directory / "journal.jsonl"
        self.app.push_screen(NodeLogScreen(journal, node, lambda: self.state, end=self.log_end))

    def log_end(self) -> int | None:
        """Where in the journal logs end, bytes; None when they follow it."""
        return None

    def action_layers(self) -> None:
        """Every step of every layer."""
        from yk8s_tui.screens.run_details import LayersScreen

        self.app.push_screen(LayersScreen(lambda: self.state))

    def action_failures(self) -> None:
        """Every failure with its evidence."""
        from yk8s_tui.screens.run_details import FailuresScreen

        self.app.push_screen(FailuresScreen(self.state))

    def action_filter(self) -> None:
        """Type words; the grid follows at once."""
        line = self.query_one("#filter", Input)
        line.display = True
        line.focus()

    @on(Input.Changed, "#filter")
    def _filtered(self, event: Input.Changed) -> None:
        self._words = event.value.strip()
        self.query_one(NodeGrid).filter_by(self._words)
        self.paint()

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        line = self.query_one("#filter", Input)
        line.display = bool(line.value)
        self.query_one(NodeGrid).focus()

    def action_detach(self) -> None:
        """Esc in the filter clears it; otherwise leave."""
        line = self.query_one("#filter", Input)
        if line.display:
            line.value = ""
            line.display = False
            self.query_one(NodeGrid).focus()
            return
        self.leave()

    def leave(self) -> None:
        """Back to where one came from."""
        if getattr(self.app, "attach", ""):
            self.app.exit(0)
        else:
            self.dismiss(None)

    def action_replay(self) -> None:
        """See it again."""
        from yk8s_tui.screens.replay import ReplayScreen

        self.app.push_screen(ReplayScreen(self.root, self.run_id))

    def action_compare(self) -> None:
        """Ask with which run; the one before is offered."""
        from yk8s_tui.screens.dialogs import LineDialog, ask

        before = str(self._number - 1) if self._number > 1 else ""
        about = "With which run? Its number, its id, or the beginning of that."
        ask(self, LineDialog("Compare", about, value=before, yes="Compare"), self._compare)

    def _compare(self, other: str) -> None:
        from yk8s_tui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen(self.root, self.run_id, other))

    def action_cancel(self) -> None:
        """Ask, then cancel."""
        from yk8s_tui.screens.dialogs import ConfirmDialog, ask

        running = [step.title for step in self.state.steps.values() if step.status == "running"]
        now = f" Now running: {', '.join(running)}." if running else ""
        question = (
            f"What runs now is interrupted in an orderly way and nothing more is started.{now} "
            "Nothing that was done is undone; a new plan goes on from there."
        )
        dialog = ConfirmDialog("Cancel this run?", question, yes="Cancel the run", no="Go on")
        ask(self, dialog, lambda _sure: self._request("cancel"))

    def action_pause(self) -> None:
        """Pause, or go on."""
        self._request("continue" if self.state.status == "paused" else "pause")

    @work(thread=True, exclusive=True, exit_on_error=False, group="control")
    def _request(self, action: str) -> None:
        import getpass
        import socket

        from yk8s_tui.runs.control import request

        try:
            by = f"{getpass.getuser()}@{socket.gethostname()}"
            status = request(self.directory, action, by=by)  # type: ignore[arg-type]
            self.post_message(self.Answered(f"{action}: the run is now {status}"))
        except Exception as error:
            self.post_message(self.Answered("", error))

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        if event.error is not None:
            self.app.show_error(event.error)  # type: ignore[attr-defined]
        else:
            self.notify(event.text, markup=False)

    def action_retry(self) -> None:
        """A new plan: what failed, and everything on other nodes that had to wait for it."""
        from yk8s_tui.screens.review import ReviewScreen

        self.app.push_screen(ReviewScreen(self.root))
