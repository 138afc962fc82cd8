"""The status view: the worst in words on top, below it one table of many; it changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from yk8s_tui import paths
from yk8s_tui.screens.status import summary
from yk8s_tui.screens.status.around import FRONTENDS, LAYERS, RUNS
from yk8s_tui.screens.status.control_plane import CERTIFICATES, CONTROL_PLANE
from yk8s_tui.screens.status.nodes import NODES, PODS
from yk8s_tui.screens.status.page import Page
from yk8s_tui.status.health import findings
from yk8s_tui.status.model import ClusterStatus, Finding
from yk8s_tui.widgets.bars import KeyBar, TitleBar
from yk8s_tui.widgets.said import Said
from yk8s_tui.widgets.symbols import symbol
from yk8s_tui.widgets.table_view import Cells, Heading, TableView

PAGES = (NODES, CONTROL_PLANE, PODS, CERTIFICATES, FRONTENDS, LAYERS, RUNS)
Result = TypeVar("Result")
TICK_SECONDS, HURRY_SECONDS = 0.2, 0.05
"""How often the screen takes over what has changed; and until it has the first nodes."""
HURRY_TICKS = 200
"""After so many it has waited long enough for the first nodes."""
FULL_TICKS = 5
"""Ages grow without any change: everything is painted every so many ticks."""
PAUSE, LONGEST_PAUSE = 40.0, 1.0
"""Pause between two judgements (or two orders of the rows), in times of the processor's time that one takes: at most
2.5 % of a core; and in seconds, so that what goes wrong is shown within 5 s.
"""
FINDING_ROWS = 5
"""Findings shown above the table in a low terminal; twice as many in a high one."""


class Seldom:
    """Work that in a large cluster takes time, and is done again only after a pause."""

    def __init__(self) -> None:
        self._again = 0.0

    @property
    def due(self) -> bool:
        """Whether the pause is over."""
        return time.monotonic() >= self._again

    def do(self, work: Callable[[], Result]) -> Result:
        """Do it now."""
        began = time.thread_time()
        result = work()
        self._again = time.monotonic() + min(LONGEST_PAUSE, PAUSE * (time.thread_time() - began))
        return result


class Feed(Protocol):
    """Where the status comes from."""

    status: ClusterStatus
    error: Exception | None

    def start(self) -> None:
        """Begin to read; returns at once."""

    def stop(self) -> None:
        """End reading; returns at once."""

    def drain(self) -> bool:
        """Take over what has arrived; whether anything has changed."""


class StatusScreen(Screen[None]):
    """One screen an operator leaves open all day."""

    CSS_PATH = paths.assets() / "styles" / "status.tcss"
    AUTO_FOCUS = "TableView"
    HELP = """
The worst stands on top, in words, with since when; F lists everything that was found, with what to look at. Below it
stand the tables: choose one by its number. Enter shows all that is known about a row, Y copies it.

