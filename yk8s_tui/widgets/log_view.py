"""A log of any length: only the visible lines are read and painted."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

WIDEST = 2_000
"""Columns one can scroll to; longer lines are cut."""


class Line(Protocol):
    """One line of a log."""

    @property
    def time(self) -> str:
        """When, as text; empty for the further lines of an entry."""

    @property
    def kind(self) -> str:
        """`ok`, `changed`, `failed`, `text`, `muted`."""

    @property
    def text(self) -> str:
        """Plain text; never markup."""


class Lines(Protocol):
    """Where a view gets its lines from."""

    def __len__(self) -> int:
        """How many there are now."""

    def line(self, number: int) -> Line:
        """One of them, counted from 0."""


class Nothing(NamedTuple):
    """A source without lines."""

    def __len__(self) -> int:
        return 0

    def line(self, number: int) -> Line:
        """There is none."""
        raise IndexError(number)


class LogView(ScrollView, can_focus=True):
    """Scrolls over a source of lines; follows its end while `follow` is on."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"log--{name}" for name in ("time", "text", "ok", "changed", "failed", "muted")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "lines(-1)", "Up", show=False, tooltip="One line up"),
        Binding("down,j", "lines(1)", "Down", show=False, tooltip="One line down"),
        Binding("pageup,b", "lines(-20)", "Page up", show=False, tooltip="One screen up"),
        Binding("pagedown,space", "lines(20)", "Page down", show=False, tooltip="One screen down"),
        Binding("home,g", "top", "Top", show=False, tooltip="First line"),
        Binding("end,G", "bottom", "End", show=False, tooltip="Last line, and follow"),
    ]

    follow: reactive[bool] = reactive(True)

    class FollowChanged(Message):
        """Following was switched, by key or by scrolling."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.source: Lines = Nothing()
        self._widest = 0
        self._styles: dict[str, Style] = {}

    def take(self, source: Lines) -> None:
        """Show another source from its end."""
        self.source = source
        self._widest = 0
        self.grow()

    def grow(self) -> None:
        """The source has more lines now."""
        self.virtual_size = Size(max(self._widest, self.size.width - 1), len(self.source))
        self.refresh()
        self._to_end()
        self.call_after_refresh(self._to_end)

    def _widen(self) -> None:
        """A wider line was painted: one can scroll to its end."""
        if self.virtual_size.width < self._widest:
            self.grow()

    def _to_end(self) -> None:
        """While following: to the last line, also when a scroll bar has taken a line since."""
        if self.follow:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def watch_follow(self, follow: bool) -> None:
        """Go to the end at once."""
        if follow:
            self.scroll_to(y=self.max_scroll_y, animate=False, force=True)
        self.post_message(self.FollowChanged())

    def action_lines(self, count: int) -> None:
        """Scroll; up stops following, reaching the end starts it again."""
        page = max(1, self.scrollable_content_region.height - 1)
        step = count if abs(count) == 1 else page * (1 if count > 0 else -1)
        target = max(0, min(self.max_scroll_y, self.scroll_offset.y + step))
        self.follow = step > 0 and target >= self.max_scroll_y
        self.scroll_to(y=target, animate=False, force=True)

    def action_top(self) -> None:
        """To the first line."""
        self.follow = False
        self.scroll_to(y=0, animate=False, force=True)

    def action_bottom(self) -> None:
        """To the last line, and follow."""
        self.follow = True

    def on_mouse_scroll_up(self) -> None:
        """Scrolling up stops following."""
        self.follow = False

    def on_resize(self) -> None:
        """The end is elsewhere now."""
        self.grow()

    def notify_style_update(self) -> None:
        """Colours changed: forget the styles."""
        self._styles.clear()
        super().notify_style_update()

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            base = self.rich_style
            self._styles[name] = base + self.get_component_rich_style(f"log--{name}") if name else base
        return self._styles[name]

    def render_line(self, y: int) -> Strip:
        """One row of the terminal."""
        width = self.size.width
        number = y + self.scroll_offset.y
        if number >= len(self.source):
            return Strip.blank(width, self._style(""))
        line = self.source.line(number)
        text = line.text[:WIDEST]
        if len(text) + 9 > self._widest:
            self._widest = min(WIDEST, len(text) + 9)
            self.call_after_refresh(self._widen)
        strip = Strip([Segment(f"{line.time:<8} ", self._style("time")), Segment(text, self._style(line.kind))])
        left = self.scroll_offset.x
        return strip.crop_extend(left, left + width, self._style(""))
