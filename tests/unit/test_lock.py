"""The lock, with real processes: one holder, named; a dead one is taken over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from yk8s_tui.errors import ExitCode, LockedError
from yk8s_tui.repository.lock import cluster_lock, holder, lock_path

HOLD = (
    "import sys; from pathlib import Path; from yk8s_tui.repository.lock import cluster_lock\n"
    "with cluster_lock(Path(sys.argv[1]), sys.argv[2]): print('held', flush=True); sys.stdin.read()\n"
)
CONTEND = (
    "import sys; from pathlib import Path; from yk8s_tui.errors import LockedError\n"
    "from yk8s_tui.repository.lock import cluster_lock\n"
    "root = Path(sys.argv[1]); counter = root / 'counter'; done = 0\n"
    "while done < 50:\n"
    "    try:\n"
    "        with cluster_lock(root, 'r'):\n"
    "            counter.write_text(str(int(counter.read_text()) + 1)); done += 1\n"
    "    except LockedError: pass\n"
)


@contextmanager
def other_process(root: Path, run: str) -> Iterator[subprocess.Popen[str]]:
    """Somebody else who holds the cluster until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root), run], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.communicate()


def test_the_holder_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs/0007-apply").mkdir(parents=True)
    with other_process(tmp_path, "0007-apply") as process:
        current = holder(tmp_path)
        assert current is not None
        assert (current.run, current.pid) == ("0007-apply", process.pid)
        with pytest.raises(LockedError, match="0007-apply") as caught, cluster_lock(tmp_path, "0008"):
            pass
        assert f"pid {process.pid}" in caught.value.why
        assert caught.value.exit_code == ExitCode.LOCKED
        assert "yk8s-tui runs attach" in caught.value.hint
        held = holder(tmp_path)
        assert held is not None
        assert held.run == "0007-apply", "a refused attempt changes nothing"
    assert holder(tmp_path) is None
    with cluster_lock(tmp_path, "0008") as mine:
        assert holder(tmp_path) == mine
    assert holder(tmp_path) is None


def test_a_killed_holder_is_taken_over(tmp_path: Path) -> None:
    with other_process(tmp_path, "0007-apply") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert json.loads(lock_path(tmp_path).read_text())["run"] == "0007-apply", "its words are still there"
        assert holder(tmp_path) is None
        with cluster_lock(tmp_path, "0008") as mine:
            assert mine.pid == os.getpid()
            assert holder(tmp_path) == mine


def test_a_stopped_holder_still_holds(tmp_path: Path) -> None:
    with other_process(tmp_path, "0007-apply") as process:
        process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(LockedError), cluster_lock(tmp_path, "0008"):
                pass
        finally:
            process.send_signal(signal.SIGCONT)


def test_a_child_of_the_holder_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A program that outlives a killed run must not lock the cluster."""
    script = HOLD.replace(
        "print(", "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True); print("
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path), "r"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        process.stdout.readline()
        process.kill()
        process.wait()
        try:
            with cluster_lock(tmp_path, "0008"):
                pass
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("elsewhere", ["elsewhere.example.org", ""])
def test_a_holder_that_died_is_taken_over_whatever_the_host_was_called(tmp_path: Path, elsewhere: str) -> None:
    with other_process(tmp_path, "0007-apply") as process:
        told = json.loads(lock_path(tmp_path).read_text())
        process.kill()
        process.wait()
    left = told | ({"host": elsewhere} if elsewhere else {"pid": os.getpid()})
    lock_path(tmp_path).write_text(json.dumps(left))
    assert holder(tmp_path) is None, "neither another host name nor a living process with its number is the holder"
    with cluster_lock(tmp_path, "0008") as mine:
        assert holder(tmp_path) == mine


def test_a_living_holder_is_one_whatever_the_host_is_called(tmp_path: Path) -> None:
    with other_process(tmp_path, "0007-apply"):
        told = json.loads(lock_path(tmp_path).read_text())
        lock_path(tmp_path).write_text(json.dumps(told | {"host": "elsewhere.example.org", "pid": 1}))
        found = holder(tmp_path)
        assert found is not None
        assert found.host == "elsewhere.example.org"
        with pytest.raises(LockedError, match="elsewhere"), cluster_lock(tmp_path, "0008"):
            pass


def test_who_only_looks_is_never_in_the_way(tmp_path: Path) -> None:
    looking = threading.Event()

    def look() -> None:
        while not looking.is_set():
            holder(tmp_path)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for number in range(200):
            with cluster_lock(tmp_path, f"r{number}"):
                pass
    finally:
        looking.set()
        looker.join()


def test_a_torn_lock_file_is_no_holder(tmp_path: Path) -> None:
    lock_path(tmp_path).parent.mkdir()
    lock_path(tmp_path).write_text('{"run": "x", "wh')
    assert holder(tmp_path) is None
    with cluster_lock(tmp_path, "r"):
        assert holder(tmp_path) is not None


def test_the_lock_is_let_go_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), cluster_lock(tmp_path, "r"):
        raise RuntimeError
    with cluster_lock(tmp_path, "r2"):
        pass


def test_two_at_a_time_never(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    both = [subprocess.Popen([sys.executable, "-c", CONTEND, str(tmp_path)]) for _ in range(2)]
    assert [p.wait(timeout=60) for p in both] == [0, 0]
    assert (tmp_path / "counter").read_text() == "100"
