"""Reads the arguments of every process of this machine, lab hosts included, again and again.

A process of its own does it (`python -m tests.arguments FILE`), once for all sessions that run side by side: three
that looked took a third of a processor.
"""

from __future__ import annotations

import base64
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SHARED = "YK8S_TEST_ARGUMENTS"
"""Environment variable: the file that a sampler writes already."""
INTERVAL = 0.1
PATIENCE = 60.0
"""Seconds within which a sampler has to have looked again."""
USUAL = 4096
LONGEST = 1 << 21
"""Bytes that the arguments of a process may have at most."""


class ArgumentSampler:
    """What the processes of this machine were called with since a session began.

    Raises `RuntimeError` when nobody looks, which is no clean result.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._own: subprocess.Popen[bytes] | None = None
        shared = os.environ.get(SHARED)
        if shared:
            self.file = Path(shared)
        else:
            descriptor, name = tempfile.mkstemp(prefix="arguments-")
            os.close(descriptor)
            self.file = Path(name)
            self._own = subprocess.Popen(
                [sys.executable, "-m", __name__, name],
                cwd=Path(__file__).parents[1], stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def seen(self) -> set[bytes]:
        """Every command line until now, those of processes that run now among them."""
        for _ in range(2):  # one look may be under way
            self._wait_for_a_look()
        *lines, _ = self.file.read_bytes().split(b"\n")  # the last may be under way
        return {base64.b64decode(line) for line in lines}

    def _wait_for_a_look(self) -> None:
        before = self.file.stat().st_mtime_ns
        deadline = time.monotonic() + self._patience
        while self.file.stat().st_mtime_ns == before:
            if time.monotonic() > deadline or (self._own is not None and self._own.poll() is not None):
                raise RuntimeError("arguments of processes are not sampled")
            time.sleep(INTERVAL / 5)

    def stop(self) -> set[bytes]:
        """End sampling, unless others need it; returns what `seen` does."""
        try:
            return self.seen()
        finally:
            if self._own is not None:
                self._own.terminate()
                self._own.wait()
                self.file.unlink()


class Processes:
    """The command lines of all processes, whose files stay open: to open them is most of the work.

    A number that is free is not given again before all others were, which takes far longer than from look to look.
    """

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

    def command_lines(self) -> Iterator[bytes]:
        """Command lines now."""
        names = {name for name in os.listdir("/proc") if name.isdigit()}
        for name in self._open.keys() - names:
            os.close(self._open.pop(name))
        for name in names:
            if line := self._read(name):
                yield line

    def _read(self, name: str) -> bytes:
        try:
            if name not in self._open:
                self._open[name] = os.open(f"/proc/{name}/cmdline", os.O_RDONLY)
            line = os.pread(self._open[name], USUAL, 0)
            return line if len(line) < USUAL else os.pread(self._open[name], LONGEST, 0)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return b""  # it has ended, or is nobody's to read


def main(file: Path) -> None:
    """Write every distinct command line into a file, one a line in base64, until whoever started this is gone.

    The file's time of change moves with every look.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    starter = os.getppid()
    processes = Processes()
    known: set[bytes] = set()
    with file.open("ab", buffering=0) as target:
        while os.getppid() == starter:
            new = set(processes.command_lines()) - known
            known |= new
            if new:
                target.write(b"".join(base64.b64encode(line) + b"\n" for line in new))
            os.utime(file)
            time.sleep(INTERVAL)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
