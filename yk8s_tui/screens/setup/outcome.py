"""What the answers mean: the nodes, the networks, and the file that will be written."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from yk8s_tui.screens.setup.checking import Checked


class Outcome(Static):
    """Beside the form where there is room for it, and on the last page."""

    def show(self, checked: Checked) -> None:
        """Say what is meant now."""
        title = "bold $text-accent"
        self.update(
            Content.assemble(
                ("Nodes\n", title),
                "\n".join(checked.nodes) or "no nodes yet",
                ("\n\nNetworks\n", title),
                "\n".join(checked.networks),
                ("\n\nconfig/config.toml\n", title),
                checked.text,
            )
        )
