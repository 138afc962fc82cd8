"""Dialogs: an error with its remedy, a question, a typed consent, a reason, a longer text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Button, Input, Static, TextArea

from yk8s_tui import paths
from yk8s_tui.errors import Yk8sError

Result = TypeVar("Result")


class Dialog(ModalScreen[Result | None]):
    """A box in the middle; Esc closes it without an answer."""

    CSS_PATH = [paths.assets() / "styles" / "dialogs.tcss"]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Back", tooltip="Close without doing anything"),
    ]
    TONE = ""

    def __init__(self, title: str, *, yes: str = "OK", no: str = "Back") -> None:
        super().__init__()
        self.heading = title
        self.yes = yes
        self.no = no

    def body(self) -> ComposeResult:
        """What stands between title and buttons."""
        yield from ()

    def compose(self) -> ComposeResult:
        """Title, body, buttons."""
        with Vertical(classes=f"dialog {self.TONE}") as box:
            box.border_title = Content(self.heading).markup
            with VerticalScroll(classes="dialog--body", can_focus=False):
                yield from self.body()
            with Horizontal(classes="dialog--buttons"):
                yield Button(self.yes, id="yes", compact=True, variant="primary")
                if self.no:
                    yield Button(self.no, id="no", compact=True)

    def answer(self) -> Result | None:
        """What `yes` closes the dialog with; None keeps it open."""
        return None

    def action_give_up(self) -> None:
        """Close without an answer."""
        self.dismiss(None)

    def decline(self) -> None:
        """What the second button does; to close without an answer, unless a dialog has two answers."""
        self.action_give_up()

    @on(Button.Pressed, "#no")
    def _no(self) -> None:
        self.decline()

    @on(Button.Pressed, "#yes")
    @on(Input.Submitted)
    def _yes(self) -> None:
        if (answer := self.answer()) is not None:
            self.dismiss(answer)

    def text(self, value: str | Content, classes: str = "") -> Widget:
        """A paragraph; never parsed as markup."""
        return Static(value, markup=False, classes=f"dialog--text {classes}")


def ask(screen: Screen[Any], dialog: Dialog[Result], then: Callable[[Result], object]) -> None:
    """Show a dialog; `then` gets the answer, if there is one."""

    def take(answer: Result | None) -> None:
        if answer:
            then(answer)

    screen.app.push_screen(dialog, take)


class ErrorDialog(Dialog[bool]):
    """What went wrong, where, why, and what to do."""

    TONE = "dialog--error"

    def __init__(self, what: str, *, where: str = "", why: str = "", hint: str = "") -> None:
        super().__init__("This did not work", yes="Close", no="")
        self.parts = (("what", what), ("where", where), ("why", why), ("what to do", hint))

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """From any error; those that are not ours say what to report."""
        problems = getattr(error, "problems", ())
        if isinstance(error, Yk8sError):
            why = error.why or "\n".join(f"{p.key}: {p.message} {p.remedy}".strip() for p in problems)
            return cls(error.what, where=error.where, why=why, hint=error.hint)
        if isinstance(error, OSError):
            return cls(error.strerror or str(error), where=str(error.filename or ""))
        what = f"internal error: {type(error).__name__}: {error}"
        return cls(what, hint="run the same as a command with --debug and report what it shows")

    def body(self) -> ComposeResult:
        """One paragraph for each part that is known."""
        for name, value in self.parts:
            if value:
                with Horizontal(classes="dialog--part"):
                    yield Static(name, classes="dialog--label")
                    yield Static(value, markup=False, classes="dialog--value")

    def answer(self) -> bool:
        """Closing is the only answer."""
        return True


class ConfirmDialog(Dialog[bool]):
    """A question with a consequence; No is the safe answer and has the focus."""

    AUTO_FOCUS = "#no"

    def __init__(self, title: str, question: str, *, yes: str, no: str = "No") -> None:
        super().__init__(title, yes=yes, no=no)
        self.question = question

    def body(self) -> ComposeResult:
        """The question."""
        yield self.text(self.question)

    def answer(self) -> bool:
        """Yes."""
        return True


class ChoiceDialog(Dialog[bool]):
    """Two answers of equal right: True for the first, False for the second; Esc is neither."""

    def __init__(self, title: str, lines: Sequence[str], *, first: str, second: str) -> None:
        super().__init__(title, yes=first, no=second)
        self.lines = lines

    def body(self) -> ComposeResult:
        """What is to be decided."""
        for line in self.lines:
            yield self.text(line)

    def answer(self) -> bool:
        """The first."""
        return True

    def decline(self) -> None:
        """The second."""
        self.dismiss(False)


class ConsentDialog(Dialog[str]):
    """A typed consent: the name of the cluster, letter by letter."""

    TONE = "dialog--error"
    AUTO_FOCUS = "#typed"

    def __init__(self, cluster: str, losses: list[str]) -> None:
        super().__init__("This destroys something", yes="I consent", no="Back")
        self.cluster = cluster
        self.losses = losses

    def body(self) -> ComposeResult:
        """What is lost, and where to type."""
        for loss in self.losses:
            yield self.text(f"! {loss}", "dialog--loss")
        yield self.text(f"Nothing brings it back. To consent, type the cluster's name: {self.cluster}")
        yield Input(id="typed", compact=True, placeholder=self.cluster)
        yield Static("", id="typed-problem", markup=False)

    def answer(self) -> str | None:
        """The name, when it is right."""
        typed = self.query_one("#typed", Input).value
        if typed == self.cluster:
            return typed
        problem = f"{typed!r} is not {self.cluster!r}" if typed else "type the name first"
        self.query_one("#typed-problem", Static).update(problem)
        return None


class ReasonDialog(Dialog[str]):
    """Why a check is waived; kept in the journal with the name of who did it."""

    AUTO_FOCUS = "#reason"

    def __init__(self, title: str, about: str) -> None:
        super().__init__(title, yes="Waive", no="Back")
        self.about = about

    def body(self) -> ComposeResult:
        """What is waived, and where to say why."""
        yield self.text(self.about)
        yield self.text("The reason is recorded in the journal of the run.")
        yield Input(id="reason", compact=True, placeholder="reason")

    def answer(self) -> str | None:
        """The reason; none is no answer."""
        return self.query_one("#reason", Input).value.strip() or None


class TextDialog(Dialog[str]):
    """A longer text, typed or pasted."""

    AUTO_FOCUS = "TextArea"

    def __init__(self, title: str, about: str, *, yes: str) -> None:
        super().__init__(title, yes=yes)
        self.about = about

    def body(self) -> ComposeResult:
        """What is expected, and where to put it."""
        yield self.text(self.about)
        yield TextArea(id="text", compact=True, tab_behavior="focus")

    def answer(self) -> str | None:
        """The text; none is no answer."""
        return self.query_one("#text", TextArea).text.strip() or None


class LineDialog(Dialog[str]):
    """One line of text."""

    AUTO_FOCUS = "Input"

    def __init__(self, title: str, about: str, *, value: str = "", placeholder: str = "", yes: str = "OK") -> None:
        super().__init__(title, yes=yes)
        self.about = about
        self.value = value
        self.placeholder = placeholder

    def body(self) -> ComposeResult:
        """What is expected, and where to type it."""
        yield self.text(self.about)
        yield Input(self.value, id="line", compact=True, placeholder=self.placeholder)

    def answer(self) -> str | None:
        """The line; none is no answer."""
        return self.query_one("#line", Input).value.strip() or None
