"""A table of any length: only visible rows are computed and painted."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from yk8s_tui.widgets.symbols import STATES, State, cut, symbol

GAP = 1
"""Columns between columns."""
MARK = 2
"""Columns of the symbol and the space behind it."""


class Heading(NamedTuple):
    """A column of the table."""

    title: str
    width: int
    right: bool = False
    flexible: bool = False


class Cells(NamedTuple):
    """A row of the table: its state for the symbol, and one text per column."""

    state: State
    texts: tuple[str, ...]


class TableView(ScrollView, can_focus=True):
    """Rows by key; the cursor stays on its row when the order changes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"table--{name}" for name in (*STATES, "heading", "text", "cursor")}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Detail", tooltip="Everything that is known about the row under the cursor"),
        Binding("up,k", "move(-1)", "Up", show=False, tooltip="Row above"),
        Binding("down,j", "move(1)", "Down", show=False, tooltip="Row below"),
        Binding("pageup", "page(-1)", "Page up", show=False, tooltip="One screen up"),
        Binding("pagedown", "page(1)", "Page down", show=False, tooltip="One screen down"),
        Binding("home", "edge(0)", "First", show=False, tooltip="First row"),
        Binding("end", "edge(-1)", "Last", show=False, tooltip="Last row"),
    ]

    class Chosen(Message):
        """Enter, or a second click, on a row."""

        def __init__(self, key: Hashable) -> None:
            super().__init__()
            self.key = key

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.headings: Sequence[Heading] = ()
        self.keys: Sequence[Hashable] = ()
        self.compute: Callable[[Hashable], Cells] = _nothing
        self.empty = ""
        """What is said when there are no rows."""
        self.cursor = 0
        self._key: Hashable = None
        self._shown: dict[int, Cells] = {}
        """The rows on screen as they were computed last, by place."""
        self._styles: dict[str, Style] = {}

    def show(
        self, headings: Sequence[Heading], keys: Sequence[Hashable], compute: Callable[[Hashable], Cells], empty: str
    ) -> None:
        """Take rows as they are now; `compute` is called for those on screen."""
        same = (headings, empty, len(keys)) == (self.headings, self.empty, len(self.keys))
        before = (self.cursor, self._shown)
        self.headings, self.keys, self.compute, self.empty = headings, keys, compute, empty
        if self._key is not None and not (self.cursor < len(keys) and keys[self.cursor] == self._key):
            self.cursor = keys.index(self._key) if self._key in keys else min(self.cursor, max(0, len(keys) - 1))
        self._key = keys[self.cursor] if keys else None
        wanted = Size(self.size.width, len(keys) + 1)
        if wanted != self.virtual_size:
            self.virtual_size = wanted
        self._shown = {place: compute(keys[place]) for place in self._visible() if place < len(keys)}
        if not same or before[0] != self.cursor or before[1].keys() != self._shown.keys():
            self.refresh()
            return
        changed = [place for place, cells in self._shown.items() if cells != before[1][place]]
        if changed:
            self.refresh(*(self._line(place) for place in changed))

    def _visible(self) -> range:
        """Places of the rows on screen."""
        top = self.scroll_offset.y
        return range(top, top + max(0, self.size.height - 1))

    def _line(self, place: int) -> Region:
        """Where a row is painted."""
        return Region(0, place - self.scroll_offset.y + 1, self.size.width, 1)

    def reset(self) -> None:
        """Other rows altogether: the cursor goes to the first."""
        self.cursor, self._key = 0, None
        self.scroll_to(y=0, animate=False, force=True)

    @property
    def current(self) -> Hashable:
        """The key under the cursor; None when there are no rows."""
        return self._key

    def action_move(self, step: int) -> None:
        """Move the cursor."""
        if not self.keys:
            return
        self.cursor = max(0, min(len(self.keys) - 1, self.cursor + step))
        self._key = self.keys[self.cursor]
        top, height = self.scroll_offset.y, max(1, self.size.height - 1)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)
        self.refresh()

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screen."""
        self.action_move(direction * max(1, self.size.height - 2))

    def action_edge(self, place: int) -> None:
        """Move the cursor to the first or last row."""
        self.action_move(-len(self.keys) if place == 0 else len(self.keys))

    def action_choose(self) -> None:
        """Say that the row under the cursor was chosen."""
        if self._key is not None:
            self.post_message(self.Chosen(self._key))

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; a second one chooses."""
        place = event.y - 1 + self.scroll_offset.y
        if event.y < 1 or place >= len(self.keys):
            return
        again = place == self.cursor
        self.action_move(place - self.cursor)
        if again:
            self.action_choose()

    def notify_style_update(self) -> None:
        """Colours changed: forget the styles."""
        self._styles.clear()
        super().notify_style_update()

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            base = self.rich_style
            self._styles[name] = base + self.get_component_rich_style(f"table--{name}") if name else base
        return self._styles[name]

    def widths(self) -> list[int]:
        """Columns of every heading at the present size; flexible ones share what is left."""
        fixed = sum(h.width for h in self.headings) + GAP * max(0, len(self.headings) - 1) + MARK
        count = sum(h.flexible for h in self.headings)
        share = max(0, self.size.width - fixed) // count if count else 0
        return [h.width + share if h.flexible else h.width for h in self.headings]

    def render_line(self, y: int) -> Strip:
        """The headings stay on the first line; below it the rows scroll."""
        width = self.size.width
        if y == 0:
            titles = tuple(h.title for h in self.headings)
            return self._strip(" " * MARK, self._style("heading"), titles, self._style("heading"), width)
        place = y - 1 + self.scroll_offset.y
        if place >= len(self.keys):
            if place == 0:
                return Strip([Segment(f"  {self.empty}", self._style("heading"))]).adjust_cell_length(
                    width, self._style("")
                )
            return Strip.blank(width, self._style(""))
        row = self._shown.get(place) or self.compute(self.keys[place])
        under = place == self.cursor and self.has_focus
        text = self._style("cursor" if under else row.state if row.state in ("failed", "warning") else "text")
        mark = self._style("cursor" if under else row.state)
        return self._strip(f"{symbol(row.state)} ", mark, row.texts, text, width)

    def _strip(self, mark: str, marked: Style, texts: Sequence[str], style: Style, width: int) -> Strip:
        parts = []
        for heading, text, columns in zip(self.headings, texts, self.widths(), strict=True):
            line = cut(text.replace("\n", " "), columns)
            parts.append(line.rjust(columns) if heading.right else set_cell_size(line, columns))
        body = (" " * GAP).join(parts)
        return Strip([Segment(mark, marked), Segment(body, style)]).adjust_cell_length(width, style)


def _nothing(_key: Hashable) -> Cells:
    return Cells("unknown", ())
