"""How replay and comparison look, at 80x24 and wide. After a wanted change: pytest tests/tui --snapshot-update."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui import journals
from tests.tui.conftest import Until, handled, press, still
from yk8s_tui.app import Yk8sApp
from yk8s_tui.runs.journal import JournalWriter
from yk8s_tui.screens.compare import CompareScreen
from yk8s_tui.screens.dialogs import LineDialog
from yk8s_tui.screens.replay import ReplayScreen
from yk8s_tui.screens.replay_feed import Start
from yk8s_tui.screens.run import RunScreen

RUN, OLDER = "20251124-160000-ab12", "20251123-160000-cd34"
SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=["80x24", "wide"])


def write_older(root: Path) -> None:
    """A run that was cancelled before anything of Kubernetes was begun, with another configuration."""
    directory = journals.run_directory(root, OLDER, number=11)
    with JournalWriter(directory / "journal.jsonl", clock=journals.Clock()) as journal:
        journals.begin(journal)
        journal.write("step_started", step="trampoline.base", nodes=["fe1"], digest="d")
        journal.write(
            "node_result", step="trampoline.base", node="fe1", task="write files", result="ok", seconds=0.4, message=""
        )
        journal.write("step_finished", step="trampoline.base", result="ok", seconds=2.0, nodes={"fe1": "ok"}, reason="")
        journal.write("run_finished", result="cancelled", exit_code=8, message="", next="")
    for place, version in ((OLDER, "1.35.6"), (RUN, "1.36.3")):
        (root / "runs" / place / "config.toml").write_text(f'[kubernetes]\nversion = "{version}"\n')
    for place, result, started, seconds in ((OLDER, "cancelled", 86_400, 5.0), (RUN, "partial", 0, 32.0)):
        about = json.loads((root / "runs" / place / "run.json").read_text())
        (root / "runs" / place / "run.json").write_text(json.dumps(about | {"started": journals.START - started}))
        (root / "runs" / place / "result.json").write_text(json.dumps({"result": result, "seconds": seconds}))


@SIZES
@pytest.mark.parametrize("at", [18, 29], ids=["running", "failure"])
def test_replay(snap_compare: Any, until: Until, tmp_path: Path, size: tuple[int, int], at: int) -> None:
    journals.write_sample(tmp_path, finished=True)

    async def before(pilot: Pilot[int]) -> None:
        app = pilot.app
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen) and app.screen.player.over)
        screen = app.screen
        assert isinstance(screen, ReplayScreen)
        await until(pilot, lambda: screen.feed.ready)
        screen._seek(at)
        await handled(pilot)
        await still(pilot)

    assert snap_compare(Yk8sApp(tmp_path, RUN, Start(at=1)), terminal_size=size, run_before=before)


@SIZES
def test_compare(snap_compare: Any, until: Until, tmp_path: Path, size: tuple[int, int]) -> None:
    journals.write_sample(tmp_path, finished=True)
    write_older(tmp_path)

    async def before(pilot: Pilot[int]) -> None:
        app = pilot.app
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.state.finished)
        await press(pilot, "o")
        await until(pilot, lambda: isinstance(app.screen, LineDialog))
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and app.screen.ready)
        await still(pilot)

    assert snap_compare(Yk8sApp(tmp_path, RUN), terminal_size=size, run_before=before)
