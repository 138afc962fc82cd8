"""The private directory of a running engine: control sockets of SSH, private data of Ansible, secret variables.

It is not in the cluster repository: what is in it never survives the run. Root's is in memory (/dev/shm).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

LINK = "workspace"
"""File in the run directory that says where it is, so that what a killed engine left can be removed."""
PREFIX = "yk8s-"


class Workspace:
    """Make with `Workspace(run_directory)`, end with `close()`."""

    def __init__(self, run_directory: Path) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=_parent()))
        self.sockets = self.path / "s"
        self.sockets.mkdir(mode=0o700)
        self._link = run_directory / LINK
        self._link.write_text(str(self.path))

    def step(self, step_id: str, attempt: int) -> Path:
        """A fresh directory for one execution of a step."""
        path = self.path / f"{safe_name(step_id)}.{attempt}"
        path.mkdir(mode=0o700)
        return path

    def close(self) -> None:
        """Close the shared SSH connections and remove everything."""
        remove(self.path)
        self._link.unlink(missing_ok=True)


def safe_name(step_id: str) -> str:
    """A step id as a file name."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", step_id)


def clear_leftovers(run_directory: Path) -> bool:
    """Remove the workspace that a killed engine left; whether there was one."""
    link = run_directory / LINK
    try:
        path = Path(link.read_text())
    except OSError:
        return False
    if path.name.startswith(PREFIX) and path.parent in (Path("/dev/shm"), Path(tempfile.gettempdir())):
        remove(path)
    link.unlink(missing_ok=True)
    return True


def remove(path: Path) -> None:
    """Close the SSH connections whose sockets are in a workspace, then remove it."""
    sockets = [entry for entry in (path / "s").glob("*") if entry.is_socket()]
    closing = [
        subprocess.Popen(
            ["ssh", "-F", "none", "-o", f"ControlPath={entry}", "-O", "exit", "none"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for entry in sockets
    ]
    for process in closing:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    shutil.rmtree(path, ignore_errors=True)


def _parent() -> Path:
    """Memory for root. Others' files there may be removed when they log out, and a run outlives that."""
    memory = Path("/dev/shm")
    if os.geteuid() == 0 and memory.is_dir() and os.access(memory, os.W_OK):
        return memory
    return Path(tempfile.gettempdir())
