"""More about a run: every step of every layer, and every failure with its evidence."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from yk8s_tui.runs.state import RunState
from yk8s_tui.runs.views import Failure, StepState
from yk8s_tui.widgets.bars import KeyBar, TitleBar
from yk8s_tui.widgets.layer_lines import TITLES, state_of_step
from yk8s_tui.widgets.symbols import COLOURS, cut, duration, symbol

BACK: list[BindingType] = [
    Binding("escape,q", "app.pop_screen", "Back", tooltip="Back to the run", key_display="Esc"),
]


class LayersScreen(Screen[None]):
    """Steps in the order of the plan, with state, time and nodes; follows the run."""

    HELP = """
Every step of the plan, layer by layer: what it is, on which nodes, how long it took, and what it does now.
Steps that were left out stand at the end of their layer, with the reason.
"""
    BINDINGS = BACK

    def __init__(self, state: Callable[[], RunState]) -> None:
        super().__init__()
        self.state = state
        self._shown = -1

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        yield TitleBar("layers")
        with Vertical(classes="pane"), VerticalScroll(id="step-list"):
            yield Static("", id="steps-text", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Paint twice a second, when something has changed."""
        self.query_one("#step-list").focus()
        self.paint()
        self.set_interval(0.5, self.paint)

    def paint(self) -> None:
        """All layers."""
        state = self.state()
        if state.version == self._shown:
            return
        self._shown = state.version
        self.query_one(TitleBar).right = f"{state.steps_done} of {len(state.steps)} steps"
        lines: list[Content] = []
        for layer in dict.fromkeys([s.layer for s in state.steps.values()] + [s[0] for s in state.skipped.values()]):
            lines.append(Content.styled(TITLES.get(layer, layer), "bold $text-accent"))
            lines += [_step_line(s) for s in state.steps.values() if s.layer == layer]
            lines += [
                Content.styled(f"  {symbol('skipped')} {title}  ({reason})", "$foreground-muted")
                for at, title, reason in state.skipped.values()
                if at == layer
            ]
        self.query_one("#steps-text", Static).update(Content("\n").join(lines))


def _step_line(step: StepState) -> Content:
    state = state_of_step(step.status)
    time = duration(step.seconds) if step.seconds else ""
    nodes = cut(" ".join(step.nodes), 40)
    now = f"\n      {step.task}" if step.task and step.status == "running" else ""
    reason = f"\n      {step.reason}" if step.reason else ""
    return Content.assemble(
        (f"  {symbol(state)} ", COLOURS[state]),
        f"{step.title:<30} ",
        (f"{time:>7}  {nodes}", "$foreground-muted"),
        f"{now}{reason}",
    )


class FailuresScreen(Screen[None]):
    """What failed, where, why, and what to do."""

    HELP = """
A node stands here when a step failed on it: it was set aside, and the others went on. Evidence is what the node said.
When the run has ended, R on the run screen plans again for these nodes only.
"""
    BINDINGS = BACK

    def __init__(self, state: RunState) -> None:
        super().__init__()
        self.state = state

    def compose(self) -> ComposeResult:
        """One paragraph a failure."""
        yield TitleBar("failures", f"{len(self.state.failures)} set aside")
        with Vertical(classes="pane"), VerticalScroll(id="failure-list"):
            yield Static(Content("\n\n").join(_failure(f) for f in self.state.failures.values()), markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Arrow keys scroll."""
        self.query_one("#failure-list").focus()


def _failure(failure: Failure) -> Content:
    parts: list[Content | tuple[str, str] | str] = [
        (f"{symbol('failed')} {failure.node or 'the whole step'}", "bold $text-error"),
        (f"  {failure.step}  {failure.task}\n", "$foreground-muted"),
        f"{failure.reason}",
    ]
    if failure.evidence:
        parts.append((f"\n{failure.evidence.strip()}", "$foreground-muted"))
    if failure.hint:
        parts.append(("\nwhat to do: ", "bold $text-accent"))
        parts.append(failure.hint)
    return Content.assemble(*parts)
