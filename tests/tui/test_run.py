"""The run screen tells what the journal says, for three nodes and for a thousand."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from tests.tui import journals
from tests.tui.conftest import Until, handled, press
from yk8s_tui.app import Yk8sApp
from yk8s_tui.repository.create import create
from yk8s_tui.runs.alive import hold
from yk8s_tui.runs.control import ControlServer
from yk8s_tui.runs.journal import JournalWriter
from yk8s_tui.screens.dialogs import ConfirmDialog
from yk8s_tui.screens.node_log import NodeLogScreen
from yk8s_tui.screens.review import ReviewScreen
from yk8s_tui.screens.run import RunScreen
from yk8s_tui.screens.run_details import FailuresScreen, LayersScreen
from yk8s_tui.widgets.bars import TitleBar
from yk8s_tui.widgets.log_view import LogView
from yk8s_tui.widgets.node_cells import count
from yk8s_tui.widgets.node_grid import NodeGrid

RUN = "20251124-160000-ab12"


async def open_run(app: Yk8sApp, pilot: Pilot[int], until: Until) -> RunScreen:
    await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.feed.ready)
    screen = app.screen
    assert isinstance(screen, RunScreen)
    await until(pilot, lambda: bool(screen.query_one(NodeGrid).nodes))
    return screen


def painted(grid: NodeGrid) -> str:
    return "\n".join(grid.render_line(y).text for y in range(grid.size.height))


async def test_the_failed_node_stands_first_with_evidence_and_hint(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path)
    app = Yk8sApp(tmp_path, RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_run(app, pilot, until)
        grid = screen.query_one(NodeGrid)
        assert [n.name for n in grid.nodes] == ["w1", "fe1", "cp1", "cp2", "w2", "w3"]
        text = painted(grid)
        assert "no space left on" in text
        assert "free space on" in text
        assert sum(count(screen.state.nodes.values()).values()) == 6


async def test_text_of_nodes_is_never_markup(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path)
    app = Yk8sApp(tmp_path, RUN)
    async with app.run_test(size=(200, 50)) as pilot:
        screen = await open_run(app, pilot, until)
        await press(pilot, "right", "right", "enter")
        await until(pilot, lambda: isinstance(app.screen, NodeLogScreen) and len(app.screen.index) > 0)
        view = app.screen.query_one(LogView)
        assert "[red]not markup[/red]" in view.render_line(0).text
        assert screen.state.nodes["cp1"].changed == 1


async def test_a_thousand_nodes_scroll_and_the_counts_do_not_lie(tmp_path: Path, until: Until) -> None:
    directory = journals.run_directory(tmp_path)
    names = [str(n["name"]) for n in journals.many(1000)]
    with JournalWriter(directory / "journal.jsonl", clock=journals.Clock()) as journal:
        steps = [{"id": "k8s-base.prepare", "layer": "k8s-base", "title": "prepare", "nodes": names}]
        journal.write(
            "run_started",
            run=RUN,
            cluster="c",
            operation="apply",
            nodes=list(journals.many(1000)),
            steps=steps,
        )
        journal.write("step_started", step="k8s-base.prepare", nodes=names, digest="d")
        journal.write(
            "node_set_aside",
            node="w0777",
            step="k8s-base.prepare",
            task="t",
            reason="disk",
            evidence="",
            hint="mend",
        )
    app = Yk8sApp(tmp_path, RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_run(app, pilot, until)
        grid = screen.query_one(NodeGrid)
        assert grid.dense
        assert grid.nodes[0].name == "w0777"
        found = count(screen.state.nodes.values())
        assert (found["running"], found["failed"]) == (999, 1)
        await press(pilot, "end")
        await until(pilot, lambda: grid.cursor == "w0999")
        assert "w0999" in painted(grid)
        await pilot.resize_terminal(200, 60)
        await handled(pilot)
        assert grid.cursor == "w0999"
        assert "w0999" in painted(grid)


async def test_filter_narrows_and_escape_takes_it_back(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path)
    app = Yk8sApp(tmp_path, RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_run(app, pilot, until)
        grid = screen.query_one(NodeGrid)
        await press(pilot, "slash", *"worker run")
        await until(pilot, lambda: {n.name for n in grid.nodes} == {"w2", "w3"})
        await press(pilot, "escape")
        await until(pilot, lambda: len(grid.nodes) == 6)
        assert app.screen is screen
        assert not screen.query_one("#filter", Input).display


async def test_log_filter_and_follow(tmp_path: Path, until: Until) -> None:
    directory = journals.write_sample(tmp_path)
    app = Yk8sApp(tmp_path, RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_run(app, pilot, until)
        screen.query_one(NodeGrid).cursor = "w2"
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, NodeLogScreen) and len(app.screen.index) == 3)
        log = app.screen
        assert isinstance(log, NodeLogScreen)
        with (directory / "journal.jsonl").open("a") as file:
            for number in range(100):
                event = {
                    "v": 1,
                    "seq": 900 + number,
                    "t": journals.START,
                    "type": "log",
                    "step": "s",
                    "node": "w2",
                }
                file.write(json.dumps(event | {"text": f"line {number}"}, separators=(",", ":")) + "\n")
        await until(pilot, lambda: len(log.index) == 103)
        view = log.query_one(LogView)
        await until(pilot, lambda: "line 99" in view.render_line(view.scrollable_content_region.height - 1).text)
        await press(pilot, "up")
        assert not view.follow
        await press(pilot, "end")
        assert view.follow
        await press(pilot, "slash", *"line 7", "enter")
        await until(pilot, lambda: len(log.index) == 11)
        await press(pilot, "escape")
        await until(pilot, lambda: len(log.index) == 103)
        await press(pilot, "escape")
        await until(pilot, lambda: app.screen is screen)


@pytest.mark.parametrize(("key", "kind"), [("f", FailuresScreen), ("l", LayersScreen)])
async def test_details_open_and_close(tmp_path: Path, until: Until, key: str, kind: type) -> None:
    journals.write_sample(tmp_path)
    app = Yk8sApp(tmp_path, RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_run(app, pilot, until)
        await until(pilot, lambda: screen._offered[1])
        await press(pilot, key)
        await until(pilot, lambda: isinstance(app.screen, kind))
        await press(pilot, "escape")
        await until(pilot, lambda: app.screen is screen)


async def test_cancel_asks_first_and_then_tells_the_engine(tmp_path: Path, until: Until) -> None:
    directory = journals.write_sample(tmp_path)
    engine = hold(directory)
    asked: list[tuple[str, str]] = []

    async def serve(ready: threading.Event, done: threading.Event) -> None:
        server = ControlServer(directory, lambda action, by: asked.append((action, by)) or "cancelling")
        await server.start()
        ready.set()
        await asyncio.to_thread(done.wait)
        await server.close()

    ready, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(serve(ready, done)))
    thread.start()
    try:
        ready.wait(5)
        app = Yk8sApp(tmp_path, RUN)
        async with app.run_test(size=(80, 24)) as pilot:
            await open_run(app, pilot, until)
            await press(pilot, "c")
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
            assert app.focused is not None
            assert app.focused.id == "no"
            await press(pilot, "enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
            assert not asked
            await press(pilot, "c")
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
            app.screen.query_one("#yes", Button).press()
            await until(pilot, lambda: bool(asked))
            assert asked[0][0] == "cancel"
    finally:
        done.set()
        thread.join()
        import os

        os.close(engine)


async def test_an_engine_that_is_gone_is_said(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path)
    app = Yk8sApp(tmp_path, RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_run(app, pilot, until)
        await until(pilot, lambda: "gone" in screen.query_one(TitleBar).right)
        assert not screen.check_action("cancel", ())
        assert screen.check_action("retry", ())


async def test_retry_plans_everything_that_is_missing(tmp_path: Path, until: Until) -> None:
    """Not for the failed nodes only: others were waiting for them."""
    root = tmp_path / "c"
    create(root, "lab", "berlin-1", {"trampoline.vip": "10.77.0.250"})
    journals.write_sample(root, finished=True)
    app = Yk8sApp(root, RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_run(app, pilot, until)
        await until(pilot, lambda: screen._offered[1])
        await press(pilot, "r")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        assert isinstance(app.screen, ReviewScreen)
        assert (app.screen.root, app.screen.full) == (root, False)


async def test_new_events_arrive_while_one_looks(tmp_path: Path, until: Until) -> None:
    directory = journals.run_directory(tmp_path)
    with JournalWriter(directory / "journal.jsonl", clock=journals.Clock()) as journal:
        journals.begin(journal)
        app = Yk8sApp(tmp_path, RUN)
        async with app.run_test(size=(80, 24)) as pilot:
            screen = await open_run(app, pilot, until)
            journals.middle(journal)
            await until(pilot, lambda: "w1" in screen.state.failures)
            journals.end(journal)
            await until(pilot, lambda: screen.state.finished)
            await until(pilot, lambda: "partial" in screen.query_one(TitleBar).right)


async def test_leaving_a_run_that_was_attached_to_ends_the_application(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path)
    app = Yk8sApp(tmp_path, RUN)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_run(app, pilot, until)
        await press(pilot, "d")
        await until(pilot, lambda: app.return_code == 0)


async def test_a_small_terminal_is_told_and_goes_on(tmp_path: Path, until: Until) -> None:
    journals.write_sample(tmp_path)
    app = Yk8sApp(tmp_path, RUN)
    async with app.run_test(size=(60, 15)) as pilot:
        screen = await open_run(app, pilot, until)
        assert "60x15" in str(screen.query_one(TitleBar).render())
        assert "w1" in painted(screen.query_one(NodeGrid))
