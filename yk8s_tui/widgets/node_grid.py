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
from yk8s_tui.widgets.node_cells import by_trouble, failures_first, matches
from yk8s_tui.widgets.node_paint import Drawn, cell, draw, pane
from yk8s_tui.widgets.symbols import STATES

PANE_WIDTH = 26
"""Columns a large pane needs at least."""
PANE_HEIGHT = 6
"""Rows a large pane needs at least, its frame included."""
ROOMY = Size(50, 12)
"""A pane that shows whole sentences, and enough of what went before: rather more rows of these than narrow ones."""

_STYLES = (*STATES, "name", "muted", "text", "changed", "frame", "chosen", "cursor")


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
        self.slow: Mapping[str, str] = {}
        """Nodes with their lamp on -> why, in words; painted at the next `show`."""
        self.now = 0.0
        self.words: tuple[str, ...] = ()
        self.cursor = ""
        self.columns = 1
        self.cell = Size(PANE_WIDTH, PANE_HEIGHT)
        self.dense = False
        self._styles: dict[str, Style] = {}
        self._drawn: dict[int, Drawn] = {}
        """What is on screen, by place."""

    # Feeding

    def show(self, nodes: Sequence[NodeState], failures: Mapping[str, Failure], now: float) -> None:
        """Take the state as it is now, and paint what looks different."""
        self.all, self.failures, self.now = nodes, failures, now
        before = (self.columns, self.cell, self.dense, self.virtual_size)
        self.arrange_nodes()
        old, self._drawn = self._drawn, self._draw_visible()
        if before != (self.columns, self.cell, self.dense, self.virtual_size):
            self.refresh()
        elif changed := [place for place, drawn in self._drawn.items() if old.get(place) != drawn]:
            self.refresh(*{self._region(place) for place in changed})
        elif len(old) != len(self._drawn):
            self.refresh()

    def _visible(self) -> range:
        """Places of the nodes that are on screen."""
        height = self.cell.height
        first = (self.scroll_offset.y // height) * self.columns
        last = ((self.scroll_offset.y + self.size.height - 1) // height + 1) * self.columns
        return range(first, min(last, len(self.nodes)))

    def _draw_visible(self) -> dict[int, Drawn]:
        return {place: self._draw(place) for place in self._visible()}

    def _draw(self, place: int) -> Drawn:
        node = self.nodes[place]
        under = node.name == self.cursor
        failure = self.failures.get(node.name)
        slow = self.slow.get(node.name, "")
        return draw(node, failure, self.now, self.cell, under=under, dense=self.dense, slow=slow)

    def _region(self, place: int) -> Region:
        """Where a node is painted; a whole line for cells, as they are small."""
        row, column = divmod(place, self.columns)
        width, height = self.cell
        top = row * height - self.scroll_offset.y
        return Region(0, top, self.size.width, 1) if self.dense else Region(column * width, top, width, height)

    def filter_by(self, text: str) -> None:
        """Show only nodes that match every word."""
        self.words = tuple(text.lower().split())
        self.arrange_nodes()
        self.repaint()

    def arrange_nodes(self) -> None:
        """Filter, choose panes or cells, and order."""
        found = [node for node in self.all if matches(node, self.words, self.slow)]
        self._choose_size(found)
        self.nodes = by_trouble(found, self.slow) if self.dense else failures_first(found)
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
            wished = -(-len(nodes) // max(1, width // ROOMY.width))
            rows = max(rows, min(wished, height // ROOMY.height))
            self.columns = max(1, -(-len(nodes) // rows))
            self.cell = Size(width // self.columns, height // rows)
            return
        longest = max(len(node.name) for node in nodes)
        cell = max(8, min(longest + 4, width))
        self.columns = max(1, width // cell)
        self.cell = Size(cell, 1)

    def on_resize(self) -> None:
        """Other panes may fit now."""
        self.arrange_nodes()
        self._follow_cursor()
        self.repaint()

    # Cursor

    @property
    def position(self) -> int:
        """Place of the cursor's node in the order shown; -1 when nothing is shown."""
        return next((i for i, node in enumerate(self.nodes) if node.name == self.cursor), -1)

    def _go(self, position: int) -> None:
        if not self.nodes:
            return
        before, position = self.position, max(0, min(position, len(self.nodes) - 1))
        self.cursor = self.nodes[position].name
        self._follow_cursor()
        self.post_message(self.Moved(self.cursor))
        for place in {before, position} & self._drawn.keys():
            self._drawn[place] = self._draw(place)
            self.refresh(self._region(place))

    def _follow_cursor(self) -> None:
        position = self.position
        if position >= 0:
            row, column = divmod(position, self.columns)
            region = Region(column * self.cell.width, row * self.cell.height, self.cell.width, self.cell.height)
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

    def repaint(self) -> None:
        """Paint everything."""
        self._drawn = self._draw_visible()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other nodes are on screen now."""
        super().watch_scroll_y(old_value, new_value)
        self._drawn = self._draw_visible()

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
        segments: list[Segment] = []
        for place in range(row * self.columns, min((row + 1) * self.columns, len(self.nodes))):
            drawn = self._drawn.get(place) or self._draw(place)
            if self.dense:
                segments += cell(drawn, self.cell.width, self._style)
            else:
                segments += pane(drawn, line, self.cell, self._style)
        return Strip(segments).adjust_cell_length(width, self._style("")).crop(0, width)
