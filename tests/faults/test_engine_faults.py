from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.faults.loopback import PYTHON, Cluster, local_processes, remote_processes, until
from yk8s_tui.errors import LockedError
from yk8s_tui.models.plan import PlannedStep
from yk8s_tui.runs.alive import engine_alive, engine_pid
from yk8s_tui.runs.control import ControlError, request
from yk8s_tui.runs.journal import JournalReader
from yk8s_tui.runs.resume import interrupted_run
from yk8s_tui.runs.start import list_runs
from yk8s_tui.runs.state import RunState
from yk8s_tui.runs.workspace import LINK

SLEEP = """
- name: Take long
  ansible.builtin.shell: "echo $$ > {place}/{{{{ inventory_hostname }}}}; sleep 1000; echo > {place}/over"
"""
HELLO = """
- ansible.builtin.command: echo hello
  changed_when: false
"""


def sleeping(cluster: Cluster, key: str = "k8s-base.long", **more: object) -> PlannedStep:
    place = cluster.root / "place"
    place.mkdir(exist_ok=True)
    return cluster.step(key, cluster.tasks("sleep", SLEEP.format(place=f"'{place}'")), **more)


def all_asleep(cluster: Cluster) -> bool:
    return all((cluster.root / "place" / name).exists() for name in cluster.nodes)


@pytest.mark.parametrize("accelerator", ["on", "off"])
def test_cancel_leaves_nothing_behind(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, accelerator: str) -> None:
    if accelerator == "on":
        pytest.importorskip("ansible_mitogen", reason="needs the accelerator (Python package mitogen)")
    monkeypatch.setenv("YK8S_ACCELERATOR", accelerator)
    after = cluster.step("k8s-base.after", cluster.tasks("hello", HELLO), needs=["k8s-base.long"])
    before = temporary_files()
    run = cluster.start(sleeping(cluster), after)
    directory = cluster.directory(run)
    until(lambda: all_asleep(cluster), "all nodes are at it")
    if accelerator == "off":
        assert temporary_files() - before
    assert remote_processes(run)
    workspace = Path((directory / LINK).read_text())
    assert request(directory, "ping", by="me") == "running"
    assert request(directory, "cancel", by="me") == "cancelling"
    state = cluster.wait(run)
    assert (state.status, state.exit_code) == ("cancelled", 8)
    assert {key: step.status for key, step in state.steps.items()} == {
        "k8s-base.long": "cancelled",
        "k8s-base.after": "cancelled",
    }
    assert not local_processes(run)
    until(lambda: not remote_processes(run), "nothing of the run is left on the hosts", 5)
    assert not temporary_files() - before
    assert not workspace.exists()
    assert not (directory / "control.sock").exists()
    assert not (cluster.root / "place" / "over").exists()
    with pytest.raises(ControlError):
        request(directory, "cancel", by="me")


def temporary_files() -> set[Path]:
    """Where Ansible unpacks modules on a host (those of these tests have the /tmp of this machine), and sockets."""
    return {*Path("/tmp").glob("ansible_*_payload_*"), *Path("/tmp").glob("mitogen_unix_*")}


def test_cancel_by_command_and_who_asked(cluster: Cluster) -> None:
    (cluster.root / "config" / "config.toml").write_text("")
    run = cluster.start(sleeping(cluster))
    until(lambda: all_asleep(cluster), "all nodes are at it")
    command = [PYTHON, "-m", "yk8s_tui", "--cluster", str(cluster.root), "runs"]
    told = subprocess.run([*command, "cancel", run], capture_output=True, text=True, timeout=90, check=False)
    assert told.returncode == 8, told.stderr
    assert "by its receipts nothing is half done" in told.stdout
    asked = [event for event in cluster.events(run) if event["type"] == "control"]
    assert [event["action"] for event in asked] == ["cancel"]
    assert "@" in asked[0]["by"]
    again = subprocess.run([*command, "cancel"], capture_output=True, text=True, timeout=30, check=False)
    assert again.returncode == 2


