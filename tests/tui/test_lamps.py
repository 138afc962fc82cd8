"""The run screen says how long the run will still take, and which node is slow."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from tests.reports import START, Tape, write_run
from tests.tui.conftest import Until
from yk8s_tui.app import Yk8sApp
from yk8s_tui.runs.alive import hold
from yk8s_tui.runs.estimates import DURATIONS, Sample, Worked, durations_path, remember
from yk8s_tui.screens.run import RunScreen
from yk8s_tui.widgets.bars import TitleBar
from yk8s_tui.widgets.node_grid import NodeGrid

NAMES = [f"w{number}" for number in range(1, 7)]
STEP = "k8s-base.write"


def under_way(root: Path) -> Path:
    """A run in which five of six workers were done after three seconds, and w4 has been at it for half a minute."""
    worked = {name: {"make a directory": 0.6, "write files": 3.0} for name in NAMES}
    for _ in range(5):
        remember(root, {STEP: Worked(Sample(3.6, 6, 0, "worker"), worked), "k8s-base.next": Worked(Sample(90, 1))})
    plan = [(STEP, "write", NAMES, [], 0.0), ("k8s-base.next", "next", ["w1"], [STEP], 0.0)]
    tape = Tape().begin(dict.fromkeys(NAMES, "worker"), plan)
    took = dict.fromkeys(NAMES, 3.0) | {"w4": 400.0}
    tape.step(STEP, 0.1, [("make a directory", dict.fromkeys(NAMES, 0.6)), ("write files", took)])
    late = time.time() - START - 30
    events = [event | {"t": event["t"] + late} for event in tape.sorted() if event["t"] < START + 30]
    directory = write_run(root, events)
    shutil.copy(durations_path(root), directory / DURATIONS)
    return directory


@pytest.mark.parametrize("size", [(80, 24), (80, 14)], ids=["panes", "cells"])
async def test_the_slow_node_has_its_lamp_on(tmp_path: Path, until: Until, size: tuple[int, int]) -> None:
    directory = under_way(tmp_path)
    handle = hold(directory)
    app = Yk8sApp(tmp_path, directory.name)
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot, until)
        grid = screen.query_one(NodeGrid)
        await until(pilot, lambda: bool(grid.slow))
        assert list(grid.slow) == ["w4"]
        await until(pilot, lambda: "slow: " in str(screen.query_one("#remark", Static).content))
        counts = str(screen.query_one("#counts", Static).content)
        assert "! 1" in counts
        text = "\n".join(grid.render_line(y).text for y in range(grid.size.height))
        assert "! w4" in text if grid.dense else "w4 !" in text
        assert grid.dense or "x its peers" in text
        assert " left " in screen.query_one(TitleBar).right
    os.close(handle)


async def opened(app: Yk8sApp, pilot: Pilot[int], until: Until) -> RunScreen:
    await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.feed.ready)
    assert isinstance(app.screen, RunScreen)
    return app.screen
