"""Host keys: ask every machine, show the fingerprints, pin what the operator has compared."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from yk8s_tui.widgets.bars import KeyBar, TitleBar
from yk8s_tui.widgets.symbols import COLOURS, State, symbol

if TYPE_CHECKING:
    from yk8s_tui.backends.hostkeys import ScannedHost
    from yk8s_tui.models.nodes import Node

_STATES: dict[str, tuple[State, str]] = {
    "new": ("waiting", "not pinned yet"),
    "pinned": ("ok", "pinned"),
    "changed": ("failed", "CHANGED since it was pinned"),
    "unreachable": ("unknown", "does not answer"),
}


class HostKeysScreen(Screen[bool]):
    """Dismissed with True when every machine is pinned."""

    HELP = """
A host key tells whether a machine is the one you mean. Compare each fingerprint with what the machine's console shows
(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then pin them: from then on another key is refused.

A key that has CHANGED is never replaced here: if the machine was reinstalled on purpose, use
yk8s-tui baremetal pin --replace NODE.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pin", "Pin all new", tooltip="Trust the fingerprints shown, after you have compared them"),
        Binding("f5", "again", "Ask again", tooltip="Ask every machine once more"),
        Binding("escape", "back", "Back", tooltip="Pin nothing"),
    ]

    class Scanned(Message):
        """Every machine has answered, or has not."""

        def __init__(self, hosts: list[ScannedHost], error: Exception | None = None) -> None:
            super().__init__()
            self.hosts = hosts
            self.error = error

    def __init__(self, nodes: list[Node], known_hosts: Path, secrets: Path) -> None:
        super().__init__()
        self.nodes = nodes
        self.known_hosts = known_hosts
        self.secrets = secrets
        self.hosts: list[ScannedHost] = []

    def compose(self) -> ComposeResult:
        """One paragraph a machine."""
        yield TitleBar("host keys", "asking …")
        with Vertical(classes="pane") as pane:
            pane.border_title = "Compare these with the consoles of the machines"
            with VerticalScroll(id="hosts"):
                yield Static("asking every machine …", id="keys", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Ask at once."""
        self.query_one("#hosts").focus()
        self.scan()

    @work(thread=True, exclusive=True, exit_on_error=False, group="scan")
    def scan(self) -> None:
        """Ask all machines at once."""
        from yk8s_tui.backends.hostkeys import scan_host_keys

        try:
            found = asyncio.run(scan_host_keys(self.nodes, known_hosts=self.known_hosts, secrets_dir=self.secrets))
            self.post_message(self.Scanned(list(found.values())))
        except Exception as error:
            self.post_message(self.Scanned([], error))

    def on_host_keys_screen_scanned(self, event: Scanned) -> None:
        """Show what came back."""
        if event.error is not None:
            self.app.show_error(event.error)  # type: ignore[attr-defined]
        self.hosts = event.hosts
        self.query_one("#keys", Static).update(Content("\n").join(_paragraph(h) for h in self.hosts))
        new = sum(h.state == "new" for h in self.hosts)
        bad = sum(h.state in ("changed", "unreachable") for h in self.hosts)
        self.query_one(TitleBar).right = f"{len(self.hosts)} machines, {new} new, {bad} to look at"
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Pinning is offered when there is something to pin."""
        return any(h.state == "new" for h in self.hosts) if action == "pin" else True

    def action_again(self) -> None:
        """Ask every machine once more."""
        self.query_one(TitleBar).right = "asking …"
        self.scan()

    def action_back(self) -> None:
        """Leave without pinning."""
        self.dismiss(bool(self.hosts) and all(h.state == "pinned" for h in self.hosts))

    def action_pin(self) -> None:
        """Trust what is shown."""
        self._pin([h for h in self.hosts if h.state == "new"])

    @work(thread=True, exclusive=True, exit_on_error=False, group="scan")
    def _pin(self, hosts: list[ScannedHost]) -> None:
        from yk8s_tui.backends.hostkeys import pin

        try:
            pin(self.known_hosts, hosts)
        except Exception as error:
            self.post_message(self.Scanned(self.hosts, error))
            return
        self.app.call_from_thread(self._pinned, len(hosts))

    def _pinned(self, count: int) -> None:
        self.notify(f"{count} machines pinned", markup=False)
        self.scan()


def _paragraph(host: ScannedHost) -> Content:
    state, words = _STATES[host.state]
    lines = [
        Content.assemble(
            (f"{symbol(state)} ", COLOURS[state]),
            (f"{host.name:<14} ", "bold"),
            f"{host.host}:{host.port}  ",
            (words, COLOURS[state]),
        )
    ]
    lines += [
        Content.assemble((f"    {key.algorithm:<20} ", "$foreground-muted"), key.fingerprint) for key in host.keys
    ]
    if host.state == "changed":
        lines.append(Content.styled(f"    pinned was: {' '.join(host.pinned)}", "$text-error"))
    if host.error:
        lines.append(Content.styled(f"    {host.error}", "$foreground-muted"))
    return Content("\n").join(lines)
