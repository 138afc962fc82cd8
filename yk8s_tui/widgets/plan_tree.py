"""The plan as a tree: layers, their steps, and what each changes on which nodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.style import Style
from rich.text import Text
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from yk8s_tui.models.plan import Plan, PlannedStep
from yk8s_tui.widgets.layer_lines import TITLES
from yk8s_tui.widgets.symbols import symbol, table

_COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "bold red"}


def names(nodes: Sequence[str], limit: int = 6) -> str:
    """`cp1 cp2 w1`, or the first ones and how many there are."""
    if len(nodes) <= limit:
        return " ".join(nodes)
    return f"{' '.join(nodes[:limit])} {symbol('more')} ({len(nodes)} nodes)"


class PlanTree(Tree[None]):
    """Space opens and closes; the list shown is the list that runs."""

    show_root = False
    guide_depth = 2

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__("", id=id)
        if table()["ok"] == "v":
            self.ICON_NODE, self.ICON_NODE_EXPANDED = "> ", "v "
            self.show_guides = False

    def show_plan(self, plan: Plan) -> None:
        """Layer by layer; layers in which nothing runs are closed."""
        self.clear()
        for layer in dict.fromkeys(planned.step.layer for planned in plan.steps):
            steps = [planned for planned in plan.steps if planned.step.layer == layer]
            self._add_layer(TITLES.get(layer, layer), steps)
        for missing in plan.missing:
            node = self.root.add(Text(f"{symbol('warning')} missing: {missing.name}", "bold yellow"), expand=True)
            node.add_leaf(Text(f"looked in {', '.join(missing.looked_in)}"))
            if missing.remedy:
                node.add_leaf(Text(missing.remedy))
        self.cursor_line = 0

    def show_lines(self, title: str, lines: Iterable[str]) -> None:
        """A heading with lines: what the harbour would do."""
        self.clear()
        node = self.root.add(Text(title, "bold"), expand=True)
        for line in lines:
            node.add_leaf(Text(line))
        self.cursor_line = 0

    def _add_layer(self, title: str, steps: list[PlannedStep]) -> None:
        running = [s for s in steps if s.decision == "run"]
        touched = list(dict.fromkeys(n for s in running for n in s.nodes))
        words = names(touched) if any(not s.step.always for s in running) else "nothing to change"
        label = Text.assemble((f"{title:<15}", "bold"), (words, "dim"))
        layer = self.root.add(label, expand=any(not s.step.always for s in running))
        for planned in steps:
            self._add_step(layer, planned)

    def _add_step(self, layer: TreeNode[None], planned: PlannedStep) -> None:
        step = planned.step
        if planned.decision == "skip":
            layer.add_leaf(Text(f"{symbol('skipped')} {step.title}  ({planned.reason})", "dim"))
            return
        mark = ("! ", "bold red") if step.destroys else ("= ", "dim") if step.always else ("+ ", "green")
        label = Text.assemble(mark, step.title, (f"  {names(planned.nodes)}", "dim"))
        node = layer.add(label)
        if step.destroys:
            node.add_leaf(Text(f"destroys: {step.destroys}", "bold red"))
        if step.why:
            node.add_leaf(Text(step.why, "italic dim"))
        node.add_leaf(Text(f"because: {planned.reason}", "dim"))
        for change in step.changes:
            at = f"  on {change.node}" if change.node else ""
            node.add_leaf(
                Text.assemble((f"{change.symbol} ", Style.parse(_COLOURS[change.symbol])), f"{change.text}{at}")
            )
