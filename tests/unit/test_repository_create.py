"""`create`: all of a repository, or nothing of it."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from yk8s_tui.errors import UsageError
from yk8s_tui.models.config import Config
from yk8s_tui.models.problems import InvalidConfig
from yk8s_tui.repository.create import create
from yk8s_tui.repository.hygiene import secret_problems
from yk8s_tui.repository.secrets import SecretStore


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("harbour", ["lab", "baremetal", "openstack"])
def test_everything_is_there(tmp_path: Path, harbour: str) -> None:
    root = create(tmp_path / "a" / "demo", harbour, "demo").root
    for path in (
        "config/config.toml",
        ".gitignore",
        "README.md",
        "k8s-custom/main.yaml",
        "k8s-custom/roles",
        "k8s-custom/inventory",
    ):
        assert (root / path).exists(), path
    assert (root / "secrets").stat().st_mode & 0o777 == 0o700
    assert "demo" in (root / "README.md").read_text()
    assert "$" not in (root / "README.md").read_text().replace("$YK8S", "")
    assert git(root, "rev-parse", "--is-inside-work-tree").strip() == "true"
    assert subprocess.run(["git", "-C", str(root), "log"], capture_output=True, check=False).returncode != 0


def test_what_must_not_be_committed_is_not(tmp_path: Path) -> None:
    repository = create(tmp_path / "demo", "lab", "demo")
    SecretStore(repository.secrets_dir).put("ssh/key", "k")
    for path in (
        "runs/1/journal.jsonl",
        "state/lock",
        "state/draft.json",
        "config/config.toml.v0.bak",
        "state/layers.json",
    ):
        (repository.root / path).parent.mkdir(parents=True, exist_ok=True)
        (repository.root / path).write_text("x")
    git(repository.root, "add", "-A")
    added = git(repository.root, "diff", "--cached", "--name-only").split()
    assert "config/config.toml" in added
    assert "state/layers.json" in added
    assert not [p for p in added if p.startswith(("secrets", "runs")) or p.endswith((".bak", "lock", "draft.json"))]
    assert secret_problems(repository.root) == ()


def test_a_secret_in_git_or_open_to_others_is_told(tmp_path: Path) -> None:
    repository = create(tmp_path / "demo", "lab", "demo")
    path = SecretStore(repository.secrets_dir).put("token", "abcdef")
    git(repository.root, "add", "--force", "secrets/token")
    path.chmod(0o644)
    repository.secrets_dir.chmod(0o755)
    tracked, readable = secret_problems(repository.root)
    assert (tracked.value, readable.value) == ("secrets/token", "secrets/token")
    assert "abcdef" not in tracked.message + readable.message


def test_defaults_stand_in_the_file_as_they_are(tmp_path: Path) -> None:
    """Taking out the comment signs of one-line defaults changes nothing."""
    text = create(tmp_path / "demo", "lab", "demo").config_text()
    table: list[str] = []
    for line in text.splitlines():
        shadow = line.startswith("# [[")
        if line.startswith("["):
            table = line.strip("[]").split(".")
        if shadow:
            table = []
        plain = line.removeprefix("# ")
        if not table or line == plain or "# an example" in line or not plain.partition(" = ")[0].isidentifier():
            continue
        name, _, value = plain.partition(" = ")
        default: object = Config.model_validate(tomllib.loads(text))
        for part in table:
            default = getattr(default, part)
        shown = tomllib.loads(f"v = {value}")["v"]
        actual = getattr(default, name)
        assert (list(actual) if isinstance(actual, tuple) else actual) == shown or str(actual) == shown, line


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    root = create(tmp_path, "lab", "demo").root
    assert (root / "README.md").read_text() == "mine"
    with pytest.raises(UsageError, match="already"):
        create(tmp_path, "lab", "other")
    assert 'name = "demo"' in (root / "config/config.toml").read_text()


def test_wrong_settings_leave_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig) as caught:
        create(tmp_path / "a" / "b", "lab", "Bad Name", {"harbour.lab.workers": "x", "kubernetes.versoin": "1.36.3"})
    assert {p.key for p in caught.value.problems} >= {"cluster.name", "harbour.lab.workers", "kubernetes.versoin"}
    with pytest.raises(InvalidConfig):
        create(tmp_path / "a", "cloud", "demo")
    with pytest.raises(UsageError):
        create(tmp_path / "a", "lab", "demo", {"cluster.name.x": 1})
    assert os.listdir(tmp_path) == []


def test_a_file_in_the_way_is_named_and_kept(tmp_path: Path) -> None:
    from yk8s_tui.errors import Yk8sError

    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "secrets").write_text("mine")
    with pytest.raises(Yk8sError, match="secrets"):
        create(tmp_path / "demo", "lab", "demo")
    assert os.listdir(tmp_path / "demo") == ["secrets"]


def test_settings_reach_lists_of_tables(tmp_path: Path) -> None:
    nodes = [{"name": "cp1", "address": "10.0.0.21", "roles": ["frontend", "control-plane"]}]
    repository = create(tmp_path / "demo", "baremetal", "demo", {"harbour.baremetal.nodes": nodes})
    assert repository.load().harbour.baremetal.nodes[0].name == "cp1"
