from __future__ import annotations

from typing import Any

import pytest

from yk8s_tui.models.nodes import Inventory
from yk8s_tui.models.plan import Plan, PlannedStep, Playbook, Step
from yk8s_tui.runs.graph import Graph
from yk8s_tui.runs.verdict import judge


def step(key: str, *needs: str, nodes: tuple[str, ...] = ("a", "b"), estimate: float = 0.0, **more: Any) -> PlannedStep:
    made = Step(id=key, layer="k8s-base", title=key, nodes=nodes, needs=needs, run=Playbook(playbook="x.yaml"), **more)
    decision = more.pop("decision", "run")
    return PlannedStep(step=made, decision=decision, reason="", nodes=nodes, estimate_seconds=estimate)


def ready(graph: Graph) -> list[str]:
    return [found.planned.step.id for found in graph.ready()]


def finish(graph: Graph, key: str, **nodes: str) -> str:
    graph.begin(key)
    return graph.finish(key, nodes)


def plan(*steps: PlannedStep) -> Plan:
    return Plan(
        cluster="c",
        operation="apply",
        created="",
        tool_version="",
        config_digest="",
        live_digest="",
        inventory=Inventory(),
        steps=steps,
    )


def test_what_needs_nothing_begins_at_once_longest_way_first() -> None:
    graph = Graph.of([step("short"), step("long"), step("after", "long", estimate=60.0)])
    assert ready(graph) == ["long", "short"]
    finish(graph, "long", a="ok", b="changed")
    assert ready(graph) == ["after", "short"]


def test_needs_outside_the_plan_count_as_done() -> None:
    skipped = step("left-out").model_copy(update={"decision": "skip"})
    assert ready(Graph.of([skipped, step("one", "left-out", "nowhere")])) == ["one"]


def test_circles_and_doubles_are_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        Graph.of([step("a", "b"), step("b", "a")])
    with pytest.raises(ValueError, match="twice"):
        Graph.of([step("a"), step("a")])


@pytest.mark.parametrize(("tolerance", "goes_on"), [("all", False), ("any", True)])
def test_tolerance_decides_what_a_failing_node_blocks(tolerance: str, goes_on: bool) -> None:
    graph = Graph.of([step("one", tolerance=tolerance), step("two", "one")])
    assert finish(graph, "one", a="failed", b="ok") == "partial"
    assert graph.aside == {"a": "one"}
    assert bool(graph.ready()) is goes_on
    if goes_on:
        assert graph.ready()[0].nodes == ("b",)
    else:
        assert graph.blocked()[0].reason == "one failed on a"


def test_a_tolerant_step_that_lost_all_its_nodes_leaves_the_others_alone() -> None:
    graph = Graph.of([step("one", tolerance="any"), step("two", "one", nodes=("a", "b", "c"))])
    assert finish(graph, "one", a="failed", b="unreachable") == "failed"
    assert graph.ready()[0].nodes == ("c",)
    strict = Graph.of([step("one"), step("two", "one", nodes=("a", "b", "c"))])
    finish(strict, "one", a="failed", b="unreachable")
    assert [found.reason for found in strict.blocked()] == ["one failed"]


def test_an_error_of_a_tolerant_step_itself_blocks() -> None:
    for nodes in ({}, {"a": "failed", "b": "failed"}, {"a": "ok", "b": "failed"}):
        graph = Graph.of([step("one", tolerance="any"), step("two", "one", nodes=("c",))])
        graph.begin("one")
        assert graph.finish("one", nodes, error=True) == "failed"
        assert [found.reason for found in graph.blocked()] == ["one failed"]


def test_the_only_worker_is_broken_and_the_control_plane_goes_on() -> None:
    steps = (
        step("prepare", nodes=("w",), tolerance="any"),
        step("init", nodes=("cp",)),
        step("join", "init", "prepare", nodes=("w",), tolerance="any"),
        step("network", "init", "join", nodes=("cp", "w"), tolerance="any"),
        step("settle", "network", "join", nodes=("cp",)),
    )
    graph = Graph.of(steps)
    graph.begin("init")
    finish(graph, "prepare", w="failed")
    assert [found.planned.step.id for found in graph.blocked()] == ["join"]
    graph.leave("join", "skipped")
    assert not graph.ready(), "what join waited for has not ended yet"
    graph.finish("init", {"cp": "changed"})
    assert [(found.planned.step.id, found.nodes) for found in graph.ready()] == [("network", ("cp",))]
    finish(graph, "network", cp="changed")
    finish(graph, "settle", cp="ok")
    assert graph.ended
    assert judge(plan(*steps), graph, "r", cancelled=False).exit_code == 9


def test_what_an_emptied_step_waited_for_still_counts() -> None:
    graph = Graph.of(
        [
            step("prepare", nodes=("w",), tolerance="any"),
            step("init", nodes=("cp",)),
            step("join", "init", "prepare", nodes=("w",), tolerance="any"),
            step("after", "join", nodes=("cp2",)),
        ]
    )
    graph.begin("init")
    finish(graph, "prepare", w="failed")
    graph.leave("join", "skipped")
    graph.finish("init", {"cp": "failed"})
    assert [found.reason for found in graph.blocked()] == ["init failed"]


def test_steps_whose_nodes_are_all_set_aside_are_left_out() -> None:
    graph = Graph.of([step("one", tolerance="any"), step("two", nodes=("a",)), step("three", "two", nodes=("b",))])
    graph.begin("two")
    finish(graph, "one", a="failed", b="ok")
    graph.finish("two", {"a": "ok"})
    assert ready(graph) == ["three"]
    other = Graph.of([step("one", tolerance="any"), step("two", "one", nodes=("a",))])
    finish(other, "one", a="failed", b="ok")
    assert other.blocked()[0].reason == "set aside before: a"


def test_verdicts() -> None:
    steps = (step("one", tolerance="any"), step("two", "one"))
    done = Graph.of(steps)
    finish(done, "one", a="ok", b="changed")
    finish(done, "two", a="ok", b="ok")
    assert judge(plan(*steps), done, "r", cancelled=False).exit_code == 0
    partial = Graph.of(steps)
    finish(partial, "one", a="failed", b="changed")
    finish(partial, "two", b="ok")
    verdict = judge(plan(*steps), partial, "r", cancelled=False)
    assert (verdict.result, verdict.exit_code) == ("partial", 9)
    assert "mend a" in verdict.next
    failed = Graph.of(steps)
    finish(failed, "one", a="failed", b="failed")
    failed.leave("two", "skipped")
    assert judge(plan(*steps), failed, "r", cancelled=False).exit_code == 1
    assert judge(plan(*steps), failed, "r", cancelled=True).exit_code == 8
    assert judge(plan(*steps), done, "r", cancelled=True, fatal="disk").exit_code == 1
