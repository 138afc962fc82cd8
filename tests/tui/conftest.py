"""The machine of whoever runs the tests must not leak in: own home, own state, no colours forced."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from yk8s_tui.widgets import symbols


@pytest.fixture(autouse=True)
def _own_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HOME"):
        home = tmp_path / "home" / name.lower()
        home.mkdir(parents=True)
        monkeypatch.setenv(name, str(home))
    for name in ("YK8S_CLUSTER", "NO_COLOR", "K8S_CUSTOM_STAGE_USAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    symbols.table.cache_clear()


Until = Callable[[Pilot[int], Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Wait until something is so; fails after 30 seconds."""

    async def wait(pilot: Pilot[int], so: Callable[[], bool]) -> None:
        patience = time.monotonic() + 30
        while not so():
            assert time.monotonic() < patience, "it did not happen within 30 seconds"
            await pilot.pause(0.025)
        await pilot.pause()

    return wait
