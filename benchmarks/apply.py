"""`apply` from bare lab hosts to Ready, against the shortest way by hand; and `apply` again.

The two take turns on fresh lab hosts of the same shape (1 frontend, 1 control plane, 2 workers). Starting the
hosts is not part of either time. Needs root and a Kubernetes bundle.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from yk8s_tui.backends.bundle import Bundle, available

HERE = Path(__file__).resolve().parent
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SUBNET = os.environ.get("BENCH_SUBNET", "10.79.0.0/24")


def yk8s(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "yk8s_tui", "--cluster", str(root), *arguments]
    return subprocess.run(command, text=True, capture_output=True)


def timed_apply(root: Path) -> float:
    started = time.monotonic()
    command = [sys.executable, "-m", "yk8s_tui", "--cluster", str(root), "apply", "--yes", "--plain"]
    done = subprocess.run(command, text=True, capture_output=True)
    seconds = time.monotonic() - started
    if done.returncode:
        raise SystemExit(f"apply ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr}")
    return seconds


def timed_by_hand(root: Path, bundle: Bundle) -> float:
    listed = json.loads(yk8s(root, "lab", "list", "--json").stdout)
    hosts = [f"{host['name']}={host['address']}" for host in listed["hosts"]]
    started = time.monotonic()
    command = ["bash", str(HERE / "by_hand.sh"), str(root), str(bundle.root), *hosts]
    done = subprocess.run(command, text=True, capture_output=True)
    seconds = time.monotonic() - started
    if done.returncode:
        raise SystemExit(f"by_hand.sh ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    print("   by hand:", "; ".join(" ".join(line.split()) for line in done.stdout.splitlines()), flush=True)
    return seconds


class FreshLab:
    """A lab with hosts that are up and bare."""

    def __init__(self, bundle: Bundle) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="yk8s-bench-")) / "bench"
        settings = {
            "harbour.lab.subnet": f'"{SUBNET}"',
            "kubernetes.version": f'"{bundle.version}"',
            "kubernetes.etcd_backup.enabled": "false",
        }
        options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        command = [sys.executable, "-m", "yk8s_tui", "init", str(self.root), "--harbour", "lab", "--name", "bench"]
        subprocess.run([*command, *options], check=True, capture_output=True)

    def __enter__(self) -> Path:
        up = yk8s(self.root, "lab", "up")
        if up.returncode:
            raise SystemExit(up.stderr)
        return self.root

    def __exit__(self, *_: object) -> None:
        yk8s(self.root, "destroy", "--confirm", "bench")
        shutil.rmtree(self.root.parent)


def main() -> None:
    bundles = [b for b in available() if not b.missing()]
    if os.geteuid() != 0 or not bundles:
        print("skipped: needs root and a Kubernetes bundle")
        return
    bundle = bundles[-1]
    print(f"   Kubernetes {bundle.version}, {ROUNDS} rounds")
    hand: list[float] = []
    tool: list[float] = []
    again: list[float] = []
    for turn in range(1, ROUNDS + 1):
        with FreshLab(bundle) as root:
            hand.append(timed_by_hand(root, bundle))
        with FreshLab(bundle) as root:
            tool.append(timed_apply(root))
            again.append(timed_apply(root))
        print(f"   round {turn}: by hand {hand[-1]:.1f} s, apply {tool[-1]:.1f} s, again {again[-1]:.2f} s", flush=True)
    fresh, base = statistics.median(tool), statistics.median(hand)
    print(f"apply / by hand                      {fresh / base:.2f}   (target 1.25)")
    print(f"second apply / first                 {statistics.median(again) / fresh:.1%}   (target 5 %)")


if __name__ == "__main__":
    main()
