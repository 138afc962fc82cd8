"""Forms from data: a list of fields in, one row a field out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Label, Select, Static

from yk8s_tui.widgets.symbols import symbol
from yk8s_tui.widgets.tick import Tick

Answers = Mapping[str, Any]


def as_is(value: Any) -> Any:
    """The value itself."""
    return value


def always(_answers: Answers) -> bool:
    """A field that is always shown."""
    return True


@dataclass(frozen=True)
class Field:
    """One question of a form, or a heading, or a paragraph between questions."""

    key: str
    """Dotted key of the answer; for headings and notes any unique word."""
    label: str
    """Short name at the left; for headings and notes the text itself."""
    kind: Literal["text", "switch", "choice", "heading", "note"] = "text"
    choices: tuple[tuple[str, str], ...] = ()
    """(label, value) of a choice."""
    placeholder: str = ""
    """An example, shown while the field is empty."""
    to_text: Callable[[Any], Any] = as_is
    """Answer -> what stands in the control."""
    from_text: Callable[[Any], Any] = as_is
    """What stands in the control -> answer; what cannot be understood stays text and is a problem later."""
    shown: Callable[[Answers], bool] = always
    """Whether the question makes sense with the answers so far."""

    @property
    def is_question(self) -> bool:
        """Whether it has an answer."""
        return self.kind not in ("heading", "note")


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a field, as one line or two."""

    message: str
    remedy: str = ""
    warning: bool = False

    @property
    def text(self) -> str:
        """Problem and remedy."""
        mark = symbol("warning" if self.warning else "failed")
        remedy = f"\n  {self.remedy[:1].upper()}{self.remedy[1:]}" if self.remedy else ""
        return f"{mark} {self.message}{remedy}"


class FieldRow(Vertical):
    """Label, control, and below it the help (when focused) or the problem."""

    class Changed(Message):
        """The operator gave another answer."""

        def __init__(self, field: Field, value: Any) -> None:
            super().__init__()
            self.field = field
            self.value = value

    def __init__(self, field: Field, value: Any, help_text: str) -> None:
        super().__init__()
        self.field = field
        self.initial = value
        self.help_text = help_text
        self._trouble: Trouble | None = None

    def compose(self) -> ComposeResult:
        """The row; help and problem are hidden by style until they are needed."""
        with Horizontal(classes="field--line"):
            yield Label(self.field.label, classes="field--label", markup=False)
            yield self._control()
        yield Static("", markup=False, classes="field--problem")
        yield Static(self.help_text, markup=False, classes="field--help")

    def _control(self) -> Widget:
        shown = self.field.to_text(self.initial)
        if self.field.kind == "switch":
            return Tick("", value=bool(shown), compact=True)
        if self.field.kind == "choice":
            options = list(self.field.choices)
            if shown not in [value for _, value in options]:
                options.insert(0, (str(shown), shown))
            return Select(options, value=shown, allow_blank=False, compact=True)
        text = "" if shown is None else str(shown)
        return Input(text, placeholder=self.field.placeholder, compact=True, select_on_focus=False)

    @property
    def value(self) -> Any:
        """The answer as it stands in the control now."""
        control = self.control
        return self.field.from_text(control.value)

    @property
    def control(self) -> Input | Checkbox | Select[str]:
        """The widget that takes the answer."""
        found = self.query("Input, Checkbox, Select").first()
        assert isinstance(found, Input | Checkbox | Select)
        return found

    def show_trouble(self, trouble: Trouble | None) -> None:
        """Say what is wrong, or that nothing is."""
        self._trouble = trouble
        self.set_class(trouble is not None and not trouble.warning, "-problem")
        self.set_class(trouble is not None and trouble.warning, "-warning")
        for line in self.query(".field--problem").results(Static):
            line.update(trouble.text if trouble else "")

    def on_mount(self) -> None:
        """A verdict may have come before the row was complete."""
        self.show_trouble(self._trouble)

    @on(Input.Changed)
    @on(Checkbox.Changed)
    @on(Select.Changed)
    def _changed(self, event: Message) -> None:
        event.stop()
        self.post_message(self.Changed(self.field, self.value))


class Form(Vertical):
    """The rows of a list of fields; knows which are shown and what is wrong with which."""

    DEFAULT_CSS = "Form { height: auto; }"

    def __init__(
        self,
        fields: Sequence[Field],
        read: Callable[[str], Any],
        help_for: Callable[[str], str],
        *,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(id=id)
        self.fields = fields
        self.read = read
        self.help_for = help_for
        self._made: list[tuple[Field, Widget]] = []
        """Not `children`: those of a form that is leaving go one by one."""

    def compose(self) -> ComposeResult:
        """One widget a field."""
        self._made = [(field, self._widget(field)) for field in self.fields]
        for _, widget in self._made:
            yield widget

    def _widget(self, field: Field) -> Widget:
        if field.is_question:
            return FieldRow(field, self.read(field.key), self.help_for(field.key))
        return Static(field.label, markup=False, classes=f"form--{field.kind}")

    @property
    def rows(self) -> dict[str, FieldRow]:
        """The rows by key."""
        return {row.field.key: row for row in self.query(FieldRow)}

    def show_only(self, answers: Answers) -> None:
        """Hide the fields that make no sense with these answers."""
        for field, widget in self._made:
            widget.display = field.shown(answers)

    def show_troubles(self, troubles: Mapping[str, Trouble]) -> None:
        """Say below each field what is wrong with it."""
        for key, row in self.rows.items():
            row.show_trouble(troubles.get(key))

    def focus_key(self, key: str) -> bool:
        """Put the cursor into a field; False when it is not on this form."""
        row = self.rows.get(key)
        if row is None or not row.display:
            return False
        row.control.focus()
        return True
