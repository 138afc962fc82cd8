"""Runs for tests of reports, estimates and lamps: journals as the engine writes them, with a clock that is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from yk8s_tui.runs.estimates import Durations
from yk8s_tui.runs.events import Event, encode
from yk8s_tui.runs.lamps import slow_nodes
from yk8s_tui.runs.state import RunState

START = 1_764_000_000.0
RUN = "20251124-160000-ab12"
HOSTILE = '<script>alert(1)</script><img src="http://evil.example/x.png" onerror=alert(2)> & "quotes"'
"""Text as a host may send it."""


class Tape:
    """Collects events; every one says when it happens, in seconds since the start."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def at(self, after: float, kind: str, /, **fields: Any) -> Tape:
        number = len(self.events) + 1
        self.events.append({"v": 1, "seq": number, "t": round(START + after, 3), "type": kind, **fields})
        return self

    def sorted(self) -> list[Event]:
        """The events in the order of time, numbered again."""
        self.events.sort(key=lambda event: event["t"])
        return [event | {"seq": i} for i, event in enumerate(self.events, 1)]

    def begin(
        self,
        nodes: Mapping[str, str],
        steps: Iterable[tuple[str, str, Iterable[str], Iterable[str], float]],
        **more: Any,
    ) -> Tape:
        """The start: node -> role, and (id, title, nodes, needs, estimate) of each step."""
        return self.at(
            0.0, "run_started", run=RUN, number=12, cluster="berlin-1", operation="apply", plan_hash="9f3c1a" * 10,
            by="kim@desk", host="desk", pid=1, tool_version="0.1", check_only=False,
            nodes=[{"name": n, "roles": [r], "address": f"10.77.0.{i}"} for i, (n, r) in enumerate(nodes.items(), 11)],
            steps=[
                {"id": i, "layer": i.partition(".")[0], "title": t, "nodes": list(n), "needs": list(needs),
                 "always": False, "estimate_seconds": e} for i, t, n, needs, e in steps
            ],
            **{"skipped": [], **more},
        )  # fmt: skip

    def step(
        self,
        key: str,
        start: float,
        tasks: Iterable[tuple[str, Mapping[str, float]]],
        *,
        bad: Mapping[str, str] | None = None,
        result: str = "changed",
    ) -> float:
        """A step whose tasks take so many seconds on each node, one task after the other; returns when it ends."""
        listed, bad = list(tasks), bad or {}
        names = list(listed[0][1])
        self.at(start, "step_started", step=key, nodes=names, digest="d")
        now = start + 0.2
        for task, seconds in listed:
            self.at(now, "task_started", step=key, task=task)
            for name, took in seconds.items():
                self.at(now + 0.01, "node_task", step=key, node=name, task=task)
                failed = task == listed[-1][0] and name in bad
                self.at(
                    now + 0.01 + took,
                    "node_result",
                    step=key,
                    node=name,
                    task=task,
                    result="failed" if failed else result,
                    seconds=took,
                    message=bad.get(name, ""),
                )
            now += 0.05 + max(seconds.values())
        results = {name: "failed" if name in bad else result for name in names}
        whole = "partial" if bad else result
        self.at(now, "step_finished", step=key, result=whole, seconds=now - start, nodes=results, reason="")
        return now


def write_run(root: Path, events: Iterable[Event], *, result: Mapping[str, Any] | None = None) -> Path:
    """A run directory with this journal, as the engine leaves it."""
    directory = root / "runs" / RUN
    directory.mkdir(parents=True)
    about = {
        "format": 1, "id": RUN, "number": 12, "operation": "apply", "cluster": "berlin-1", "started": START,
        "by": "kim@desk", "consents": [], "waivers": {},
    }  # fmt: skip
    (directory / "run.json").write_text(json.dumps(about))
    (directory / "config.toml").write_text('[kubernetes]\nversion = "1.36.3"\n')
    (directory / "journal.jsonl").write_bytes(b"".join(encode(event) for event in events))
    if result is not None:
        (directory / "result.json").write_text(json.dumps(result))
    return directory


