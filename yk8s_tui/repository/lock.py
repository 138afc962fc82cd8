"""One run per cluster at a time: a lock that says who holds it and dies with its holder."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from yk8s_tui.errors import LockedError
from yk8s_tui.models.base import Section
from yk8s_tui.repository.atomic import write_error

LOOK_SECONDS = 0.2
"""How long somebody who only looks may be in the way."""


class LockHolder(Section):
    """Who has the cluster."""

    run: str
    who: str
    host: str
    pid: int
    since: str
    """UTC, ISO 8601."""

    def __str__(self) -> str:
        return f"run {self.run} of {self.who} on {self.host} (pid {self.pid}, since {self.since})"


def lock_path(repo_root: Path) -> Path:
    """The lock file; it stays there, empty when nobody holds the cluster."""
    return repo_root / "state" / "lock"


def holder(repo_root: Path) -> LockHolder | None:
    """Who holds the cluster now; None when nobody does.

    The lock itself decides, not what is written in it: a holder that died holds nothing, whatever its host is called.
    """
    path = lock_path(repo_root)
    try:
        found = LockHolder.model_validate_json(path.read_bytes())
        return found if _is_locked(path) else None
    except (OSError, ValidationError):
        return None


def refuse_when_held(repo_root: Path) -> None:
    """Raise `LockedError` that names the holder when somebody holds the cluster."""
    if held := holder(repo_root):
        raise _locked(repo_root, held)


def _is_locked(path: Path) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@contextlib.contextmanager
def cluster_lock(repo_root: Path, run_id: str) -> Iterator[LockHolder]:
    """Hold the cluster for a run; raises `LockedError` that names the holder.

    The kernel lets go of the lock when the process ends, however it ends, so a dead holder is
    taken over without being asked.
    """
    handle = _open(lock_path(repo_root))
    try:
        if not _take(handle):
            raise _locked(repo_root, holder(repo_root))
        mine = _myself(run_id)
        _write(handle, json.dumps(mine.model_dump()).encode() + b"\n")
        try:
            yield mine
        finally:
            _write(handle, b"")
    finally:
        os.close(handle)


def _take(handle: int) -> bool:
    """Try for a moment: `holder` has the lock, shared, for as long as it takes to see that nobody else has."""
    until = time.monotonic() + LOOK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_SECONDS / 20)
        else:
            return True


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


def _locked(repo_root: Path, current: LockHolder | None) -> LockedError:
    hint = "wait until it ends"
    if current is None or (repo_root / "runs" / current.run).is_dir():
        run = current.run if current else "ID"
        hint += f", watch it with `yk8s-tui runs attach`, or end it with `yk8s-tui runs cancel {run}`"
    return LockedError(
        "another run holds this cluster",
        where=str(repo_root),
        why=str(current) if current else "it has begun this very moment",
        hint=hint,
    )


def _myself(run_id: str) -> LockHolder:
    return LockHolder(
        run=run_id,
        who=_user(),
        host=socket.gethostname(),
        pid=os.getpid(),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _user() -> str:
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
