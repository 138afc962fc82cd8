"""The steps of a wizard at the left: all of them, always, each with its state."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from yk8s_tui.widgets.symbols import COLOURS, State, symbol


class StepList(OptionList):
    """Choose a step with the arrows and Enter; any step may be revisited."""

    def __init__(self, titles: Sequence[tuple[str, str]], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(*(Option(title, id=key) for key, title in titles), id=id, markup=False, compact=True)
        self.titles = dict(titles)

    def show(self, states: dict[str, State]) -> None:
        """Put the state before each title."""
        for key, title in self.titles.items():
            state = states.get(key, "waiting")
            prompt = Content.assemble((f"{symbol(state)} ", COLOURS[state]), title)
            self.replace_option_prompt(key, prompt)
