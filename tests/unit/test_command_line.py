"""The command line itself: help, start-up, errors without tracebacks, and the generated reference."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from yk8s_tui import __version__
from yk8s_tui.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("textual", "rich", "pydantic", "asyncssh", "openstack", "kubernetes", "ansible_runner", "yaml", "tomlkit")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"yk8s-tui {__version__}\n"


PARSE = f"from yk8s_tui.commands.common import build_parser; build_parser({COMMANDS!r})"


@pytest.mark.parametrize("statement", ["import yk8s_tui.cli", PARSE])
def test_the_command_line_loads_nothing_heavy(statement: str) -> None:
    code = f"import sys; {statement}; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("tool", "page"), [("command_reference", "command-line"), ("status_reference", "status-json")])
def test_the_references_are_up_to_date(tool: str, page: str) -> None:
    made = str(runpy.run_path(str(ROOT / "tools" / f"{tool}.py"))["render"]())
    assert (ROOT / f"docs/reference/{page}.md").read_text() == made


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nonsense"], 2),
        (["--cluster", "/nonexistent", "validate"], 3),
        (["--cluster", "/nonexistent", "plan"], 3),
        (["--cluster", "/nonexistent", "apply", "--yes"], 3),
        (["--cluster", "/nonexistent", "runs", "list"], 3),
    ],
)
def test_errors_have_their_exit_code_and_no_traceback(arguments: list[str], code: int) -> None:
    done = subprocess.run([sys.executable, "-m", "yk8s_tui", *arguments], capture_output=True, text=True)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stderr
