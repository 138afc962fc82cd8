"""What is learnt of durations, the time left along the critical path, and the lamp of a slow node."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.reports import START, Tape, lamps
from yk8s_tui.runs.estimates import (
    KEPT,
    Durations,
    Part,
    Sample,
    Worked,
    durations_path,
    learn,
    load_durations,
    load_estimates,
    quantile,
    remember,
)
from yk8s_tui.runs.lamps import slow_nodes
from yk8s_tui.runs.left import Range, in_words, time_left
from yk8s_tui.runs.plain import PlainView
from yk8s_tui.runs.state import RunState
from yk8s_tui.runs.tally import Tally

STEP = "k8s-base.write"
NAMES = [f"w{number}" for number in range(1, 7)]


def samples(**steps: list[float]) -> Durations:
    return Durations(
        {f"k8s-base.{key}": tuple(Sample(s, 1, 0, "worker") for s in found) for key, found in steps.items()}
    )


# What is learnt


def test_what_is_remembered_is_read_again(tmp_path: Path) -> None:
    worked = {
        STEP: Worked(Sample(12.345, 3, 450, "control-plane+worker"), {"w1": {"a": 0.21, "b": 3.0}, "w2": {"b": 4.0}})
    }
    remember(tmp_path, worked)
    remember(tmp_path, worked)
    known = load_durations(tmp_path)
    assert known.steps[STEP] == (Sample(12.35, 3, 450, "control-plane+worker"),) * 2
    assert known.parts[STEP]["w1"] == (Part(3.21, 3, {"b": 3.0}),) * 2
    assert known.of_task(STEP, "w1", "a", nodes=3) == [0.0, 0.0]
    assert known.of_task(STEP, "w2", "b", nodes=4) == [4.0, 4.0]
    assert json.loads(durations_path(tmp_path).read_text())["format"] == 2
    assert load_estimates(tmp_path) == {STEP: 12.3}


def test_files_of_older_versions_are_read_and_newer_ones_left_alone(tmp_path: Path) -> None:
    path = durations_path(tmp_path)
    path.parent.mkdir()
    path.write_text(json.dumps({STEP: [10.0, 12.0, 14.0]}))
    assert load_estimates(tmp_path) == {STEP: 12.0}
    assert load_durations(tmp_path).of_step(STEP, nodes=30, roles="worker") == [10.0, 12.0, 14.0]
    for text in ('{"format": 99, "steps": {}}', '{"format": 2}', "[1]", "no JSON", '{"a": "b"}'):
        path.write_text(text)
        assert load_durations(tmp_path) == Durations()


def test_three_nodes_and_thirty_are_told_apart_and_roles_and_bytes_too() -> None:
    known = Durations(
        {
            STEP: (
                Sample(10, 3, 0, "worker"),
                Sample(60, 30, 0, "worker"),
                Sample(11, 3, 0, "control-plane"),
                Sample(40, 3, 4_000_000_000, "worker"),
            )
        }
    )
    assert known.expected(STEP, nodes=30, roles="worker") == 60
    assert known.expected(STEP, nodes=4, roles="control-plane") == 11
    assert known.of_step(STEP, nodes=3, roles="worker", size=5_000_000_000) == [40]
    assert known.of_step(STEP, nodes=3, roles="worker") == [10, 40]
    assert known.of_step(STEP, nodes=3, roles="frontend") == [10, 11, 40], "other roles before other sizes"
    assert known.of_step(STEP, nodes=300, roles="worker") == [10, 60, 11, 40], "better than nothing"
    assert known.expected("unknown") == 0


def test_old_samples_go_size_by_size() -> None:
    known = Durations()
    known = learn(known, {STEP: Worked(Sample(99, 30), {"w1": {"a": 9.0}})})
    for number in range(KEPT + 5):
        known = learn(known, {STEP: Worked(Sample(float(number), 3), {"w1": {"a": float(number)}})})
    assert [s.seconds for s in known.steps[STEP]] == [99, *range(5, KEPT + 5)]
    assert known.of_node(STEP, "w1", nodes=3) == [float(n) for n in range(5, KEPT + 5)]
    assert known.of_node(STEP, "w1", nodes=30) == [9.0]
    assert known.of_node(STEP, "w2", nodes=3) == []


def test_what_an_ill_node_took_is_not_learnt() -> None:
    known = Durations()
    clean: dict[str, dict[str, float]] = {name: {"a": 3.0} for name in NAMES}
    for _ in range(5):
        known = learn(known, {STEP: Worked(Sample(3.0, 6), clean)})
    known = learn(known, {STEP: Worked(Sample(40.0, 6), clean | {"w3": {"a": 40.0}})})
    assert known.of_node(STEP, "w3", nodes=6) == [3.0] * 5
    assert known.of_node(STEP, "w2", nodes=6) == [3.0] * 6


def test_quantiles() -> None:
    assert [quantile([], 0.5), quantile([4], 0.95), quantile([3, 1, 2], 0.5), quantile([0, 10], 0.25)] == [0, 4, 2, 2.5]


def test_a_run_is_counted_while_it_goes_on() -> None:
    now = [100.0]
    tally = Tally(lambda: now[0])
    tally.take("node_task", {"step": STEP, "node": "w1", "task": "a"})
    now[0] = 107.0
    tally.take("node_result", {"step": STEP, "node": "w1", "task": "a", "result": "ok", "seconds": 0.0})
    tally.take("node_result", {"step": STEP, "node": "w2", "task": "a", "result": "changed", "seconds": 2.0})
    tally.take("node_result", {"step": STEP, "node": "w2", "task": "b", "result": "ok", "seconds": 1.5})
    tally.take("node_result", {"step": STEP, "node": "w2", "result": "skipped", "seconds": 9.0})
    tally.take("node_result", {"step": STEP, "node": "w3", "task": "a", "result": "failed", "seconds": 5.0})
    tally.take("progress", {"step": STEP, "node": "w1", "done": 10, "total": 400, "unit": "B", "text": ""})
    tally.take("progress", {"step": STEP, "node": "w2", "done": 3, "total": 5, "unit": "images", "text": ""})
    results = {"w1": "ok", "w2": "changed", "w3": "failed"}
    worked = tally.worked(STEP, 8.0, results, {"w1": ["control-plane"], "w2": ["worker"], "w3": ["worker"]})
    assert worked == Worked(Sample(8.0, 3, 400, "control-plane+worker"), {"w1": {"a": 7.0}, "w2": {"a": 2.0, "b": 1.5}})


# Time left


def graph(estimate: float = 0.0) -> Tape:
    """`a` then `b`; `c` beside them."""
    plan = [
        ("k8s-base.a", "a", ["w1"], [], estimate),
        ("k8s-base.b", "b", ["w1"], ["k8s-base.a"], estimate),
        ("k8s-base.c", "c", ["w2"], [], estimate),
    ]
    return Tape().begin({"w1": "worker", "w2": "worker"}, plan)


KNOWN = samples(a=[10, 11, 12, 13, 14], b=[20, 22, 24, 26, 28], c=[5, 5, 5, 5, 6])


def left(tape: Tape, durations: Durations, after: float) -> Range | None:
    return time_left(RunState().apply_all(tape.events), durations, START + after)


def test_nothing_is_said_while_nothing_is_known() -> None:
    assert left(graph(), Durations(), 0) is None
    assert in_words(None) == ""


def test_the_time_left_follows_the_critical_path() -> None:
    found = left(graph(), KNOWN, 0)
    assert found == Range(pytest.approx(10.8 + 21.6, abs=0.1), pytest.approx(13.2 + 26.4, abs=0.1))
    tape = graph().at(1, "step_started", step="k8s-base.a", nodes=["w1"], digest="d")
    tape.at(1, "step_started", step="k8s-base.c", nodes=["w2"], digest="d")
    later = left(tape, KNOWN, 6)
    assert later is not None
    assert later.high == pytest.approx(13.2 + 26.4 - 5, abs=0.1)
    tape.at(12, "step_finished", step="k8s-base.a", result="ok", seconds=11, nodes={"w1": "ok"}, reason="")
    rest = left(tape, KNOWN, 12)
    assert rest is not None
    assert rest.low == pytest.approx(21.6, abs=0.1), "c is overdue, but b takes longer"


def test_an_overdue_step_is_expected_soon_or_as_late_as_ever() -> None:
    tape = graph().at(0, "step_started", step="k8s-base.c", nodes=["w2"], digest="d")
    for key in "ab":
        tape.at(1, "step_finished", step=f"k8s-base.{key}", result="skipped", seconds=0, nodes={}, reason="")
    assert left(tape, samples(c=[5, 5, 5, 5, 5, 5, 30]), 10) == Range(0, 20)
    assert left(tape, samples(c=[5, 5]), 100) == Range(0, 30)


def test_the_estimate_of_the_plan_stands_in_and_an_end_ends_it() -> None:
    found = left(graph(estimate=10.0), Durations(), 0)
    assert found == Range(pytest.approx(17), pytest.approx(24))
    unknown = left(graph(), samples(b=[20]), 0)
    assert unknown == Range(pytest.approx(17), pytest.approx(48)), (
        "a step that nothing is known of: nothing to as usual"
    )
    tape = graph(10.0).at(50, "run_finished", result="failed", exit_code=1)
    assert left(tape, KNOWN, 51) is None


def test_needs_in_a_circle_and_needs_that_are_not_there() -> None:
    plan = [("k8s-base.a", "a", ["w1"], ["k8s-base.b", "gone"], 5.0), ("k8s-base.b", "b", ["w1"], ["k8s-base.a"], 5.0)]
    assert left(Tape().begin({"w1": "worker"}, plan), Durations(), 0) is not None


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (80, 110, "1:20–1:50 left"),
        (83, 104, "1:20–1:50 left"),
        (22 * 60 + 5, 29.4 * 60, "22–30 min left"),
        (0, 14, "0:00–0:15 left"),
        (61, 61, "1:00–1:10 left"),
        (0, 0, "0:00 left"),
    ],
)
def test_the_range_in_words(low: float, high: float, words: str) -> None:
    assert in_words(Range(low, high)) == words


def test_plain_lines_say_it_after_each_step() -> None:
    view = PlainView(durations=KNOWN)
    tape = graph().at(1, "step_started", step="k8s-base.a", nodes=["w1"], digest="d")
    tape.at(12, "step_finished", step="k8s-base.a", result="ok", seconds=11.0, nodes={"w1": "ok"}, reason="")
    lines = [line for event in tape.events for line in view.lines(event)]
    assert lines[-1].endswith("ok in 11.0 s · 0:20–0:30 left")


# Lamps


def run_once(took: Mapping[str, float], first: float = 0.6) -> Tape:
    """A step of two tasks; the second takes what is said."""
    tape = Tape().begin(dict.fromkeys(NAMES, "worker"), [(STEP, "write", NAMES, [], 0.0)])
    tape.step(STEP, 0.1, [("make a directory", dict.fromkeys(NAMES, first)), ("write files", took)])
    return tape


def learnt(runs: int, noise: random.Random) -> Durations:
    known = Durations()
    for _ in range(runs):
        known = after(known, {name: noise.lognormvariate(1.2, 0.25) for name in NAMES})
    return known


def after(known: Durations, took: Mapping[str, float]) -> Durations:
    """What is known when a run has taken that long on each node."""
    tasks = {name: {"make a directory": 0.6, "write files": seconds} for name, seconds in took.items()}
    return learn(known, {STEP: Worked(Sample(0.6 + max(took.values()), len(NAMES), 0, "worker"), tasks)})


@pytest.mark.parametrize("seed", range(40))
def test_clean_runs_with_natural_noise_light_none(seed: int) -> None:
    noise = random.Random(seed)
    known = Durations()
    for number in range(5):
        took = {name: noise.lognormvariate(1.2, 0.25) for name in NAMES}
        assert lamps(run_once(took).sorted(), known) == {}, f"run {number}"
        known = after(known, took)
    assert lamps(run_once({name: noise.lognormvariate(1.2, 0.25) for name in NAMES}).sorted(), known) == {}


@pytest.mark.parametrize("seed", range(10))
def test_a_throttled_node_is_named_and_no_other(seed: int) -> None:
    noise = random.Random(seed)
    known = learnt(5, noise)
    took = {name: noise.lognormvariate(1.2, 0.25) for name in NAMES} | {"w4": 40.0}
    assert lamps(run_once(took).sorted(), known) == {"w4": {"write files"}}


def test_a_node_is_not_slow_before_five_runs_nor_by_its_own_measure_alone() -> None:
    took = dict.fromkeys(NAMES, 3.0) | {"w4": 40.0}
    assert lamps(run_once(took).sorted(), learnt(4, random.Random(1))) == {}
    everyone = dict.fromkeys(NAMES, 40.0)
    assert lamps(run_once(everyone).sorted(), learnt(5, random.Random(1))) == {}, "the peers are as slow"
    known = Durations({}, {STEP: {name: (Part(42.0, 6, {"write files": 41.4}),) * 5 for name in NAMES}})
    assert lamps(run_once(took).sorted(), known) == {}, "it always takes that long"


def test_a_lamp_says_how_slow_and_goes_out_with_the_step() -> None:
    known = learnt(5, random.Random(2))
    tape = run_once(dict.fromkeys(NAMES, 3.0) | {"w4": 40.0})
    state = RunState()
    for event in tape.sorted():
        if event["t"] < START + 30:
            state.apply(event)
    found = slow_nodes(state, known, START + 30)
    assert list(found) == ["w4"]
    assert found["w4"].times == pytest.approx(9.68, rel=0.025)
    assert found["w4"].words == "slow: 9x its peers"
    state.apply_all(event for event in tape.sorted() if event["t"] >= START + 30)
    assert slow_nodes(state, known, START + 60) == {}
    view = PlainView(durations=known)
    lines = [line for event in tape.sorted() for line in view.lines(event)]
    assert [line for line in lines if "slow" in line] == ["  0:40 ! w4 is slow: 13x its peers in write files"]


def test_a_snapshot_keeps_what_its_steps_were_doing() -> None:
    tape = run_once(dict.fromkeys(NAMES, 3.0)).sorted()
    state = RunState().apply_all(tape[:12])
    before = state.copy()
    doing, took = dict(before.steps[STEP].doing), {t: of.copy() for t, of in before.steps[STEP].took.items()}
    assert doing or took
    state.apply_all(tape[12:])
    assert before.steps[STEP].doing == doing
    assert before.steps[STEP].took == took
    assert state.steps[STEP].took == state.steps[STEP].doing == {}


def test_a_task_that_was_always_short_and_a_connection_that_is_not() -> None:
    """What all nodes suffer from (a busy machine) hides no node that suffers alone."""
    known = Durations()
    for connect in (26.0, 19.0, 28.0, 18.0, 12.0):
        tasks = {name: {"make a directory": connect, "write files": 0.9} for name in NAMES}
        known = learn(known, {STEP: Worked(Sample(connect + 1, len(NAMES), 0, "worker"), tasks)})
    tape = run_once(dict.fromkeys(NAMES, 0.9) | {"w4": 9.0}, first=11.0)
    assert lamps(tape.sorted(), known) == {"w4": {"write files"}}
