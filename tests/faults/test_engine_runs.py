from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.faults.loopback import PYTHON, Cluster
from yk8s_tui.models.plan import Action
from yk8s_tui.repository.state import load_layers
from yk8s_tui.runs.estimates import load_estimates
from yk8s_tui.runs.start import find_run, list_runs

HELLO = """
- name: Say something
  ansible.builtin.command: echo hello from {{ yk8s_address }}
  changed_when: true
"""
FAIL_ON_N2 = """
- name: Install the thing
  ansible.builtin.shell: "echo no such thing >&2; exit 7"
  when: inventory_hostname == 'n2'
"""


@pytest.fixture(params=["on", "off"])
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "on":
        pytest.importorskip("ansible_mitogen", reason="needs the accelerator (Python package mitogen)")
    monkeypatch.setenv("YK8S_ACCELERATOR", request.param)
    return str(request.param)


def test_steps_run_and_leave_their_traces(cluster: Cluster, accelerator: str) -> None:
    hello = cluster.tasks("hello", HELLO)
    state = cluster.run(cluster.step("trampoline.hello", hello), cluster.step("k8s-base.hello", hello, nodes=["n2"]))
    assert (state.status, state.exit_code) == ("done", 0), state.message
    assert {name: node.changed for name, node in state.nodes.items()} == {"n1": 1, "n2": 2, "n3": 1}
    assert all(node.status == "ok" for node in state.nodes.values())
    assert load_layers(cluster.root)["trampoline.hello"]["n3"].result == "changed"
    assert load_estimates(cluster.root)["trampoline.hello"] > 0
    log = (cluster.directory(state.run) / "artifacts" / "trampoline.hello" / "ansible.log").read_text()
    assert "changed: [n3]" in log
    assert not list(state.notes)


def test_what_a_playbook_is_given(cluster: Cluster, accelerator: str) -> None:
    look = cluster.tasks(
        "look",
        """
- ansible.builtin.assert:
    that:
      - yk8s_facts.os_id == 'debian'
      - groups.control_plane == ['n1']
      - groups.workers == ['n2', 'n3']
      - groups.kubernetes == ['n1', 'n2', 'n3']
      - yk8s_step.id == 'k8s-base.look'
      - yk8s_step.digest == 'd'
      - greeting == 'hello'
      - hidden == lookup('ansible.builtin.file', place)
    fail_msg: something is missing
""",
    )
    place = str(cluster.root / "secrets" / "canary")
    step = cluster.step(
        "k8s-base.look", look, variables={"greeting": "hello", "place": place}, secrets={"hidden": "canary"}
    )
    assert cluster.run(step).status == "done"


def test_steps_that_do_not_need_one_another_run_side_by_side(cluster: Cluster) -> None:
    meet = (
        "- ansible.builtin.file: {{path: '{0}/{1}', state: touch}}\n"
        "- ansible.builtin.wait_for: {{path: '{0}/{2}', timeout: 60}}"
    )
    place = cluster.root / "meeting"
    place.mkdir()
    first = cluster.tasks("first", meet.format(place, "a", "b"))
    second = cluster.tasks("second", meet.format(place, "b", "a"))
    state = cluster.run(
        cluster.step("trampoline.first", first, nodes=["n1"]),
        cluster.step("k8s-base.second", second, nodes=["n2"]),
    )
    assert state.status == "done", state.failures


def test_a_node_that_fails_is_set_aside_and_the_others_go_on(cluster: Cluster, accelerator: str) -> None:
    state = cluster.run(
        cluster.step("k8s-base.prepare", cluster.tasks("fail", FAIL_ON_N2), tolerance="any"),
        cluster.step("k8s-base.join", cluster.tasks("hello", HELLO), needs=["k8s-base.prepare"]),
        cluster.step("k8s-base.only", cluster.tasks("hi", HELLO), needs=["k8s-base.prepare"], nodes=["n2"]),
    )
    assert (state.status, state.exit_code) == ("partial", 9)
    assert {key: step.status for key, step in state.steps.items()} == {
        "k8s-base.prepare": "partial",
        "k8s-base.join": "changed",
        "k8s-base.only": "skipped",
    }
    failure = state.failures["n2"]
    assert (failure.task, failure.reason) == ("Install the thing", "exit code 7: no such thing")
    assert "no such thing" in failure.evidence
    assert failure.hint
    assert state.nodes["n2"].status == "set aside"
    assert [state.nodes[name].changed for name in ("n1", "n3")] == [1, 1]
    assert state.steps["k8s-base.only"].reason == "set aside before: n2"
    assert "apply` goes on" in state.next
    assert load_layers(cluster.root)["k8s-base.prepare"]["n2"].result == "failed"


def test_a_step_that_must_succeed_everywhere_blocks_what_needs_it(cluster: Cluster) -> None:
    state = cluster.run(
        cluster.step("k8s-base.init", cluster.tasks("fail", FAIL_ON_N2)),
        cluster.step("k8s-base.join", cluster.tasks("hello", HELLO), needs=["k8s-base.init"]),
        cluster.step("ksl.after", cluster.tasks("hi", HELLO), needs=["k8s-base.join"]),
    )
    assert state.steps["k8s-base.join"].status == "skipped"
    assert state.steps["k8s-base.join"].reason == "init failed on n2"
    assert state.steps["ksl.after"].reason == "join was not done"


