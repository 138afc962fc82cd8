"""The wizard loses nothing, says what is wrong while one types, and writes what was answered."""

from __future__ import annotations

import asyncio
import json
import tomllib
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Select, Static

from tests.tui.conftest import Until, handled, press
from yk8s_tui import paths
from yk8s_tui.app import Yk8sApp
from yk8s_tui.repository.create import create
from yk8s_tui.screens.setup.node_dialog import NodeDialog
from yk8s_tui.screens.setup.nodes import NodesPart
from yk8s_tui.screens.setup.pages import pages
from yk8s_tui.screens.setup.saving import Source, new_cluster
from yk8s_tui.screens.setup.screen import SetupScreen
from yk8s_tui.widgets.form import FieldRow, Form


def row(app: Yk8sApp, key: str) -> FieldRow:
    return app.screen.query_one(Form).rows[key]


def setup(app: Yk8sApp) -> SetupScreen:
    assert isinstance(app.screen, SetupScreen)
    return app.screen


async def open_setup(app: Yk8sApp, pilot: Pilot[int], until: Until, source: Source | None = None) -> SetupScreen:
    await app.push_screen(SetupScreen(source or new_cluster()))
    await until(pilot, lambda: bool(app.screen.query("FieldRow Input")) and "wizard" in setup(app).answers)
    return setup(app)


async def fill(app: Yk8sApp, pilot: Pilot[int], key: str, value: str) -> None:
    control = row(app, key).control
    if isinstance(control, Select):
        control.value = value
    else:
        assert isinstance(control, Input)
        control.value = value
    await handled(pilot)


def saved_draft() -> dict[str, object]:
    found = list((paths.state_home() / "drafts").glob("*/draft.json"))
    return json.loads(found[0].read_text()) if found else {}


async def test_back_and_forth_loses_no_input(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_setup(app, pilot, until)
        await press(pilot, *"berlin-1")
        await press(pilot, "ctrl+n")
        await until(pilot, lambda: screen.page.id == "infrastructure")
        await fill(app, pilot, "cluster.harbour", "lab")
        await fill(app, pilot, "harbour.lab.workers", "three")
        await press(pilot, "ctrl+n")
        await until(pilot, lambda: screen.page.id == "trampoline")
        await fill(app, pilot, "trampoline.vip", "10.77.0.")
        await press(pilot, "ctrl+b", "ctrl+b")
        await until(pilot, lambda: screen.page.id == "cluster")
        assert row(app, "cluster.name").value == "berlin-1"
        await press(pilot, "ctrl+n")
        await until(pilot, lambda: screen.page.id == "infrastructure")
        assert row(app, "harbour.lab.workers").value == "three"
        await press(pilot, "ctrl+n")
        await until(pilot, lambda: screen.page.id == "trampoline")
        assert row(app, "trampoline.vip").value == "10.77.0."


async def test_a_problem_stands_below_its_field_while_one_types(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_setup(app, pilot, until)
        await press(pilot, *"Berlin_1")
        name = row(app, "cluster.name")
        await until(pilot, lambda: name.has_class("-problem"))
        assert "lower-case" in str(name.query_one(".field--problem", Static).content)
        control = name.control
        assert isinstance(control, Input)
        control.value = "berlin-1"
        await until(pilot, lambda: not name.has_class("-problem"))
        assert screen.checked.errors


async def test_a_contradiction_between_pages_is_found_and_led_to(until: Until, tmp_path: Path) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_setup(app, pilot, until)
        for key, value in (
            ("cluster.name", "berlin-1"),
            ("cluster.harbour", "lab"),
            ("trampoline.vip", "10.77.0.250"),
            ("kubernetes.pod_cidr", "10.77.0.0/16"),
            ("wizard.directory", str(tmp_path / "new")),
        ):
            screen.change(key, value)
        await until(pilot, lambda: any(p.key.startswith("kubernetes.") for p in screen.checked.errors))
        await screen.go_to(next(p.key for p in screen.checked.errors if p.key.startswith("kubernetes.")))
        await until(pilot, lambda: screen.page.id == "kubernetes")


async def test_a_draft_is_saved_at_once_and_resumed(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_setup(app, pilot, until)
        await press(pilot, *"berlin-1")
        await until(pilot, lambda: "berlin-1" in json.dumps(saved_draft()))
    again = Yk8sApp()
    async with again.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "berlin-1" in str(again.screen.rows))  # type: ignore[attr-defined]
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(again.screen, SetupScreen) and bool(again.screen.query(FieldRow)))
        assert row(again, "cluster.name").value == "berlin-1"


async def test_the_end_of_the_wizard_makes_the_repository(until: Until, tmp_path: Path) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_setup(app, pilot, until)
        for key, value in (
            ("cluster.name", "berlin-1"),
            ("wizard.directory", str(tmp_path / "berlin-1")),
            ("cluster.harbour", "lab"),
            ("harbour.lab.workers", 3),
            ("trampoline.vip", "10.77.0.250"),
            ("trampoline.wireguard.enabled", True),
            ("trampoline.wireguard.endpoints[0].port", 51999),
            ("trampoline.wireguard.peers", [{"name": "alice"}]),
        ):
            screen.change(key, value)
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: (tmp_path / "berlin-1/config/config.toml").exists())
        await until(pilot, lambda: not saved_draft())
        written = tomllib.loads((tmp_path / "berlin-1/config/config.toml").read_text())
        assert written["harbour"]["lab"]["workers"] == 3
        assert written["trampoline"]["wireguard"]["endpoints"][0]["port"] == 51999
        assert written["trampoline"]["wireguard"]["peers"] == [{"name": "alice"}]


