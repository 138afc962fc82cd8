"""The terminal application: opens screens, holds no state of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

# Textual reads it once, when it is imported. At its own 60 frames a second a key waits up to two frames for its paint.
os.environ.setdefault("TEXTUAL_FPS", "120")

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.screen import Screen

from yk8s_tui import paths
from yk8s_tui.widgets.symbols import table

if TYPE_CHECKING:
    from yk8s_tui.errors import Yk8sError
    from yk8s_tui.screens.replay_feed import Start
    from yk8s_tui.screens.status.screen import Feed

STYLES = paths.assets() / "styles"


KEY_NAMES = {"escape": "Esc", "slash": "/", "delete": "Del", "pageup": "PgUp", "pagedown": "PgDn", "up": "Up"}
"""How keys are called in the last line and in the help."""


def _keys_provider() -> type[Provider]:
    from yk8s_tui.screens.commands import KeysProvider

    return KeysProvider


class Yk8sApp(App[int]):
    """Home first, with the cluster one is in on top; a run that was named is attached to at once."""

    TITLE = "yk8s-tui"
    CSS_PATH = [STYLES / "app.tcss", STYLES / "home.tcss"]  # noqa: RUF012
    COMMANDS: ClassVar[set[Any]] = {_keys_provider}
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-high")]  # noqa: RUF012
    COMMAND_PALETTE_DISPLAY = "^P"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "f1",
            "keys_help",
            "Help",
            tooltip="What this screen is for, and every key of it",
            key_display="F1",
        ),
        Binding(
            "ctrl+q",
            "leave",
            "Quit",
            tooltip="Leave; a run in progress goes on",
            key_display="^Q",
            priority=True,
        ),
    ]

    def __init__(
        self, cluster: Path | None = None, attach: str = "", replay: Start | None = None, status: Feed | None = None
    ) -> None:
        super().__init__()
        self.cluster = cluster
        self.attach = attach
        self.replay = replay
        """How the run `attach` is shown again, if that was asked for."""
        self.status = status
        """Where the status of the cluster comes from, if that was asked for."""
        self.crash: Exception | None = None
        """What ended the application, if it did not end itself."""
        self.busy_with = ""
        """What would be lost if the application ended now; in words, empty when nothing would."""

    def get_default_screen(self) -> Screen[None]:
        """Home is the screen below all others."""
        from yk8s_tui.screens.home import HomeScreen

        return HomeScreen(self.cluster, self.attach, self.replay, self.status)

    def on_mount(self) -> None:
        """Plain terminals get plain borders."""
        self.set_class(table()["ok"] == "v", "-plain")

    def get_key_display(self, binding: Binding) -> str:
        """Short names of keys, as the last line has little room."""
        if binding.key_display:
            return binding.key_display
        key = binding.key.split(",")[0]
        if key.startswith("ctrl+"):
            return "^" + key.removeprefix("ctrl+").upper()
        return KEY_NAMES.get(key, key.upper() if len(key) < 3 else key.capitalize())

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What is not a key of the screen: the look."""
        yield SystemCommand("Theme", "Choose other colours", self.search_themes)

    def action_keys_help(self) -> None:
        """Show the help of the screen below."""
        from yk8s_tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen.of(self.screen))

    def action_help_quit(self) -> None:
        """Ctrl-C: nothing is interrupted by it; say how to leave."""
        self.notify("^Q quits. A run goes on.", title="Nothing was interrupted", markup=False)

    def action_leave(self) -> None:
        """Quit; ask only when something would be lost."""
        if not self.busy_with:
            self.exit(0)
            return
        from yk8s_tui.screens.dialogs import ConfirmDialog

        dialog = ConfirmDialog(
            "Quit now?", f"{self.busy_with} would be interrupted. It can be started again later.", yes="Quit"
        )
        self.push_screen(dialog, lambda sure: self.exit(0) if sure else None)

    def _handle_exception(self, error: Exception) -> None:
        """Leave the terminal as it was; the command line reports the error without a traceback."""
        if self.is_headless:
            super()._handle_exception(error)
            return
        self.crash = self.crash or error
        self.exit(return_code=1)

    def show_error(self, error: Yk8sError | BaseException, then: Callable[[], None] | None = None) -> None:
        """A dialog with what, where, why, and what to do."""
        from yk8s_tui.screens.dialogs import ErrorDialog

        self.push_screen(ErrorDialog.of(error), lambda _result: then() if then else None)


def run_app(cluster: str | None, attach: str = "", replay: Start | None = None, status: Feed | None = None) -> int:
    """Run the terminal interface, at once on the run `attach`, or the status, if asked for; returns the exit code.

    With `replay` that run is shown again instead of followed.

    Raises `UsageError` when there is no terminal, `ConfigError` when the named cluster is none.
    """
    import sys

    from yk8s_tui.errors import UsageError, Yk8sError

    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise UsageError(
            "the terminal interface needs a terminal",
            why="standard input or output is a file or a pipe",
            hint="use the commands instead, for example `yk8s-tui plan`; see `yk8s-tui --help`",
        )
    _forget_exported_size(sys.stdout.fileno())
    app = Yk8sApp(_cluster_of(cluster), attach, replay, status)
    code = app.run()
    if app.crash is not None:
        raise Yk8sError(
            f"internal error: {type(app.crash).__name__}: {app.crash}",
            hint="a run in progress is not touched; start again, with --debug it shows more",
        ) from app.crash
    return app.return_code or 0 if code is None else code


def _forget_exported_size(terminal: int) -> None:
    """A size in the environment is that of the shell that exported it; a terminal that knows its own knows better."""
    if all(os.get_terminal_size(terminal)):
        for name in ("COLUMNS", "LINES"):
            os.environ.pop(name, None)


def _cluster_of(named: str | None) -> Path | None:
    """The cluster repository that was named (flag, environment), or the one we are in; None when in none."""
    from yk8s_tui.errors import ConfigError
    from yk8s_tui.repository.repository import find_repository

    named = named or os.environ.get("YK8S_CLUSTER")
    try:
        return find_repository(named)
    except ConfigError:
        if named:
            raise
        return None
