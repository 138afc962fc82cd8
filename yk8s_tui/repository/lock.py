"""One run per cluster at a time: a lock that says who holds it and dies with its holder."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from yk8s_tui.errors import LockedError
from yk8s_tui.models.base import Section
from yk8s_tui.repository.atomic import write_error


class LockHolder(Section):
    """Who has the cluster."""

    run: str
    who: str
    host: str
    pid: int
    since: str
    """UTC, ISO 8601."""
    started: int = 0
    """Start of the process in clock ticks after boot: tells it from a later one with the same pid; 0 when unknown."""

    def __str__(self) -> str:
        return f"run {self.run} of {self.who} on {self.host} (pid {self.pid}, since {self.since})"

    @property
    def is_alive(self) -> bool:
        """Whether the process is there; on another host it is taken to be."""
        if self.host != socket.gethostname():
            return True
        started = _process_start(self.pid)
        return started is not None and self.started in (0, started)


def lock_path(repo_root: Path) -> Path:
    """The lock file; it stays there, empty when nobody holds the cluster."""
    return repo_root / "state" / "lock"


def holder(repo_root: Path) -> LockHolder | None:
    """Who holds the cluster now; None when nobody does or the holder is dead."""
    try:
        found = LockHolder.model_validate_json(lock_path(repo_root).read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found.is_alive else None


@contextlib.contextmanager
def cluster_lock(repo_root: Path, run_id: str) -> Iterator[LockHolder]:
    """Hold the cluster for a run; raises `LockedError` that names the holder.

    The kernel lets go of the lock when the process ends, however it ends, so a dead holder is
    taken over without being asked.
    """
    handle = _open(lock_path(repo_root))
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _locked(repo_root) from None
        mine = _myself(run_id)
        _write(handle, json.dumps(mine.model_dump()).encode() + b"\n")
        try:
            yield mine
        finally:
            _write(handle, b"")
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise write_error(path, error) from error


def _write(handle: int, content: bytes) -> None:
    """Replace the content; in place, because the lock belongs to this very file."""
    os.ftruncate(handle, 0)
    os.pwrite(handle, content, 0)


def _locked(repo_root: Path) -> LockedError:
    current = holder(repo_root)
    return LockedError(
        "another run holds this cluster",
        where=str(repo_root),
        why=str(current) if current else "it has begun this very moment",
        hint="wait until it ends, watch it with `yk8s-tui runs attach`, or end it with `yk8s-tui runs cancel "
        f"{current.run if current else 'ID'}`",
    )


def _myself(run_id: str) -> LockHolder:
    return LockHolder(
        run=run_id,
        who=_user(),
        host=socket.gethostname(),
        pid=os.getpid(),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
        started=_process_start(os.getpid()) or 0,
    )


def _user() -> str:
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _process_start(pid: int) -> int | None:
    """Start time of a process (0 where /proc does not tell), or None when there is no such process."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
        fields = status.rpartition(")")[2].split()
        return None if fields[0] == "Z" else int(fields[19])
    except FileNotFoundError:
        pass
    except (OSError, IndexError, ValueError):
        return 0
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return 0
    return None if Path("/proc/self/stat").exists() else 0
