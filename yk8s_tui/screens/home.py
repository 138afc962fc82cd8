"""Home: the clusters one knows, what is going on with them, and the way to a new one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from yk8s_tui.widgets.bars import KeyBar, TitleBar
from yk8s_tui.widgets.symbols import COLOURS, symbol

if TYPE_CHECKING:
    from yk8s_tui.screens.home_data import ClusterRow, DraftRow
    from yk8s_tui.screens.replay_feed import Start
    from yk8s_tui.screens.status.screen import Feed


class HomeScreen(Screen[None]):
    """Recent clusters with their last known state; runs in progress can be attached to."""

    HELP = """
Home lists the clusters that were opened lately, each with what is known of its last run, and setups that were begun.

Enter opens: a run in progress is attached to; an unfinished setup is resumed; any other cluster gets a plan, which
shows what would be done and does nothing by itself. A run goes on when this program ends, and can be attached to again.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="Attach to the run, resume the setup, or plan", priority=True),
        Binding("n", "new", "New", tooltip="Set up a new cluster"),
        Binding("o", "other", "Open other", tooltip="Open a cluster repository by its directory"),
        Binding("e", "edit", "Edit setup", tooltip="Change the configuration of the chosen cluster"),
        Binding("s", "status", "Status", tooltip="Show how the chosen cluster is; changes nothing"),
        Binding("l", "last", "Last run", tooltip="Show the last run of the chosen cluster again"),
        Binding("delete", "forget", "Forget", tooltip="Take it off this list; nothing is deleted but drafts"),
        Binding("f5", "refresh_list", "Refresh", tooltip="Read the list again", show=False),
    ]

    class Loaded(Message):
        """The list was read."""

        def __init__(self, clusters: list[ClusterRow], drafts: list[DraftRow]) -> None:
            super().__init__()
            self.clusters = clusters
            self.drafts = drafts

    class Opened(Message):
        """A directory turned out to be a cluster repository, or not."""

        def __init__(self, root: Path | None, error: Exception | None = None) -> None:
            super().__init__()
            self.root = root
            self.error = error

    def __init__(
        self, cluster: Path | None = None, attach: str = "", replay: Start | None = None, status: Feed | None = None
    ) -> None:
        super().__init__()
        self.status = status
        self.cluster = cluster
        self.attach = attach
        self.replay = replay
        self.rows: list[ClusterRow | DraftRow] = []
        self._arrived = False

    def compose(self) -> ComposeResult:
        """A sentence and the list."""
        yield TitleBar("home")
        with Vertical(id="home", classes="pane") as pane:
            pane.border_title = "Clusters"
            yield Static("", id="welcome", markup=False)
            yield OptionList(id="clusters", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Attach at once when that was asked for; else read the list."""
        if self.attach and self.cluster and self.replay:
            self._show_again(self.cluster, self.attach, self.replay)
        elif self.attach and self.cluster:
            self._show_run(self.cluster, self.attach)
        elif self.status and self.cluster:
            self._show_status(self.cluster, self.status)
        self.set_timer(0.02, self.load)

    def on_screen_resume(self) -> None:
        """Coming back: things may have changed."""
        if self._arrived:
            self.load()

    def action_refresh_list(self) -> None:
        """Read the list again."""
        self.load()

    @work(thread=True, exclusive=True, exit_on_error=False, group="home")
    def load(self) -> None:
        """Read what is known; asks no machine."""
        from yk8s_tui.screens import home_data

        self.post_message(self.Loaded(home_data.clusters(self.cluster), home_data.drafts()))

    @on(Loaded)
    def _loaded(self, event: Loaded) -> None:
        self._arrived = True
        self.rows = [*event.clusters, *event.drafts]
        listing = self.query_one("#clusters", OptionList)
        position = listing.highlighted or 0
        listing.clear_options()
        listing.add_options([Option(_cluster_line(c)) for c in event.clusters])
        listing.add_options([Option(_draft_line(d)) for d in event.drafts])
        listing.display = bool(self.rows)
        if self.rows:
            listing.highlighted = min(position, len(self.rows) - 1)
            listing.focus()
        running = [c for c in event.clusters if c.run]
        self.query_one("#welcome", Static).update(_welcome(bool(self.rows), running))
        self.refresh_bindings()

    @property
    def chosen(self) -> ClusterRow | DraftRow | None:
        """The row under the cursor."""
        position = self.query_one("#clusters", OptionList).highlighted
        return self.rows[position] if position is not None and position < len(self.rows) else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that make no sense for the chosen row are not offered."""
        if action not in ("open", "forget", "edit", "last", "status"):
            return True
        if self.chosen is None:
            return False
        from yk8s_tui.screens.home_data import ClusterRow

        return action in ("open", "forget") or isinstance(self.chosen, ClusterRow)

    @on(OptionList.OptionHighlighted)
    def _moved(self) -> None:
        self.refresh_bindings()

    @on(OptionList.OptionSelected)
    def _selected(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """Go where the chosen row leads."""
        from yk8s_tui.screens.home_data import ClusterRow

        row = self.chosen
        if row is None:
            return
        if not isinstance(row, ClusterRow):
            from yk8s_tui.screens.setup.screen import SetupScreen

            self.app.push_screen(SetupScreen(row.source))
        elif row.run:
            self._show_run(row.root, row.run)
        else:
            self._open_cluster(row.root)

    def action_new(self) -> None:
        """Set up a new cluster."""
        from yk8s_tui.screens.setup.saving import new_cluster
        from yk8s_tui.screens.setup.screen import SetupScreen

        self.app.push_screen(SetupScreen(new_cluster()))

    def action_edit(self) -> None:
        """Change the configuration of the chosen cluster."""
        from yk8s_tui.screens.home_data import ClusterRow
        from yk8s_tui.screens.setup.saving import Source
        from yk8s_tui.screens.setup.screen import SetupScreen

        if isinstance(self.chosen, ClusterRow):
            self.app.push_screen(SetupScreen(Source(self.chosen.root, self.chosen.root)))

    def action_status(self) -> None:
        """Show how the chosen cluster is."""
        from yk8s_tui.screens.home_data import ClusterRow

        if isinstance(self.chosen, ClusterRow):
            self._show_status(self.chosen.root)

    def action_last(self) -> None:
        """Show the last run again."""
        from yk8s_tui.screens.home_data import ClusterRow

        if isinstance(self.chosen, ClusterRow):
            self._show_last(self.chosen.root)

    @work(thread=True, exclusive=True, exit_on_error=False, group="home")
    def _show_last(self, root: Path) -> None:
        from yk8s_tui.runs.start import list_runs

        runs = list_runs(root)
        if runs:
            self.app.call_from_thread(self._show_run, root, runs[-1].id)
        else:
            self.app.call_from_thread(self.notify, "Nothing was run yet.", markup=False)

    def action_forget(self) -> None:
        """Take the chosen row off the list; for a draft ask first."""
        from yk8s_tui.screens.dialogs import ConfirmDialog, ask
        from yk8s_tui.screens.home_data import ClusterRow

        row = self.chosen
        if isinstance(row, ClusterRow):
            self._forget(row)
        elif row is not None:
            question = f"The answers given so far for {row.name} would be lost."
            dialog = ConfirmDialog("Delete this draft?", question, yes="Delete")
            ask(self, dialog, lambda _sure: self._forget(row))

    @work(thread=True, exclusive=True, exit_on_error=False, group="home")
    def _forget(self, row: ClusterRow | DraftRow) -> None:
        from yk8s_tui.repository.recent import forget
        from yk8s_tui.screens.home_data import ClusterRow
        from yk8s_tui.screens.setup.saving import drop_draft

        if isinstance(row, ClusterRow):
            forget(row.root)
        else:
            drop_draft(row.source)
        self.app.call_from_thread(self.load)

    def action_other(self) -> None:
        """Ask for a directory."""
        from yk8s_tui.screens.dialogs import LineDialog, ask

        dialog = LineDialog("Open", "Directory of a cluster repository", placeholder="~/clusters/berlin-1", yes="Open")
        ask(self, dialog, self._find)

    @work(thread=True, exclusive=True, exit_on_error=False, group="find")
    def _find(self, given: str) -> None:
        from yk8s_tui.repository.repository import find_repository

        try:
            self.post_message(self.Opened(find_repository(given)))
        except Exception as error:
            self.post_message(self.Opened(None, error))

    @on(Opened)
    def _found(self, event: Opened) -> None:
        if event.root is not None:
            self._open_cluster(event.root)
        elif event.error is not None:
            self.app.show_error(event.error)  # type: ignore[attr-defined]

    def _open_cluster(self, root: Path) -> None:
        from yk8s_tui.screens.review import ReviewScreen

        self.app.push_screen(ReviewScreen(root))

    def _show_status(self, root: Path, feed: Feed | None = None) -> None:
        from yk8s_tui.screens.status.screen import StatusScreen

        self.app.push_screen(StatusScreen(root, feed))

    def _show_run(self, root: Path, run: str) -> None:
        from yk8s_tui.screens.run import RunScreen

        self.app.push_screen(RunScreen(root, run))

    def _show_again(self, root: Path, run: str, start: Start) -> None:
        from yk8s_tui.screens.replay import ReplayScreen

        self.app.push_screen(ReplayScreen(root, run, start))


def _welcome(known: bool, running: list[ClusterRow]) -> Content:
    if running:
        names = ", ".join(c.name for c in running)
        return Content.assemble(
            (f"{symbol('running')} ", "$text-accent"),
            f"In progress: {names}. Enter attaches; it goes on without you.",
        )
    if known:
        return Content("Enter opens a cluster: you see what would be done before anything is.")
    return Content(
        "No cluster yet.\n\n"
        "n  sets up a new one: from lab hosts on this machine, or from machines that answer on SSH\n"
        "o  opens a cluster repository that exists already\n\n"
        "Nothing is done to any machine before you have seen the plan and said Run."
    )


def _cluster_line(row: ClusterRow) -> Content:
    kind = f"{row.harbour} {symbol('dot')} {row.version or 'default version'}"
    draft = f" {symbol('dot')} setup has unsaved changes" if row.draft else ""
    return Content.assemble(
        (f"{symbol(row.state)} ", COLOURS[row.state]),
        (f"{row.name:<24} ", "bold"),
        (f"{kind}\n", "$foreground-muted"),
        f"  {row.text}{draft}\n",
        (f"  {row.root}", "$foreground-muted"),
    )


def _draft_line(row: DraftRow) -> Content:
    return Content.assemble(
        (f"{symbol('waiting')} ", "$foreground-muted"),
        (f"{row.name:<24} ", "bold"),
        ("unfinished setup", "$foreground-muted"),
        "\n  Enter resumes it",
    )
