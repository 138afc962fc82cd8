"""Review shows what is lost first, keeps Run off while a check fails, and asks for the typed consent."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from tests.tui.conftest import Until, handled, press
from tests.tui.reviews import FINDINGS, QuietReview, plan
from yk8s_tui.app import Yk8sApp
from yk8s_tui.backends.base import HarbourEvent, ResourceChange
from yk8s_tui.errors import PreflightError
from yk8s_tui.operations.plan import make_plan
from yk8s_tui.repository.create import create
from yk8s_tui.repository.repository import Repository
from yk8s_tui.screens import review_work as w
from yk8s_tui.screens.dialogs import ConsentDialog, ErrorDialog, ReasonDialog
from yk8s_tui.screens.review import ReviewScreen
from yk8s_tui.widgets.check_list import CheckList


async def open_review(app: Yk8sApp, pilot: Pilot[int], *news: w.News, root: Path = Path("/srv/c")) -> QuietReview:
    screen = QuietReview(root)
    await app.push_screen(screen)
    for item in news:
        screen.post_message(ReviewScreen.News(item))
    await handled(pilot)
    return screen


NEWS = (w.Machines("berlin-1"), w.Planned(plan(), "9f3c1a"), w.Found(FINDINGS), w.ChecksDone())


async def test_run_is_off_with_the_reason_until_the_check_is_waived_with_one(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_review(app, pilot, *NEWS)
        assert screen.query_one("#run", Button).disabled
        assert "1 check fails" in str(screen.query_one("#verdict", Static).content)
        await press(pilot, "w")
        await until(pilot, lambda: isinstance(app.screen, ReasonDialog))
        await press(pilot, "enter")
        assert isinstance(app.screen, ReasonDialog)
        await press(pilot, *"lab", "enter")
        await until(pilot, lambda: app.screen is screen)
        assert screen.query_one(CheckList).waived == {"clock@cp2": "lab"}
        assert not screen.query_one("#run", Button).disabled


async def test_losses_stand_first_and_need_the_name(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_review(app, pilot, NEWS[0], NEWS[1], w.ChecksDone())
        assert "every volume of Rook" in str(screen.query_one("#losses", Static).content)
        await press(pilot, "r")
        await until(pilot, lambda: isinstance(app.screen, ConsentDialog))
        await press(pilot, *"berlin", "enter")
        assert isinstance(app.screen, ConsentDialog)
        assert "is not" in str(app.screen.query_one("#typed-problem", Static).content)
        assert app.screen.query_one("#typed", Input).value == "berlin"
        await press(pilot, "escape")
        await until(pilot, lambda: app.screen is screen)


def test_how_long_it_takes_is_told_along_the_longest_chain_and_only_as_far_as_it_is_known() -> None:
    steps = plan().steps
    assert w.takes(plan()) == "about 0:40", "two steps that do not wait for one another"
    unseen = tuple(s.model_copy(update={"estimate_seconds": 0.0}) for s in steps)
    assert w.takes(plan().model_copy(update={"steps": (*steps[:2], *unseen[2:])})) == "at least 0:40"
    assert w.takes(plan().model_copy(update={"steps": unseen})) == ""


async def test_warnings_that_are_alike_are_one_and_failures_stay_apart(until: Until) -> None:
    cgroup = FINDINGS[1].model_copy(update={"id": "cgroup", "measured": "v1", "limit": "v2", "text": "cgroup v1"})
    disk = cgroup.model_copy(update={"id": "disk", "text": "slow disk", "limit": "10 ms"})
    found = (
        *(cgroup.model_copy(update={"node": name}) for name in ("cp1", "cp2", "w1")),
        *(disk.model_copy(update={"node": name, "measured": f"{n} ms"}) for n, name in ((12, "cp1"), (34, "cp2"))),
        *(FINDINGS[0].model_copy(update={"node": name}) for name in ("cp1", "cp2")),
    )
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_review(app, pilot, NEWS[0], NEWS[1], w.Found(found), w.ChecksDone())
        checks = screen.query_one(CheckList)
        await until(pilot, lambda: checks.option_count == 4)
        lines = [str(checks.get_option_at_index(i).prompt).splitlines()[0] for i in range(4)]
        assert [line.split()[1] for line in lines[:2]] == ["cp1", "cp2"]
        assert lines[2].endswith("cp1 cp2 w1 cgroup v1 (v1, limit v2)")
        assert lines[3].endswith("cp1 cp2 slow disk (cp1 12 ms; cp2 34 ms, limit 10 ms)")
        assert (checks.counts()["fail"], checks.counts()["warn"]) == (2, 5)


async def test_errors_come_as_a_dialog_with_what_to_do(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        error = PreflightError("the lab cannot be used from here", hint="run as root")
        screen = await open_review(app, pilot, w.Broken(error))
        await until(pilot, lambda: isinstance(app.screen, ErrorDialog))
        assert isinstance(app.screen, ErrorDialog)
        assert dict(app.screen.parts)["what to do"] == "run as root"
        await press(pilot, "escape")
        await until(pilot, lambda: app.screen is screen)
        assert "the lab cannot be used" in screen.why_off()


async def test_findings_by_the_thousand_keep_their_counts(until: Until) -> None:
    many = [FINDINGS[0].model_copy(update={"node": f"w{number}"}) for number in range(1000)]
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_review(app, pilot, NEWS[0], NEWS[1], w.Found(tuple(many)), w.ChecksDone())
        await until(pilot, lambda: screen.query_one(CheckList).counts()["fail"] == 1000)
        assert screen.query_one(CheckList).option_count == 201


def node(name: str, address: str, *roles: str) -> dict[str, object]:
    return {"name": name, "address": address, "roles": list(roles)}


UNREACHABLE = {
    "harbour.baremetal.nodes": [
        node("fe1", "127.0.0.2", "frontend"),
        node("cp1", "127.0.0.3", "control-plane"),
        node("w1", "127.0.0.4", "worker"),
    ],
    "trampoline.vip": "127.0.0.250",
}


def test_a_plan_that_has_moved_is_not_started(tmp_path: Path) -> None:
    root = tmp_path / "c"
    create(root, "baremetal", "berlin-1", UNREACHABLE)
    repository = Repository(root)
    read = asyncio.run(make_plan(repository))
    w.refuse_moved(root, read)
    repository.update({"trampoline.vip": "127.0.0.240"})
    with pytest.raises(w.MovedError) as moved:
        w.refuse_moved(root, read)
    assert moved.value.why == "the configuration has changed since"
    assert not list((root / "runs").glob("*/run.json"))


async def test_a_plan_that_has_moved_is_said_and_made_again(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_review(app, pilot, *NEWS)
        screen.post_message(ReviewScreen.News(w.Moved(w.MovedError("nothing was started", why="hosts changed"))))
        await until(pilot, lambda: isinstance(app.screen, ErrorDialog))
        assert screen.plan is None
        assert screen.phase == "reading"


async def test_machines_in_the_making_are_said_to_be(until: Until) -> None:
    change = ResourceChange(kind="lab host", name="fe1", action="create", reason="does not exist")
    begun = HarbourEvent(resource="fe1", state="started", text="does not exist")
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_review(app, pilot, w.Machines("berlin-1", changes=(change,)), begun)
        assert "fe1  being made" in str(screen.query_one("#story", Static).content)


@pytest.mark.skipif(os.geteuid() != 0, reason="the lab harbour needs root")
async def test_a_real_configuration_is_looked_at_without_changing_anything(until: Until, tmp_path: Path) -> None:
    root = tmp_path / "c"
    create(root, "lab", "berlin-1", {"harbour.lab.subnet": "10.95.7.0/24", "trampoline.vip": "10.95.7.250"})
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = ReviewScreen(root)
        await app.push_screen(screen)
        await until(pilot, lambda: screen.machines is not None or screen.error is not None)
        if isinstance(screen.error, PreflightError):
            pytest.skip(f"no lab on this machine: {screen.error.why}")
        assert screen.machines is not None
        assert {c.name for c in screen.machines.changes} >= {"fe1", "cp1"}
        assert not (root / "state" / "harbour.json").exists()
