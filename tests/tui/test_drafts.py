"""Drafts: later edits of the file survive, contradictions are asked about, and nothing comes back after writing."""

from __future__ import annotations

import threading
import tomllib
from pathlib import Path

import pytest

from tests.tui.conftest import Until, press
from tests.tui.test_setup import open_setup, saved_draft
from yk8s_tui.app import Yk8sApp
from yk8s_tui.repository.create import create
from yk8s_tui.repository.repository import Repository
from yk8s_tui.screens.dialogs import ChoiceDialog
from yk8s_tui.screens.setup import answers as a
from yk8s_tui.screens.setup.draft_keeper import DraftKeeper
from yk8s_tui.screens.setup.merging import merge
from yk8s_tui.screens.setup.saving import Source, keep_draft, open_answers
from yk8s_tui.screens.setup.screen import SetupScreen


def begun(root: Path, **edits: object) -> Source:
    """A repository with a draft of five workers, and a file that was edited afterwards."""
    create(root, "lab", "berlin-1", {"trampoline.vip": "10.77.0.250", "harbour.lab.workers": 3})
    source = Source(root, root)
    opened = open_answers(source)
    a.write(opened.answers, "harbour.lab.workers", 5)
    keep_draft(source, opened.answers, opened.original)
    Repository(root).update({key.replace("__", "."): value for key, value in edits.items()})
    return source


def test_a_draft_goes_on_from_a_file_that_has_not_moved(tmp_path: Path) -> None:
    opened = open_answers(begun(tmp_path / "c"))
    assert (opened.resumed, opened.merged, opened.clashes) == (True, False, ())
    assert a.read(opened.answers, "harbour.lab.workers") == 5
    assert "base" not in opened.answers["wizard"]


def test_later_edits_of_the_file_are_kept_beside_the_draft(tmp_path: Path) -> None:
    opened = open_answers(begun(tmp_path / "c", trampoline__vip="10.77.0.240"))
    assert (opened.merged, opened.clashes) == (True, ())
    assert a.read(opened.answers, "trampoline.vip") == "10.77.0.240"
    assert a.read(opened.answers, "harbour.lab.workers") == 5


def test_a_draft_without_its_base_decides_nothing_by_itself() -> None:
    """Drafts of earlier versions do not say what they were begun on: every difference is a question."""
    merged, clashes = merge({}, {"harbour": {"lab": {"workers": 5}}}, {"harbour": {"lab": {"workers": 4}}})
    assert [c.key for c in clashes] == ["harbour.lab.workers"]
    assert merged == {"harbour": {"lab": {"workers": 4}}}


@pytest.mark.parametrize(
    ("base", "draft", "file", "merged", "clashing"),
    [
        ({"x": {"a": 1}}, {"x": {"a": 2}}, {"x": {"a": 2}}, {"x": {"a": 2}}, []),
        ({"x": {"a": 1}}, {}, {"x": {"a": 1}, "b": 2}, {"b": 2}, []),
        ({"x": {"a": 1}}, {}, {"x": {"a": 3}}, {"x": {"a": 3}}, ["x"]),
        ({"n": [1]}, {"n": [1, 2]}, {"n": [3]}, {"n": [3]}, ["n"]),
        ({"n": [1]}, {"n": [1]}, {"n": [3]}, {"n": [3]}, []),
    ],
    ids=["same change", "removed here", "removed here, changed there", "lists", "changed there only"],
)
def test_merging(
    base: dict[str, object], draft: dict[str, object], file: dict[str, object], merged: object, clashing: list[str]
) -> None:
    result, clashes = merge(base, draft, file)
    assert result == merged
    assert [c.key for c in clashes] == clashing


@pytest.mark.parametrize(("key", "workers"), [("yes", 5), ("no", 4)], ids=["the draft", "the file"])
async def test_a_contradiction_is_asked_about(until: Until, tmp_path: Path, key: str, workers: int) -> None:
    root = tmp_path / "c"
    source = begun(root, harbour__lab__workers=4, trampoline__vip="10.77.0.240")
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = SetupScreen(source)
        await app.push_screen(screen)
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        assert isinstance(app.screen, ChoiceDialog)
        assert "harbour.lab.workers: the draft says 5, the file 4" in app.screen.lines
        app.screen.query_one(f"#{key}").press()  # type: ignore[attr-defined]
        await until(pilot, lambda: bool(screen.query("FieldRow Input")))
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: not (root / "state/draft.json").exists() and screen.original != {})
        written = tomllib.loads((root / "config/config.toml").read_text())
        assert written["harbour"]["lab"]["workers"] == workers
        assert written["trampoline"]["vip"] == "10.77.0.240"


async def test_leaving_the_question_changes_nothing(until: Until, tmp_path: Path) -> None:
    root = tmp_path / "c"
    source = begun(root, harbour__lab__workers=4)
    before = (root / "state/draft.json").read_bytes(), (root / "config/config.toml").read_bytes()
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = SetupScreen(source)
        await app.push_screen(screen)
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await press(pilot, "escape")
        await until(pilot, lambda: screen not in app.screen_stack)
    assert ((root / "state/draft.json").read_bytes(), (root / "config/config.toml").read_bytes()) == before


def test_the_keeper_waits_for_the_writer_and_starts_no_other() -> None:
    keeper = DraftKeeper()
    assert keeper.put({"n": 1})
    assert keeper.take() == {"n": 1}
    assert not keeper.put({"n": 2})
    held = threading.Thread(target=keeper.hold)
    held.start()
    held.join(0.05)
    assert held.is_alive()
    while keeper.take() is not None:
        pass
    held.join(5)
    assert not held.is_alive()
    assert not keeper.put({"n": 3})
    keeper.release()
    assert keeper.put({"n": 4})


async def test_no_draft_comes_back_after_writing(until: Until, tmp_path: Path) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_setup(app, pilot, until)
        for key, value in (
            ("cluster.name", "berlin-1"),
            ("wizard.directory", str(tmp_path / "berlin-1")),
            ("cluster.harbour", "lab"),
            ("trampoline.vip", "10.77.0.250"),
        ):
            screen.change(key, value)
        screen.action_write()
        screen.change("harbour.lab.workers", 7)
        await until(pilot, lambda: screen.source.repository is not None)
        await until(pilot, lambda: (tmp_path / "berlin-1/state/draft.json").exists())
        assert not saved_draft()
        assert screen.original["harbour"]["lab"].get("workers") is None
        assert screen.answers["harbour"]["lab"]["workers"] == 7
