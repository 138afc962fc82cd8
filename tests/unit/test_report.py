"""The report of a run as text: the critical path, what it says, and what it must not say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.canaries import Sweep
from tests.reports import HOSTILE, RUN, START, Tape, story, write_run
from yk8s_tui.cli import main
from yk8s_tui.runs.report.critical import Timed, critical_path
from yk8s_tui.runs.report.data import Beside, build
from yk8s_tui.runs.report.words import span, ticks
from yk8s_tui.runs.report.write import write_report
from yk8s_tui.runs.start import find_run

ENDED = {"result": "partial", "exit_code": 9, "seconds": 209.0}


def chain(*steps: Timed) -> list[str]:
    return [link.step for link in critical_path(steps, 100.0)]


def test_the_critical_path_goes_back_along_what_was_waited_for() -> None:
    found = critical_path(
        [
            Timed("prepare", (), 100.1, 130.0),
            Timed("firewall", (), 100.1, 110.0),
            Timed("init", ("prepare", "firewall"), 130.1, 150.0),
            Timed("network", ("init",), 150.1, 155.0),
            Timed("join", ("init",), 150.1, 180.0),
            Timed("verify", ("join", "network"), 180.2, 183.0),
        ],
        100.0,
    )
    assert [link.step for link in found] == ["prepare", "init", "join", "verify"]
    assert [link.after for link in found] == ["", "prepare", "init", "join"]
    assert found[-1].waited == pytest.approx(0.2)
    assert all(link.needed for link in found)


def test_a_step_that_waited_for_its_place_follows_the_one_that_made_room() -> None:
    found = critical_path(
        [
            Timed("first", (), 100.0, 105.0),
            Timed("long", (), 100.0, 140.0),
            Timed("late", ("first",), 140.05, 160.0),
        ],
        100.0,
    )
    assert [(link.step, link.needed) for link in found] == [("long", True), ("late", False)]


def test_steps_that_did_not_run_are_seen_through() -> None:
    steps = (
        Timed("a", (), 100.0, 120.0),
        Timed("left out", ("a",), 0.0, 0.0),
        Timed("b", ("left out", "not in the run"), 120.1, 130.0),
        Timed("c", (), 100.0, 125.0),
    )
    assert chain(*steps) == ["a", "b"]
    assert chain() == chain(Timed("x", (), 0.0, 0.0)) == []


def test_steps_that_need_one_another_end_the_search() -> None:
    assert chain(Timed("a", ("b",), 100.0, 101.0), Timed("b", ("a",), 101.0, 102.0)) == ["a", "b"]


def test_values_of_a_run() -> None:
    report = build(story(), Beside(run=RUN))
    assert [link.step.partition(".")[2] for link in report.path] == [
        "prepare", "images", "init", "join-cp2", "join-cp3", "verify", "ingress",
    ]  # fmt: skip
    assert [row.node.name for row in report.nodes][:2] == ["w1", "fe1"]
    slowest = report.slowest[0]
    assert (slowest.task, slowest.node, slowest.longest, slowest.nodes) == ("k8s_images : load images", "w2", 71.3, 6)
    images = next(row for row in report.steps if row.step.id == "k8s-base.images")
    assert (images.spans["w1"].result, images.spans["w2"].busy) == ("failed", 71.3)
    assert report.versions == {"yk8s-tui": "0.1", "ansible-core": "2.19.14", "Python": "3.11.2"}
    assert [round(end - begin, 1) for begin, end in report.gaps] == [4.0]
    assert not next(row for row in report.steps if row.step.id == "ksl.rook").ran


def test_a_run_that_was_cut_off_has_a_report_too(tmp_path: Path) -> None:
    events = [event for event in story() if event["t"] < START + 50]
    write_run(tmp_path, events)
    page = write_report(tmp_path, find_run(tmp_path)).read_text()
    assert "Interrupted" in page
    assert "goes on from there" in page
    assert 'class="t running"' in page or 'class="b running"' in page


def test_a_journal_with_next_to_nothing_in_it(tmp_path: Path) -> None:
    write_run(tmp_path, Tape().begin({}, []).events)
    assert "Interrupted" in write_report(tmp_path, find_run(tmp_path)).read_text()


def test_nothing_is_loaded_and_nothing_runs(tmp_path: Path) -> None:
    write_run(tmp_path, story(), result=ENDED)
    path = write_report(tmp_path, find_run(tmp_path))
    page = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "default-src 'none'; style-src 'sha256-" in page
    assert HOSTILE not in page
    assert not re.search(r"<(script|img|link|iframe|object|embed|a)\b|\bstyle=|url\(|@import|\son\w+=\"", page)


def test_no_secret_of_the_cluster_is_in_it(tmp_path: Path) -> None:
    canary = "canary-\"7f&3<aa>91'c"
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "vrrp_password").write_text(canary)
    write_run(tmp_path, story(canary), result=ENDED)
    page = write_report(tmp_path, find_run(tmp_path)).read_bytes()
    assert page.count(b"[redacted]") >= 8
    sweep = Sweep({"plain": canary.encode(), "part": b"7f&amp;3&lt;aa&gt;91", "start": b"canary-&quot;7f"})
    sweep.data("report.html", page)
    assert sweep.findings == []


def test_the_command_prints_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text("")
    directory = write_run(tmp_path, story(), result=ENDED)
    assert main(["--cluster", str(tmp_path), "runs", "report", "12"]) == 0
    assert capsys.readouterr().out.strip() == str(directory / "report.html")
    elsewhere = tmp_path / "out" / "story.html"
    assert main(["--cluster", str(tmp_path), "runs", "report", "--output", str(elsewhere)]) == 0
    assert capsys.readouterr().out.strip() == str(elsewhere)
    assert "berlin-1" in elsewhere.read_text()
    (directory / "journal.jsonl").unlink()
    assert main(["--cluster", str(tmp_path), "runs", "report"]) == 2
    assert "has no journal" in capsys.readouterr().err


def test_words_for_times() -> None:
    assert [span(s) for s in (0.04, 9.94, 9.96, 100, 3725)] == ["0.0 s", "9.9 s", "10 s", "1:40 min", "1:02:05 h"]
    assert ticks(209, 5) == [0, 60, 120, 180]
    assert len(ticks(400_000, 5)) <= 6
