"""Whether the engine of a run is alive: it holds a lock on a file as long as it lives, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

ENGINE_LOCK = "engine.lock"
HOLD_SECONDS = 1.0


def hold(directory: Path) -> int:
    """Called by the engine; returns the handle to keep. Raises `BlockingIOError` when another has it.

    Somebody who is just looking holds the lock for a moment, so it is tried for a while.
    """
    handle = os.open(directory / ENGINE_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + HOLD_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(handle)
                raise
            time.sleep(0.01)
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def engine_alive(directory: Path) -> bool:
    """Whether an engine works on this run now."""
    try:
        handle = os.open(directory / ENGINE_LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def engine_pid(directory: Path) -> int | None:
    """Process id of the engine, when it is alive."""
    if not engine_alive(directory):
        return None
    try:
        return int((directory / ENGINE_LOCK).read_text())
    except (OSError, ValueError):
        return None
