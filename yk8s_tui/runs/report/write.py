"""From the directory of a run to its `report.html`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from yk8s_tui.errors import UsageError
from yk8s_tui.models.plan import Plan
from yk8s_tui.repository.atomic import write_atomic
from yk8s_tui.repository.repository import Repository
from yk8s_tui.repository.secrets import SecretStore
from yk8s_tui.runs.events import Event
from yk8s_tui.runs.journal import JournalReader
from yk8s_tui.runs.redact import Redactor
from yk8s_tui.runs.report.data import Beside, build
from yk8s_tui.runs.report.html import page
from yk8s_tui.runs.report.words import Text
from yk8s_tui.runs.start import RunSummary, run_directory

NAME = "report.html"


def write_report(root: Path, run: RunSummary, output: Path | None = None) -> Path:
    """Write the report of a run (0600), beside its journal unless another file is named; returns where it is.

    What the journal says was redacted when it was written. All text is redacted once more, with the secrets the
    cluster has now. Raises `UsageError` when the run has no journal.
    """
    directory = run_directory(root, run.id)
    if not (directory / "journal.jsonl").exists():
        raise UsageError(
            f"run {run.id} has no journal",
            where=str(directory),
            why=run.message,
            hint="it never began; `yk8s-tui runs list` shows the runs there are",
        )
    report = build(_events(directory / "journal.jsonl"), _beside(directory, run))
    redactor = Redactor(SecretStore(Repository(root).secrets_dir).values())
    target = output or directory / NAME
    write_atomic(target, page(report, Text(redactor.text)), mode=0o600)
    return target


def _events(journal: Path) -> Iterator[Event]:
    for batch in JournalReader(journal).batches():
        yield from batch


def _beside(directory: Path, run: RunSummary) -> Beside:
    return Beside(
        run=run.id,
        number=run.number,
        result=run.result,
        plan=_plan(directory / "plan.json"),
        versions=_versions(directory / "config.toml"),
    )


def _plan(path: Path) -> Plan | None:
    """The plan of the run; a report without it is better than none."""
    try:
        return Plan.model_validate_json(path.read_text())
    except (OSError, ValueError):
        return None


def _versions(config: Path) -> dict[str, str]:
    try:
        named = tomllib.loads(config.read_text()).get("kubernetes", {}).get("version", "")
    except (OSError, ValueError, AttributeError):
        return {}
    if named:
        return {"Kubernetes": str(named)}
    from yk8s_tui.models.kubernetes import Kubernetes

    return {"Kubernetes": Kubernetes().version}
