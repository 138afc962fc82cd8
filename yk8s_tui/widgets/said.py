"""A text that is said again and again: painted only when it has changed, laid out only when its height may have."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Said(Static):
    """Use `say`; laying out a screen costs more than painting a line of it."""

    def __init__(self, *, id: str | None = None, wraps: bool = False) -> None:  # noqa: A002
        """`wraps`: a line may take several rows, so that any change may change the height."""
        super().__init__("", id=id, markup=False)
        self._wraps = wraps
        self._said = Content("")

    def say(self, text: Content | str) -> None:
        """Show this from now on."""
        content = Content(text) if isinstance(text, str) else text
        before, self._said = self._said, content
        if (before.plain, before.spans) == (content.plain, content.spans):
            return
        grown = self._wraps or before.plain.count("\n") != content.plain.count("\n") or not before.plain
        self.update(content, layout=grown and not self._is_fixed)

    @property
    def _is_fixed(self) -> bool:
        height = self.styles.height
        return height is not None and not height.is_auto
