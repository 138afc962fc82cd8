"""All nodes of a run in one view: large panes when they fit, dense cells when they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from yk8s_tui.runs.views import Failure, NodeState
from yk8s_tui.widgets.node_cells import by_trouble, failures_first, matches, pane_lines, pane_title, state_of
from yk8s_tui.widgets.symbols import STATES, cut, symbol, table

PANE_WIDTH = 26
"""Columns a large pane needs at least."""
PANE_HEIGHT = 6
"""Rows a large pane needs at least, its frame included."""
PANE_TALLEST = 12

_STYLES = (*STATES, "name", "muted", "text", "changed", "frame", "chosen", "cursor")
_LIGHT = ("┌", "─", "┐", "│", "└", "┘")
_HEAVY = ("┏", "━", "┓", "┃", "┗", "┛")
_PLAIN = ("+", "-", "+", "|", "+", "+")
_PLAIN_HEAVY = ("#", "=", "#", "#", "#", "#")


class NodeGrid(ScrollView, can_focus=True):
    """Draws only what is visible; the cursor stays on its node when the order changes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"grid--{name}" for name in _STYLES}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Log", tooltip="The log of the node under the cursor, full screen"),
        Binding("left", "move(-1, 0)", "Left", show=False, tooltip="Node to the left"),
        Binding("right", "move(1, 0)", "Right", show=False, tooltip="Node to the right"),
        Binding("up", "move(0, -1)", "Up", show=False, tooltip="Node above"),
        Binding("down", "move(0, 1)", "Down", show=False, tooltip="Node below"),
        Binding("pageup", "page(-1)", "Page up", show=False, tooltip="One screen up"),
        Binding("pagedown", "page(1)", "Page down", show=False, tooltip="One screen down"),
        Binding("home", "edge(0)", "First", show=False, tooltip="First node"),
        Binding("end", "edge(-1)", "Last", show=False, tooltip="Last node"),
    ]

    class Chosen(Message):
        """Enter, or a second click, on a node."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Moved(Message):
        """The cursor is on another node."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.all: Sequence[NodeState] = ()
        self.nodes: list[NodeState] = []
        """The nodes that pass the filter, in the order shown."""
        self.failures: Mapping[str, Failure] = {}
        self.now = 0.0
        self.words: tuple[str, ...] = ()
        self.cursor = ""
        self.columns = 1
        self.cell = Size(PANE_WIDTH, PANE_HEIGHT)
        self.dense = False
        self._styles: dict[str, Style] = {}

    # Feeding

    def show(self, nodes: Sequence[NodeState], failures: Mapping[str, Failure], now: float) -> None:
        """Take the state as it is now and paint it."""
        self.all, self.failures, self.now = nodes, failures, now
        self.arrange_nodes()
        self.refresh()

    def filter_by(self, text: str) -> None:
        """Show only nodes that match every word."""
        self.words = tuple(text.lower().split())
        self.arrange_nodes()
        self.refresh()

    def arrange_nodes(self) -> None:
        """Filter, choose panes or cells, and order."""
        found = [node for node in self.all if matches(node, self.words)]
        self._choose_size(found)
        self.nodes = by_trouble(found) if self.dense else failures_first(found)
        rows = -(-len(self.nodes) // self.columns)
        size = Size(self.columns * self.cell.width, rows * self.cell.height)
        if size != self.virtual_size:
            self.virtual_size = size
        if self.nodes and self.cursor not in {node.name for node in self.nodes}:
            self.cursor = self.nodes[0].name
            self.post_message(self.Moved(self.cursor))

    def _choose_size(self, nodes: Sequence[NodeState]) -> None:
        width, height = self.scrollable_content_region.size
        width, height = max(1, width), max(1, height)
        columns = max(1, min(width // PANE_WIDTH, len(nodes) or 1))
        rows = -(-len(nodes) // columns) if nodes else 1
        self.dense = rows * PANE_HEIGHT > height
        if not self.dense:
            self.columns = columns
            self.cell = Size(width // columns, min(PANE_TALLEST, height // rows))
            return
        longest = max(len(node.name) for node in nodes)
        cell = max(8, min(longest + 4, width))
        self.columns = max(1, width // cell)
        self.cell = Size(cell, 1)

    def on_resize(self) -> None:
        """Other panes may fit now."""
        self.arrange_nodes()
        self._follow_cursor()

    # Cursor

    @property
    def position(self) -> int:
        """Place of the cursor's node in the order shown; -1 when nothing is shown."""
        return next((i for i, node in enumerate(self.nodes) if node.name == self.cursor), -1)

    def _go(self, position: int) -> None:
        if not self.nodes:
            return
        position = max(0, min(position, len(self.nodes) - 1))
        self.cursor = self.nodes[position].name
        self._follow_cursor()
        self.post_message(self.Moved(self.cursor))
        self.refresh()

    def _follow_cursor(self) -> None:
        position = self.position
        if position >= 0:
            row, column = divmod(position, self.columns)
            region = Region(
                column * self.cell.width, row * self.cell.height, self.cell.width, self.cell.height
            )
            self.scroll_to_region(region, animate=False, force=True)

    def action_move(self, columns: int, rows: int) -> None:
        """One node aside, up or down."""
        target = self.position + columns + rows * self.columns
        if 0 <= target < len(self.nodes) or columns:
            self._go(target)

    def action_page(self, direction: int) -> None:
        """One screen up or down."""
        rows = max(1, self.scrollable_content_region.height // self.cell.height)
        self._go(self.position + direction * rows * self.columns)

    def action_edge(self, position: int) -> None:
        """To the first or the last node."""
        self._go(position % max(1, len(self.nodes)))

    def action_choose(self) -> None:
        """Open the node under the cursor."""
        if self.cursor:
            self.post_message(self.Chosen(self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor there; a second click opens."""
        column = event.x // self.cell.width
        row = (event.y + self.scroll_offset.y) // self.cell.height
        position = row * self.columns + column
        if column >= self.columns or not 0 <= position < len(self.nodes):
            return
        if self.nodes[position].name == self.cursor and event.chain > 1:
            self.action_choose()
        else:
            self._go(position)

    # Painting

    def notify_style_update(self) -> None:
        """Colours changed: forget the styles."""
        self._styles.clear()
        super().notify_style_update()

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            base = self.rich_style
            self._styles[name] = base + self.get_component_rich_style(f"grid--{name}") if name else base
        return self._styles[name]

    def render_line(self, y: int) -> Strip:
        """One row of the terminal."""
        width = self.size.width
        row, line = divmod(y + self.scroll_offset.y, self.cell.height)
        first = row * self.columns
        segments: list[Segment] = []
        for node in self.nodes[first : first + self.columns]:
            segments += self._cell(node) if self.dense else self._pane(node, line)
        return Strip(segments).adjust_cell_length(width, self._style("")).crop(0, width)

    def _cell(self, node: NodeState) -> list[Segment]:
        state = state_of(node)
        under = node.name == self.cursor
        room = self.cell.width - 3
        name = (
            self._style("cursor")
            if under
            else self._style(state if state in ("failed", "warning") else "text")
        )
        return [
            Segment(" " + symbol(state), self._style(state)),
            Segment(" ", self._style("")),
            Segment(cut(node.name, room), name),
            Segment(" " * max(0, room - len(node.name)), self._style("")),
        ]

    def _pane(self, node: NodeState, line: int) -> list[Segment]:
        width, height = self.cell
        under = node.name == self.cursor
        light, heavy = (_PLAIN, _PLAIN_HEAVY) if table()["ok"] == "v" else (_LIGHT, _HEAVY)
        left, flat, right, side, bottom_left, bottom_right = heavy if under else light
        failed = state_of(node) == "failed"
        frame = self._style("failed" if failed else "chosen" if under else "frame")
        if line == 0:
            title = pane_title(node, self.now)
            used = sum(len(text) for text, _ in title)
            parts = [Segment(f"{left} ", frame)]
            parts += [Segment(text, self._style(style)) for text, style in title]
            return [*parts, Segment(f" {flat * max(0, width - used - 4)}{right}", frame)]
        if line == height - 1:
            return [Segment(bottom_left + flat * (width - 2) + bottom_right, frame)]
        lines = pane_lines(node, self.failures.get(node.name), self.now, width - 4, height - 2)
        text, style = lines[line - 1] if line <= len(lines) else ("", "text")
        text = cut(text, width - 4).ljust(width - 4)
        return [Segment(f"{side} ", frame), Segment(text, self._style(style)), Segment(f" {side}", frame)]
