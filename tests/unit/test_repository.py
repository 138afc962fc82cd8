"""The cluster repository: found, read, judged, changed; bad input ends clearly and loses nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yk8s_tui.errors import ConfigError, ExitCode, Yk8sError
from yk8s_tui.models.problems import InvalidConfig
from yk8s_tui.repository.create import create
from yk8s_tui.repository.lock import cluster_lock
from yk8s_tui.repository.reading import examine
from yk8s_tui.repository.repository import Repository, find_repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return create(tmp_path / "demo", "lab", "demo", {})


def test_a_new_repository_loads_without_a_problem(repository: Repository) -> None:
    assert repository.load().cluster.name == "demo"
    assert repository.problems() == ()
    assert repository.known_hosts == repository.root / "state" / "known_hosts"


def test_it_is_found_from_below_and_by_name(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.root / "k8s-custom" / "roles")
    assert find_repository(None) == repository.root
    assert find_repository(str(repository.root)) == repository.root


def test_where_there_is_none_the_way_to_make_one_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="yk8s-tui init") as caught:
        find_repository(None)
    assert caught.value.exit_code == ExitCode.CONFIG
    with pytest.raises(ConfigError, match="no such directory"):
        find_repository(str(tmp_path / "gone"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"\0" * 400, "torn"),
        (b'[cluster]\nname = "x"\n\0\0\0', "torn"),
        (b'[cluster]\nname = "\xff"\n', "line 2"),
    ],
)
def test_torn_files_are_named_and_left_alone(repository: Repository, content: bytes, words: str) -> None:
    repository.config_path.write_bytes(content)
    with pytest.raises(ConfigError, match=words) as caught:
        repository.load()
    assert caught.value.hint
    with pytest.raises(ConfigError):
        repository.update({"cluster.name": "y"})
    assert repository.config_path.read_bytes() == content


def test_a_missing_file_and_a_directory_in_its_place(repository: Repository) -> None:
    repository.config_path.unlink()
    with pytest.raises(ConfigError, match="is missing"):
        repository.load()
    repository.config_path.mkdir()
    with pytest.raises(ConfigError, match="not a directory"):
        repository.load()


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """The effective user is one without rights."""
    if os.geteuid() != 0:
        pytest.skip("missing: root, to become a user without rights")
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_a_repository_of_somebody_else_is_named(repository: Repository, as_nobody: None) -> None:
    for attempt in (lambda: find_repository(str(repository.root)), repository.load, repository.problems):
        with pytest.raises(ConfigError, match="Permission denied") as caught:
            attempt()
        assert "ls -l" in caught.value.hint


def test_a_repository_that_cannot_be_written_is_named(as_nobody: None) -> None:
    os.seteuid(0)
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    repository = create(root / "demo", "lab", "demo", {})
    os.seteuid(65534)
    assert repository.load().cluster.name == "demo"
    with pytest.raises(Yk8sError, match="Permission denied") as caught:
        repository.update({"harbour.lab.workers": 3})
    assert "writable" in caught.value.hint
    with pytest.raises(Yk8sError, match="Permission denied"), cluster_lock(repository.root, "r"):
        pass
    os.seteuid(0)
    shutil.rmtree(root)


def test_a_byte_order_mark_is_no_problem(repository: Repository) -> None:
    repository.config_path.write_bytes(b"\xef\xbb\xbf" + repository.config_path.read_bytes())
    assert repository.load().cluster.name == "demo"


def test_update_writes_only_what_is_valid(repository: Repository) -> None:
    repository.config_path.chmod(0o640)
    before = repository.config_text()
    with pytest.raises(InvalidConfig) as caught:
        repository.update({"kubernetes.pod_cidr": "10.77.0.0/16", "harbour.lab.workers": 99})
    assert {p.key for p in caught.value.problems} == {"harbour.lab.workers", "kubernetes.pod_cidr"}
    assert repository.config_text() == before
    config = repository.update({"harbour.lab.workers": 4, "trampoline.vip": "10.77.0.240"})
    assert (config.harbour.lab.workers, str(config.trampoline.vip)) == (4, "10.77.0.240")
    assert repository.load() == config
    assert repository.config_path.stat().st_mode & 0o777 == 0o640
    assert repository.update({"trampoline.vip": None}).trampoline.vip is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[cluster]\nname demo\n", 2, "`=` is missing"),
        ('[cluster]\nname = "demo\n', 2, "closing quote"),
        ('[cluster]\nname = "a"\nname = "b"\n', 3, "twice"),
        ("[cluster]\n[cluster]\n", 2, "twice"),
        ("a = [1, 2\n", 1, "closing `]`"),
        ("a = [1 2]\n", 1, "closing `]`"),
        ("a = yes\n", 1, "not a value"),
        ("[cluster\n", 1, "closing `]`"),
        ("a = 1 b = 2\n", 1, "follows the value"),
        ('a = "\\d"\n', 1, "backslash"),
        ("= 1\n", 1, "no key"),
        ("a = {b = 1\n", 1, "closing `}`"),
        ("a = ", 1, "not a value"),
        ('a = """x\ny', 2, "closing quote"),
    ],
)
def test_syntax_errors_have_line_column_and_the_text(text: str, line: int, words: str) -> None:
    (problem,) = examine(text).problems
    assert problem.line == line
    assert words in problem.message
    assert "column" in problem.message or "end of the file" in problem.message
    assert problem.value == text.splitlines()[line - 1].strip()
    assert problem.remedy


def test_mistakes_on_several_lines_are_told_together() -> None:
    text = """\
[cluster]
name demo
harbour = lab
name = "x"
[kubernetes]
version = "1.36.3
version = "1.36.3"
cni = "routed" x
"""
    assert [p.line for p in examine(text).problems] == [2, 3, 6, 8]


def test_one_mistake_over_several_lines_is_one_problem() -> None:
    (problem,) = examine("a = [1,\nb = 2\nc = 3\n[t]\nd = 4\n").problems
    assert "still open" in problem.message
    assert len(examine("[t\na = 1\n[u]\na = 2\n").problems) == 1


def test_a_line_with_a_secret_is_not_shown() -> None:
    assert examine('password = "hunter2\n').problems[0].value == "(hidden)"


@settings(max_examples=150, deadline=None)
@given(st.text())
def test_any_text_is_judged_and_never_a_crash(text: str) -> None:
    reading = examine(text)
    assert reading.config is None
    assert all(p.message for p in reading.problems)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_file_that_was_cut_off_is_judged(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    from yk8s_tui.repository.create import new_config

    text = new_config("lab", "demo", {})
    examine(text[: data.draw(st.integers(0, len(text)))])


def test_nesting_without_end_is_refused() -> None:
    assert examine("a = " + "[" * 20000 + "]" * 20000).problems[0].key == "syntax"
