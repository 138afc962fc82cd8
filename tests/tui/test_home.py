"""Home knows the clusters, what goes on with them, and how to quit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from tests.tui import journals
from tests.tui.conftest import Until, press
from yk8s_tui.app import Yk8sApp, run_app
from yk8s_tui.errors import UsageError
from yk8s_tui.repository.create import create
from yk8s_tui.repository.recent import remember
from yk8s_tui.runs.alive import hold
from yk8s_tui.screens.dialogs import ConfirmDialog, ErrorDialog
from yk8s_tui.screens.help import HelpScreen
from yk8s_tui.screens.home import HomeScreen
from yk8s_tui.screens.run import RunScreen
from yk8s_tui.widgets import symbols


def text_of(app: Yk8sApp) -> str:
    return "\n".join("".join(s.text for s in strip) for strip in app.screen._compositor.render_strips())


def home(app: Yk8sApp) -> HomeScreen:
    assert isinstance(app.screen, HomeScreen)
    return app.screen


async def test_a_run_in_progress_is_attached_to(tmp_path: Path, until: Until) -> None:
    root = tmp_path / "c"
    create(root, "lab", "berlin-1", {"trampoline.vip": "10.77.0.250"})
    engine = hold(journals.write_sample(root))
    remember(root)
    try:
        app = Yk8sApp()
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: len(home(app).rows) == 1)
            await press(pilot, "enter")
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
            await press(pilot, "d")
            await until(pilot, lambda: isinstance(app.screen, HomeScreen))
    finally:
        os.close(engine)


async def test_a_wrong_directory_is_said_with_what_to_do(until: Until, tmp_path: Path) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: home(app)._arrived)
        await press(pilot, "o")
        await until(pilot, lambda: bool(app.screen.query("#line")))
        app.screen.query_one("#line", Input).value = str(tmp_path / "nowhere")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ErrorDialog))
        assert isinstance(app.screen, ErrorDialog)
        assert "is not a cluster repository" in dict(app.screen.parts)["what"]
        assert dict(app.screen.parts)["what to do"]
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))


async def test_forgetting_takes_a_cluster_off_the_list_only(until: Until, tmp_path: Path) -> None:
    root = tmp_path / "c"
    create(root, "lab", "berlin-1", {"trampoline.vip": "10.77.0.250"})
    remember(root)
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: len(home(app).rows) == 1)
        await press(pilot, "delete")
        await until(pilot, lambda: not home(app).rows)
        assert (root / "config/config.toml").exists()


async def test_help_lists_every_key_with_its_tooltip(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: home(app)._arrived)
        await press(pilot, "f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert isinstance(app.screen, HelpScreen)
        assert ("N", "New", "Set up a new cluster") in app.screen.keys
        assert all(tooltip for _, _, tooltip in app.screen.keys)
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))


async def test_every_key_is_in_the_palette(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(100, 40)) as pilot:
        await until(pilot, lambda: home(app)._arrived)
        await press(pilot, "ctrl+p")
        await until(pilot, lambda: len(app.screen.query(OptionList)) > 0)
        await press(pilot, *"new")
        options = app.screen.query_one(OptionList)
        await until(pilot, lambda: options.option_count > 0)
        assert "New" in str(options.get_option_at_index(0).prompt)


async def test_quitting_asks_only_when_something_would_be_lost(until: Until) -> None:
    app = Yk8sApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.busy_with = "Starting the machines"
        await press(pilot, "ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await press(pilot, "escape")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))
        app.busy_with = ""
        await press(pilot, "ctrl+q")
        await until(pilot, lambda: app.return_code == 0)


def test_without_a_terminal_it_says_what_to_use() -> None:
    with pytest.raises(UsageError, match="needs a terminal"):
        run_app(None)


@pytest.mark.parametrize(
    ("environment", "plain"),
    [
        ({"LC_ALL": "C"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({}, False),
        ({"TERM": "vt100", "LANG": "en_US.UTF-8"}, True),
    ],
)
def test_plain_terminals_get_plain_symbols(environment: dict[str, str], plain: bool) -> None:
    assert symbols.is_plain(environment) is plain


async def test_no_symbol_is_missing_in_ascii(monkeypatch: pytest.MonkeyPatch, until: Until, tmp_path: Path) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    symbols.table.cache_clear()
    journals.write_sample(tmp_path)
    app = Yk8sApp(tmp_path, "20251124-160000-ab12")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and app.screen.feed.ready)
        await until(pilot, lambda: "no space left" in text_of(app) and "gone" in text_of(app))
        text = text_of(app)
        assert not [c for c in text if ord(c) > 127]
