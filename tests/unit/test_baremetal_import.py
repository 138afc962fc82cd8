"""`yk8s-tui baremetal import`: merging nodes into a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from yk8s_tui.cli import main
from yk8s_tui.repository.create import create
from yk8s_tui.repository.repository import Repository

TABLE = "fe1,10.0.0.2,frontend\ncp1,10.0.0.3,control-plane\nw1,10.0.0.4,worker,debian\n"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return create(tmp_path / "cluster", "baremetal", "ours", {"trampoline.vip": "10.0.0.200"})


def bring(repository: Repository, text: str, *options: str) -> int:
    path = repository.root.parent / "list"
    path.write_text(text)
    return main(["--cluster", str(repository.root), "baremetal", "import", str(path), *options])


def test_nodes_are_added_and_comments_survive(repository: Repository) -> None:
    comments = [line for line in repository.config_text().splitlines() if line.startswith("# Name of the cluster")]
    assert bring(repository, TABLE) == 0
    nodes = {node.name: node for node in repository.load().harbour.baremetal.nodes}
    assert list(nodes) == ["fe1", "cp1", "w1"]
    assert nodes["w1"].ssh_user == "debian"
    assert comments[0] in repository.config_text()


def test_importing_again_changes_only_what_is_given(repository: Repository) -> None:
    assert bring(repository, TABLE) == 0
    before = repository.config_text()
    assert bring(repository, TABLE) == 0
    assert repository.config_text() == before
    assert bring(repository, "w1,10.0.0.9,worker\nw2,10.0.0.5,worker\n") == 0
    nodes = {node.name: node for node in repository.load().harbour.baremetal.nodes}
    assert list(nodes) == ["fe1", "cp1", "w1", "w2"]
    assert (str(nodes["w1"].address), nodes["w1"].ssh_user) == ("10.0.0.9", "debian")


def test_a_dry_run_and_a_list_with_errors_write_nothing(repository: Repository) -> None:
    before = repository.config_text()
    assert bring(repository, TABLE, "--dry-run") == 0
    assert bring(repository, "w1,nowhere,worker\n") == 2
    assert bring(repository, "") == 2
    assert repository.config_text() == before


def test_what_becomes_due_elsewhere_does_not_keep_nodes_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = create(tmp_path / "cluster", "baremetal", "ours", {})
    assert bring(repository, "fe1,10.0.0.2,frontend\nfe2,10.0.0.7,frontend\n" + TABLE.partition("\n")[2]) == 0
    assert "still to do: trampoline.vip" in capsys.readouterr().out
    assert "10.0.0.7" in repository.config_text()


def test_two_machines_of_one_address_are_refused(repository: Repository) -> None:
    assert bring(repository, TABLE) == 0
    before = repository.config_text()
    assert bring(repository, "w2,10.0.0.4,worker\n") == 3
    assert repository.config_text() == before


def test_host_keys_are_for_this_harbour_only(tmp_path: Path) -> None:
    lab = create(tmp_path / "lab", "lab", "lab", {})
    assert main(["--cluster", str(lab.root), "baremetal", "scan"]) == 2
