"""The machine of whoever runs the tests must not leak in: own home, own state, no colours forced."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.strip import Strip

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


PATIENCE_SECONDS = 60
"""Only a test that fails waits so long."""
MESSAGE_HOPS = 4
EQUAL_FRAMES = 5
ENDLESS = ("feed", "log")
"""Groups of threads that follow a journal for as long as their screen is there."""

Until = Callable[[Pilot[int], Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Wait until something is so."""
    return wait


async def wait(pilot: Pilot[int], so: Callable[[], bool]) -> None:
    """Wait until something is so, and until every message that led to it is dealt with."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while not so():
        assert time.monotonic() < patience, f"it did not happen within {PATIENCE_SECONDS} seconds"
        await pilot.pause(0.01)
    await handled(pilot)


async def handled(pilot: Pilot[int]) -> None:
    """Every message was taken, and those that came of them: at most so many widgets pass one on."""
    for _ in range(MESSAGE_HOPS):
        await pilot.pause(0)


async def press(pilot: Pilot[int], *keys: str) -> None:
    """Press keys; each is dealt with before the next."""
    for key in keys:
        pilot.app.simulate_key(key)
        await handled(pilot)


async def still(pilot: Pilot[int]) -> None:
    """Wait until the picture stays the same: no thread is at work, and frame after frame is equal."""
    last: list[Strip] = []
    same = 0
    patience = time.monotonic() + PATIENCE_SECONDS
    while same < EQUAL_FRAMES:
        assert time.monotonic() < patience, f"the picture still changes after {PATIENCE_SECONDS} seconds"
        await pilot.pause(0.01)
        busy = any(not worker.is_finished for worker in pilot.app.workers if worker.group not in ENDLESS)
        frame = list(pilot.app.screen._compositor.render_strips())
        same = same + 1 if frame == last and not busy else 0
        last = frame
