"""A run again, on the same screen: played, paused, or scrubbed to any event; nothing can be changed."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from yk8s_tui.errors import UsageError
from yk8s_tui.runs.alive import engine_alive
from yk8s_tui.screens.replay_feed import ReplayFeed, Start
from yk8s_tui.screens.run import RunScreen
from yk8s_tui.widgets.bars import KeyBar
from yk8s_tui.widgets.node_grid import NodeGrid
from yk8s_tui.widgets.position_bar import Place, PositionBar, speed_word
from yk8s_tui.widgets.symbols import symbol


class ReplayGrid(NodeGrid, inherit_bindings=False):
    """The grid, whose keys to the left and right belong to the time line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Log", tooltip="The log of the node under the cursor, up to this event"),
        Binding("left_square_bracket", "move(-1, 0)", "Node before", show=False, key_display="[", tooltip="Go there"),
        Binding("right_square_bracket", "move(1, 0)", "Node after", show=False, key_display="]", tooltip="Go there"),
        Binding("up", "move(0, -1)", "Up", show=False, tooltip="Node above"),
        Binding("down", "move(0, 1)", "Down", show=False, tooltip="Node below"),
        Binding("pageup", "page(-1)", "Page up", show=False, tooltip="One screen up"),
        Binding("pagedown", "page(1)", "Page down", show=False, tooltip="One screen down"),
    ]