NODES = {
    "fe1": "frontend", "cp1": "control-plane", "cp2": "control-plane", "cp3": "control-plane", "w1": "worker",
    "w2": "worker", "w3": "worker",
}  # fmt: skip


def story(secret: str = "") -> list[Event]:
    """A whole run with one of everything: failure, consent, waiver, notes, outage, and text that wants to be markup.

    `secret` is put into every kind of free text.
    """
    kubernetes = [name for name in NODES if name != "fe1"]
    workers = ["w1", "w2", "w3"]
    plan = [
        ("trampoline.ssh", "SSH access", ["fe1"], [], 4.0),
        ("trampoline.firewall", "firewall", ["fe1"], ["trampoline.ssh"], 5.0),
        ("trampoline.haproxy", "load balancer", ["fe1"], ["trampoline.firewall"], 6.0),
        ("k8s-base.prepare", "prepare nodes", kubernetes, [], 30.0),
        ("k8s-base.images", "load images", kubernetes, ["k8s-base.prepare"], 40.0),
        ("k8s-base.init", "initialise", ["cp1"], ["k8s-base.images", "trampoline.haproxy"], 20.0),
        ("k8s-base.join-cp2", "join control plane cp2", ["cp2"], ["k8s-base.init"], 30.0),
        ("k8s-base.join-cp3", "join control plane cp3", ["cp3"], ["k8s-base.join-cp2"], 30.0),
        ("k8s-base.join-workers", "join workers", workers, ["k8s-base.init"], 8.0),
        ("k8s-base.network", "pod network", ["cp1"], ["k8s-base.init"], 9.0),
        ("k8s-base.verify", "verify the cluster", ["cp1"], ["k8s-base.join-cp3", "k8s-base.network"], 3.0),
        ("ksl.ingress", "ingress controller", ["cp1"], ["k8s-base.verify"], 25.0),
        ("ksl.rook", "storage (Rook)", ["w1"], ["ksl.ingress"], 90.0),
    ]
    skipped = [{"id": "trampoline.ntp", "layer": "trampoline", "title": "time", "reason": "unchanged"}]
    tape = Tape().begin(NODES, plan, skipped=skipped, versions={"ansible-core": "2.19.14", "Python": "3.11.2"})
    tape.at(0.01, "consent", step="ksl.rook", text=f"wipe the disk vdb on w1 {secret}", by="kim@desk")
    tape.at(
        0.02, "waiver", check="clock.offset", node="cp2", reason=f"known, NTP is on its way {secret}", by="kim@desk"
    )
    tape.at(0.05, "note", text=f"run 20251123-090000-77aa was interrupted {secret}", level="info")
    ssh = tape.step("trampoline.ssh", 0.1, [("hardened sshd", {"fe1": 2.1}), ("restart", {"fe1": 0.9})])
    wall = tape.step("trampoline.firewall", ssh + 0.05, [("load the rules", {"fe1": 3.8})])
    tape.step("trampoline.haproxy", wall + 0.05, [("write files", {"fe1": 1.4}), ("start HAProxy", {"fe1": 2.2})])
    prepared = tape.step("k8s-base.prepare", 0.1, [
        ("k8s_node : system settings", {n: 2.0 + i / 3 for i, n in enumerate(kubernetes)}),
        ("k8s_node : install packages", {n: 14.0 + 1.3 * i for i, n in enumerate(kubernetes)}),
        ("k8s_node : start containerd", dict.fromkeys(kubernetes, 1.8)),
    ])  # fmt: skip
    loads = {"cp1": 21.0, "cp2": 22.5, "cp3": 21.7, "w1": 12.0, "w2": 71.3, "w3": 19.8}
    reason = f"no space left on device {secret}"
    images = tape.step("k8s-base.images", prepared + 0.05, [("k8s_images : load images", loads)], bad={"w1": reason})
    tape.at(prepared + 13, "progress", step="k8s-base.images", node="w2", done=1e8, total=4.5e8, unit="B", text=secret)
    tape.at(prepared + 13.5, "log", step="k8s-base.images", node="w2", text=f"{HOSTILE} {secret}")
    tape.at(
        images - 0.02, "node_set_aside", node="w1", step="k8s-base.images", task="k8s_images : load images",
        reason=reason, hint=f"free space on /var/lib/containerd, then `yk8s-tui apply` {secret}",
        evidence=f"ctr: write /var/lib/containerd/io.containerd.content.v1.content/ingest/5f0c1b7e/data: no space left "
                 f"on device\n{HOSTILE}\n{secret}",
    )  # fmt: skip
    init = tape.step("k8s-base.init", images + 0.05, [("kubeadm : init", {"cp1": 18.4})])
    cp2 = tape.step("k8s-base.join-cp2", init + 0.05, [("kubeadm : join", {"cp2": 33.7})])
    cp3 = tape.step("k8s-base.join-cp3", cp2 + 0.05, [("kubeadm : join", {"cp3": 29.9})])
    tape.step("k8s-base.join-workers", init + 0.05, [("kubeadm : join", {"w2": 5.2, "w3": 3.4})])
    tape.step("k8s-base.network", init + 0.05, [("cni_routed : routes", {"cp1": 8.1})])
    verified = tape.step("k8s-base.verify", cp3 + 0.05, [("nodes are Ready", {"cp1": 2.8})], result="ok")
    ended = tape.step("ksl.ingress", verified + 0.05, [("helm upgrade --install", {"cp1": 24.2})])
    tape.at(ended + 0.1, "step_finished", step="ksl.rook", result="skipped", seconds=0.0, nodes={},
            reason="set aside before: w1")  # fmt: skip
    for second in range(int(init), int(ended)):
        down = init + 20 < second < init + 24
        tape.at(second + 0.5, "availability", ok=not down, seconds=0.01, error="refused" if down else "")
    tape.at(cp2, "note", text=f"cp2: {HOSTILE}", level="warning")
    tape.at(
        ended + 0.3, "run_finished", result="partial", exit_code=9, seconds=ended + 0.3,
        message=f"12 of 13 steps done; 1 node was set aside: w1 {secret}",
        next=f"mend w1, then `yk8s-tui apply` goes on from there {secret}",
    )  # fmt: skip
    return tape.sorted()


