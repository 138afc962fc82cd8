"""Starts runs, in a process of their own, and finds them again."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from yk8s_tui.errors import LockedError, UsageError, Yk8sError
from yk8s_tui.models.plan import Plan
from yk8s_tui.repository.atomic import write_atomic
from yk8s_tui.repository.lock import refuse_when_held
from yk8s_tui.runs.alive import engine_alive
from yk8s_tui.runs.estimates import DURATIONS, durations_path

START_SECONDS = 30.0
"""How long an engine may take to begin its journal."""


@dataclass(frozen=True)
class RunSummary:
    """One run, for lists."""

    id: str
    number: int
    operation: str
    result: str
    """`running`, `interrupted`, or the result of the run."""
    started: float
    """Seconds since 1970."""
    seconds: float
    by: str
    exit_code: int | None = None
    message: str = ""
    next: str = ""

    @property
    def is_running(self) -> bool:
        """Whether its engine is at work."""
        return self.result == "running"


def runs_directory(root: Path) -> Path:
    """Where the runs of a cluster are."""
    return root / "runs"


def start_run(
    root: Path,
    plan: Plan,
    *,
    by: str,
    consents: Iterable[tuple[str, str]] = (),
    waivers: Mapping[str, str] | None = None,
) -> str:
    """Start a run of this plan in its own session; returns its id once the engine is at work.

    `consents` are (step id, what is lost); `waivers` map `check[@node]` to the reason. Raises
    `LockedError` when another run holds the cluster, and `Yk8sError` when the engine does not begin.
    """
    refuse_when_held(root)
    directory = new_directory(root, plan, by, tuple(consents), dict(waivers or {}))
    process = spawn_engine(directory)
    _await_begin(directory, process)
    return directory.name


def spawn_engine(directory: Path) -> subprocess.Popen[bytes]:
    """Start the engine of a prepared run directory: own session, no terminal, output to files."""
    package = str(Path(__file__).resolve().parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))}
    with _private(directory / "engine.out") as out, _private(directory / "engine.err") as err:
        return subprocess.Popen(
            [sys.executable, "-m", "yk8s_tui.runs.engine", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=directory,
            env=environment,
            start_new_session=True,
        )


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def list_runs(root: Path) -> list[RunSummary]:
    """All runs of a cluster, oldest first; reads no journal."""
    found = [summary(path) for path in sorted(runs_directory(root).glob("*/run.json"))]
    return sorted((run for run in found if run is not None), key=lambda run: (run.started, run.number))


def find_run(root: Path, named: str = "") -> RunSummary:
    """A run by id, unique beginning of an id, or number; the newest when nothing is named."""
    runs = list_runs(root)
    if not runs:
        raise UsageError("this cluster has no runs yet", hint="`yk8s-tui apply` starts one")
    if not named:
        return runs[-1]
    wanted = [run for run in runs if run.id == named or str(run.number) == named.lstrip("#")]
    wanted = wanted or [run for run in runs if run.id.startswith(named)]
    if len(wanted) == 1:
        return wanted[0]
    what = f"no run {named!r}" if not wanted else f"{named!r} is the beginning of {len(wanted)} runs"
    raise UsageError(what, hint="`yk8s-tui runs list` shows the runs there are")


def run_directory(root: Path, run: str) -> Path:
    """The directory of a run."""
    return runs_directory(root) / run


def summary(run_file: Path) -> RunSummary | None:
    """One run from its `run.json` and `result.json`; None when that is not readable."""
    directory = run_file.parent
    try:
        about = json.loads(run_file.read_text())
        ended = _read_json(directory / "result.json")
        result = ended.get("result") or ("running" if engine_alive(directory) else "interrupted")
        seconds = float(ended.get("seconds") or _seconds_so_far(directory, about["started"], result))
        return RunSummary(
            id=about["id"],
            number=int(about["number"]),
            operation=about["operation"],
            result=result,
            started=float(about["started"]),
            seconds=seconds,
            by=about["by"],
            exit_code=ended.get("exit_code"),
            message=ended.get("message", ""),
            next=ended.get("next", ""),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _seconds_so_far(directory: Path, started: float, result: str) -> float:
    if result == "running":
        return max(0.0, time.time() - started)
    try:
        return max(0.0, (directory / "journal.jsonl").stat().st_mtime - started)
    except OSError:
        return 0.0


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return found if isinstance(found, dict) else {}


def new_directory(
    root: Path,
    plan: Plan,
    by: str,
    consents: tuple[tuple[str, str], ...],
    waivers: dict[str, str],
) -> Path:
    """Make the directory of a run, with everything its engine reads."""
    parent = runs_directory(root)
    parent.mkdir(mode=0o700, exist_ok=True)
    with (parent / ".numbering").open("a") as numbering:
        fcntl.flock(numbering, fcntl.LOCK_EX)
        number = max((run.number for run in list_runs(root)), default=0) + 1
        started = time.time()
        stamp = datetime.fromtimestamp(started, UTC).strftime("%Y%m%d-%H%M%S")
        directory = parent / f"{stamp}-{secrets.token_hex(2)}"
        directory.mkdir(mode=0o700)
        about = {
            "format": 1,
            "id": directory.name,
            "number": number,
            "operation": plan.operation,
            "cluster": plan.cluster,
            "started": started,
            "by": by,
            "consents": [list(consent) for consent in consents],
            "waivers": waivers,
        }
        write_atomic(directory / "plan.json", plan.model_dump_json(indent=1) + "\n", mode=0o600)
        config = root / "config" / "config.toml"
        if config.is_file():
            write_atomic(directory / "config.toml", config.read_text(), mode=0o600)
        with contextlib.suppress(OSError):
            shutil.copy(durations_path(root), directory / DURATIONS)
        write_atomic(directory / "run.json", json.dumps(about, indent=1) + "\n", mode=0o600)
    return directory


def _await_begin(directory: Path, process: subprocess.Popen[bytes]) -> None:
    journal, until = directory / "journal.jsonl", time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        ended = process.poll()
        if journal.exists() and journal.stat().st_size:
            return
        if ended is not None:
            break
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    said = (directory / "engine.err").read_text(errors="replace").strip().splitlines()
    error = LockedError if process.returncode == LockedError.exit_code else Yk8sError
    raise error(
        "the run did not begin",
        where=str(directory),
        why=said[-1] if said else f"its engine ended with {process.returncode}",
        hint="see engine.err in its directory",
    )