class ReplayScreen(RunScreen, inherit_bindings=False):
    """The run screen with the clock of the journal."""

    GRID = ReplayGrid
    HELP = """
A replay shows a run as it was after any event of its journal. It changes nothing, and it needs no machine.

Space plays on, or stands still. Every other move stands still, too. Of a long pause a few seconds are waited for.

The line below shows the time of the run, with a mark where something failed. T hides it: then the screen is exactly
as it was.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "play", "Play", tooltip="Play on, or stand still"),
        Binding("right", "event(1)", "Event", tooltip="The next event", key_display=symbol("to")),
        Binding("left", "event(-1)", "Event back", show=False, tooltip="The event before", key_display="Left"),
        Binding("full_stop", "step(1)", "Step", tooltip="To the next begin or end of a step", key_display="."),
        Binding("comma", "step(-1)", "Step back", show=False, tooltip="To the one before", key_display=","),
        Binding("n", "failure(1)", "Failure", tooltip="To the next failure"),
        Binding("N", "failure(-1)", "Failure back", show=False, tooltip="To the one before", key_display="Shift+N"),
        Binding("plus,equals_sign", "speed(1)", "Speed", tooltip="Play faster", key_display="+"),
        Binding("minus", "speed(-1)", "Slower", show=False, tooltip="Play slower", key_display="-"),
        Binding("escape,d,q", "detach", "Back", tooltip="Leave the replay", key_display="Esc"),
        Binding("g", "go", "Go", tooltip="To an event, or a time of the run"),
        Binding("shift+right", "event(100)", "100 on", show=False, tooltip="100 events on", key_display="S-Right"),
        Binding("shift+left", "event(-100)", "100 back", show=False, tooltip="100 events back", key_display="S-Left"),
        Binding("home", "edge(0)", "First", show=False, tooltip="To the first event"),
        Binding("end", "edge(1)", "Last", show=False, tooltip="To the last event"),
        Binding("f", "failures", "Failures", tooltip="Every failure up to now with its evidence"),
        Binding("slash", "filter", "Filter", tooltip="Show only nodes with these words in name, role, state or task"),
        Binding("l", "layers", "Layers", tooltip="Every step of every layer"),
        Binding("a", "all_log", "Run log", tooltip="The log of the whole run, up to this event"),
        Binding("t", "time_line", "Time line", tooltip="Show or hide the time line"),
    ]

    def __init__(self, root: Path, run: str, start: Start = Start()) -> None:  # noqa: B008
        directory = root / "runs" / run
        self.player = ReplayFeed(directory, start, alive=lambda: engine_alive(directory))
        super().__init__(root, run, self.player)
        self._wanted: int | None = None
        self._played = False

    def compose_bottom(self) -> ComposeResult:
        """The time line above the keys."""
        yield PositionBar()
        yield KeyBar()

    def on_unmount(self) -> None:
        """Stop reading."""
        super().on_unmount()
        self.player.close()

    # Painting

    def tick(self) -> None:
        """Play on, and show where one is."""
        super().tick()
        self._paint_position()

    def place(self) -> str:
        """Where one is; nobody takes it for what happens now."""
        return f"{super().place()} {symbol('dot')} replay"

    def _paint_position(self) -> None:
        feed, replay = self.player, self.player.replay
        if not feed.ready:
            return
        place = Place(
            feed.position, replay.events, feed.now, replay.began, replay.ended, feed.speed, feed.playing, feed.complete,
            tuple(replay.failures.times),
        )  # fmt: skip
        self.query_one(PositionBar).show(place)
        offered = (bool(place.failures), bool(self.state.failures))
        if offered != self._known:
            self._known = offered
            self.refresh_bindings()

    _known = (False, False)

    def log_end(self) -> int:
        """Logs end with the event one is at."""
        return self.player.replay.offset(self.player.position)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is a next failure only when something failed."""
        if action == "failure":
            return bool(self.player.replay.failures.times)
        return super().check_action(action, parameters)

    def _seek(self, position: int | None) -> None:
        """Stand still there; of many keys that wait, only the last needs a state."""
        if position is None or not self.player.ready:
            return
        self.player.playing = False
        self._wanted = max(1, min(position, self.player.replay.events))
        self.call_later(self._arrive)

    def _arrive(self) -> None:
        if self._wanted is None:
            return
        self.player.seek(self._wanted)
        self._wanted = None
        self.query_one(NodeGrid).show(list(self.state.nodes.values()), self.state.failures, self.feed.now)
        self.paint()
        self._paint_position()

    @property
    def _from(self) -> int:
        return self.player.position if self._wanted is None else self._wanted

    def action_play(self) -> None:
        """Play on, or stand still; from the beginning when one is at the end."""
        feed = self.player
        if feed.ready and not feed.playing and feed.over and feed.position >= feed.replay.events:
            feed.seek(1)
        feed.playing = not feed.playing
        self._paint_position()

    def action_event(self, count: int) -> None:
        """So many events on, or back."""
        self._seek(self._from + count)

    def action_step(self, direction: int) -> None:
        """To where a step begins or ends."""
        marks = self.player.replay.steps
        self._seek(marks.after(self._from) if direction > 0 else marks.before(self._from))

    def action_failure(self, direction: int) -> None:
        """To where something failed."""
        marks = self.player.replay.failures
        self._seek(marks.after(self._from) if direction > 0 else marks.before(self._from))

    def action_edge(self, end: int) -> None:
        """To the first or the last event."""
        self._seek(self.player.replay.events if end else 1)

    def action_speed(self, direction: int) -> None:
        """Faster or slower."""
        self.player.faster(direction)
        self.notify(f"{speed_word(self.player.speed)}", title="Speed", timeout=1, markup=False)
        self._paint_position()

    def action_go(self) -> None:
        """Ask where to."""
        from yk8s_tui.screens.dialogs import LineDialog, ask

        about = "The number of an event (1234), a time since the start (12:30), or a share (45%)"
        ask(self, LineDialog("Go to", about, yes="Go"), self._go_to)

    def _go_to(self, goal: str) -> None:
        try:
            self._seek(self.player.find(goal))
        except UsageError as error:
            self.app.show_error(error)  # type: ignore[attr-defined]

    def action_time_line(self) -> None:
        """Show or hide the time line."""
        bar = self.query_one(PositionBar)
        bar.display = not bar.display

    def leave(self) -> None:
        """Back to where one came from."""
        if getattr(self.app, "replay", None) is not None:
            self.app.exit(0)
        else:
            self.dismiss(None)
