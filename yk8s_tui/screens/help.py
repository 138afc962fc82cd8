"""F1: what a screen is for, and every key of it."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from yk8s_tui import paths


class HelpScreen(ModalScreen[None]):
    """Text of the screen, then key by key."""

    CSS_PATH = paths.assets() / "styles" / "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "dismiss", "Close", tooltip="Back to the screen", key_display="Esc"),
    ]

    def __init__(self, text: str, keys: list[tuple[str, str, str]]) -> None:
        super().__init__()
        self.text = text
        self.keys = keys

    @classmethod
    def of(cls, screen: Screen[Any]) -> Self:
        """The help of a screen as it is now, with the keys of the focused widget."""
        keys: dict[str, tuple[bool, str, str, str]] = {}
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.description and binding.tooltip and binding.action not in keys and not binding.system:
                display = screen.app.get_key_display(binding)
                keys[binding.action] = (not binding.show, display, binding.description, binding.tooltip)
        ordered = sorted(keys.values(), key=lambda entry: entry[0])
        return cls(_flowing(screen.HELP or ""), [entry[1:] for entry in ordered])

    def compose(self) -> ComposeResult:
        """Text and table in one scrolling dialog."""
        with Vertical(classes="dialog dialog--help") as dialog:
            dialog.border_title = "Help"
            dialog.border_subtitle = "Esc closes"
            with VerticalScroll():
                yield Static(self.text, markup=False, classes="help--text")
                yield Static(self._table())

    def on_mount(self) -> None:
        """Arrow keys scroll."""
        self.query_one(VerticalScroll).focus()

    def _table(self) -> Content:
        lines = [
            Content.assemble((f"{key:>9}  ", "bold $text-accent"), (f"{name:<14} ", "bold"), tooltip)
            for key, name, tooltip in self.keys
        ]
        return Content("\n").join(lines)


def _flowing(text: str) -> str:
    """Paragraphs as one line each, so that they wrap where the dialog does."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))
