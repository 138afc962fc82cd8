"""Two runs side by side: what was done in one only, what differs, where the time went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from yk8s_tui.cli import main
from yk8s_tui.runs.account import Account, Busy, StepAccount, account_of, read_account
from yk8s_tui.runs.compare import ABSENT, TimeDifference, compare
from yk8s_tui.runs.compare_words import SHOWN, as_json, sections
from yk8s_tui.runs.events import JournalError
from yk8s_tui.runs.start import RunSummary, find_run
from yk8s_tui.runs.state import RunState

PREPARE, INIT, TIME = "k8s-base.prepare", "k8s-base.init", "trampoline.ntp"


def event(kind: str, t: float, **fields: Any) -> dict[str, Any]:
    return {"v": 1, "seq": int(t), "t": t, "type": kind, **fields}


def journal(seconds: float, *, init: bool, tool: str = "0.1") -> list[dict[str, Any]]:
    """Two nodes are prepared; the second takes twice as long."""
    steps = [{"id": PREPARE, "layer": "k8s-base", "title": "prepare", "nodes": ["a", "b"]}]
    skipped = [{"id": TIME, "layer": "trampoline", "title": "time", "reason": "unchanged"}]
    if init:
        steps.append({"id": INIT, "layer": "k8s-base", "title": "initialise", "nodes": ["a"]})
    else:
        skipped.append({"id": INIT, "layer": "k8s-base", "title": "initialise", "reason": "unchanged, healthy"})
    results = {"a": "changed" if init else "ok", "b": "ok"}
    return [
        event(
            "run_started",
            1,
            run="r",
            operation="apply",
            cluster="c",
            steps=steps,
            skipped=skipped,
            nodes=[],
            tool_version=tool,
        ),
        event("step_started", 2, step=PREPARE, nodes=["a", "b"]),
        event("node_result", 3, step=PREPARE, node="a", task="one", result="ok", seconds=seconds),
        event("node_result", 4, step=PREPARE, node="b", task="one", result="skipped", seconds=seconds),
        event("node_result", 5, step=PREPARE, node="b", task="two", result="ok", seconds=seconds),
        event("step_finished", 6, step=PREPARE, result=results["a"], seconds=3 * seconds, nodes=results),
        *(
            [event("step_finished", 7, step=INIT, result="changed", seconds=9.0, nodes={"a": "changed"})]
            if init
            else []
        ),
        event("run_finished", 8, result="done", exit_code=0),
    ]


def write(root: Path, number: int, events: list[dict[str, Any]], config: str) -> Path:
    directory = root / "runs" / f"2025112{number}-160000-ab12"
    directory.mkdir(parents=True)
    about = {"format": 1, "id": directory.name, "number": number, "operation": "apply", "started": 100.0 * number}
    (directory / "run.json").write_text(json.dumps(about | {"by": "kim@desk"}))
    (directory / "result.json").write_text(json.dumps({"result": "done", "exit_code": 0, "seconds": 40.0 + number}))
    (directory / "journal.jsonl").write_text("".join(json.dumps(e) + "\n" for e in events))
    if config:
        (directory / "config.toml").write_text(config)
    return directory


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TZ", "UTC")
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text("")
    write(tmp_path, 1, journal(2.0, init=True), '[kubernetes]\nversion = "1.35.6"\nx = 1\n')
    write(tmp_path, 2, journal(5.0, init=False, tool="0.2"), '[kubernetes]\nversion = "1.36.3"\nx = 1\n')
    return tmp_path


def accounts(root: Path) -> list[Account]:
    runs = [find_run(root, name) for name in ("1", "2")]
    return [read_account(root / "runs" / run.id, run) for run in runs]


def test_what_differs_is_found(root: Path) -> None:
    found = compare(*accounts(root))
    assert [(d.step, d.a.status, d.b.status, d.b.reason) for d in found.done] == [
        (INIT, "changed", "left out", "unchanged, healthy")
    ]
    assert [(r.step, r.node, r.a, r.b) for r in found.results] == [
        (PREPARE, "", "changed", "ok"),
        (PREPARE, "a", "changed", "ok"),
        (INIT, "", "changed", "left out"),
    ]
    assert found.steps == (TimeDifference(PREPARE, "", 6.0, 15.0), TimeDifference(INIT, "", 9.0, None))
    assert [(t.node, t.a, t.b, t.difference) for t in found.nodes] == [("b", 4.0, 10.0, 6.0), ("a", 2.0, 5.0, 3.0)]
    assert [(t.step, t.node, t.difference) for t in found.steps_on_nodes] == [(PREPARE, "b", 6.0), (PREPARE, "a", 3.0)]
    assert [(v.name, v.a, v.b) for v in found.versions] == [
        ("yk8s-tui", "0.1", "0.2"),
        ("Kubernetes", "1.35.6", "1.36.3"),
    ]
    assert '-version = "1.35.6"' in found.config
    assert '+version = "1.36.3"' in found.config


def test_a_run_beside_itself_differs_in_nothing(root: Path) -> None:
    one = accounts(root)[0]
    found = compare(one, one)
    assert (found.done, found.results, found.config) == ((), (), ())
    assert {t.difference for t in (*found.steps, *found.nodes, *found.steps_on_nodes)} == {0.0}
    told = dict(sections(found))
    assert "both took as long" in told["Runs"]
    assert told["Configuration"] == ["the same in both"]


def test_steps_that_a_plan_does_not_know(root: Path) -> None:
    one = accounts(root)[0]
    step = StepAccount("ksl.new", "ksl", "new", "ok")
    other = Account(one.run, {**one.steps, step.id: step}, {})
    found = compare(one, other)
    assert [(d.step, d.a.status, d.b.status) for d in found.done] == [("ksl.new", ABSENT, "ok")]


def test_only_the_largest_differences_are_listed(root: Path) -> None:
    run = accounts(root)[0].run
    busy = {(PREPARE, f"n{number}"): float(number) for number in range(40)}
    told = dict(sections(compare(Account(run, {}, {}), Account(run, {}, busy))))
    lines = told["Seconds per node (tasks, added up)"]
    assert len(lines) == SHOWN + 2
    assert lines[1].split() == ["-", "39.0", "+39.0", "n39"]
    assert lines[-1] == f"and {40 - SHOWN} more with smaller differences"


def test_the_command_prints_words_and_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cluster", str(root), "runs", "compare", "1", "2"]) == 0
    said = capsys.readouterr().out
    assert "k8s-base: initialise: A changed, B left out (unchanged, healthy)" in said
    assert "B took 1.0 s more than A" in said
    assert main(["--cluster", str(root), "runs", "compare", "1", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    keys = {"format", "a", "b", "versions", "done_in_one_only", "results", "steps", "nodes", "steps_on_nodes"}
    assert set(found) == keys | {"config_diff"}
    assert found["nodes"][0] == {"node": "b", "a": 4.0, "b": 10.0, "difference": 6.0}
    assert as_json(compare(*accounts(root)))["steps"][1] == {"step": INIT, "a": 9.0, "b": None, "difference": -9.0}


@pytest.mark.parametrize("text", [None, "", '{"torn'])
def test_a_run_without_events_is_refused(root: Path, capsys: pytest.CaptureFixture[str], text: str | None) -> None:
    directory = write(root, 3, [], "")
    (directory / "journal.jsonl").unlink() if text is None else (directory / "journal.jsonl").write_text(text)
    assert main(["--cluster", str(root), "runs", "compare", "1", "3"]) == 1
    assert "nothing in its journal" in capsys.readouterr().err
    with pytest.raises(JournalError):
        read_account(directory, find_run(root, "3"))


@pytest.mark.parametrize("named", [["1", "9"], ["nothing", "1"]])
def test_no_such_run(root: Path, capsys: pytest.CaptureFixture[str], named: list[str]) -> None:
    assert main(["--cluster", str(root), "runs", "compare", *named]) == 2
    assert "no run" in capsys.readouterr().err


def test_a_torn_end_and_no_configuration_are_no_trouble() -> None:
    busy = Busy()
    busy.take([event("node_result", 1, step="s", node="a", result="ok", task="t")])
    run = RunSummary("r", 1, "apply", "interrupted", 0.0, 1.0, "kim")
    account = account_of(run, RunState(), busy.seconds, "not toml [")
    assert (account.kubernetes, account.busy) == ("", {("s", "a"): 0.0})


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["1", "--speed", "0"], 2, "makes no sense"),
        (["1", "--at", "0"], 2, "counted from 1"),
        (["1", "--at", "99"], 2, "there is no event 99"),
        (["7"], 2, "no run '7'"),
    ],
)
def test_replay_refuses(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert main(["--cluster", str(root), "runs", "replay", *arguments]) == code
    assert said in capsys.readouterr().err


def test_replay_prints_lines_from_an_event_on(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cluster", str(root), "runs", "replay", "1", "--speed", "1e9", "--at", "6", "--plain"]) == 0
    said = capsys.readouterr().out
    assert "prepare  changed" in said
    assert "run r:" not in said
    directory = write(root, 3, [], "")
    assert main(["--cluster", str(root), "runs", "replay", "3"]) == 1
    assert "the journal is empty" in capsys.readouterr().err
    (directory / "journal.jsonl").unlink()
    assert main(["--cluster", str(root), "runs", "replay", "3", "--plain"]) == 1
    assert "there is no journal" in capsys.readouterr().err