@pytest.mark.parametrize("turns", [4, 30])
async def test_leaving_while_a_page_is_built_breaks_nothing(until: Until, turns: int) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_setup(app, pilot, until)
        screen.call_later(screen.show_page, screen.page)
        for _ in range(turns):
            await asyncio.sleep(0)


async def test_verdicts_that_come_while_a_page_is_built_break_nothing(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_setup(app, pilot, until)

        async def judge() -> None:
            while True:
                screen.post_message(screen.Verdict(screen.checked, screen.page))
                await asyncio.sleep(0)

        judging = asyncio.create_task(judge())
        try:
            for page in (pages()[-1], pages()[0]) * 5:
                await screen.show_page(page)
        finally:
            judging.cancel()
        assert set(screen.query_one(Form).rows) == {f.key for f in pages()[0].fields}
        assert not screen.query("ReviewPart")


async def test_comments_survive_a_change_of_an_existing_cluster(until: Until, tmp_path: Path) -> None:
    root = tmp_path / "c"
    create(root, "lab", "berlin-1", {"trampoline.vip": "10.77.0.250"})
    file = root / "config/config.toml"
    file.write_text("# mine\n" + file.read_text())
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_setup(app, pilot, until, Source(root, root))
        screen.change("harbour.lab.workers", 5)
        await until(pilot, lambda: (root / "state/draft.json").exists())
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: "workers = 5" in file.read_text())
        assert file.read_text().startswith("# mine\n")
        await until(pilot, lambda: not (root / "state/draft.json").exists())


async def test_writing_is_refused_while_something_is_wrong(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_setup(app, pilot, until)
        await press(pilot, *"berlin-1")
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: screen.page.id == "infrastructure")
        assert saved_draft()


async def test_machines_are_pasted_and_changed(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_setup(app, pilot, until)
        await press(pilot, *"metal", "ctrl+n")
        await until(pilot, lambda: screen.page.id == "infrastructure")
        await fill(app, pilot, "cluster.harbour", "baremetal")
        part = screen.query_one(NodesPart)
        await until(pilot, lambda: bool(part.display))
        screen.query_one("#paste", Button).press()
        await until(pilot, lambda: app.screen is not screen)
        app.screen.query_one("#text").load_text(  # type: ignore[attr-defined]
            "name,address,roles\nfe1,10.0.0.10,frontend\ncp1,10.0.0.11,control-plane\n"
        )
        app.screen.query_one("#yes", Button).press()
        await until(pilot, lambda: len(part.nodes) == 2)
        assert screen.answers["harbour"]["baremetal"]["nodes"][1]["name"] == "cp1"
        part.action_add()
        await until(pilot, lambda: isinstance(app.screen, NodeDialog))
        await press(pilot, *"cp1")
        await until(pilot, lambda: row(app, "name").has_class("-problem"))
        await press(pilot, "2")
        await until(pilot, lambda: not row(app, "name").has_class("-problem"))
        await fill(app, pilot, "address", "10.0.0.12")
        app.screen.query_one("#yes", Button).press()
        await until(pilot, lambda: [n["name"] for n in part.nodes] == ["fe1", "cp1", "cp12"])


async def test_ssh_configuration_is_read(until: Until, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host cp1\n  HostName 10.0.0.11\n  User kim\nHost w1\n  HostName 10.0.0.21\n")
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_setup(app, pilot, until)
        screen.change("cluster.harbour", "baremetal")
        await press(pilot, "ctrl+n")
        await until(pilot, lambda: bool(screen.query(NodesPart)))
        part = screen.query_one(NodesPart)
        part._read_ssh_config(f"{config} cp*")
        await until(pilot, lambda: [n["name"] for n in part.nodes] == ["cp1"])
        assert part.nodes[0]["ssh_user"] == "kim"
