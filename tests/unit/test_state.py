from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yk8s_tui.runs.ring import Ring
from yk8s_tui.runs.state import RunState
from yk8s_tui.runs.views import Line


class Story:
    """Writes events one second apart."""

    def __init__(self) -> None:
        self.state = RunState()
        self._numbers = count(1)

    def tell(self, kind: str, **fields: Any) -> Story:
        number = next(self._numbers)
        event = {"v": 1, "seq": number, "t": 1000.0 + number, "type": kind, **fields}
        self.state.apply(json.loads(json.dumps(event)))
        return self

    def begin(self, **steps: list[str]) -> Story:
        nodes = sorted({name for names in steps.values() for name in names})
        return self.tell(
            "run_started",
            run="r1",
            cluster="c",
            operation="apply",
            nodes=[{"name": name, "roles": ["worker"], "address": "10.0.0.1"} for name in nodes],
            steps=[
                {
                    "id": f"k8s-base.{key}",
                    "layer": "k8s-base",
                    "title": key.title(),
                    "nodes": names,
                    "needs": [],
                }
                for key, names in steps.items()
            ],
            skipped=[{"id": "ksl.x", "layer": "ksl", "title": "X", "reason": "unchanged"}],
        )


def test_a_run_from_beginning_to_end() -> None:
    story = Story().begin(one=["a", "b"], two=["b"])
    state = story.state
    assert (state.status, state.nodes["a"].status, state.fraction(1001)) == ("running", "waiting", 0.0)
    story.tell("step_started", step="k8s-base.one", nodes=["a", "b"], digest="d")
    story.tell("task_started", step="k8s-base.one", task="Install")
    story.tell("node_task", step="k8s-base.one", node="a", task="Install")
    assert (state.nodes["a"].task, state.nodes["a"].since, state.steps["k8s-base.one"].task) == (
        "Install",
        1004.0,
        "Install",
    )
    story.tell("progress", step="k8s-base.one", node="a", done=5, total=10, unit="MB", text="images")
    progress = state.nodes["a"].progress
    assert progress is not None
    assert (progress.done, progress.text) == (5, "images")
    story.tell("retry", step="k8s-base.one", node="a", task="Install", attempt=1, of=3)
    story.tell(
        "node_result",
        step="k8s-base.one",
        node="a",
        task="Install",
        result="changed",
        seconds=2.0,
        message="",
    )
    story.tell("node_result", step="k8s-base.one", node="b", task="Install", result="skipped", seconds=0, message="")
    story.tell("log", step="k8s-base.one", node="a", text="a line")
    node = state.nodes["a"]
    assert (node.changed, node.retries, node.last_change, node.progress) == (1, 1, 1007.0, None)
    assert [(line.kind, line.text) for line in node.log] == [
        ("retry", "Install: attempt 1 of 3"),
        ("changed", "Install"),
        ("log", "a line"),
    ]
    story.tell("step_finished", step="k8s-base.one", result="changed", seconds=7, nodes={"a": "changed", "b": "ok"})
    assert (state.nodes["a"].status, state.nodes["b"].status) == ("ok", "waiting")
    assert state.layers[0].done == 1
    story.tell("step_started", step="k8s-base.two", nodes=["b"], digest="d")
    assert state.layers[0].status == "running"
    story.tell("step_finished", step="k8s-base.two", result="ok", seconds=1, nodes={"b": "ok"})
    story.tell("run_finished", result="done", exit_code=0, message="2 of 2", next="")
    assert (state.status, state.finished, state.fraction(0), state.elapsed(9999)) == ("done", True, 1.0, 12.0)
    assert state.layers[0].status == "changed"
    assert state.skipped["ksl.x"] == ("ksl", "X", "unchanged")


def test_a_rescued_failure_does_not_stick() -> None:
    story = Story().begin(one=["a"])
    story.tell("step_started", step="k8s-base.one", nodes=["a"], digest="")
    story.tell("node_result", step="k8s-base.one", node="a", task="Try", result="failed", seconds=1, message="no")
    assert story.state.nodes["a"].status == "failed"
    story.tell("node_task", step="k8s-base.one", node="a", task="Mend")
    assert story.state.nodes["a"].status == "running"
    story.tell("step_finished", step="k8s-base.one", result="ok", seconds=1, nodes={"a": "ok"}, reason="")
    assert story.state.nodes["a"].status == "ok"
    assert story.state.failures == {}


