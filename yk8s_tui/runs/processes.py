"""Processes of a run on this machine: found by a mark in their environment, ended by a ladder of signals."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

MARK = "YK8S_ENGINE_RUN"
"""Environment variable every process of a run inherits, also when it leaves its session."""
STEP_MARK = "YK8S_ENGINE_STEP"
"""The same for one step."""


@dataclass(frozen=True)
class Process:
    """One process, told from a later one with the same pid by its start."""

    pid: int
    started: str
    command: str

    @property
    def is_alive(self) -> bool:
        """Whether it is still there, and not only waiting to be collected."""
        found = _stat(self.pid)
        return found is not None and found[1] == self.started and found[0] != "Z"

    def signal(self, number: int) -> None:
        """Send a signal, if it is still that process."""
        if self.is_alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def marked(name: str, value: str) -> list[Process]:
    """Processes of this user with `name=value` in the environment they were started with."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted not in (entry / "environ").read_bytes().split(b"\0"):
                continue
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        except OSError:
            continue
        stat = _stat(int(entry.name))
        if stat is not None and stat[0] != "Z":
            found.append(Process(int(entry.name), stat[1], command))
    return found


def playbook_process(step_mark: str) -> Process | None:
    """The `ansible-playbook` of a step: our own child, not one of its workers."""
    for process in marked(STEP_MARK, step_mark):
        if "ansible-playbook" in process.command and _parent(process.pid) == os.getpid():
            return process
    return None


def end_all(
    find: Callable[[], Iterable[Process]], *, grace: Iterable[tuple[int, float]] | None = None
) -> list[Process]:
    """End every process that `find` finds; returns those that are still there after everything.

    Each rung of `grace` is a signal and the seconds it may take. All of them are stopped first, also those that
    appear meanwhile: a shell whose command ended before itself would go on to its next one.
    """
    rungs = grace or ((signal.SIGTERM, 5.0), (signal.SIGKILL, 2.0))
    seen: dict[tuple[int, str], Process] = {}
    for number, seconds in rungs:
        _freeze(find, seen)
        for each in (number, signal.SIGCONT):
            for process in seen.values():
                process.signal(each)
        if not wait_gone(seen.values(), seconds):
            return []
    return [process for process in seen.values() if process.is_alive]


def _freeze(find: Callable[[], Iterable[Process]], seen: dict[tuple[int, str], Process]) -> None:
    """Stop everything in `seen` and everything that is found, until nothing new is found."""
    stopped: set[tuple[int, str]] = set()
    while True:
        seen.update({(p.pid, p.started): p for p in find()})
        if not seen.keys() - stopped:
            return
        for key in seen.keys() - stopped:
            seen[key].signal(signal.SIGSTOP)
        stopped.update(seen)


def wait_gone(processes: Iterable[Process], seconds: float) -> list[Process]:
    """Wait until they have ended; returns those that have not after `seconds`."""
    remaining = list(processes)
    until = time.monotonic() + seconds
    while remaining := [process for process in remaining if process.is_alive]:
        if time.monotonic() >= until:
            break
        time.sleep(0.02)
    return remaining


def _stat(pid: int) -> tuple[str, str] | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return None


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
