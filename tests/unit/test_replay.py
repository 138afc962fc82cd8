"""The state at any event is a pure function of the journal, whatever one looked at before."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yk8s_tui.runs.events import JournalError
from yk8s_tui.runs.replay import Replay
from yk8s_tui.runs.state import RunState

NODES = ("a", "b", "c", "d")
STEPS = ("k8s-base.one", "k8s-base.two", "ksl.three")
WORDS = st.sampled_from(["", "x", "Installiere €", "two\nlines", "long " * 30])
nodes, steps = st.sampled_from(NODES), st.sampled_from(STEPS)
some = st.lists(nodes, unique=True)


def kind(name: str, **fields: Any) -> Any:
    return st.fixed_dictionaries({"type": st.just(name), **fields})


EVENTS = st.one_of(
    kind("step_started", step=steps, nodes=some),
    kind(
        "step_finished",
        step=steps,
        result=st.sampled_from(["ok", "changed", "failed", "partial", "skipped"]),
        seconds=st.floats(0, 9),
        nodes=st.dictionaries(nodes, st.sampled_from(["ok", "changed", "failed", "unreachable"])),
        reason=WORDS,
    ),
    kind("task_started", step=steps, task=WORDS),
    kind("node_task", step=steps, node=nodes, task=WORDS),
    kind(
        "node_result",
        step=steps,
        node=nodes,
        task=WORDS,
        result=st.sampled_from(["ok", "changed", "failed", "skipped", "unreachable", "ignored"]),
        seconds=st.floats(0, 9),
        message=WORDS,
    ),
    kind("retry", step=steps, node=nodes, task=WORDS, attempt=st.integers(1, 3), of=st.just(3)),
    kind("progress", step=steps, node=nodes, done=st.integers(0, 9), total=st.just(9), unit=st.just("MB")),
    kind("log", step=steps, node=st.sampled_from([*NODES, ""]), text=WORDS),
    kind("node_set_aside", node=st.sampled_from([*NODES, ""]), step=steps, task=WORDS, reason=WORDS, hint=WORDS),
    kind("control", action=st.sampled_from(["pause", "continue", "cancel"]), by=WORDS),
    kind("consent", step=steps, text=WORDS, by=WORDS),
    kind("availability", ok=st.booleans(), seconds=st.floats(0, 1), error=WORDS),
    kind("note", text=WORDS, level=st.just("info")),
    kind("something_new", about=WORDS),
    kind("run_finished", result=st.just("partial"), exit_code=st.just(9), message=WORDS, next=WORDS),
)
BEGIN = {
    "type": "run_started",
    "run": "r",
    "cluster": "c",
    "nodes": [{"name": n, "roles": ["worker"], "address": "10.0.0.1"} for n in NODES[:3]],
    "steps": [{"id": s, "layer": s.partition(".")[0], "nodes": NODES[:3]} for s in STEPS],
}


def numbered(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As a journal has them: with number and time; now and then the clock is set back."""
    made = [{"v": 1, "seq": n, "t": 1000.0 + n - 7 * (n % 11 == 0)} | e for n, e in zip(count(1), events, strict=False)]
    return [json.loads(json.dumps(event)) for event in made]


def journal(path: Path, events: list[dict[str, Any]], tail: str = "") -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events) + tail)
    return path


def told(state: RunState) -> dict[str, Any]:
    """Everything a state has, for comparing."""
    found = {key: value for key, value in vars(state).items() if key != "_new_log"}
    found["nodes"] = {n: {**vars_of(node), "log": list(node.log)} for n, node in state.nodes.items()}
    found["steps"] = {key: asdict(step) for key, step in state.steps.items()}
    found["notes"], found["log"] = list(state.notes), list(state.log)
    return found


def vars_of(node: Any) -> dict[str, Any]:
    return {name: getattr(node, name) for name in node.__slots__ if name != "log"}


def reduced(events: list[dict[str, Any]]) -> dict[str, Any]:
    return told(RunState().apply_all(events))