def test_an_accelerator_that_does_not_work_is_gone_without(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = cluster.root / "broken" / "ansible_mitogen" / "plugins" / "strategy"
    plugins.mkdir(parents=True)
    (plugins.parents[1] / "__init__.py").touch()
    (plugins / "mitogen_linear.py").write_text("raise ImportError('this mitogen is broken')\n")
    monkeypatch.setenv("PYTHONPATH", str(cluster.root / "broken"))
    state = cluster.run(cluster.step("k8s-base.hello", cluster.tasks("hello", HELLO)))
    assert state.status == "done", state.failures
    assert [note.level for note in state.notes] == ["warning"]
    assert "going on without it" in state.notes[0].text


def test_pause_begins_nothing_more_until_continue(cluster: Cluster) -> None:
    gate = cluster.root / "gate"
    wait = f"- ansible.builtin.wait_for: {{path: '{gate}', timeout: 60}}"
    run = cluster.start(
        cluster.step("k8s-base.first", cluster.tasks("wait", wait), nodes=["n1"]),
        cluster.step("k8s-base.second", cluster.tasks("hello", HELLO), needs=["k8s-base.first"]),
    )
    directory = cluster.directory(run)
    assert request(directory, "pause", by="me") == "paused"
    gate.touch()
    until(lambda: cluster.state(run).steps["k8s-base.first"].ended, "the first step ends")
    assert request(directory, "ping", by="other") == "paused"
    assert cluster.state(run).steps["k8s-base.second"].status == "waiting"
    assert cluster.state(run).status == "paused"
    assert request(directory, "continue", by="other") == "running"
    assert cluster.wait(run).status == "done"


async def test_two_viewers_see_the_same(cluster: Cluster) -> None:
    run = cluster.start(cluster.step("k8s-base.hello", cluster.tasks("hello", HELLO)))
    path = cluster.directory(run) / "journal.jsonl"

    async def view() -> RunState:
        state = RunState()
        async for batch in JournalReader(path).follow(alive=lambda: engine_alive(path.parent)):
            state.apply_all(batch)
        return state

    one, other = await asyncio.gather(view(), view())
    assert one.finished
    assert one.seq == other.seq
    assert {n: s.ok for n, s in one.nodes.items()} == {n: s.ok for n, s in other.nodes.items()}


def test_a_run_outlives_who_started_it(cluster: Cluster) -> None:
    gate = cluster.root / "gate"
    wait = f"- ansible.builtin.wait_for: {{path: '{gate}', timeout: 60}}"
    plan = cluster.plan(cluster.step("k8s-base.wait", cluster.tasks("wait", wait)))
    (cluster.root / "plan.json").write_text(plan.model_dump_json())
    script = (
        "import sys, threading; from pathlib import Path; from yk8s_tui.models.plan import Plan\n"
        "from yk8s_tui.runs.start import start_run\n"
        "root = Path(sys.argv[1]); plan = Plan.model_validate_json((root / 'plan.json').read_text())\n"
        "print(start_run(root, plan, by='x'), flush=True); threading.Event().wait()\n"
    )
    parent = subprocess.Popen(
        [PYTHON, "-c", script, str(cluster.root)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    run = parent.stdout.readline().strip()
    cluster.started.append(run)
    os.killpg(parent.pid, signal.SIGHUP)
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait(10)
    gate.touch()
    assert cluster.wait(run).status == "done"


def test_one_run_at_a_time(cluster: Cluster) -> None:
    run = cluster.start(sleeping(cluster))
    with pytest.raises(LockedError) as caught:
        cluster.start(sleeping(cluster))
    assert run in str(caught.value)
    request(cluster.directory(run), "cancel", by="me")
    cluster.wait(run)


def test_a_killed_engine_is_known_and_cleared_by_the_next_run(cluster: Cluster) -> None:
    steps = (
        cluster.step("k8s-base.first", cluster.tasks("hello", HELLO)),
        sleeping(cluster, needs=["k8s-base.first"]),
        cluster.step("k8s-base.last", cluster.tasks("hello", HELLO), needs=["k8s-base.long"]),
    )
    before = temporary_files()
    run = cluster.start(*steps)
    directory = cluster.directory(run)
    until(lambda: all_asleep(cluster), "all nodes are at it")
    workspace = Path((directory / LINK).read_text())
    pid = engine_pid(directory)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not engine_alive(directory), "the engine is dead")
    found = interrupted_run(cluster.root)
    assert found is not None
    assert found.steps == {"k8s-base.first": "done", "k8s-base.long": "unknown", "k8s-base.last": "not done"}
    assert found.nodes == {"k8s-base.long": cluster.nodes}
    assert list_runs(cluster.root)[0].result == "interrupted"
    second = cluster.run(cluster.step("k8s-base.last", cluster.tasks("hello", HELLO)))
    assert second.status == "done"
    assert not local_processes(run)
    until(lambda: not remote_processes(run), "nothing of the dead run is left on the hosts", 5)
    assert not workspace.exists()
    assert not temporary_files() - before
    assert any(run in note.text for note in second.notes)
    assert interrupted_run(cluster.root) is None


def test_a_full_disk_ends_the_run_with_a_clear_message(cluster: Cluster) -> None:
    runs = cluster.root / "runs"
    runs.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k,mode=0700", "tmpfs", str(runs)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"needs to mount a tmpfs: {mounted.stderr.decode()}")
    try:
        chatty = "- ansible.builtin.command: 'false'\n  ignore_errors: true\n  loop: '{{ range(3) }}'\n" * 3
        chatty += "- ansible.builtin.shell: 'seq 1 20000; exit 1'\n  ignore_errors: true\n" * 20
        run = cluster.start(cluster.step("k8s-base.chatty", cluster.tasks("chatty", chatty)))
        state = cluster.wait(run)
        assert (state.status, state.exit_code) == ("failed", 1)
        assert "No space left on device" in state.message
        assert list_runs(cluster.root)[0].result == "failed"
    finally:
        kept = cluster.root / "kept"
        shutil.copytree(runs, kept, ignore=shutil.ignore_patterns("*.sock"))
        subprocess.run(["umount", str(runs)], check=True)
        cluster.started.clear()


def test_cancel_at_once(cluster: Cluster) -> None:
    run = cluster.start(sleeping(cluster))
    request(cluster.directory(run), "cancel", by="me")
    assert cluster.wait(run).exit_code == 8
    assert not local_processes(run)
    until(lambda: not remote_processes(run), "nothing of the run is left on the hosts", 5)
