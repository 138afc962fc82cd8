"""Actions that really run: what they leave on the hosts is found again, and jump hosts are held to the pins."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess

import pytest

from tests.faults.loopback import ADDRESSES, Cluster, remote_processes, until
from yk8s_tui.models.plan import Action, PlannedStep
from yk8s_tui.repository.ansible_files import host_variables
from yk8s_tui.runs.alive import engine_alive, engine_pid
from yk8s_tui.runs.control import request

SETTINGS = 'schema_version = 1\n[cluster]\nname = "loop"\nharbour = "baremetal"\n'
HELLO = "- ansible.builtin.command: echo hello\n  changed_when: false\n"
ACTION = """
import asyncio

async def sleep(context, step):
    commands = (context.ssh.run(n, f"cd {step.run.arguments['place']} && touch {n} && sleep 1000 | cat",
                                timeout=None, sudo=n == "n1") for n in step.nodes)
    await asyncio.gather(*commands)
"""
"""Commands of two processes each: the mark has to be in all of them."""


@pytest.fixture
def asleep(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> PlannedStep:
    """A step whose action is in a module that the engine finds in our package."""
    added, place = cluster.root / "added", cluster.root / "place"
    added.mkdir()
    place.mkdir()
    (cluster.root / "config" / "config.toml").write_text(SETTINGS)
    (added / "sleeping_action.py").write_text(ACTION)
    (added / "sitecustomize.py").write_text(f"import yk8s_tui\nyk8s_tui.__path__.append({str(added)!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(added))
    action = Action(function="yk8s_tui.sleeping_action:sleep", arguments={"place": shlex.quote(str(place))})
    return cluster.step("k8s-base.long", action)


def begun(cluster: Cluster) -> bool:
    return {path.name for path in (cluster.root / "place").iterdir()} == set(cluster.nodes)


def test_what_an_action_left_is_ended_by_the_next_run(
    cluster: Cluster, asleep: PlannedStep, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = cluster.start(asleep)
    until(lambda: begun(cluster), "all nodes are at it")
    until(lambda: len(remote_processes(run)) >= 9, "a shell and two commands on each host carry the mark")
    pid = engine_pid(cluster.directory(run))
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not engine_alive(cluster.directory(run)), "the engine is dead")
    assert remote_processes(run)
    monkeypatch.delenv("PYTHONPATH")
    second = cluster.run(cluster.step("k8s-base.hello", cluster.tasks("hello", HELLO)))
    assert second.status == "done"
    until(lambda: not remote_processes(run), "nothing of the dead run is left on the hosts", 5)
    assert any("ended what still ran there" in note.text and "sleep 1000" in note.text for note in second.notes)
    assert not [note.text for note in second.notes if note.level == "error" or "could not look" in note.text]


def test_a_cancelled_action_leaves_nothing(cluster: Cluster, asleep: PlannedStep) -> None:
    run = cluster.start(asleep)
    until(lambda: begun(cluster), "all nodes are at it")
    request(cluster.directory(run), "cancel", by="me")
    assert cluster.wait(run).exit_code == 8
    until(lambda: not remote_processes(run), "nothing of the run is left on the hosts", 5)


@pytest.mark.parametrize("pinned", [True, False])
def test_the_jump_host_of_the_generated_inventory_must_be_pinned(cluster: Cluster, pinned: bool) -> None:
    known = cluster.root / "state" / "known_hosts"
    if not pinned:
        lines = known.read_text().splitlines(keepends=True)
        known.write_text("".join(line for line in lines if ADDRESSES[0] not in line))
    node = cluster.inventory.node("n2").model_copy(update={"jump": f"root@{ADDRESSES[0]}:{cluster.sshd.port}"})
    found = host_variables(cluster.root, node)
    command = ["ssh", "-F", "none", *shlex.split(found["ansible_ssh_common_args"]), "-i", node.ssh_key]
    command += ["-p", str(node.ssh_port), f"root@{node.host}", "echo", "here"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (told.stdout == "here\n") is pinned, told.stderr
    if not pinned:
        assert "Host key verification failed" in told.stderr
