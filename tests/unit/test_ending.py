"""Ending what a run left: a shell whose command is ended before itself must not go on to its next command."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from yk8s_tui import paths
from yk8s_tui.runs.processes import MARK, Process, end_all, marked

Shells = list[subprocess.Popen[bytes]]
SHELLS = 12
RUN = uuid.uuid4().hex


@pytest.fixture
def shells(tmp_path: Path) -> Iterator[Shells]:
    """Shells of a run, each with a command that takes long and one that must not follow."""
    started = [
        subprocess.Popen(
            ["sh", "-c", f"(sleep 1000; echo > over-{number}); echo > over-{number}; echo > last-{number}"],
            cwd=tmp_path,
            env=os.environ | {"LC_YK8S_RUN": RUN, MARK: RUN},
            start_new_session=True,
            stdin=subprocess.PIPE,
        )
        for number in range(SHELLS)
    ]
    until = time.monotonic() + 20
    while len(marked(MARK, RUN)) < 3 * SHELLS and time.monotonic() < until:
        time.sleep(0.02)
    yield started
    for shell in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        shell.communicate()


@pytest.mark.parametrize("order", ["parents first", "children first"])
def test_nothing_goes_on_when_it_is_ended_here(shells: Shells, tmp_path: Path, order: str) -> None:
    def find() -> list[Process]:
        return sorted(marked(MARK, RUN), key=lambda process: process.pid, reverse=order == "children first")

    assert len(find()) == 3 * SHELLS
    assert end_all(find) == []
    assert list(tmp_path.iterdir()) == []


def test_nothing_goes_on_when_it_is_ended_on_a_host(shells: Shells, tmp_path: Path) -> None:
    told = sweep()
    assert (len(told["ended"]), told["left"]) == (3 * SHELLS, [])
    assert list(tmp_path.iterdir()) == []


MODULE = """
import shutil, signal, sys, time

if sys.argv[1] == "ignores":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
if sys.argv[1] == "loses":  # as Python does between a fork and what it has to do afterwards
    signal.signal(signal.SIGINT, lambda *_: signal.signal(signal.SIGINT, signal.default_int_handler))
try:
    print("ready", flush=True)
    time.sleep(1000)
finally:
    end = time.monotonic() + (1.5 if sys.argv[1] == "slow" else 0)
    while time.monotonic() < end:
        pass
    shutil.rmtree(sys.argv[2])
"""


@pytest.mark.parametrize("kind", ["hears", "loses", "slow", "ignores"])
def test_a_module_removes_its_folder(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "payload"
    folder.mkdir()
    command = [sys.executable, "-c", MODULE, kind, str(folder)]
    with subprocess.Popen(command, env=os.environ | {"LC_YK8S_RUN": RUN}, stdout=subprocess.PIPE) as module:
        assert module.stdout is not None
        assert module.stdout.readline() == b"ready\n"
        told = sweep()
    assert (len(told["ended"]), told["left"]) == (1, [])
    ended_by = -signal.SIGTERM if kind == "ignores" else -signal.SIGINT
    assert module.returncode == ended_by
    assert folder.exists() == (kind == "ignores")


def sweep() -> dict[str, list[str]]:
    script = (paths.assets() / "sweep.py").read_bytes()
    done = subprocess.run([sys.executable, "-", RUN], input=script, capture_output=True, check=True)
    told: dict[str, list[str]] = json.loads(done.stdout)
    return told
