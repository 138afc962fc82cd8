"""The replay shows what was on the screen, at any event, by the keyboard; it offers nothing that changes a run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui import journals
from tests.tui.conftest import Until, handled, press, still
from yk8s_tui.app import Yk8sApp
from yk8s_tui.runs.alive import hold
from yk8s_tui.screens.dialogs import ErrorDialog, LineDialog
from yk8s_tui.screens.home import HomeScreen
from yk8s_tui.screens.node_log import NodeLogScreen
from yk8s_tui.screens.replay import ReplayScreen
from yk8s_tui.screens.replay_feed import ReplayFeed, Start
from yk8s_tui.screens.run import RunScreen
from yk8s_tui.screens.run_details import FailuresScreen
from yk8s_tui.screens.run_feed import RunFeed
from yk8s_tui.widgets.node_grid import NodeGrid

RUN = "20251124-160000-ab12"
SIZES = pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=["80x24", "160x50"])


def picture(app: Yk8sApp) -> list[str]:
    """Every line of the terminal as it is painted."""
    return [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]


def without_keys(lines: list[str]) -> list[str]:
    """All but the last line, and the title without the word that tells a replay from a run."""
    title = lines[0].replace(" · replay", "")
    return [" ".join(title.split()), *lines[1:-1]]


async def show(pilot: Pilot[int], screen: RunScreen) -> list[str]:
    screen.tick()
    screen.query_one(NodeGrid).show(list(screen.state.nodes.values()), screen.state.failures, screen.feed.now)
    screen.paint()
    await still(pilot)
    return picture(pilot.app)  # type: ignore[arg-type]


async def lived(
    directory: Path, lines: list[bytes], stops: list[int], size: tuple[int, int], until: Until
) -> list[list[str]]:
    """What the run screen showed after each of these events, with a journal that grows while one looks."""
    journal, engine, seen = directory / "journal.jsonl", hold(directory), []
    journal.write_bytes(b"")
    app = Yk8sApp(directory.parent.parent, RUN)
    try:
        async with app.run_test(size=size) as pilot:
            done = 0
            for stop in stops:
                with journal.open("ab") as file:
                    file.writelines(lines[done:stop])
                done = stop
                await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.feed.ready)
                screen = app.screen
                assert isinstance(screen, RunScreen)
                assert isinstance(screen.feed, RunFeed)
                screen.feed._clock = lambda screen=screen: screen.state.last  # type: ignore[misc]
                await until(pilot, lambda stop=stop, screen=screen: screen.state.version == stop)  # type: ignore[misc]
                seen.append(await show(pilot, screen))
    finally:
        os.close(engine)
    return seen


async def opened(app: Yk8sApp, pilot: Pilot[int], until: Until) -> ReplayScreen:
    await until(pilot, lambda: isinstance(app.screen, ReplayScreen) and app.screen.player.over)
    screen = app.screen
    assert isinstance(screen, ReplayScreen)
    await until(pilot, lambda: screen.feed.ready and bool(screen.query_one(NodeGrid).nodes))
    return screen


@SIZES
@pytest.mark.parametrize("nodes", [6, 400])
async def test_the_replay_shows_what_the_run_screen_showed(
    tmp_path: Path, until: Until, size: tuple[int, int], nodes: int
) -> None:
    few = nodes == 6
    directory = journals.write_sample(tmp_path, finished=True) if few else journals.write_large(tmp_path, nodes)
    lines = (directory / "journal.jsonl").read_bytes().splitlines(keepends=True)
    stops = [1, 4, 9, 14, 23, 29, len(lines)] if few else [1, 2, 150, 303, len(lines)]
    live = await lived(directory, lines, stops, size, until)
    app = Yk8sApp(tmp_path, RUN, Start(at=1))
    engine = hold(directory)
    try:
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: isinstance(app.screen, ReplayScreen) and app.screen.feed.ready)
            screen = app.screen
            assert isinstance(screen, ReplayScreen)
            await press(pilot, "t")
            await until(pilot, lambda: screen.player.replay.events == len(lines))
            forwards = list(zip(stops, live, strict=True))
            for stop, wanted in [*forwards, *reversed(forwards)]:
                screen._seek(stop)
                await until(pilot, lambda stop=stop: screen.player.position == stop)  # type: ignore[misc]
                assert without_keys(await show(pilot, screen)) == without_keys(wanted)
    finally:
        os.close(engine)


async def test_keys_move_by_event_step_and_failure(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path, finished=True)
    app = Yk8sApp(tmp_path, RUN, Start(at=10))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, until)
        expected = {
            "right": 11, "left": 10, "full_stop": 30, "comma": 10, "n": 29, "shift+left": 1, "shift+right": 33,
            "home": 1, "end": 33, "N": 29,
        }  # fmt: skip
        for key, position in expected.items():
            await press(pilot, key)
            assert (key, screen.player.position) == (key, position)
        assert list(screen.state.failures) == ["w1"]
        await press(pilot, "f")
        await until(pilot, lambda: isinstance(app.screen, FailuresScreen))
        await press(pilot, "escape")
        await until(pilot, lambda: app.screen is screen)
        await press(pilot, "escape")
        await until(pilot, lambda: app.return_code == 0)


async def test_it_plays_pauses_and_ends(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path, finished=True)
    app = Yk8sApp(tmp_path, RUN)
    app.replay = Start(speed=1.0)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened_by_home(app, pilot, until)
        assert screen.player.playing
        await press(pilot, "space")
        assert not screen.player.playing
        stood = screen.player.position
        await press(pilot, "right")
        assert screen.player.position == stood + 1
        for _ in range(6):
            await press(pilot, "plus")
        assert screen.player.speed == float("inf")
        await press(pilot, "space")
        await until(pilot, lambda: screen.state.finished and not screen.player.playing)
        await until(pilot, lambda: "partial" in picture(app)[0])
        await press(pilot, "minus", "space")
        assert screen.player.playing
        assert screen.player.speed == 100


async def opened_by_home(app: Yk8sApp, pilot: Pilot[int], until: Until) -> ReplayScreen:
    home = app.screen_stack[0]
    assert isinstance(home, HomeScreen)
    if not isinstance(app.screen, ReplayScreen):
        home._show_again(home.cluster or Path(), RUN, app.replay or Start())
    return await opened(app, pilot, until)


@pytest.mark.parametrize(
    ("goal", "position"), [("12", 12), ("0:20", 21), ("50%", 16), ("9999", 33), ("-4", 1), ("soon", None)]
)
async def test_go_to(tmp_path: Path, until: Until, goal: str, position: int | None) -> None:
    journals.write_sample(tmp_path, finished=True)
    app = Yk8sApp(tmp_path, RUN, Start(at=5))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, until)
        await press(pilot, "g")
        await until(pilot, lambda: isinstance(app.screen, LineDialog))
        app.screen.query_one("Input").value = goal  # type: ignore[attr-defined]
        await press(pilot, "enter")
        if position is None:
            await until(pilot, lambda: isinstance(app.screen, ErrorDialog))
        else:
            await until(pilot, lambda: app.screen is screen and screen.player.position == position)


async def test_nothing_that_changes_a_run_is_offered(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path, finished=True)
    app = Yk8sApp(tmp_path, RUN, Start(at=29))
    async with app.run_test(size=(160, 50)) as pilot:
        screen = await opened(app, pilot, until)
        actions = {active.binding.action for active in screen.active_bindings.values()}
        assert not actions & {"cancel", "pause", "retry", "replay"}
        assert {"failures", "layers", "filter", "all_log", "choose"} <= actions


async def test_typing_in_the_filter_moves_nothing(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path, finished=True)
    app = Yk8sApp(tmp_path, RUN, Start(at=20))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, until)
        await press(pilot, "slash", "n", "g", "space", "left", "home", "end")
        assert screen.player.position == 20
        await press(pilot, "escape")
        assert app.screen is screen
        grid = screen.query_one(NodeGrid)
        assert len(grid.nodes) == 6
        before = grid.position
        await press(pilot, "right_square_bracket", "right_square_bracket", "left_square_bracket")
        assert grid.position == min(before + 2, 5) - 1


async def test_logs_end_with_the_event(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path, finished=True)
    app = Yk8sApp(tmp_path, RUN, Start(at=12))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, until)
        for position, lines in ((12, {"fe1": 2, "w1": 0}), (33, {"fe1": 2, "w1": 5})):
            screen._seek(position)
            await until(pilot, lambda position=position: screen.player.position == position)  # type: ignore[misc]
            for node, count in lines.items():
                screen.query_one(NodeGrid).cursor = node
                await press(pilot, "enter")
                await until(pilot, lambda: isinstance(app.screen, NodeLogScreen))
                log = app.screen
                assert isinstance(log, NodeLogScreen)
                await until(pilot, lambda log=log, count=count: len(log.index) == count)  # type: ignore[misc]
                await press(pilot, "escape")
                await until(pilot, lambda: app.screen is screen)


async def test_a_finished_run_offers_its_replay(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path, finished=True)
    app = Yk8sApp(tmp_path, RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.state.finished)
        run = app.screen
        await handled(pilot)
        await press(pilot, "v")
        screen = await opened(app, pilot, until)
        assert screen is not run
        await press(pilot, "escape")
        await until(pilot, lambda: app.screen is run)


@pytest.mark.parametrize("text", ["", '{"v":1,"seq":1,"t":1.0,"ty'])
async def test_an_empty_journal_is_said_once(tmp_path: Path, until: Until, text: str) -> None:
    directory = journals.run_directory(tmp_path)
    (directory / "journal.jsonl").write_text(text)
    app = Yk8sApp(tmp_path, RUN, Start())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, ErrorDialog))
        assert any("the journal is empty" in line for line in picture(app))
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ReplayScreen))
        await press(pilot, "space", "right", "g")
        assert not isinstance(app.screen, ErrorDialog)


async def test_a_journal_without_an_end_stands_at_its_last_event(tmp_path: Path, until: Until) -> None:
    directory = journals.write_sample(tmp_path)
    with (directory / "journal.jsonl").open("a") as file:
        file.write('{"v":1,"seq":99,"type":"no')
    app = Yk8sApp(tmp_path, RUN, Start(at=9999))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, until)
        await until(pilot, lambda: "the engine is gone" in picture(app)[0])
        assert screen.player.position == 29
        await press(pilot, "left")
        await until(pilot, lambda: "running" in picture(app)[0])


class Hours:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def story(directory: Path, times: list[float]) -> None:
    lines: list[dict[str, Any]] = [{"v": 1, "seq": n, "t": t, "type": "log", "text": "x"} for n, t in enumerate(times)]
    (directory / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_speed_and_long_pauses(tmp_path: Path) -> None:
    story(tmp_path, [100.0, 101.0, 102.0, 5000.0, 5001.0])
    clock = Hours()
    feed = ReplayFeed(tmp_path, Start(speed=2.0), alive=lambda: False, clock=clock)
    feed.follow()
    assert feed.drain()
    assert (feed.position, feed.now) == (1, 100.0)
    for now, position in ((0.4, 1), (0.5, 2), (1.0, 3), (2.0, 3), (3.9, 3), (4.0, 4), (4.4, 4), (4.5, 5)):
        clock.now = now
        feed.drain()
        assert (now, feed.position) == (now, position)
    assert not feed.playing
    assert feed.now == 5001.0


def test_speeds_go_up_and_down() -> None:
    feed = ReplayFeed(Path("/nowhere"), Start(speed=7.5), alive=lambda: False)
    feed.faster(1)
    assert feed.speed == 10
    feed.faster(-1)
    assert feed.speed == 5
    for _ in range(9):
        feed.faster(-1)
    assert feed.speed == 1
    for _ in range(9):
        feed.faster(1)
    assert feed.speed == float("inf")
