"""How the screens look, at 80x24 and wide. After a wanted change: pytest tests/tui --snapshot-update."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui import journals
from tests.tui.conftest import Until, handled, press, still
from tests.tui.reviews import FINDINGS, QuietReview, plan
from yk8s_tui.app import Yk8sApp
from yk8s_tui.backends.base import ResourceChange
from yk8s_tui.screens import review_work as w
from yk8s_tui.screens.dialogs import ConsentDialog, ErrorDialog
from yk8s_tui.screens.home import HomeScreen
from yk8s_tui.screens.review import ReviewScreen
from yk8s_tui.screens.run import RunScreen
from yk8s_tui.screens.setup.checking import check_all
from yk8s_tui.screens.setup.node_dialog import NodeDialog
from yk8s_tui.screens.setup.saving import new_cluster
from yk8s_tui.screens.setup.screen import SetupScreen
from yk8s_tui.widgets.bars import TitleBar
from yk8s_tui.widgets.form import FieldRow
from yk8s_tui.widgets.log_view import LogView
from yk8s_tui.widgets.node_grid import NodeGrid

SMALL, WIDE = (80, 24), (160, 50)
RUN = "20251124-160000-ab12"
Before = Callable[[Pilot[int]], Awaitable[None]]


async def pose(pilot: Pilot[int]) -> None:
    """Nothing that blinks, and no time of day in the picture."""
    for control in pilot.app.screen.query("Input"):
        control.cursor_blink = False  # type: ignore[attr-defined]
    await still(pilot)
    if isinstance(pilot.app.screen, SetupScreen):
        pilot.app.screen.query_one(TitleBar).right = "draft saved 14:02:00"
        await handled(pilot)


def at_home(until: Until) -> Before:
    async def before(pilot: Pilot[int]) -> None:
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen) and pilot.app.screen._arrived)
        await pose(pilot)

    return before


def in_setup(until: Until, page: str, answers: dict[str, Any]) -> Before:
    async def before(pilot: Pilot[int]) -> None:
        screen = SetupScreen(new_cluster())
        await pilot.app.push_screen(screen)
        await until(pilot, lambda: bool(screen.query(FieldRow)) and bool(screen.answers))
        for key, value in answers.items():
            screen.change(key, value)
        from yk8s_tui.screens.setup.pages import pages

        await screen.show_page(next(p for p in pages() if p.id == page))
        wanted = check_all(screen.answers)
        await until(pilot, lambda: screen.checked == wanted)
        await pose(pilot)

    return before


ANSWERS = {
    "cluster.name": "berlin-1",
    "wizard.directory": "/srv/clusters/berlin-1",
    "cluster.harbour": "lab",
    "trampoline.vip": "10.77.0.250",
}
METAL = ANSWERS | {
    "cluster.harbour": "baremetal",
    "harbour.baremetal.nodes": [
        {"name": "fe1", "address": "10.0.0.10", "roles": ["frontend"]},
        {"name": "cp1", "address": "10.0.0.11", "roles": ["control-plane"], "ssh_user": "kim"},
        {"name": "w1", "address": "10.0.0.21", "roles": ["worker"], "jump": "gate.example.org"},
    ],
    "trampoline.vip": "10.0.0.250",
}
OVERLAP = ANSWERS | {
    "trampoline.wireguard.enabled": True,
    "trampoline.wireguard.endpoints[0].network_v4": "10.77.0.0/24",
}


def test_home_without_clusters(snap_compare: Any, until: Until) -> None:
    assert snap_compare(Yk8sApp(), terminal_size=SMALL, run_before=at_home(until))


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "wide"])
@pytest.mark.parametrize(
    ("page", "answers"),
    [("infrastructure", ANSWERS), ("infrastructure", METAL), ("trampoline", OVERLAP), ("services", ANSWERS)],
    ids=["lab", "baremetal", "overlap", "services"],
)
def test_setup(snap_compare: Any, until: Until, page: str, answers: dict[str, Any], size: tuple[int, int]) -> None:
    assert snap_compare(Yk8sApp(), terminal_size=size, run_before=in_setup(until, page, answers))


def test_setup_review_with_problems(snap_compare: Any, until: Until) -> None:
    before = in_setup(until, "review", OVERLAP | {"cluster.name": "Berlin"})
    assert snap_compare(Yk8sApp(), terminal_size=SMALL, run_before=before)


def test_node_dialog(snap_compare: Any, until: Until) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await at_home(until)(pilot)
        node = {"name": "cp1", "address": "10.0.0.1111", "roles": ["control-plane"]}
        await pilot.app.push_screen(NodeDialog(node, frozenset()))
        await press(pilot, "end", "x")
        await pose(pilot)

    assert snap_compare(Yk8sApp(), terminal_size=SMALL, run_before=before)


def in_review(until: Until, *news: w.News) -> Before:
    async def before(pilot: Pilot[int]) -> None:
        screen = QuietReview(Path("/srv/clusters/berlin-1"))
        await pilot.app.push_screen(screen)
        for item in news:
            screen.post_message(ReviewScreen.News(item))
        await pose(pilot)

    return before


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "wide"])
def test_review(snap_compare: Any, until: Until, size: tuple[int, int]) -> None:
    news = (w.Machines("berlin-1"), w.Planned(plan(), "9f3c1a"), w.Found(FINDINGS), w.ChecksDone())
    assert snap_compare(Yk8sApp(), terminal_size=size, run_before=in_review(until, *news))


def test_review_machines_first(snap_compare: Any, until: Until) -> None:
    changes = tuple(
        ResourceChange(kind="lab host", name=n, action="create", reason="does not exist") for n in ("fe1", "cp1", "w1")
    )
    before = in_review(until, w.Machines("berlin-1", changes=changes))
    assert snap_compare(Yk8sApp(), terminal_size=SMALL, run_before=before)


def in_run(until: Until, *keys: str) -> Before:
    async def before(pilot: Pilot[int]) -> None:
        app = pilot.app
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.feed.ready)
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await until(pilot, lambda: bool(screen.query_one(NodeGrid).nodes))
        await until(pilot, lambda: screen.state.finished or screen.feed.engine_gone)
        screen.tick()
        screen.paint()
        await handled(pilot)
        await press(pilot, *keys)
        await until(pilot, lambda: app.screen is not screen or not keys)
        for view in app.screen.query(LogView):
            await until(pilot, lambda view=view: view.virtual_size.height > 0)  # type: ignore[misc]
        await pose(pilot)

    return before


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "wide"])
@pytest.mark.parametrize("finished", [True, False], ids=["finished", "engine gone"])
def test_run(snap_compare: Any, until: Until, tmp_path: Path, size: tuple[int, int], finished: bool) -> None:
    journals.write_sample(tmp_path, finished=finished)
    assert snap_compare(Yk8sApp(tmp_path, RUN), terminal_size=size, run_before=in_run(until))


@pytest.mark.parametrize("keys", [("enter",), ("f",), ("l",), ("f1",)], ids=["log", "failures", "layers", "help"])
def test_run_details(snap_compare: Any, until: Until, tmp_path: Path, keys: tuple[str, ...]) -> None:
    journals.write_sample(tmp_path, finished=True)
    assert snap_compare(Yk8sApp(tmp_path, RUN), terminal_size=SMALL, run_before=in_run(until, *keys))


@pytest.mark.parametrize("size", [SMALL, WIDE], ids=["80x24", "wide"])
def test_run_of_many_nodes(snap_compare: Any, until: Until, tmp_path: Path, size: tuple[int, int]) -> None:
    journals.write_large(tmp_path, 1000)
    assert snap_compare(Yk8sApp(tmp_path, RUN), terminal_size=size, run_before=in_run(until))


@pytest.mark.parametrize(
    "dialog",
    [
        ConsentDialog("berlin-1", ["every volume of Rook, with its data"]),
        ErrorDialog(
            "the host key changed",
            where="w1 (10.0.0.21)",
            why="expected SHA256:aa got SHA256:bb",
            hint="pin anew",
        ),
    ],
    ids=["consent", "error"],
)
def test_dialog(snap_compare: Any, until: Until, dialog: Any) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await at_home(until)(pilot)
        await pilot.app.push_screen(dialog)
        await pose(pilot)

    assert snap_compare(Yk8sApp(), terminal_size=SMALL, run_before=before)
