"""More about the status: all findings, and everything that is known about one row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from yk8s_tui.status.model import Finding
from yk8s_tui.status.words import clock, since
from yk8s_tui.widgets.bars import KeyBar, TitleBar
from yk8s_tui.widgets.symbols import COLOURS, symbol

REPAINT_SECONDS = 1.0


class _TextScreen(Screen[None]):
    """A text that follows the status; Y copies it."""

    HELP = "What is known now; it follows the status. Y copies it as text."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy", tooltip="Copy this text"),
        Binding("escape,q", "app.pop_screen", "Back", tooltip="Back to the status", key_display="Esc"),
    ]
    heading = ""

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        yield TitleBar(self.heading)
        with Vertical(classes="pane"), VerticalScroll(id="detail-text"):
            yield Static("", id="detail", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Arrow keys scroll; ages grow."""
        self.query_one("#detail-text").focus()
        self.paint()
        self.set_interval(REPAINT_SECONDS, self.paint)

    def content(self) -> Content:
        """What is shown."""
        raise AssertionError

    def paint(self) -> None:
        """Show it as it is now."""
        self.query_one("#detail", Static).update(self.content())

    def action_copy(self) -> None:
        """Put the text into the clipboard of the terminal."""
        self.app.copy_to_clipboard(self.content().plain)
        self.notify("Copied, if the terminal allows it (OSC 52).", markup=False)


class DetailScreen(_TextScreen):
    """Everything that is known about one row."""

    def __init__(self, heading: str, lines: Callable[[], Sequence[str]]) -> None:
        super().__init__()
        self.heading = heading.lower()
        self.lines_now = lines

    def content(self) -> Content:
        """The lines, the first one bold."""
        first, *rest = self.lines_now()
        return Content("\n").join([Content.styled(first, "bold"), *(Content(line) for line in rest)])


class FindingsScreen(_TextScreen):
    """Everything that is wrong, and what to look at."""

    heading = "findings"

    def __init__(self, found: Callable[[], tuple[Sequence[Finding], float]]) -> None:
        super().__init__()
        self.found = found

    def content(self) -> Content:
        """One paragraph a finding, the worst first."""
        findings, now = self.found()
        if not findings:
            return Content.styled(f"{symbol('ok')} Nothing is wrong.", "$text-success")
        return Content("\n\n").join(_paragraph(f, now) for f in findings)


def _paragraph(finding: Finding, now: float) -> Content:
    parts: list[Content | tuple[str, str] | str] = [
        (f"{symbol(finding.severity)} {finding.subject}", f"bold {COLOURS[finding.severity]}"),
        f" {finding.text}",
    ]
    if finding.since:
        parts.append((f"\n  since {clock(finding.since)} ({since(finding.since, now)})", "$foreground-muted"))
    if finding.look:
        parts += [("\n  look at: ", "bold $text-accent"), finding.look]
    return Content.assemble(*parts)
