"""The status of 5,000 nodes and 20,000 pods from a real API server, beside `kubectl get` in the same run.

Needs a Kubernetes bundle. `NODES`, `PODS`, `ROUNDS` and `SECONDS` change its size.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests import objects
from tests.apiserver import LOOPBACK, RealApi, lacking

NODES = int(os.environ.get("NODES", "5000"))
PODS = int(os.environ.get("PODS", "20000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = float(os.environ.get("SECONDS", "20"))
RATE = 100
"""Changes a second."""
PROBES = 2
"""Of them, changes whose delay is measured, a second."""
WRITERS = 8
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


class Viewer:
    """The measured process."""

    def __init__(self, api: RealApi) -> None:
        arguments = [LOOPBACK, str(api.port), str(api.kubeconfig), str(time.time())]
        command = [sys.executable, "-m", "benchmarks.status_viewer", *arguments]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.first = self._read()

    def ask(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._read()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


def timed_kubectl(api: RealApi, *arguments: str) -> float:
    began = time.monotonic()
    done = api.kubectl(*arguments, f"--cache-dir={api.folder}/kubectl")
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def change(api: RealApi, seconds: float) -> float:
    """Change pods and nodes at an even rate; returns how many changes a second came about."""
    began = time.monotonic()
    ended = threading.Event()
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
    time.sleep(seconds)
    ended.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)


def one_change(api: RealApi, number: int) -> None:
    if number % (RATE // PROBES) == 0:
        conditions = objects.node("x", ready="False")["status"]["conditions"]
        conditions[-1]["message"] = str(time.time())
        api.send("PATCH", f"/api/v1/nodes/{node_name(0)}/status", {"status": {"conditions": conditions}})
    elif number % 10 == 0:
        body = {"metadata": {"labels": {"changed": str(number)}}}
        api.send("PATCH", f"/api/v1/nodes/{node_name(1 + number % (NODES - 1))}", body)
    else:
        crash = objects.crashing(number) if number % 2 else objects.running(number)
        api.send("PATCH", f"{PODS_PATH}/{pod_name(number * 7 % PODS)}/status", crash)


def first_paint(api: RealApi) -> None:
    timed_kubectl(api, "get", "nodes")
    nodes: list[float] = []
    both: list[float] = []
    ours: list[dict[str, Any]] = []
    for turn in range(1, ROUNDS + 1):
        nodes.append(timed_kubectl(api, "get", "nodes"))
        viewer = Viewer(api)
        ours.append(viewer.first)
        viewer.end()
        both.append(timed_kubectl(api, "get", "nodes,pods", "-A"))
        print(f"   round {turn}: kubectl get nodes {nodes[-1]:.2f} s, nodes,pods -A {both[-1]:.2f} s; ours {ours[-1]}")

    def median(key: str) -> float:
        return statistics.median(found[key] for found in ours)

    kubectl, kubectl_both = statistics.median(nodes), statistics.median(both)
    print(f"first nodes / kubectl get nodes            {median('first_nodes') / kubectl:.2f}   (target 1)")
    started = statistics.median(found["first_nodes"] - found["imported"] for found in ours)
    print(f"the same, Python's start not counted       {started / kubectl:.2f}")
    print(f"all nodes / kubectl get nodes              {median('all_nodes') / kubectl:.2f}")
    print(f"everything / kubectl get nodes,pods -A     {median('complete') / kubectl_both:.2f}")
    print(f"memory after the first lists               {median('memory_mb'):.0f} MB, peak {median('peak_mb'):.0f} MB")


def changes(api: RealApi) -> None:
    viewer = Viewer(api)
    time.sleep(2)
    before = viewer.ask()
    rate = change(api, SECONDS)
    after = viewer.ask()
    viewer.end()
    delays, drains = sorted(after["delays"]), sorted(after["drains"])
    cpu = (after["cpu"] - before["cpu"]) / SECONDS
    print(f"CPU at {rate:.0f} changes/s                        {cpu:.1%} of a core   (target 15 %)")
    print(f"a change is seen after                     {statistics.median(delays):.2f} s   (target 0.5 s)")
    print(f"   at most, of {len(delays)} changes                {delays[-1]:.2f} s")
    print(f"longest of {len(drains)} drains                   {drains[-1] * 1000:.0f} ms")
    print(f"memory                                     {after['peak_mb']:.0f} MB at most   (target 400 MB)")


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
        first_paint(api)
        changes(api)


if __name__ == "__main__":
    main()
