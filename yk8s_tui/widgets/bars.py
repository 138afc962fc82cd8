"""The first and the last line of every screen: where one is, and which keys there are."""

from __future__ import annotations

from typing import NamedTuple

from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from yk8s_tui.widgets.symbols import cut

SMALLEST = (80, 24)
"""Columns and rows that every screen is made for."""


class TitleBar(Widget):
    """One line: product and place at the left, state at the right."""

    left: reactive[str] = reactive("")
    right: reactive[str] = reactive("")

    def __init__(self, left: str = "", right: str = "") -> None:
        super().__init__()
        self.set_reactive(TitleBar.left, left)
        self.set_reactive(TitleBar.right, right)

    def on_mount(self) -> None:
        """Repaint when the terminal changes its height, which is not this line's."""
        self.app.screen_change_signal.subscribe(self, lambda _screen: self.refresh())

    def render(self) -> Content:
        """The line; the right part gives way when both do not fit."""
        columns, rows = self.app.size
        right = self.right
        if columns < SMALLEST[0] or rows < SMALLEST[1]:
            right = f"terminal is {columns}x{rows}, made for 80x24"
        width = self.size.width - 1
        left = Content.assemble((" yk8s ", "bold $text-accent"), (" " + self.left, "bold"))
        space = width - left.cell_length
        right = cut(right, space - 2)
        return Content.assemble(left, " " * max(1, space - len(right)), (right, "$foreground-muted"))


class KeyHint(NamedTuple):
    """One key of the last line and the columns it covers."""

    start: int
    end: int
    key: str


class KeyBar(Widget):
    """One line with the keys that make sense now; a click works, too."""

    hints: list[KeyHint]

    def on_mount(self) -> None:
        """Follow every change of the bindings."""
        self.hints = []
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.refresh())

    def render(self) -> Content:
        """Keys in the order of the bindings; F1 always has a place. What does not fit is in help and palette."""
        parts: list[Content] = []
        self.hints = []
        used = 0
        entries = [(key, _hint(display, text, enabled)) for key, display, text, enabled in self._entries()]
        help_key = next((item.cell_length for key, item in entries if key == "f1"), 0)
        for key, item in entries:
            reserved = 0 if key == "f1" else help_key
            if used + item.cell_length + reserved > self.size.width:
                continue
            self.hints.append(KeyHint(used, used + item.cell_length, key))
            used += item.cell_length
            parts.append(item)
        return Content.assemble(*parts)

    def _entries(self) -> list[tuple[str, str, str, bool]]:
        """Key, how it is shown, description, and whether it works now; each action once."""
        seen: set[str] = set()
        entries = []
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if not binding.show or not binding.description or binding.action in seen:
                continue
            seen.add(binding.action)
            entries.append((binding.key, self.app.get_key_display(binding), binding.description, active.enabled))
        return entries

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        for hint in self.hints:
            if hint.start <= event.x < hint.end:
                self.app.simulate_key(hint.key)


def _hint(display: str, text: str, enabled: bool) -> Content:
    key = (f" {display} ", "bold $footer-key-foreground" if enabled else "dim")
    return Content.assemble(key, (f"{text} ", "$footer-description-foreground" if enabled else "dim"))
