"""Small ways to the operating system that the lab harbour is made of: commands, locks, processes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from yk8s_tui.errors import Yk8sError
from yk8s_tui.repository.atomic import write_atomic


class Identity(NamedTuple):
    """A process that cannot be mistaken for another: pids are reused, also after a reboot."""

    pid: int
    start: int
    """Start time in clock ticks since boot, field 22 of /proc/PID/stat (proc(5))."""
    boot: str
    """/proc/sys/kernel/random/boot_id of the boot it was seen in."""

    @property
    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        return self == identify(self.pid)


def boot_id() -> str:
    """The id of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identify(pid: int) -> Identity | None:
    """The identity of a running process, or None when there is none of that pid (or a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Identity(pid, int(fields[19]), boot_id())


def init_of(supervisor: Identity) -> Identity | None:
    """The host's init below its supervisor: pid 1 of a pid namespace of its own. None while there is none."""
    below = _children(supervisor.pid)
    while below:
        pid = below.pop()
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            status = Path(f"/proc/{pid}/status").read_text()
            inside = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if len(inside) == 1:
                below += _children(pid)
            elif inside[-1] == "1" and Path(f"/proc/{pid}/comm").read_text() == "systemd\n":
                return identify(pid)
    return None


def _children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def send(process: Identity, signum: int) -> bool:
    """Signal this very process; False when it is gone. A pidfd closes the gap between look and act."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if not process.alive:
            return False
        signal.pidfd_send_signal(handle, signum)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


async def gone(process: Identity, seconds: float) -> bool:
    """Wait for the end of this process; False when it still runs after that many seconds."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        if not process.alive:
            return True
        loop.add_reader(handle, ended.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), seconds)
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return not process.alive


def search_path() -> str:
    """Where programs are looked for: `sbin` is missing from the path of many logins."""
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"


async def run(
    *command: str | Path, stdin: str = "", check: bool = True, environment: Mapping[str, str] | None = None
) -> str:
    """Run a program and return its output; `Yk8sError` with what it said when it fails.

    On cancellation the program is ended (SIGTERM, after 2 s SIGKILL) and waited for.
    """
    words = [str(word) for word in command]
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PATH": search_path(), **(environment or {})},
    )
    try:
        output, _ = await process.communicate(stdin.encode() if stdin else None)
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 2)
            except TimeoutError:  # unshare(1) blocks SIGTERM while it waits for its child
                process.kill()
        await process.wait()
        raise
    text = output.decode(errors="replace")
    if check and process.returncode:
        said = "\n".join(text.strip().splitlines()[-8:]) or f"exit code {process.returncode}, no output"
        raise Yk8sError(f"`{' '.join(words)}` failed", why=said)
    return text


@contextlib.asynccontextmanager
async def file_lock(path: Path) -> AsyncIterator[None]:
    """Hold an exclusive lock on a file; the kernel frees it when the holder dies. The holder may remove the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as handle:
            if _locked(handle.fileno(), path):
                yield
                return
        await asyncio.sleep(0.1)


def _locked(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty when there is none; `Yk8sError` when it is damaged."""
    try:
        value = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Yk8sError("is not valid JSON", where=str(path), why=str(error)) from error
    if not isinstance(value, dict):
        raise Yk8sError("is not a JSON object", where=str(path))
    return value


def write_json(path: Path, value: object) -> None:
    """Write a JSON file atomically."""
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True) + "\n")
