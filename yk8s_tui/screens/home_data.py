"""What the first screen knows: recent clusters with their last known state, and unfinished setups."""

from __future__ import annotations

import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from yk8s_tui.errors import Yk8sError
from yk8s_tui.screens.setup.saving import Source, unfinished
from yk8s_tui.widgets.symbols import State, duration


@dataclass(frozen=True)
class ClusterRow:
    """One cluster of the first screen."""

    root: Path
    name: str
    harbour: str
    version: str
    state: State
    text: str
    """The last known state in words."""
    run: str = ""
    """The run in progress, if there is one."""
    draft: bool = False
    """Whether changes of the setup are unfinished."""


@dataclass(frozen=True)
class DraftRow:
    """A setup that was begun and is no cluster yet."""

    source: Source
    name: str


def clusters(here: Path | None) -> list[ClusterRow]:
    """The cluster one is in first, then the recent ones."""
    from yk8s_tui.repository.recent import recent

    roots = [c.root for c in recent() if c.exists]
    if here is not None:
        roots = [here.absolute(), *(r for r in roots if r != here.absolute())]
    return [row(root) for root in roots]


def drafts() -> list[DraftRow]:
    """Unfinished setups, the newest first."""
    return [DraftRow(source, str(a.get("cluster", {}).get("name") or "unnamed")) for source, a in unfinished()]


def row(root: Path) -> ClusterRow:
    """What is known about one cluster without asking any machine."""
    name, harbour, version = _names(root)
    try:
        state, text, run = _last_run(root)
    except (Yk8sError, OSError, ValueError) as error:
        state, text, run = "unknown", f"runs cannot be read: {error}".splitlines()[0], ""
    from yk8s_tui.repository.drafts import load_draft

    try:
        draft = load_draft(root) is not None
    except Yk8sError:
        draft = False
    return ClusterRow(root, name, harbour, version, state, text, run, draft)


def _names(root: Path) -> tuple[str, str, str]:
    """Name, harbour, version; from the file as it is, valid or not."""
    try:
        data = tomllib.loads((root / "config" / "config.toml").read_text())
        cluster = data.get("cluster", {})
        version = data.get("kubernetes", {}).get("version", "")
        return str(cluster.get("name", root.name)), str(cluster.get("harbour", "?")), str(version)
    except (OSError, ValueError, AttributeError):
        return root.name, "?", ""


_WORDS: dict[str, tuple[State, str]] = {
    "done": ("ok", "done"),
    "failed": ("failed", "failed"),
    "partial": ("warning", "partly done; a new plan goes on from there"),
    "cancelled": ("warning", "cancelled; a new plan goes on from there"),
    "interrupted": ("warning", "broken off; a new plan goes on from there"),
}


def _last_run(root: Path) -> tuple[State, str, str]:
    from yk8s_tui.runs.start import list_runs

    runs = list_runs(root)
    if not runs:
        return "waiting", "nothing was applied yet", ""
    last = runs[-1]
    if last.is_running:
        return "running", f"{last.operation} #{last.number} is in progress, started by {last.by}", last.id
    state, words = _WORDS.get(last.result, ("unknown", last.result))
    when = ago(time.time() - last.started - last.seconds)
    return state, f"{last.operation} #{last.number}, {when}: {words}", ""


def ago(seconds: float) -> str:
    """`3 min ago`, `2 days ago`."""
    for unit, size in (("day", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''} ago"
    return f"{duration(seconds)} ago"
