"""What `benchmarks.status` measures: a process with nothing but an ApiWatch that is drained at 10 Hz.

    python -m benchmarks.status_viewer ADDRESS PORT KUBECONFIG BEGAN

Prints a line of JSON when everything is there, then one for each line on its standard input.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from pathlib import Path

from yk8s_tui.status.cluster_api import ApiWatch
from yk8s_tui.status.model import ClusterStatus
from yk8s_tui.status.route import Places

PROBE = "node-00000"
DRAIN_SECONDS = 0.1


class Viewer:
    def __init__(self, address: str, port: int, kubeconfig: Path) -> None:
        self.watch = ApiWatch(Places(address, port), kubeconfig)
        self.status = ClusterStatus()
        self.delays: list[float] = []
        self.drains: list[float] = []
        self._probe = ""
        self.ended = False

    def drain(self) -> None:
        began = time.perf_counter()
        if self.watch.drain(self.status, seconds=0.03):
            self._look()
        self.drains.append(time.perf_counter() - began)

    def _look(self) -> None:
        """The probe says when it was written."""
        node = self.status.nodes.get(PROBE)
        text = node.trouble[0].message if node and node.trouble else ""
        if text and text != self._probe:
            self._probe = text
            self.delays.append(time.time() - float(text))

    def first(self, began: float) -> dict[str, float]:
        self.watch.start()
        found: dict[str, float] = {"imported": time.time() - began}
        while not self.watch.await_first(0.01):
            self.drain()
            if self.status.nodes and "first_nodes" not in found:
                found["first_nodes"] = time.time() - began
                found["of"] = len(self.status.nodes)
            if len(self.status.nodes) >= 5000 and "all_nodes" not in found:
                found["all_nodes"] = time.time() - began
        self.watch.drain(self.status)
        found["complete"] = time.time() - began
        found |= {"nodes": len(self.status.nodes), "pods": self.status.pod_count, "loads": len(self.status.loads)}
        return found

    def keep_draining(self) -> None:
        while not self.ended:
            self.drain()
            time.sleep(DRAIN_SECONDS)


def used() -> dict[str, float]:
    """CPU seconds so far, memory now and at most, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu": time.process_time(), "memory_mb": pages * 4096 / 2**20, "peak_mb": peak}


def main() -> None:
    address, port, kubeconfig, began = sys.argv[1:]
    viewer = Viewer(address, int(port), Path(kubeconfig))
    print(json.dumps(viewer.first(float(began)) | used()), flush=True)
    draining = threading.Thread(target=viewer.keep_draining, daemon=True)
    draining.start()
    for _ in sys.stdin:
        told = {"delays": viewer.delays, "drains": viewer.drains, "revision": viewer.status.revision}
        viewer.delays, viewer.drains = [], []
        print(json.dumps(told | used()), flush=True)
    viewer.ended = True
    draining.join()
    viewer.watch.stop()


if __name__ == "__main__":
    main()
