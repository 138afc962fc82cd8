"""What was applied, recent clusters, the inventory, migration."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from yk8s_tui.models.nodes import Inventory, Node
from yk8s_tui.models.plan import Playbook, Step
from yk8s_tui.models.problems import InvalidConfig
from yk8s_tui.repository.ansible_files import write_inventory
from yk8s_tui.repository.create import create
from yk8s_tui.repository.recent import KEPT, forget, recent, remember
from yk8s_tui.repository.repository import Repository
from yk8s_tui.repository.state import forget_nodes, layers_path, load_layers, record, record_step

OLD = """\
# Berlin, first try
[cluster]
name = "berlin"          # do not rename
provider = "bare-metal"  # the rack in room 3

[[harbour.baremetal.nodes]]
name = "cp1"
address = "10.0.0.21"
roles = ["frontend", "control-plane"]

[kubernetes]
pod_subnet = "10.244.0.0/16" # agreed with networks
service_subnet = "10.96.0.0/12"
"""


def test_what_was_applied_is_kept_per_step_and_node(tmp_path: Path) -> None:
    assert load_layers(tmp_path) == {}
    record(tmp_path, "trampoline.haproxy", "fe1", "d1", "r1", "changed")
    record_step(tmp_path, "k8s-base.join", {"w1": "ok", "w2": "failed"}, digest="d2", run="r1", version="1.36.3")
    layers = load_layers(tmp_path)
    assert layers["trampoline.haproxy"]["fe1"].digest == "d1"
    assert layers["k8s-base.join"]["w2"].result == "failed"
    assert layers["k8s-base.join"]["w1"].version == "1.36.3"
    forget_nodes(tmp_path, frozenset({"fe1", "w2"}))
    assert load_layers(tmp_path).keys() == {"k8s-base.join"}


def test_a_torn_state_is_put_aside_and_never_in_the_way(tmp_path: Path) -> None:
    record(tmp_path, "a.b", "n", "d", "r", "ok")
    layers_path(tmp_path).write_text(layers_path(tmp_path).read_text()[:40])
    assert load_layers(tmp_path) == {}
    record(tmp_path, "a.c", "n", "d", "r", "ok")
    assert load_layers(tmp_path).keys() == {"a.c"}
    assert layers_path(tmp_path).with_name("layers.json.torn").exists()


def test_recent_clusters_come_last_opened_first(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        remember(tmp_path / str(number))
    remember(tmp_path / "5")
    roots = [c.root.name for c in recent()]
    assert roots[:2] == ["5", str(KEPT + 2)]
    assert len(roots) == KEPT
    assert not recent()[0].exists
    forget(tmp_path / "5")
    assert recent()[0].root.name == str(KEPT + 2)


def test_an_old_layout_is_migrated_with_a_backup_and_its_comments(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.config_path.parent.mkdir()
    repository.config_path.write_text(OLD)
    config = repository.load()
    assert repository.migrated_from == 0
    assert (config.cluster.harbour, str(config.kubernetes.pod_cidr)) == ("baremetal", "10.244.0.0/16")
    text = repository.config_text()
    for comment in ("# Berlin, first try", "# do not rename", "# the rack in room 3", "# agreed with networks"):
        assert comment in text
    assert (tmp_path / "config" / "config.toml.v0.bak").read_text() == OLD
    again = Repository(tmp_path)
    again.load()
    assert again.migrated_from is None
    assert again.config_text() == text


def test_a_migrated_file_with_a_mistake_still_says_what_is_wrong(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.config_path.parent.mkdir()
    repository.config_path.write_text(OLD.replace("10.244.0.0/16", "10.0.0.0/16").replace("schema", ""))
    with pytest.raises(InvalidConfig) as caught:
        repository.load()
    assert [(p.key, p.line) for p in caught.value.problems if p.severity == "error"] == [("kubernetes.pod_cidr", 13)]


def test_a_newer_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.config_path.parent.mkdir()
    text = 'schema_version = 7\n[clusters]\nname = "x"\n'
    repository.config_path.write_text(text)
    (problem,) = repository.problems()
    assert (problem.key, problem.line) == ("schema_version", 1)
    assert "newer" in problem.message
    with pytest.raises(InvalidConfig):
        repository.update({"cluster.name": "y"})
    assert repository.config_text() == text


def test_the_inventory_is_one_that_ansible_reads(tmp_path: Path) -> None:
    repository = create(tmp_path / "demo", "lab", "demo", {})
    nodes = (
        Node(name="fe1", address="10.0.0.11", roles=("frontend",), ssh_user="debian", jump="me@gate:2222"),
        Node(name="cp1", address="10.0.0.21", roles=("control-plane",), ssh_key="/k"),
        Node(name="w1", address="10.0.0.51", roles=("worker",)),
    )

    def step(name: str, **variables: object) -> Step:
        return Step(
            id=f"trampoline.{name}",
            layer="trampoline",
            title=name,
            nodes=("fe1",),
            run=Playbook(playbook="p"),
            variables=variables,
        )

    steps = [step("a", port=1, same="x"), step("b", port=2, same="x", other=("y",))]
    path = write_inventory(repository.root, Inventory(nodes=nodes), steps)
    assert yaml.safe_load((path.parent / "group_vars/all/trampoline.yaml").read_text()) == {"same": "x", "other": ["y"]}
    before = path.stat().st_ino
    write_inventory(repository.root, Inventory(nodes=nodes), ())
    assert path.stat().st_ino == before
    assert (path.parent / "group_vars/all/trampoline.yaml").exists(), "a plan without a layer says nothing about it"
    program = shutil.which("ansible-inventory") or str(Path(".venv/bin/ansible-inventory").absolute())
    done = subprocess.run(
        [program, "-i", str(path), "-i", str(repository.root / "k8s-custom" / "inventory"), "--list"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    listed = json.loads(done.stdout)
    assert listed["kubernetes"]["children"] == ["control_plane", "workers"]
    assert listed["frontends"]["hosts"] == ["fe1"]
    fe1 = listed["_meta"]["hostvars"]["fe1"]
    assert fe1["ansible_become"] is True
    arguments = shlex.split(fe1["ansible_ssh_common_args"])
    pinned = f'UserKnownHostsFile="{repository.known_hosts}"'
    assert {pinned, "StrictHostKeyChecking=yes"} <= set(arguments)
    jump = shlex.split(next(word for word in arguments if word.startswith("ProxyCommand=")))
    assert {pinned, "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null"} <= set(jump)
    assert jump[-7:] == ["-p", "2222", "-l", "me", "-W", "[%h]:%p", "gate"]
