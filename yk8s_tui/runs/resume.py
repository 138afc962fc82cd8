"""Runs that were cut short by the death of their engine: what they had done, and what they left."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from yk8s_tui.models.plan import Plan
from yk8s_tui.runs.journal import JournalReader
from yk8s_tui.runs.processes import MARK, end_all, marked
from yk8s_tui.runs.start import RunSummary, list_runs, run_directory
from yk8s_tui.runs.workspace import clear_leftovers

SWEPT = "swept"
"""File in the directory of an interrupted run: its hosts have been looked at."""

StepRecord = Literal["done", "not done", "unknown"]


@dataclass(frozen=True)
class Interrupted:
    """A run whose journal has no end and whose engine is dead."""

    run: RunSummary
    steps: dict[str, StepRecord] = field(default_factory=dict)
    """Step id -> what the journal says: `unknown` is an intent without a result."""
    nodes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Unknown step -> the nodes it was at work on."""

    def of(self, record: StepRecord) -> list[str]:
        """The steps with this record, in plan order."""
        return [step for step, found in self.steps.items() if found == record]


def interrupted_run(root: Path) -> Interrupted | None:
    """The newest run, when it was interrupted; None when it came to its end or is still running."""
    runs = list_runs(root)
    if not runs or runs[-1].result != "interrupted":
        return None
    return examine(root, runs[-1])


def examine(root: Path, run: RunSummary) -> Interrupted:
    """What the journal of a run says about each step."""
    from yk8s_tui.runs.state import RunState
    from yk8s_tui.runs.views import SUCCEEDED

    state = RunState()
    for batch in JournalReader(run_directory(root, run.id) / "journal.jsonl").batches():
        state.apply_all(batch)
    steps: dict[str, StepRecord] = {}
    nodes = {}
    for step in state.steps.values():
        if step.status == "running":
            steps[step.id] = "unknown"
            nodes[step.id] = step.running_on
        else:
            steps[step.id] = "done" if step.status in SUCCEEDED else "not done"
    return Interrupted(run, steps, nodes)


def unswept(root: Path) -> list[RunSummary]:
    """Interrupted runs whose processes and hosts nobody has looked at yet."""
    return [
        run
        for run in list_runs(root)
        if run.result == "interrupted" and not (run_directory(root, run.id) / SWEPT).exists()
    ]


def clear_here(root: Path, run: RunSummary) -> int:
    """End what a dead engine left on this machine, and remove its private files; returns how many were ended."""
    left = marked(MARK, run.id)
    end_all(lambda: marked(MARK, run.id))
    clear_leftovers(run_directory(root, run.id))
    return len(left)


def plan_of(root: Path, run: RunSummary) -> Plan | None:
    """The plan of a run; None when it is not readable."""
    try:
        return Plan.model_validate_json((run_directory(root, run.id) / "plan.json").read_text())
    except (OSError, ValueError):
        return None
