"""The last page of the wizard: what is still wrong, and what would change in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from yk8s_tui.models.problems import Problem
from yk8s_tui.screens.setup.checking import Checked
from yk8s_tui.screens.setup.outcome import Outcome
from yk8s_tui.screens.setup.pages import page_of
from yk8s_tui.widgets.symbols import symbol


class ReviewPart(Vertical):
    """Problems first, each a jump to its field; then nodes and file."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[str] = []

    def compose(self) -> ComposeResult:
        """A sentence, a list, and the preview that narrow terminals lack elsewhere."""
        yield Static("", id="verdict", markup=False)
        yield OptionList(id="problems", markup=False, compact=True)
        yield Outcome(id="outcome")

    def show(self, checked: Checked, original: Mapping[str, Any]) -> None:
        """Say what was found."""
        problems = self.query_one("#problems", OptionList)
        keys = [f"{p.key} {p.message}" for p in checked.problems]
        if keys != self._keys:
            self._keys = keys
            problems.clear_options()
            problems.add_options([Option(_line(p)) for p in checked.problems])
            self.problems = checked.problems
        problems.display = bool(checked.problems)
        self.query_one("#verdict", Static).update(_verdict(checked))
        self.query_one(Outcome).show(checked)

    problems: tuple[Problem, ...] = ()

    @on(OptionList.OptionSelected, "#problems")
    async def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        from yk8s_tui.screens.setup.screen import SetupScreen

        screen = self.screen
        if isinstance(screen, SetupScreen):
            await screen.go_to(self.problems[event.option_index].key)


def _verdict(checked: Checked) -> Content:
    if not checked.errors:
        text = "Nothing is wrong. Write and plan shows what would be done; nothing is done before you say so."
        return Content.assemble((f"{symbol('ok')} ", "$text-success"), text)
    count = len(checked.errors)
    text = (
        f"{count} to be mended first. Enter on one goes to its field."
        if count > 1
        else "One thing to be mended first. Enter goes to its field."
    )
    return Content.assemble((f"{symbol('failed')} ", "$text-error"), text)


def _line(problem: Problem) -> Content:
    error = problem.severity == "error"
    mark = (f"{symbol('failed' if error else 'warning')} ", "$text-error" if error else "$text-warning")
    where = page_of(problem.key).title
    remedy = f" {problem.remedy[:1].upper()}{problem.remedy[1:]}." if problem.remedy else ""
    return Content.assemble(mark, (f"{where}: ", "bold"), f"{problem.key}: {problem.message}.{remedy}")