@settings(max_examples=60, deadline=None)
@given(
    events=st.lists(EVENTS, max_size=150),
    spacing=st.integers(1, 40),
    kept=st.sampled_from([1, 20_000, 10_000_000]),
    seeks=st.lists(st.floats(0, 1), max_size=12),
    tail=st.sampled_from(["", '{"v":1,"type":"log","te']),
)
def test_the_state_at_any_event_is_the_reduced_beginning_of_the_journal(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[dict[str, Any]],
    spacing: int,
    kept: int,
    seeks: list[float],
    tail: str,
) -> None:
    whole = numbered([BEGIN, *events])
    path = journal(tmp_path_factory.mktemp("r") / "journal.jsonl", whole, tail)
    replay = Replay(path, kept_bytes=kept, spacing=(spacing, spacing))
    assert replay.extend()
    assert replay.events == len(whole)
    state = replay.state_at(0)
    for seek in [*seeks, 1.0, 0.0, 0.5]:
        position = round(seek * len(whole))
        expected = reduced(whole[:position])
        assert told(replay.state_at(position)) == expected
        state = replay.moved(state, position)
        assert told(state) == expected


def test_every_event_forwards_and_backwards_in_a_journal_that_grows(tmp_path: Path) -> None:
    story: list[dict[str, Any]] = [BEGIN]
    for number in range(700):
        node = NODES[number % 3]
        story.append({"type": "node_task", "step": STEPS[0], "node": node, "task": f"task {number}"})
        story.append({"type": "log", "step": STEPS[0], "node": node, "text": f"line {number}"})
    whole = numbered(story)
    path = journal(tmp_path / "journal.jsonl", whole[:600])
    replay = Replay(path, spacing=(50, 50))
    replay.extend()
    early = replay.state_at(400)
    with path.open("a") as file:
        file.writelines(json.dumps(event) + "\n" for event in whole[600:])
    assert replay.extend()
    assert told(early) == reduced(whole[:400])
    for position in [*range(0, len(whole), 37), *range(len(whole), 0, -41)]:
        assert told(replay.state_at(position)) == reduced(whole[:position])


def test_events_are_found_by_number_time_and_place(tmp_path: Path) -> None:
    whole = numbered([BEGIN, *({"type": "log", "node": "a", "text": f"€ {n}"} for n in range(300))])
    path = journal(tmp_path / "journal.jsonl", whole)
    replay = Replay(path)
    replay.extend()
    raw = path.read_bytes()
    for position in (0, 1, 63, 64, 65, 128, 200, 301):
        assert raw[: replay.offset(position)].count(b"\n") == position
        assert replay.index.read(0, position) == whole[:position]
    assert [replay.index.event(n) for n in (0, 64, 299)] == [whole[n] for n in (0, 64, 299)]
    tops = [max(e["t"] for e in whole[: n + 1]) for n in range(len(whole))]
    for t in (0.0, 1000.5, 1001.0, 1100.0, 1200.9, 9999.0):
        assert replay.position_at(t) == sum(top <= t for top in tops)


def test_damaged_lines_are_skipped_as_the_reader_skips_them(tmp_path: Path) -> None:
    whole = numbered([BEGIN, *({"type": "log", "node": "a", "text": f"line {n}"} for n in range(200))])
    lines = [json.dumps(event) for event in whole]
    lines[70:70] = ["{not json", "", "[1]"]
    path = tmp_path / "journal.jsonl"
    path.write_text("\n".join(lines) + "\n")
    replay = Replay(path, spacing=(20, 20))
    replay.extend()
    assert replay.events == 201
    for position in (10, 70, 71, 90, 201):
        assert told(replay.state_at(position)) == reduced(whole[:position])
    assert [replay.index.event(n)["text"] for n in (69, 70, 71, 150)] == ["line 68", "line 69", "line 70", "line 149"]
    assert path.read_bytes()[replay.offset(150) :].startswith(lines[153].encode())


def test_marks_lead_to_steps_and_failures(tmp_path: Path) -> None:
    kinds = ["log", "step_started", "log", "node_set_aside", "log", "step_finished", "log"]
    fields = {"step": STEPS[0], "node": "a", "text": "", "reason": "", "result": "failed", "nodes": ["a"]}
    whole = numbered([BEGIN, *({"type": k} | fields | ({"nodes": {}} if k == "step_finished" else {}) for k in kinds)])
    replay = Replay(journal(tmp_path / "journal.jsonl", whole))
    replay.extend()
    assert [replay.steps.after(n) for n in range(9)] == [3, 3, 3, 7, 7, 7, 7, None, None]
    assert [replay.steps.before(n) for n in range(9)] == [None, None, None, None, 3, 3, 3, 3, 7]
    assert (replay.failures.after(0), replay.failures.before(8)) == (5, 5)


def test_no_journal_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        Replay(tmp_path / "journal.jsonl").extend()
    replay = Replay(journal(tmp_path / "journal.jsonl", [], tail='{"torn'))
    assert not replay.extend()
    assert replay.events == 0
    assert told(replay.state_at(5)) == reduced([])
