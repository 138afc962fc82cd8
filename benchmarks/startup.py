"""How fast the tool starts: `--version` against `python -c pass`, the first screen against an empty Textual app.

Both sides run alternately in one go, and the least CPU time of each is compared, so that a busy machine
disturbs the ratio little. Targets: 3 x and 1.4 x.

    python benchmarks/startup.py [--runs 7]
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import resource
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGETS = {"version": 3.0, "first_screen": 1.4}

EMPTY = """
import sys, time
from textual.app import App
class Empty(App):
    def on_mount(self):
        self.call_after_refresh(self.first)
    def first(self):
        open(sys.argv[1], "w").write(str(time.process_time()))
        self.exit()
Empty().run()
"""
OURS = """
import sys, time
from yk8s_tui import app
class Ours(app.Yk8sApp):
    def on_mount(self):
        super().on_mount()
        self.call_after_refresh(self.first)
    def first(self):
        open(sys.argv[1], "w").write(str(time.process_time()))
        self.exit()
Ours().run()
"""
"""Both write the CPU they have used when their first screen is painted."""


def environment(home: str) -> dict[str, str]:
    """The same for all: no configuration of whoever runs this."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL")}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "HOME": home,
        "TERM": "xterm-256color",
        "TEXTUAL_ANIMATIONS": "none",
    }


def cpu_of(command: list[str], home: str) -> float:
    """CPU in ms of one process from start to end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment(home), stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def first_screen(command: list[str], home: str) -> float:
    """CPU in ms until the first screen is painted, on a pty that is drained."""
    told = Path(home) / "told"
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(
        [*command, str(told)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment(home),
        start_new_session=True,
    )
    os.close(slave)
    reader = threading.Thread(target=_drain, args=(master,))
    reader.start()
    process.wait()
    reader.join()
    os.close(master)
    return 1000 * float(told.read_text())


def _drain(master: int) -> None:
    try:
        while os.read(master, 1 << 16):
            continue
    except OSError:
        return


def compare(
    measure: Callable[[list[str], str], float], ours: list[str], other: list[str], runs: int
) -> tuple[float, float]:
    """CPU in ms of both, each in its least disturbed run."""
    with tempfile.TemporaryDirectory() as home:
        measure(ours, home)
        pairs = [(measure(ours, home), measure(other, home)) for _ in range(runs)]
    return min(p[0] for p in pairs), min(p[1] for p in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    python = sys.executable
    version, nothing = compare(cpu_of, [python, "-m", "yk8s_tui", "--version"], [python, "-c", "pass"], given.runs)
    screen, empty = compare(first_screen, [python, "-c", OURS], [python, "-c", EMPTY], given.runs)
    figures = {"version": version / nothing, "first_screen": screen / empty}
    if given.json:
        print(json.dumps(figures | {"targets": TARGETS}))
    else:
        print(f"CPU, least of {given.runs} (load average {os.getloadavg()[0]:.1f})")
        rows = (
            ("--version", version, "version", "python -c pass"),
            ("first screen", screen, "first_screen", "empty Textual"),
        )
        for title, milliseconds, name, base in rows:
            print(f"  {title:<13} {milliseconds:6.0f} ms = {figures[name]:.2f} x {base:<15} target {TARGETS[name]} x")
    return 0 if all(figures[name] <= TARGETS[name] for name in TARGETS) else 1


if __name__ == "__main__":
    sys.exit(main())
