"""The status of 5,000 nodes and 20,000 pods from a real API server, beside `kubectl get` in the same run.

Needs a Kubernetes bundle. `NODES`, `PODS`, `ROUNDS` and `SECONDS` change its size.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.terminal import Terminal
from tests import objects
from tests.apiserver import LOOPBACK, RealApi, lacking

NODES = int(os.environ.get("NODES", "5000"))
PODS = int(os.environ.get("PODS", "20000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = float(os.environ.get("SECONDS", "20"))
RATE = 100
"""Changes a second."""
PROBES = 40
"""Further changes, one after the other, each of which is waited for on the screen."""
WRITERS = 8
CONFIG = """schema_version = 1
[cluster]
name = "bench"
harbour = "baremetal"
[[harbour.baremetal.nodes]]
name = "cp1"
address = "{address}"
ssh_port = 1
roles = ["frontend", "control-plane"]
[kubernetes]
api_port = {port}
"""
PODS_PATH = "/api/v1/namespaces/default/pods"


def node_name(number: int) -> str:
    return f"node-{number:05d}"


def pod_name(number: int) -> str:
    return f"web-5d4f8c7b9-{number:05d}"


def all_at_once(work: Callable[[int], Any], numbers: Iterable[int]) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        for _ in pool.map(work, numbers):
            pass


def fill(api: RealApi) -> None:
    """Create the nodes, and pods that run on them; one in a hundred crashes."""

    def make_pod(number: int) -> None:
        api.send("POST", PODS_PATH, objects.pod(pod_name(number), node_name(number % NODES)))
        status = objects.running() if number % 100 else objects.crashing()
        api.send("PATCH", f"{PODS_PATH}/{pod_name(number)}/status", status)

    all_at_once(lambda n: api.send("POST", "/api/v1/nodes", objects.node(node_name(n), "worker")), range(NODES))
    all_at_once(make_pod, range(PODS))


def repository(api: RealApi) -> Path:
    """A cluster repository whose API is this one. Its only host has no SSH: the status goes on without it."""
    root = api.folder / "cluster"
    for folder in ("config", "secrets"):
        (root / folder).mkdir(parents=True)
    (root / "config" / "config.toml").write_text(CONFIG.format(address=LOOPBACK, port=api.port))
    shutil.copy(api.kubeconfig, root / "secrets" / "kubeconfig")
    return root


class View:
    """The status view in a terminal, from the command on."""

    def __init__(self, root: Path) -> None:
        self.began = time.monotonic()
        command = [sys.executable, "-m", "yk8s_tui", "--cluster", str(root), "status"]
        self.terminal = Terminal(command, columns=160, rows=50)

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        self.terminal.close()

    def painted(self, text: str, seconds: float = 120) -> float:
        """Seconds from the command until the text is on the screen."""
        self.terminal.wait_for(text.encode(), seconds)
        return time.monotonic() - self.began


def timed_kubectl(api: RealApi, *arguments: str) -> float:
    began = time.monotonic()
    done = api.kubectl(*arguments, f"--cache-dir={api.folder}/kubectl")
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def change(api: RealApi, ended: threading.Event) -> float:
    """Change pods and nodes at an even rate until `ended`; returns how many changes a second came about."""
    began = time.monotonic()
    counts = [0] * WRITERS

    def write(writer: int) -> None:
        number = writer
        while not ended.is_set():
            due = began + number / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            one_change(api, number)
            counts[writer] += 1
            number += WRITERS

    threads = [threading.Thread(target=write, args=(n,), daemon=True) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)


def one_change(api: RealApi, number: int) -> None:
    if number % 10 == 0:
        body = {"metadata": {"labels": {"changed": str(number)}}}
        api.send("PATCH", f"/api/v1/nodes/{node_name(1 + number % (NODES - 1))}", body)
    else:
        crash = objects.crashing(number) if number % 2 else objects.running(number)
        api.send("PATCH", f"{PODS_PATH}/{pod_name(number * 7 % PODS)}/status", crash)


def probe(api: RealApi, view: View, number: int) -> float:
    """Give one node another version, and wait for it on the screen; seconds from the request on."""
    version = f"1.{100 + number}.0"
    began = time.monotonic()
    body = {"status": {"nodeInfo": {"kubeletVersion": f"v{version}"}}}
    api.send("PATCH", f"/api/v1/nodes/{node_name(0)}/status", body)
    view.terminal.wait_for(version.encode(), 30)
    return time.monotonic() - began


def first_paint(api: RealApi, root: Path) -> None:
    timed_kubectl(api, "get", "nodes")
    seen: dict[str, list[float]] = {"nodes": [], "both": [], "first": [], "all": []}
    for turn in range(1, ROUNDS + 1):
        seen["nodes"].append(timed_kubectl(api, "get", "nodes"))
        with View(root) as view:
            seen["first"].append(view.painted("Ready"))
            seen["all"].append(view.painted(f"({PODS // 100})"))
        seen["both"].append(timed_kubectl(api, "get", "nodes,pods", "-A"))
        print(f"   round {turn}: " + ", ".join(f"{name} {times[-1]:.2f} s" for name, times in seen.items()))
    nodes, both, first, whole = (statistics.median(times) for times in seen.values())
    print(f"first nodes painted / kubectl get nodes,pods -A  {first / both:.2f}   (target 1)")
    print(f"everything painted / kubectl get nodes,pods -A   {whole / both:.2f}")
    print(f"first nodes painted / kubectl get nodes          {first / nodes:.2f}")


def changes(api: RealApi, root: Path) -> None:
    ended = threading.Event()
    rates: list[float] = []
    writing = threading.Thread(target=lambda: rates.append(change(api, ended)))
    with View(root) as view:
        view.painted(f"({PODS // 100})")
        time.sleep(3)
        writing.start()
        try:
            time.sleep(2)
            cpu, began = view.terminal.cpu(), time.monotonic()
            time.sleep(SECONDS)
            share = (view.terminal.cpu() - cpu) / (time.monotonic() - began)
            delays = sorted(probe(api, view, number) for number in range(PROBES))
        finally:
            ended.set()
            writing.join()
        memory = view.terminal.memory()
    print(f"CPU at {rates[0]:.0f} changes/s                             {share:.1%} of a core   (target 15 %)")
    print(f"a change is on the screen after                  {statistics.median(delays):.2f} s   (target 0.5 s)")
    print(f"   at most, of {len(delays)}                               {delays[-1]:.2f} s")
    print(f"memory                                           {memory:.0f} MB at most   (target 400 MB)")


def main() -> None:
    if why := lacking():
        print(f"skipped: {why}")
        return
    with RealApi() as api:
        began = time.monotonic()
        fill(api)
        print(
            f"   Kubernetes {api.programs.version}, {NODES} nodes and {PODS} pods in {time.monotonic() - began:.0f} s"
        )
        root = repository(api)
        first_paint(api, root)
        changes(api, root)


if __name__ == "__main__":
    main()
