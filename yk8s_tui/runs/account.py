"""What one run did, read from its directory: for setting it beside another."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from yk8s_tui.runs.events import Event, JournalError
from yk8s_tui.runs.journal import JournalReader
from yk8s_tui.runs.start import RunSummary
from yk8s_tui.runs.state import RunState

StepAndNode = tuple[str, str]


@dataclass(frozen=True)
class StepAccount:
    """One step of a run: done, or left out with the reason."""

    id: str
    layer: str
    title: str
    status: str
    """Status of the step; `left out` when the plan did not have it to be done."""
    reason: str = ""
    seconds: float = 0.0
    results: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Account:
    """Everything a comparison looks at."""

    run: RunSummary
    steps: Mapping[str, StepAccount]
    busy: Mapping[StepAndNode, float]
    """Seconds the tasks of a step took on a node, together."""
    config: str = ""
    """The configuration it ran with; empty when the run does not have it."""
    tool: str = ""
    kubernetes: str = ""


class Busy:
    """Adds up the seconds of tasks per step and node."""

    def __init__(self) -> None:
        self.seconds: dict[StepAndNode, float] = {}

    def take(self, events: list[Event]) -> None:
        """Take many events."""
        seconds = self.seconds
        for event in events:
            if event.get("type") == "node_result":
                key = (event["step"], event["node"])
                seconds[key] = seconds.get(key, 0.0) + (event.get("seconds") or 0.0)


def read_account(directory: Path, run: RunSummary) -> Account:
    """Read one run; raises `JournalError` when it has no journal, or an empty one."""
    path, state, busy = directory / "journal.jsonl", RunState(), Busy()
    for batch in JournalReader(path).batches():
        state.apply_all(batch)
        busy.take(batch)
    if not state.version:
        why = "it is empty" if path.exists() else "there is none"
        raise JournalError(f"run {run.id} has nothing in its journal", where=str(path), why=why)
    config = _text(directory / "config.toml")
    return account_of(run, state, busy.seconds, config)


def account_of(run: RunSummary, state: RunState, busy: Mapping[StepAndNode, float], config: str) -> Account:
    """From the reduced state of a run."""
    steps = {
        step.id: StepAccount(step.id, step.layer, step.title, step.status, step.reason, step.seconds, step.results)
        for step in state.steps.values()
    }
    for key, (layer, title, reason) in state.skipped.items():
        steps.setdefault(key, StepAccount(key, layer, title, "left out", reason))
    return Account(run, steps, dict(busy), config, state.tool_version, _kubernetes(config))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""


def _kubernetes(config: str) -> str:
    try:
        return str(tomllib.loads(config).get("kubernetes", {}).get("version", ""))
    except (ValueError, AttributeError):
        return ""
