"""The layers of a run: one line each where there is room, all on one line where there is not."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from yk8s_tui.runs.views import LayerState
from yk8s_tui.widgets.symbols import COLOURS, State, bar, duration, symbol

TITLES = {
    "harbour": "Harbour",
    "trampoline": "Trampoline",
    "k8s-base": "k8s-base",
    "ksl": "KSL",
    "kms": "KMS",
    "customization": "Customization",
}

_STATES: dict[str, State] = {
    "waiting": "waiting",
    "running": "running",
    "ok": "ok",
    "changed": "ok",
    "failed": "failed",
    "partial": "warning",
    "skipped": "skipped",
    "cancelled": "paused",
}


def state_of_step(status: str) -> State:
    """The symbol's state for a step or a layer."""
    return _STATES.get(status, "unknown")


class LayerLines(Widget):
    """Progress and time of every layer."""

    shown: Sequence[LayerState] = ()
    tall = False

    def show(self, layers: Sequence[LayerState]) -> None:
        """Take the layers as they are now."""
        changed = len(layers) != len(self.shown)
        self.shown = layers
        self.refresh(layout=changed)

    def set_tall(self, tall: bool) -> None:
        """One line a layer, or one for all."""
        if tall != self.tall:
            self.tall = tall
            self.refresh(layout=True)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """As many lines as there are layers, or one."""
        return max(1, len(self.shown)) if self.tall else 1

    def render(self) -> Content:
        """The lines."""
        if self.tall:
            return Content("\n").join(self._line(layer) for layer in self.shown)
        return Content("  ").join(self._short(layer) for layer in self.shown).truncate(self.size.width, ellipsis=True)

    def _line(self, layer: LayerState) -> Content:
        state = state_of_step(layer.status)
        time = duration(layer.seconds) if layer.seconds else ""
        return Content.assemble(
            (f" {symbol(state)} ", COLOURS[state]),
            (f"{TITLES.get(layer.id, layer.id):<15}", "bold"),
            (bar(layer.done, layer.total, 30), COLOURS[state]),
            f" {layer.done:>3}/{layer.total:<3} ",
            (f"{time:>8}", "$foreground-muted"),
        )

    def _short(self, layer: LayerState) -> Content:
        state = state_of_step(layer.status)
        width = max(4, min(16, (self.size.width - 22 * len(self.shown)) // max(1, len(self.shown))))
        parts: list[Content | tuple[str, str] | str] = [
            f" {TITLES.get(layer.id, layer.id)} ",
            (symbol(state), COLOURS[state]),
        ]
        if layer.status == "running":
            parts.append((f" {bar(layer.done, layer.total, width)}", COLOURS[state]))
        parts.append((f" {layer.done}/{layer.total}", "$foreground-muted"))
        return Content.assemble(*parts)
