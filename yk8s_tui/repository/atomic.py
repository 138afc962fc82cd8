"""Writing files so that neither a crash nor a full disk can leave half of one."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from yk8s_tui.errors import Yk8sError

_HINTS = {
    errno.ENOSPC: "make room on the file system, then repeat; the old file is untouched",
    errno.EDQUOT: "the disk quota is used up: make room, then repeat; the old file is untouched",
    errno.EROFS: "the file system is mounted read-only; the old file is untouched",
    errno.EACCES: "make the directory writable for you; the old file is untouched",
    errno.EPERM: "make the directory writable for you; the old file is untouched",
    errno.ENOTDIR: "a part of the path is a file, not a directory; move it out of the way",
}


def write_atomic(path: Path, data: str | bytes, mode: int = 0o644) -> None:
    """Replace a file in one go: temporary file beside it, fsync, rename, fsync of the directory.

    Directories are made as needed. A symbolic link stays one; its target is replaced. Raises
    `Yk8sError` when the file cannot be written; what was there before is then still there.
    """
    target = Path(os.path.realpath(path))
    content = data.encode() if isinstance(data, str) else data
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_synced(temporary, content, mode)
        os.replace(temporary, target)
        sync_directory(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise write_error(path, error) from error


def sync_directory(directory: Path) -> None:
    """Make renames in a directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_error(path: Path, error: OSError) -> Yk8sError:
    """An `OSError` of a write in the operator's words."""
    return Yk8sError(
        "cannot be written",
        where=str(path),
        why=error.strerror or str(error),
        hint=_HINTS.get(error.errno or 0, "mend what the reason names, then repeat"),
    )


def _write_synced(path: Path, content: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
