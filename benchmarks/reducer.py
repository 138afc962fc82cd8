"""Journal to RunState: events a second on one core, with the JSON parsing.

    python benchmarks/reducer.py [--events 1000000] [--nodes 1000]

Prints JSON: events, CPU seconds, events per second, peak memory in MB, and the time of one snapshot.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from yk8s_tui.runs.events import encode
from yk8s_tui.runs.journal import JournalReader
from yk8s_tui.runs.state import RunState


def write_journal(path: Path, events: int, nodes: int) -> None:
    """A journal as an engine writes it: 20 steps, tasks on every node, some log lines, retries and progress."""
    names = [f"node{number:04d}" for number in range(nodes)]
    steps = [{"id": f"k8s-base.step{n}", "layer": "k8s-base", "title": f"Step {n}", "nodes": names} for n in range(20)]
    listed = [{"name": name, "roles": ["worker"], "address": "10.0.0.1"} for name in names]
    kinds = (
        "node_task",
        "node_result",
        "node_task",
        "node_result",
        "log",
        "node_task",
        "node_result",
        "progress",
    )
    start = {"v": 1, "seq": 1, "t": 1.0, "type": "run_started", "run": "r", "nodes": listed, "steps": steps}
    with path.open("wb") as file:
        file.write(encode(start))
        for number in range(2, events + 1):
            kind = kinds[number % len(kinds)]
            event = {"v": 1, "seq": number, "t": 1764000000.0 + number / 100, "type": kind}
            event["step"] = f"k8s-base.step{number * 20 // (events + 1)}"
            event["node"] = names[number // len(kinds) % nodes]
            task = f"kubernetes : Install the packages of part {number % 40}"
            if kind == "node_task":
                event["task"] = task
            elif kind == "node_result":
                result = ("ok", "changed", "skipped")[number % 3]
                event |= {"task": task, "result": result, "seconds": 0.731, "message": ""}
            elif kind == "log":
                event["text"] = f"Setting up containerd.io (2.1.{number}) ..."
            else:
                event |= {"done": number, "total": events, "unit": "bytes", "text": "images"}
            file.write(encode(event))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=1_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        write_journal(path, options.events, options.nodes)
        state, reader = RunState(), JournalReader(path)
        began = time.process_time()
        for batch in reader.batches():
            state.apply_all(batch)
        seconds = time.process_time() - began
        began = time.process_time()
        state.copy()
        snapshot = time.process_time() - began
    print(
        json.dumps(
            {
                "events": state.version,
                "nodes": options.nodes,
                "cpu_seconds": round(seconds, 2),
                "events_per_second": round(state.version / seconds),
                "target": 100_000,
                "snapshot_ms": round(snapshot * 1000, 1),
                "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        )
    )


if __name__ == "__main__":
    main()