This screen only reads: it watches the API, and looks at the hosts over SSH. What cannot be reached says so and comes
back by itself.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(n), f"page({n - 1})", page.title, show=False, tooltip=f"Table: {page.title}")
            for n, page in enumerate(PAGES, 1)
        ),
        Binding("f", "findings", "Findings", tooltip="Everything that is wrong, and what to look at"),
        Binding("slash", "filter", "Filter", tooltip="Show only rows with these words"),
        Binding("s", "sort", "Sort", tooltip="Sort by the next column"),
        Binding("r", "reverse", "Reverse", tooltip="Turn the order round", show=False),
        Binding("y", "copy", "Copy", tooltip="Copy the row, with everything that is known about it"),
        Binding("left", "turn(-1)", "Table to the left", show=False, tooltip="The table before"),
        Binding("right", "turn(1)", "Table to the right", show=False, tooltip="The next table"),
        Binding("escape", "leave", "Back", tooltip="Leave the status"),
    ]

    class Began(Message):
        """The feed is there, or cannot be."""

        def __init__(self, feed: Feed | None, error: Exception | None = None) -> None:
            super().__init__()
            self.feed = feed
            self.error = error

    def __init__(self, root: Path, feed: Feed | None = None) -> None:
        super().__init__()
        self.root = root
        self.feed = feed
        self.page: Page = NODES
        self.found: list[Finding] = []
        self._column = -1
        self._reverse = False
        self._words = ""
        self._asked: tuple[object, ...] = ()
        self._keys: list[Hashable] = []
        self._judging, self._ordering = Seldom(), Seldom()
        self._ticks = 0

    @property
    def status(self) -> ClusterStatus:
        """What is known now."""
        return self.feed.status if self.feed else ClusterStatus(name=self.root.name)

    @property
    def now(self) -> float:
        """The time that ages are counted to."""
        return time.time()

    def compose(self) -> ComposeResult:
        """Sentences, one line of what is well, tabs, a table."""
        yield TitleBar("status (read-only)", "reading the configuration")
        yield Said(id="findings")
        yield Said(id="well")
        yield Said(id="tabs")
        yield TableView(id="table")
        yield Input(id="filter", placeholder="words, for example: w1 notready", compact=True)
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one("#filter").display = False
        self.set_interval(TICK_SECONDS, self.tick)
        self._hurry = self.set_interval(HURRY_SECONDS, self.tick)
        if self.feed is None:
            self._begin()
        else:
            self.feed.start()
            self.tick()

    def on_unmount(self) -> None:
        """Stop reading."""
        if self.feed:
            self.feed.stop()

    @work(thread=True, exclusive=True, exit_on_error=False, group="begin")
    def _begin(self) -> None:
        from yk8s_tui.operations.status import StatusWatch

        try:
            feed = StatusWatch(self.root)
            feed.start()
            self.post_message(self.Began(feed))
        except Exception as error:
            self.post_message(self.Began(None, error))

    @on(Began)
    def _began(self, event: Began) -> None:
        self.feed = event.feed
        if event.error is not None:
            self.app.show_error(event.error, then=lambda: self.dismiss(None))  # type: ignore[attr-defined]

    # Painting

    def tick(self) -> None:
        """Take over what has changed, and paint it."""
        if self.feed is None:
            return
        moved = self.feed.drain()
        if self.status.nodes or self._ticks > HURRY_TICKS:
            self._hurry.stop()
        if self.feed.error is not None:
            error, self.feed.error = self.feed.error, None
            self.app.show_error(error)  # type: ignore[attr-defined]
        self._ticks += 1
        if self.is_current and (moved or self._ticks % FULL_TICKS == 0):
            self.paint()

    def paint(self) -> None:
        """Everything."""
        now, status = self.now, self.status
        self._judge(now)
        title = self.query_one(TitleBar)
        title.left = f"{status.name} {symbol('dot')} status (read-only)"
        title.right = summary.heading(status, now)
        width, rows = self.size.width, FINDING_ROWS if self.size.height < 32 else 2 * FINDING_ROWS
        worst = self.query_one("#findings", Said)
        worst.display = bool(self.found)
        worst.say(summary.sentences(self.found, width, rows))
        self.query_one("#well", Said).say(summary.line(status, now, width))
        self.query_one("#tabs", Said).say(self._tabs())
        self._paint_table(now)

    def _judge(self, now: float) -> None:
        """Look for what is wrong; in a large cluster that takes time, and then it is done less often."""
        if self._judging.due:
            self.found = self._judging.do(lambda: findings(self.status, now))

    def _tabs(self) -> Content:
        parts: list[tuple[str, str]] = []
        for number, page in enumerate(PAGES, 1):
            count = len(self.status.pods) + len(self.status.workloads) if page is PODS else 0
            text = f" {number} {page.tab}{f' ({count})' if count else ''} "
            parts.append((text, "bold reverse $text-accent" if page is self.page else "$foreground-muted"))
        return Content.assemble(*parts)

    def _paint_table(self, now: float) -> None:
        page, status = self.page, self.status
        asked = (page.id, self._column, self._reverse, self._words)
        if asked != self._asked or self._ordering.due:
            self._asked, self._keys = asked, self._ordering.do(lambda: self._ordered(now))
        keys = self._keys

        def compute(key: Hashable) -> Cells:
            row = page.row(status, key, now)
            return Cells(row.state, row.cells)

        headings = [Heading(self._title(n), c.width, c.right, c.flexible) for n, c in enumerate(page.columns)]
        empty = "no row has these words" if self._words else page.empty
        self.query_one(TableView).show(headings, keys, compute, empty)

    def _ordered(self, now: float) -> list[Hashable]:
        """The rows that are wanted, in the order that is wanted; in a large cluster that takes time, too."""
        page, status = self.page, self.status
        keys = sorted(page.keys(status), key=lambda key: page.rank(status, key))
        if self._column >= 0 and (order := page.columns[self._column].order) is not None:
            keys.sort(key=lambda key: order(status, key))
        if self._reverse:
            keys.reverse()
        return [key for key in keys if self._matches(key, now)] if self._words else keys

    def _title(self, number: int) -> str:
        title = self.page.columns[number].title
        return f"{title}{'^' if self._reverse else 'v'}" if number == self._column else title

    def _matches(self, key: Hashable, now: float) -> bool:
        row = self.page.row(self.status, key, now)
        text = " ".join((row.state, *row.cells)).lower()
        return all(word in text for word in self._words.lower().split())

    # Keys

    def action_page(self, number: int) -> None:
        """Show another table."""
        if PAGES[number] is not self.page:
            self.page, self._column, self._reverse = PAGES[number], -1, False
            self.query_one(TableView).reset()
        self.paint()

    def action_turn(self, step: int) -> None:
        """Show the table beside this one."""
        self.action_page((PAGES.index(self.page) + step) % len(PAGES))

    def action_sort(self) -> None:
        """Sort by the next column that can be sorted by; after the last one by trouble again."""
        columns = [n for n, c in enumerate(self.page.columns) if c.order is not None and n > self._column]
        self._column, self._reverse = (columns[0] if columns else -1), False
        self.paint()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._reverse = not self._reverse
        self.paint()

    def action_filter(self) -> None:
        """Type words; the table follows at once."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#filter")
    def _filtered(self, event: Input.Changed) -> None:
        self._words = event.value.strip()
        self.paint()

    @on(Input.Submitted, "#filter")
    def _filter_done(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = bool(field.value)
        self.query_one(TableView).focus()

    def action_leave(self) -> None:
        """Esc in the filter clears it; otherwise leave."""
        field = self.query_one("#filter", Input)
        if field.display:
            field.value = ""
            field.display = False
            self.query_one(TableView).focus()
            return
        if getattr(self.app, "status", False):
            self.app.exit(0)
        else:
            self.dismiss(None)

    def action_findings(self) -> None:
        """Everything that is wrong."""
        from yk8s_tui.screens.status.details import FindingsScreen

        self.app.push_screen(FindingsScreen(lambda: (self.found, self.now)))

    def _lines(self, key: Hashable) -> list[str]:
        return self.page.detail(self.status, key, self.now)

    @on(TableView.Chosen)
    def _chosen(self, event: TableView.Chosen) -> None:
        from yk8s_tui.screens.status.details import DetailScreen

        page, key = self.page, event.key
        self.app.push_screen(DetailScreen(page.title, lambda: page.detail(self.status, key, self.now)))

    def action_copy(self) -> None:
        """Put the row into the clipboard of the terminal."""
        key = self.query_one(TableView).current
        if key is not None:
            self.app.copy_to_clipboard("\n".join(self._lines(key)))
            self.notify("Copied, if the terminal allows it (OSC 52).", markup=False)
