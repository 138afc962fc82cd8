"""A real terminal: `yk8s-tui` in tmux, keys in, screen captured."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

TMUX = shutil.which("tmux")


class Terminal:
    """One program in one tmux window; the server is its own, so nobody's sessions are touched."""

    def __init__(self, command: str, *, columns: int = 80, lines: int = 24, environment: Mapping[str, str]) -> None:
        self._socket = f"yk8s-{uuid.uuid4().hex[:8]}"
        self._run(
            "new-session", "-d", "-x", str(columns), "-y", str(lines), f"{command}; echo; echo ended with $?; exec cat",
            environment=os.environ | environment | {"TERM": "xterm-256color", "LANG": "C.UTF-8"},
        )  # fmt: skip

    def _run(self, *words: str, environment: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, "-f", "/dev/null", *words],
            capture_output=True,
            text=True,
            check=True,
            env=dict(environment) if environment else None,
        )
        return done.stdout

    def keys(self, *keys: str) -> None:
        """Press keys, by tmux's names (`Tab`, `C-n`, `Down`)."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type text."""
        self._run("send-keys", "-l", text)

    @property
    def screen(self) -> str:
        """What is on the screen now."""
        return self._run("capture-pane", "-p")

    def wait_for(self, *texts: str, seconds: float = 30, gone: bool = False) -> str:
        """Wait until one of the texts is on the screen (or, with `gone`, none is); the screen then."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            screen = self.screen
            if any(text in screen for text in texts) != gone:
                return screen
            time.sleep(0.1)
        raise AssertionError(f"waited {seconds:.0f} s for {texts}:\n{self.screen}")

    def resize(self, columns: int, lines: int) -> None:
        """Resize the window."""
        self._run("resize-window", "-x", str(columns), "-y", str(lines))

    def close(self) -> None:
        """End the program and the tmux server."""
        subprocess.run(["tmux", "-L", self._socket, "kill-server"], capture_output=True)


def modes_restored(screen: str, path: Path) -> bool:
    """Whether the terminal is as a shell wants it: echo on, canonical input."""
    flags = subprocess.run(["stty", "-F", str(path), "-a"], capture_output=True, text=True, check=True).stdout
    return " echo" in flags and " icanon" in flags and "ended with" in screen