def test_a_node_set_aside_stays_so() -> None:
    story = Story().begin(one=["a", "b"], two=["a", "b"])
    story.tell("step_started", step="k8s-base.one", nodes=["a", "b"], digest="")
    story.tell("node_set_aside", node="a", step="k8s-base.one", task="T", reason="why", evidence="e", hint="h")
    story.tell("step_finished", step="k8s-base.one", result="partial", seconds=1, nodes={"a": "failed", "b": "ok"})
    story.tell("step_started", step="k8s-base.two", nodes=["b"], digest="")
    story.tell("step_finished", step="k8s-base.two", result="ok", seconds=1, nodes={"b": "ok"}, reason="")
    assert (story.state.nodes["a"].status, story.state.nodes["a"].reason) == ("set aside", "why")
    assert story.state.nodes["b"].status == "ok"
    assert story.state.failures["a"].hint == "h"
    assert all(node.active == node.pending == 0 for node in story.state.nodes.values())


def test_a_step_that_breaks_without_blaming_a_node() -> None:
    story = Story().begin(one=["a"])
    story.tell("step_started", step="k8s-base.one", nodes=["a"], digest="")
    story.tell("step_finished", step="k8s-base.one", result="failed", seconds=1, nodes={}, reason="syntax")
    assert story.state.nodes["a"].active == 0
    assert story.state.layers[0].status == "failed"


@pytest.mark.parametrize("result", ["cancelled", "skipped", "failed"])
def test_a_node_that_missed_a_step_is_not_done(result: str) -> None:
    story = Story().begin(one=["a", "b"], two=["a"])
    story.tell("step_started", step="k8s-base.one", nodes=["a", "b"], digest="")
    story.tell("step_finished", step="k8s-base.one", result="ok", seconds=1, nodes={"a": "ok", "b": "ok"}, reason="")
    story.tell("step_finished", step="k8s-base.two", result=result, seconds=0, nodes={}, reason="")
    a, b = story.state.nodes["a"], story.state.nodes["b"]
    assert (a.status, a.missed, b.status, b.missed) == ("unfinished", {"k8s-base.two"}, "ok", frozenset())
    story.tell("step_started", step="k8s-base.two", nodes=["a"], digest="")
    assert a.status == "running"
    story.tell("step_finished", step="k8s-base.two", result="changed", seconds=1, nodes={"a": "changed"}, reason="")
    assert (a.status, a.missed) == ("ok", frozenset())


def test_control_and_availability() -> None:
    story = Story().begin(one=["a"])
    story.tell("control", action="pause", by="x")
    assert story.state.status == "paused"
    story.tell("control", action="continue", by="x")
    assert story.state.status == "running"
    story.tell("control", action="cancel", by="x").tell("control", action="continue", by="y")
    assert story.state.status == "cancelling"
    for ok in (True, False, False, True):
        story.tell("availability", ok=ok, seconds=0.1, error="" if ok else "refused")
    found = story.state.availability
    assert (found.samples, found.failed, found.longest_gap, found.last_error) == (4, 2, 2.0, "refused")


def test_a_snapshot_is_not_touched_by_later_events() -> None:
    story = Story().begin(one=["a"])
    story.tell("log", step="s", node="a", text="before")
    snapshot = story.state.copy()
    story.tell("log", step="s", node="a", text="after")
    story.tell("step_started", step="k8s-base.one", nodes=["a"], digest="")
    assert [line.text for line in snapshot.nodes["a"].log] == ["before"]
    assert snapshot.steps["k8s-base.one"].status == "waiting"
    snapshot.nodes["a"].log.append(Line(1.0, "log", "s", "own way"))
    assert [line.text for line in story.state.nodes["a"].log] == ["before", "after"]


def test_unknown_events_and_nodes_are_harmless() -> None:
    state = RunState()
    state.apply({"type": "something new", "t": 5.0, "seq": 9})
    state.apply({"type": "node_result", "t": 6.0, "node": "x", "step": "a.b", "task": "t", "result": "ok"})
    state.apply({"type": "step_finished", "t": 7.0, "step": "a.b", "result": "ok", "nodes": {"x": "ok"}})
    assert (state.version, state.last, state.nodes["x"].ok) == (3, 7.0, 1)


@given(st.lists(st.integers()), st.integers(1, 7), st.integers(0, 20))
def test_a_ring_keeps_the_last_items(items: list[int], limit: int, cut: int) -> None:
    ring: Ring[int] = Ring(limit)
    for item in items[:cut]:
        ring.append(item)
    copied = ring.copy()
    for item in items[cut:]:
        ring.append(item)
        copied.append(-1)
    assert list(ring) == items[-limit:]
    assert len(ring) == len(list(ring))
    assert list(copied) == (items[:cut] + [-1] * len(items[cut:]))[-limit:]
    assert ring.last(2) == items[-limit:][-2:]
    if items:
        assert ring[-1] == items[-1]
