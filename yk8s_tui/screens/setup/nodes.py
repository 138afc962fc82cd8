"""The machines of the bare-metal harbour: a table, and the ways to fill it."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Button, DataTable, Static

from yk8s_tui.screens.setup.node_dialog import NodeDialog
from yk8s_tui.screens.setup.saving import Source

KEY = "harbour.baremetal.nodes"


class NodesPart(Vertical):
    """Add, paste, import from the SSH configuration, change, remove; then pin the host keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add", tooltip="Add a machine"),
        Binding("delete,d", "drop", "Remove", tooltip="Take the machine under the cursor off the list"),
        Binding("v", "paste", "Paste", tooltip="Paste a CSV or an Ansible inventory"),
        Binding("i", "ssh_config", "SSH config", tooltip="Take hosts from ~/.ssh/config"),
        Binding(
            "k",
            "host_keys",
            "Host keys",
            tooltip="Ask every machine for its host key, and pin what you have seen",
        ),
    ]

    class Read(Message):
        """Machines were read from a text, or not."""

        def __init__(self, nodes: list[dict[str, Any]], ignored: list[str], error: Exception | None = None) -> None:
            super().__init__()
            self.nodes = nodes
            self.ignored = ignored
            self.error = error

    def __init__(self, nodes: list[dict[str, Any]], source: Source) -> None:
        super().__init__()
        self.nodes = [dict(n) for n in nodes]
        self.source = source

    def compose(self) -> ComposeResult:
        """Buttons above the table."""
        with Horizontal(classes="buttons"):
            yield Button("Add", id="add", compact=True)
            yield Button("Paste", id="paste", compact=True)
            yield Button("SSH config", id="ssh-config", compact=True)
            yield Button("Host keys", id="host-keys", compact=True)
        yield Static("", id="nodes-state", markup=False)
        yield DataTable(id="nodes", cursor_type="row", zebra_stripes=True)

    def on_mount(self) -> None:
        """Fill the table."""
        table = self._table
        table.add_columns("Name", "Address", "Roles", "SSH")
        self._fill()

    @property
    def _table(self) -> DataTable[Any]:
        return self.query_one("#nodes", DataTable)

    def _fill(self) -> None:
        table = self._table
        position = table.cursor_row
        table.clear()
        for node in self.nodes:
            ssh = f"{node.get('ssh_user', 'root')}@{node.get('ssh_address') or node.get('address', '')}"
            jump = f" via {node['jump']}" if node.get("jump") else ""
            cells = (
                str(node.get("name", "")),
                str(node.get("address", "")),
                " ".join(node.get("roles", ())),
                ssh + jump,
            )
            table.add_row(*(Text(cell) for cell in cells))
        table.move_cursor(row=max(0, min(position, len(self.nodes) - 1)))
        self._say(_count(self.nodes))

    def _say(self, text: str) -> None:
        self.query_one("#nodes-state", Static).update(text)

    def _changed(self) -> None:
        from yk8s_tui.screens.setup.screen import SetupScreen

        self._fill()
        if isinstance(self.screen, SetupScreen):
            self.screen.change(KEY, [dict(n) for n in self.nodes] or None)

    @on(Button.Pressed, "#add")
    def action_add(self) -> None:
        """Add a machine."""
        self._edit(None)

    @on(DataTable.RowSelected)
    def _selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if event.cursor_row < len(self.nodes):
            self._edit(event.cursor_row)

    def _edit(self, position: int | None) -> None:
        node = None if position is None else self.nodes[position]
        others = frozenset(str(n.get("name")) for n in self.nodes if n is not node)

        def take(answer: dict[str, Any] | None) -> None:
            if answer is None:
                return
            if position is None:
                self.nodes.append(answer)
            else:
                self.nodes[position] = answer
            self._changed()

        self.app.push_screen(NodeDialog(node, others), take)

    def action_drop(self) -> None:
        """Take the machine under the cursor off the list; the answer can be typed again, so it is not asked for."""
        position = self._table.cursor_row
        if 0 <= position < len(self.nodes):
            gone = self.nodes.pop(position)
            self._changed()
            self.notify(f"{gone.get('name')} was taken off the list", markup=False)

    @on(Button.Pressed, "#paste")
    def action_paste(self) -> None:
        """Ask for a text with machines."""
        from yk8s_tui.screens.dialogs import TextDialog, ask

        about = (
            "Paste a CSV (name,address,roles with a header line) or an Ansible inventory (INI or YAML). "
            "Machines whose name is on the list already are replaced."
        )
        ask(self.screen, TextDialog("Paste machines", about, yes="Read"), self._parse)

    @on(Button.Pressed, "#ssh-config")
    def action_ssh_config(self) -> None:
        """Ask which file; the usual one is filled in."""
        from yk8s_tui.screens.dialogs import LineDialog, ask

        dialog = LineDialog(
            "Take hosts from the SSH configuration",
            "File, and after it the names to take (patterns allowed; none means all)",
            value="~/.ssh/config", yes="Read",
        )  # fmt: skip
        ask(self.screen, dialog, self._read_ssh_config)

    @work(thread=True, exclusive=True, exit_on_error=False, group="nodes")
    def _parse(self, text: str) -> None:
        from yk8s_tui.screens.setup.node_import import from_text

        try:
            self.post_message(self.Read(*from_text(text)))
        except Exception as error:
            self.post_message(self.Read([], [], error))

    @work(thread=True, exclusive=True, exit_on_error=False, group="nodes")
    def _read_ssh_config(self, given: str) -> None:
        from yk8s_tui.screens.setup.node_import import from_ssh_config

        try:
            self.post_message(self.Read(*from_ssh_config(given)))
        except Exception as error:
            self.post_message(self.Read([], [], error))

    @on(Read)
    def _take(self, event: Read) -> None:
        event.stop()
        if event.error is not None:
            self.app.show_error(event.error)  # type: ignore[attr-defined]
            return
        named = {str(n.get("name")): n for n in event.nodes}
        self.nodes = [named.pop(str(n.get("name")), n) for n in self.nodes] + list(named.values())
        self._changed()
        ignored = f"; not understood: {'; '.join(event.ignored)}" if event.ignored else ""
        self.notify(f"{len(event.nodes)} machines read{ignored}", markup=False)

    @on(Button.Pressed, "#host-keys")
    def action_host_keys(self) -> None:
        """Ask every machine for its key, show the fingerprints, pin them."""
        from yk8s_tui.screens.host_keys import HostKeysScreen
        from yk8s_tui.screens.setup.node_import import as_nodes

        if not self.nodes:
            self.notify("Add machines first.", markup=False)
            return
        self.app.push_screen(HostKeysScreen(as_nodes(self.nodes), self.source.known_hosts, self.source.secrets))


def _count(nodes: list[dict[str, Any]]) -> str:
    if not nodes:
        return "No machine yet: add one, paste a list, or take hosts from ~/.ssh/config."
    roles = [role for node in nodes for role in node.get("roles", ())]
    parts = [
        f"{roles.count(r)} {label}"
        for r, label in (("frontend", "frontend"), ("control-plane", "control plane"), ("worker", "worker"))
    ]
    return f"{len(nodes)} machines: {', '.join(parts)}. Enter changes one."
