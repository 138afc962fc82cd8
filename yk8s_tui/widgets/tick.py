"""A checkbox that reads the same without colours: `[x]` and `[ ]`."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Checkbox


class Tick(Checkbox):
    """Space or Enter switches it."""

    @property
    def _button(self) -> Content:
        style = self.get_visual_style("toggle--button")
        return Content("[x]" if self.value else "[ ]").stylize(style)
