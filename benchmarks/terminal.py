"""A program on a pty of its own, as an operator has it in a terminal; measured from outside."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")


class Terminal:
    """A process on a pty that is drained all the time."""

    def __init__(self, command: Sequence[str], *, columns: int, rows: int) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = os.environ | {
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PYTHONPATH": str(ROOT),
        }
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.received = 0
        self.seen = bytearray()
        self.lock = threading.Condition()
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        while True:
            try:
                select.select([self.master], [], [])
                data = os.read(self.master, 1 << 16)
            except OSError:
                return
            with self.lock:
                self.received += len(data)
                self.seen += data
                del self.seen[:-200_000]
                self.lock.notify_all()

    def wait_for(self, text: bytes, seconds: float) -> float:
        """Seconds until the text has been painted."""
        begun = time.monotonic()
        with self.lock:
            while text not in self.seen:
                left = seconds - (time.monotonic() - begun)
                if left <= 0:
                    raise TimeoutError(text.decode())
                self.lock.wait(left)
        return time.monotonic() - begun

    def press(self, key: bytes, answer: bytes) -> float:
        """Seconds from a key to the paint with the answer."""
        with self.lock:
            self.seen.clear()
        os.write(self.master, key)
        return self.wait_for(answer, 10)

    def waited(self) -> float:
        """Seconds that its main thread, and this benchmark, were ready to run but had no CPU."""
        files = (f"/proc/{self.process.pid}/schedstat", "/proc/thread-self/schedstat")
        return sum(int(Path(file).read_text().split()[1]) for file in files) / 1e9

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Highest resident memory so far, MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
