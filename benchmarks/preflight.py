"""`preflight` of ten bare lab hosts, from the command to the findings.

Two frontends, three control planes and five workers, without Kubernetes. Starting the hosts is not part of the time.
Needs root.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from yk8s_tui.errors import ExitCode

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SUBNET = os.environ.get("BENCH_SUBNET", "10.79.0.0/24")
TARGET = 10.0
"""Seconds."""
HOSTS = {"frontends": 2, "control_planes": 3, "workers": 5}


def yk8s(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "yk8s_tui", "--cluster", str(root), *arguments]
    return subprocess.run(command, text=True, capture_output=True)


def timed(root: Path) -> tuple[float, str]:
    """Seconds, and the summary; findings that fail are findings all the same."""
    started = time.monotonic()
    done = yk8s(root, "preflight")
    seconds = time.monotonic() - started
    if done.returncode not in (ExitCode.DONE, ExitCode.PREFLIGHT):
        raise SystemExit(f"preflight ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return seconds, done.stdout.strip().splitlines()[-1]


def main() -> None:
    if os.geteuid() != 0:
        print("skipped: needs root")
        return
    folder = Path(tempfile.mkdtemp(prefix="yk8s-bench-"))
    root = folder / "bench"
    settings = {"harbour.lab.subnet": f'"{SUBNET}"', **{f"harbour.lab.{k}": str(n) for k, n in HOSTS.items()}}
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "yk8s_tui", "init", str(root), "--harbour", "lab", "--name", "bench"]
    made = subprocess.run([*command, *options], text=True, capture_output=True)
    if made.returncode:
        raise SystemExit(made.stderr)
    try:
        up = yk8s(root, "lab", "up")
        if up.returncode:
            raise SystemExit(up.stderr)
        times = []
        for turn in range(1, ROUNDS + 1):
            load = os.getloadavg()[0]
            seconds, said = timed(root)
            times.append(seconds)
            print(f"   round {turn}: {seconds:.2f} s (load {load:.1f}): {said}", flush=True)
    finally:
        yk8s(root, "destroy", "--confirm", "bench")
        shutil.rmtree(folder)
    print(
        f"preflight of {sum(HOSTS.values())} hosts, median  {statistics.median(times):.2f} s   (target {TARGET:.0f} s)"
    )


if __name__ == "__main__":
    main()
