"""In a real terminal: a crash leaves it as it was, Ctrl-C does not end the application, and its size is its own."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CRASH = """
import sys
from yk8s_tui import app, cli
app.Yk8sApp.action_keys_help = lambda self: 1 / 0
sys.exit(cli.main([]))
"""


class Terminal:
    """A process on a pty, and all it has written."""

    def __init__(self, arguments: list[str], *, size: tuple[int, int] = (0, 0)) -> None:
        """`size` in columns and rows; a terminal without one is taken for what the environment says."""
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, size[::-1])
        environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "LINES": "24"}
        self.process = subprocess.Popen(
            [sys.executable, *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment, cwd="/",
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.text = ""

    def read_until(self, wanted: str, seconds: float = 60) -> bool:
        """Whether the text came; what is read is kept."""
        until = time.monotonic() + seconds
        while wanted not in self.text and time.monotonic() < until:
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode("utf-8", "replace")
                except OSError:
                    break
        return wanted in self.text

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> int:
        """The exit code, when it ends by itself."""
        until = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < until:
            self.read_until("\0", 0.2)
        self.read_until("\0", 0.5)
        if self.process.poll() is None:
            self.process.kill()
        os.close(self.master)
        return self.process.wait()


def test_a_crash_restores_the_terminal_and_shows_no_traceback() -> None:
    terminal = Terminal(["-c", CRASH])
    assert terminal.read_until("No cluster yet")
    terminal.press(b"\x1bOP")
    assert terminal.end() == 1
    after = terminal.text.rpartition("\x1b[?1049l")[2]
    assert "\x1b[?1049h" in terminal.text
    assert "internal error: ZeroDivisionError" in after
    assert "Traceback" not in terminal.text


def test_control_c_only_says_how_to_quit() -> None:
    terminal = Terminal(["-m", "yk8s_tui"])
    assert terminal.read_until("No cluster yet")
    terminal.press(b"\x03")
    assert terminal.read_until("^Q quits")
    assert terminal.process.poll() is None
    terminal.press(b"\x11")
    assert terminal.end() == 0


def test_a_terminal_is_as_large_as_it_says_whatever_the_environment_says() -> None:
    terminal = Terminal(["-m", "yk8s_tui"], size=(72, 20))
    assert terminal.read_until("terminal is 72x20")
    terminal.press(b"\x11")
    assert terminal.end() == 0
