"""What this machine itself knows of a cluster: the layers that were applied, and the runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from yk8s_tui.repository.state import AppliedStep, Layers, layers_path, load_layers
from yk8s_tui.runs.start import RunSummary, list_runs, runs_directory
from yk8s_tui.status.model import AppliedLayer, ClusterStatus, Run

GOOD = ("ok", "changed")
RUN_FILES = ("run.json", "result.json")


class LocalWatch:
    """Reads the cluster repository; files are read again only when they moved."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._layers_mark: object = None
        self._runs_mark: object = None
        self._layers: Layers = {}
        self._runs: tuple[RunSummary, ...] = ()

    def drain(self, status: ClusterStatus) -> bool:
        """Put layers and runs into the picture; whether anything changed. Raises `ConfigError`."""
        read = self._read_layers()
        read = self._read_runs() or read
        if not read:
            return False
        runs = tuple(_run(run) for run in reversed(self._runs))
        layers = applied_layers(self._layers, {run.id: run for run in self._runs})
        if (layers, runs) == (status.layers, status.runs):
            return False
        status.layers, status.runs = layers, runs
        status.revision += 1
        return True

    def _read_layers(self) -> bool:
        mark = _mark(layers_path(self.root))
        if self._layers_mark == (mark,):
            return False
        self._layers = load_layers(self.root)
        self._layers_mark = (mark,)
        return True

    def _read_runs(self) -> bool:
        """Runs that are at work, or seem so, are looked at each time: their end may leave no file."""
        folder = runs_directory(self.root)
        names = sorted(folder.iterdir()) if folder.is_dir() else []
        mark = [(path.name, *(_mark(path / file) for file in RUN_FILES)) for path in names]
        if mark == self._runs_mark and not any(run.is_running for run in self._runs):
            return False
        self._runs = tuple(list_runs(self.root))
        self._runs_mark = mark
        return True


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _run(run: RunSummary) -> Run:
    """Seconds of a run at work are left out: who shows them counts from its start."""
    seconds = 0.0 if run.is_running else run.seconds
    return Run(run.id, run.number, run.operation, run.result, run.started, seconds, run.by, run.message)


def applied_layers(layers: Layers, runs: Mapping[str, RunSummary]) -> tuple[AppliedLayer, ...]:
    """Per layer: its steps, the newest of them, and those whose last result was not good."""
    steps: dict[str, dict[str, Mapping[str, AppliedStep]]] = {}
    for step, nodes in layers.items():
        if nodes:
            steps.setdefault(step.partition(".")[0], {})[step] = nodes
    return tuple(_layer(name, of, runs) for name, of in sorted(steps.items()))


def _layer(name: str, steps: Mapping[str, Mapping[str, AppliedStep]], runs: Mapping[str, RunSummary]) -> AppliedLayer:
    newest = max((applied for nodes in steps.values() for applied in nodes.values()), key=lambda a: _seconds(a.time))
    run = runs.get(newest.run)
    failed = (step for step, nodes in steps.items() if any(a.result not in GOOD for a in nodes.values()))
    return AppliedLayer(
        layer=name,
        steps=len(steps),
        when=_seconds(newest.time),
        by=run.by if run else "",
        run=newest.run,
        number=run.number if run else 0,
        failed=tuple(sorted(failed)),
    )


def _seconds(time: str) -> float:
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return 0.0