def test_rescued_and_ignored_failures_are_none(cluster: Cluster, accelerator: str) -> None:
    book = cluster.tasks(
        "rescue",
        """
- name: Perhaps
  ansible.builtin.command: "false"
  ignore_errors: true
- block:
    - name: Try
      ansible.builtin.command: "false"
  rescue:
    - name: Mend
      ansible.builtin.command: "true"
      changed_when: false
""",
    )
    state = cluster.run(cluster.step("k8s-base.rescue", book))
    assert (state.status, state.failures) == ("done", {})
    assert {node.status for node in state.nodes.values()} == {"ok"}
    assert state.results["ignored"] == 3


@pytest.mark.parametrize(
    "text",
    [
        "- hosts: all\n  tasks:\n    - nonsense: {",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - no_such_module: {}\n",
    ],
)
def test_a_playbook_with_a_mistake_says_what_ansible_says(cluster: Cluster, text: str) -> None:
    state = cluster.run(cluster.step("k8s-base.broken", cluster.book("broken", text)))
    assert (state.status, state.exit_code) == ("failed", 1)
    failure = state.failures[""]
    assert failure.reason.startswith("it never began: ")
    assert "broken.yaml" in failure.evidence
    assert not any(node.status == "set aside" for node in state.nodes.values())


def test_check_mode_changes_nothing(cluster: Cluster, accelerator: str) -> None:
    place = cluster.root / "touched"
    book = cluster.tasks("touch", f"- ansible.builtin.copy: {{content: x, dest: '{place}', mode: '0600'}}")
    state = cluster.run(cluster.step("k8s-base.touch", book), check_only=True)
    assert (state.status, state.check_only) == ("done", True)
    assert state.results == {"changed": 3}
    assert not place.exists()
    assert load_layers(cluster.root) == {}


def test_a_host_with_another_key_is_unreachable(cluster: Cluster, accelerator: str) -> None:
    known = cluster.root / "state" / "known_hosts"
    lines = known.read_text().splitlines()
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJw0v4f2vM3CkzBv0oGdIt4W3a1N4rPq4vXo0N3zF0aB"
    known.write_text("\n".join([lines[0], f"{lines[1].split()[0]} {other}", *lines[2:]]) + "\n")
    state = cluster.run(cluster.step("k8s-base.hello", cluster.tasks("hello", HELLO), tolerance="any"))
    assert state.status == "partial"
    assert list(state.failures) == ["n2"]
    assert "key" in state.failures["n2"].hint
    assert state.steps["k8s-base.hello"].results == {"n1": "changed", "n2": "unreachable", "n3": "changed"}


def test_secrets_stay_out_of_everything_a_run_writes(cluster: Cluster, accelerator: str) -> None:
    book = cluster.tasks(
        "leaky",
        """
- name: Say it loudly
  ansible.builtin.debug:
    msg: "{{ hidden }} or {{ hidden | b64encode }} or {{ ('xy' ~ hidden ~ 'z') | b64encode }}"
- name: Say it in an address
  ansible.builtin.command: "echo https://user:{{ hidden | urlencode }}@host"
- name: Keep it
  ansible.builtin.command: cat
  args: {stdin: "{{ hidden }}"}
  no_log: true
- name: Fail with it
  ansible.builtin.fail: {msg: "wrong password {{ hidden }}"}
""",
    )
    state = cluster.run(cluster.step("k8s-base.leaky", book, secrets={"hidden": "canary"}))
    assert state.status == "failed"
    assert state.failures["n1"].reason == "wrong password [redacted]"
    directory = cluster.directory(state.run)
    forms = [b"canary-Pa55", b"Y2FuYXJ5LVBhNT", b"canary-Pa55%2Fword"]
    for path in directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [form for form in forms if form in content], path
            assert path.stat().st_mode & 0o077 == 0, path
    assert not list(directory.rglob("command"))
    assert "[redacted]" in (directory / "artifacts" / "k8s-base.leaky" / "ansible.log").read_text()


def test_actions_run_beside_playbooks(cluster: Cluster) -> None:
    source = cluster.root / "config" / "config.toml"
    source.write_text('schema_version = 1\n[cluster]\nname = "loop"\nharbour = "baremetal"\n')
    action = Action(function="yk8s_tui.no_such_module:go")
    state = cluster.run(
        cluster.step("ksl.action", action), cluster.step("k8s-base.hello", cluster.tasks("hello", HELLO))
    )
    assert state.status == "partial"
    assert "No module named" in state.failures[""].reason


def test_runs_are_listed_and_shown(cluster: Cluster) -> None:
    (cluster.root / "config" / "config.toml").write_text("")
    run = cluster.run(cluster.step("k8s-base.hello", cluster.tasks("hello", HELLO))).run
    listed = list_runs(cluster.root)
    assert [(r.id, r.number, r.result, r.by) for r in listed] == [(run, 1, "done", "tester@here")]
    assert find_run(cluster.root, "1").id == find_run(cluster.root, run[:10]).id == run
    told = _command(cluster.root, "runs", "show", run, "--json")
    assert told.returncode == 0, told.stderr
    shown = json.loads(told.stdout)
    assert [step["status"] for step in shown["steps"]] == ["changed"]
    attached = _command(cluster.root, "runs", "attach", run)
    assert attached.returncode == 0
    assert "✓ k8s-base: hello  changed" in attached.stdout
    replayed = _command(cluster.root, "runs", "replay", "1", "--speed", "1000", "--verbose")
    assert "n3 changed: Say something" in replayed.stdout
    unknown = _command(cluster.root, "runs", "show", "nonsense")
    assert (unknown.returncode, unknown.stdout) == (2, "")


def _command(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [PYTHON, "-m", "yk8s_tui", "--cluster", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
