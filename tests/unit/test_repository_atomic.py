"""Atomic writes: the old file or the new one, whatever happens in between."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from yk8s_tui.errors import Yk8sError
from yk8s_tui.repository.atomic import write_atomic
from yk8s_tui.repository.create import create
from yk8s_tui.repository.drafts import load_draft, save_draft
from yk8s_tui.repository.state import load_layers, record


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("missing: the right to mount a tmpfs (root)")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(place: Path) -> None:
    with (place / "filler").open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(4096))


def test_mode_and_directories(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c"
    write_atomic(path, "x", mode=0o600)
    assert path.read_text() == "x"
    assert path.stat().st_mode & 0o777 == 0o600
    write_atomic(path, b"y")
    assert path.stat().st_mode & 0o777 == 0o644
    assert os.listdir(path.parent) == ["c"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("old")
    link = tmp_path / "link"
    link.symlink_to(target)
    write_atomic(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_full_disk_keeps_what_was_there(small_disk: Path) -> None:
    repository = create(small_disk / "demo", "lab", "demo", {})
    record(repository.root, "a.b", "n1", "d", "r", "ok")
    save_draft(repository.root, {"cluster": {"name": "x"}})
    before = repository.config_text()
    fill(small_disk)
    with pytest.raises(Yk8sError, match="No space left") as caught:
        repository.update({"harbour.lab.workers": 3})
    assert "make room" in caught.value.hint
    with pytest.raises(Yk8sError, match="No space left"):
        record(repository.root, "a.b", "n1", "d2", "r", "ok")
    with pytest.raises(Yk8sError, match="No space left"):
        save_draft(repository.root, {"cluster": {"name": "y"}})
    assert repository.config_text() == before
    assert load_layers(repository.root)["a.b"]["n1"].digest == "d"
    assert load_draft(repository.root) == {"cluster": {"name": "x"}}
    assert not list(small_disk.rglob("*.tmp"))
    (small_disk / "filler").unlink()
    assert repository.update({"harbour.lab.workers": 3}).harbour.lab.workers == 3


def test_a_full_disk_leaves_no_half_repository(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(Yk8sError):
        create(small_disk / "demo", "lab", "demo", {})
    assert os.listdir(small_disk) == ["filler"]


def test_a_read_only_file_system_is_named(small_disk: Path) -> None:
    repository = create(small_disk / "demo", "lab", "demo", {})
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert repository.load().cluster.name == "demo"
    with pytest.raises(Yk8sError, match="Read-only") as caught:
        repository.update({"harbour.lab.workers": 3})
    assert "read-only" in caught.value.hint


def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    """Killed in the middle of endless writing, the file has one of the two contents."""
    path = tmp_path / "file"
    path.write_text("a" * 100_000)
    script = (
        "import sys; from pathlib import Path; from yk8s_tui.repository.atomic import write_atomic\n"
        "print('up', flush=True)\n"
        "while True:\n"
        "    for letter in 'ab': write_atomic(Path(sys.argv[1]), letter * 100_000)\n"
    )
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            writer.stdout.readline()
            first = path.stat().st_ino
            while path.stat().st_ino == first and writer.poll() is None:
                pass
            writer.kill()
        assert path.read_text() in ("a" * 100_000, "b" * 100_000)