def large(nodes: int, steps: int) -> list[Event]:
    """A long run of many nodes: every step on every node, a few nodes slow, a few failed."""
    names = {f"w{number:04}": "worker" for number in range(nodes)}
    keys = [f"k8s-base.s{number:02}" for number in range(steps)]
    plan = [
        (key, f"step number {i} of many", list(names), keys[i - 1 : i], 10.0) for i, key in enumerate(keys)
    ]  # fmt: skip
    tape, now = Tape().begin(names, plan), 0.1
    for place, key in enumerate(keys):
        took = {name: 3.0 + (number * 7919 + place * 31) % 100 / 25 for number, name in enumerate(names)}
        bad = {"w0117": "no space left on device"} if place == steps - 1 else {}
        now = 0.05 + tape.step(key, now, [("one task", took), ("another task", took)], bad=bad)
    tape.at(now, "node_set_aside", node="w0117", step=keys[-1], task="another task",
            reason="no space left on device", evidence="", hint="")  # fmt: skip
    tape.at(now + 0.1, "run_finished", result="partial", exit_code=9, message="one node was set aside", next="")
    return tape.sorted()


def lamps(events: Iterable[Event], durations: Durations) -> dict[str, set[str]]:
    """Node -> tasks in which its lamp was on, over the whole run, looked at twice a second as the run screen does."""
    state, found, left = RunState(), dict[str, set[str]](), list(events)
    now = left[0]["t"]
    while left:
        while left and left[0]["t"] <= now:
            state.apply(left.pop(0))
        for name, slow in slow_nodes(state, durations, now).items():
            found.setdefault(name, set()).add(slow.task)
        now += 0.5
    return found
