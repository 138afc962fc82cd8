"""Layers and runs from the cluster repository: what is said of them, and when files are read again."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from yk8s_tui.repository import state
from yk8s_tui.status import local
from yk8s_tui.status.local import LocalWatch
from yk8s_tui.status.model import ClusterStatus


def run(root: Path, name: str, number: int, started: float, **result: Any) -> None:
    directory = root / "runs" / name
    directory.mkdir(parents=True)
    about = {"id": name, "number": number, "operation": "apply", "started": started, "by": "root@here"}
    (directory / "run.json").write_text(json.dumps(about))
    if result:
        (directory / "result.json").write_text(json.dumps(result))


def test_an_empty_repository(tmp_path: Path) -> None:
    status = ClusterStatus()
    assert not LocalWatch(tmp_path).drain(status)
    assert (status.layers, status.runs, status.revision) == ((), (), 0)


def test_layers_and_runs(tmp_path: Path) -> None:
    run(tmp_path, "r1", 1, 100.0, result="failed", seconds=5, message="it broke")
    run(tmp_path, "r2", 2, 200.0, result="done", seconds=7)
    state.record_step(tmp_path, "trampoline.base", {"fe1": "ok", "fe2": "failed"}, digest="d", run="r1")
    state.record_step(tmp_path, "trampoline.firewall", {"fe1": "changed"}, digest="d", run="r2")
    state.record_step(tmp_path, "k8s-base.init", {"cp1": "ok"}, digest="d", run="gone")
    times = json.loads((tmp_path / "state/layers.json").read_text())
    times["steps"]["trampoline.base"]["fe1"]["time"] = "2026-01-01T00:00:00+00:00"
    times["steps"]["trampoline.base"]["fe2"]["time"] = "2026-01-01T00:00:00+00:00"
    times["steps"]["trampoline.firewall"]["fe1"]["time"] = "2026-01-02T00:00:00+00:00"
    (tmp_path / "state/layers.json").write_text(json.dumps(times))
    status = ClusterStatus()
    assert LocalWatch(tmp_path).drain(status)
    assert [(r.number, r.result, r.seconds) for r in status.runs] == [(2, "done", 7), (1, "failed", 5)]
    base, trampoline = status.layers
    assert (base.layer, base.steps, base.run, base.number, base.by) == ("k8s-base", 1, "gone", 0, "")
    assert trampoline.when == datetime(2026, 1, 2, tzinfo=UTC).timestamp()
    assert (trampoline.steps, trampoline.number, trampoline.by) == (2, 2, "root@here")
    assert trampoline.failed == ("trampoline.base",)


def test_files_are_read_again_only_when_they_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "r1", 1, 100.0, result="done", seconds=5)
    state.record_step(tmp_path, "trampoline.base", {"fe1": "ok"}, digest="d", run="r1")
    read: list[str] = []
    for name in ("load_layers", "list_runs"):
        original = getattr(local, name)
        monkeypatch.setattr(local, name, lambda root, n=name, o=original: (read.append(n), o(root))[1])
    watch, status = LocalWatch(tmp_path), ClusterStatus()
    assert watch.drain(status)
    assert not watch.drain(status)
    assert read == ["load_layers", "list_runs"]
    run(tmp_path, "r2", 2, 200.0, result="failed", seconds=5)
    assert watch.drain(status)
    assert [r.number for r in status.runs] == [2, 1]
    state.record_step(tmp_path, "trampoline.base", {"fe1": "failed"}, digest="d", run="r2")
    assert watch.drain(status)
    assert read == ["load_layers", "list_runs", "list_runs", "load_layers"]
    assert status.revision == 3


def test_a_run_at_work_ends_without_a_file(tmp_path: Path) -> None:
    import fcntl

    run(tmp_path, "r1", 1, 100.0)
    lock = os.open(tmp_path / "runs/r1/engine.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    watch, status = LocalWatch(tmp_path), ClusterStatus()
    assert watch.drain(status)
    assert (status.runs[0].result, status.runs[0].seconds) == ("running", 0.0)
    assert not watch.drain(status)
    os.close(lock)
    assert watch.drain(status)
    assert status.runs[0].result == "interrupted"
