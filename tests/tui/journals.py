"""Journals for tests: written through the real writer with a clock of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from yk8s_tui.runs.journal import JournalWriter

START = 1_764_000_000.0
NODES = (
    ("fe1", ("frontend",), "10.77.0.11"),
    ("cp1", ("control-plane",), "10.77.0.21"),
    ("cp2", ("control-plane",), "10.77.0.22"),
    ("w1", ("worker",), "10.77.0.31"),
    ("w2", ("worker",), "10.77.0.32"),
    ("w3", ("worker",), "10.77.0.33"),
)


class Clock:
    """Counts one second an event."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def run_directory(root: Path, run: str = "20251124-160000-ab12", number: int = 12) -> Path:
    """The directory of a run as the engine makes it, without a journal."""
    directory = root / "runs" / run
    directory.mkdir(parents=True)
    about = {
        "format": 1, "id": run, "number": number, "operation": "apply", "cluster": "berlin-1",
        "started": START, "by": "kim@desk", "consents": [], "waivers": {},
    }  # fmt: skip
    (directory / "run.json").write_text(json.dumps(about))
    return directory


def steps() -> list[dict[str, object]]:
    """A small plan of two layers."""
    kubernetes = ["cp1", "cp2", "w1", "w2", "w3"]
    rows = [
        ("trampoline.base", "trampoline", "base system", ["fe1"]),
        ("trampoline.haproxy", "trampoline", "load balancer", ["fe1"]),
        ("k8s-base.prepare", "k8s-base", "prepare", kubernetes),
        ("k8s-base.init", "k8s-base", "initialise", ["cp1"]),
        ("k8s-base.join-workers", "k8s-base", "join workers", ["w1", "w2", "w3"]),
    ]
    return [
        {
            "id": i,
            "layer": layer,
            "title": title,
            "nodes": nodes,
            "needs": [],
            "always": False,
            "estimate_seconds": 40,
        }
        for i, layer, title, nodes in rows
    ]


def begin(journal: JournalWriter) -> None:
    """The start of a run."""
    journal.write(
        "run_started", run="20251124-160000-ab12", cluster="berlin-1", operation="apply", plan_hash="9f3c1a",
        by="kim@desk", host="desk", pid=1, tool_version="0.1", check_only=False, steps=steps(),
        nodes=[{"name": n, "roles": r, "address": a} for n, r, a in NODES],
        skipped=[{"id": "trampoline.ntp", "layer": "trampoline", "title": "time", "reason": "unchanged"}],
    )  # fmt: skip


def middle(journal: JournalWriter) -> None:
    """The frontend is done, one worker has failed, the others are at work."""
    for step in ("trampoline.base", "trampoline.haproxy"):
        journal.write("step_started", step=step, nodes=["fe1"], digest="d")
        journal.write("node_task", step=step, node="fe1", task="write files")
        journal.write(
            "node_result",
            step=step,
            node="fe1",
            task="write files",
            result="changed",
            seconds=1.4,
            message="",
        )
        journal.write("step_finished", step=step, result="changed", seconds=24.0, nodes={"fe1": "changed"}, reason="")
    kubernetes = ["cp1", "cp2", "w1", "w2", "w3"]
    journal.write("step_started", step="k8s-base.prepare", nodes=kubernetes, digest="d")
    for name in kubernetes:
        journal.write("node_task", step="k8s-base.prepare", node=name, task="install packages")
        journal.write(
            "node_result", step="k8s-base.prepare", node=name, task="install packages", result="changed", seconds=12.0,
            message="kubelet 1.36.3 [red]not markup[/red]",
        )  # fmt: skip
        journal.write("node_task", step="k8s-base.prepare", node=name, task="load images")
    journal.write("progress", step="k8s-base.prepare", node="w2", done=3, total=5, unit="images", text="")
    journal.write(
        "log",
        step="k8s-base.prepare",
        node="w2",
        text="loading registry.k8s.io/pause:3.10.1\nloading coredns",
    )
    journal.write(
        "node_result",
        step="k8s-base.prepare",
        node="w1",
        task="load images",
        result="failed",
        seconds=3.0,
        message="no space left on device",
    )
    journal.write(
        "node_set_aside", node="w1", step="k8s-base.prepare", task="load images", reason="no space left on device",
        evidence="ctr: write /var/lib/containerd/x: no space left on device",
        hint="free space on /var/lib/containerd, then retry",
    )  # fmt: skip


def end(journal: JournalWriter) -> None:
    """The others finish."""
    results = {"cp1": "changed", "cp2": "changed", "w1": "failed", "w2": "changed", "w3": "changed"}
    journal.write("step_finished", step="k8s-base.prepare", result="partial", seconds=60.0, nodes=results, reason="")
    journal.write("step_finished", step="k8s-base.init", result="skipped", seconds=0.0, nodes={}, reason="")
    journal.write("step_finished", step="k8s-base.join-workers", result="skipped", seconds=0.0, nodes={}, reason="")
    journal.write(
        "run_finished",
        result="partial",
        exit_code=9,
        message="1 node was set aside.",
        next="Mend w1 and apply again.",
    )


def write_sample(root: Path, *, finished: bool = False) -> Path:
    """A run directory with the sample journal; returns the directory."""
    directory = run_directory(root)
    with JournalWriter(directory / "journal.jsonl", clock=Clock()) as journal:
        begin(journal)
        middle(journal)
        if finished:
            end(journal)
    return directory


def many(count: int) -> Iterator[dict[str, object]]:
    """Nodes for a large run."""
    for number in range(count):
        yield {
            "name": f"w{number:04}",
            "roles": ["worker"],
            "address": f"10.0.{number // 250}.{number % 250 + 1}",
        }


def write_large(root: Path, nodes: int) -> Path:
    """A run of many nodes: a few done, a few failed, one tries again, the others wait."""
    directory = run_directory(root)
    names = [str(n["name"]) for n in many(nodes)]
    step = {"id": "k8s-base.prepare", "layer": "k8s-base", "title": "prepare", "nodes": names}
    with JournalWriter(directory / "journal.jsonl", clock=Clock()) as journal:
        journal.write(
            "run_started", run=directory.name, cluster="prod-7", operation="apply", by="kim@desk",
            nodes=list(many(nodes)), steps=[step],
        )  # fmt: skip
        journal.write("step_started", step=step["id"], nodes=names[:300], digest="d")
        for name in names[:300]:
            journal.write("node_task", step=step["id"], node=name, task="k8s_node : load images")
        journal.write("retry", step=step["id"], node="w0044", task="k8s_node : load images", attempt=2, of=5)
        journal.write(
            "node_set_aside", node="w0117", step=step["id"], task="load images", reason="no space left on device",
            evidence="ctr: no space left on device", hint="free space on /var/lib/containerd, then retry",
        )  # fmt: skip
    return directory
