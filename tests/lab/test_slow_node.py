"""Five runs to learn, then a throttled disk: the lamp names that host, and none of the clean runs lights it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.clusters import apply, results
from tests.lab.conftest import LabCluster, MakeLab
from tests.reports import lamps
from yk8s_tui.backends import lab_cgroups
from yk8s_tui.runs.estimates import load_durations

pytestmark = pytest.mark.lab
STEP = "customization.main"
SWITCHED_ON = {"K8S_CUSTOM_STAGE_USAGE": "true"}
WRITES_PER_SECOND = 20
PLAY = """
- name: Write and sync files
  hosts: all
  gather_facts: false
  tasks:
    - name: Make a directory
      ansible.builtin.file: {path: /var/tmp/slow, state: directory, mode: "0755"}
    - name: Write and sync
      ansible.builtin.command:
        argv:
          - python3
          - -c
          - |
            import os
            for number in range(80):
                with open(f"/var/tmp/slow/{number}", "wb") as file:
                    file.write(os.urandom(4096))
                    os.fsync(file.fileno())
      changed_when: true
"""


def disk(path: Path) -> str:
    """`major:minor` of the whole disk a path is on."""
    device = os.stat(path).st_dev
    block = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    if (block / "partition").exists():
        block = block.parent
    return (block / "dev").read_text().strip() if (block / "dev").exists() else ""


def limits(cluster: LabCluster, node: str) -> list[Path]:
    """The files that take a limit of writes a second for a host, its own cgroups included."""
    found = lab_cgroups.directories(cluster.harbour.state.tag, node)
    return [path for folder in found for path in folder.rglob("blkio.throttle.write_iops_device")]


@contextmanager
def throttled(cluster: LabCluster, node: str, device: str) -> Iterator[None]:
    """Few writes a second for this host, as on a disk that is about to die."""
    files = limits(cluster, node)
    for path in files:
        path.write_text(f"{device} {WRITES_PER_SECOND}")
    try:
        yield
    finally:
        for path in files:
            path.write_text(f"{device} 0")


def test_the_lamp_names_the_host_with_the_slow_disk(make_lab: MakeLab) -> None:
    cluster = make_lab({"harbour.lab.frontends": 2, "harbour.lab.control_planes": 1, "harbour.lab.workers": 1})
    device = disk(cluster.harbour.state.directory)
    if not limits(cluster, "w1") or not device:
        pytest.skip("missing: the blkio controller of cgroup v1 and lab hosts on a disk of their machine")
    playbook = cluster.root / "k8s-custom" / "main.yaml"
    playbook.parent.mkdir(exist_ok=True)
    playbook.write_text(PLAY)
    words = ("--full", "--layer", "customization")
    for number in range(5):
        known = load_durations(cluster.root)
        events = apply(cluster, *words, **SWITCHED_ON)
        assert results(events)[STEP] == "changed"
        assert lamps(events, known) == {}, f"clean run {number + 1}"
    known = load_durations(cluster.root)
    nodes = cluster.inventory.names
    assert {name: len(known.of_node(STEP, name, nodes=len(nodes))) for name in nodes} == dict.fromkeys(nodes, 5)
    with throttled(cluster, "w1", device):
        events = apply(cluster, *words, **SWITCHED_ON)
    assert list(lamps(events, known)) == ["w1"]
    assert len(load_durations(cluster.root).of_node(STEP, "w1", nodes=len(nodes))) == 5, "an illness is not learnt"
