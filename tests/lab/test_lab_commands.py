"""`yk8s-tui lab` as an operator uses it, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab.conftest import MakeLab, collect, needs_mirror, wait_until
from yk8s_tui.backends import lab_base, lab_system
from yk8s_tui.errors import ExitCode
from yk8s_tui.operations.apply import ensure_harbour

pytestmark = pytest.mark.lab
SMALL = {"harbour.lab.workers": 1}


def test_exec_passes_output_input_and_exit_code_through(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    done = cluster.cli("lab", "exec", "w1", "--", "sh", "-c", "hostname; pwd; echo oops >&2; exit 42")
    assert (done.returncode, done.stdout, done.stderr) == (42, "w1\n/root\n", "oops\n")
    assert cluster.cli("lab", "exec", "w1", "--", "sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM
    assert cluster.cli("lab", "exec", "w1", "--", "env").stdout.count("SECRET") == 0
    unknown = cluster.cli("lab", "exec", "w9", "--", "true")
    assert unknown.returncode == ExitCode.USAGE
    assert "fe1" in unknown.stderr


def test_list_down_and_up_of_one_node(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    assert cluster.cli("lab", "down", "--node", "w1").returncode == 0
    rows = {row["name"]: row for row in json.loads(cluster.cli("lab", "list", "--json").stdout)["hosts"]}
    assert rows["w1"]["state"] == "stopped"
    assert rows["cp1"]["state"] == "running"
    assert rows["cp1"]["memory_mb"] > 0
    assert rows["cp1"]["address"] == cluster.inventory.node("cp1").address
    refused = cluster.cli("lab", "exec", "w1", "--", "true")
    assert refused.returncode == ExitCode.FAILED
    assert "lab up --node w1" in refused.stderr
    up = cluster.cli("lab", "up", "--node", "w1")
    assert up.returncode == 0, up.stderr
    assert "answers on SSH" in up.stdout
    table = cluster.cli("lab", "list").stdout.splitlines()
    assert table[0].split() == ["NAME", "ADDRESS", "ROLES", "STATE", "MEMORY"]
    assert len(table) == 4


def test_surplus_stays_and_losses_need_the_typed_name(make_lab: MakeLab) -> None:
    cluster = make_lab({"harbour.lab.workers": 1, "harbour.lab.combined": True}, fresh=True)
    name = cluster.config.cluster.name
    cluster.repository.update({"harbour.lab.workers": 0})
    assert "w1: not configured any more" in cluster.cli("lab", "up").stdout
    notes = asyncio.run(collect(ensure_harbour(cluster.repository)))
    assert [(event.resource, event.state) for event in notes] == [("w1", "note")]
    cluster.exec("cp1", "touch /root/marker")
    cluster.repository.update({"harbour.lab.subnet": "10.91.250.0/24"})
    refused = cluster.cli("lab", "up")
    assert refused.returncode == ExitCode.FAILED
    assert "cannot change their address" in refused.stderr
    for words, code in (
        (("--yes",), ExitCode.CONSENT),
        (("--yes", "--confirm", "other"), ExitCode.CONSENT),
        (("--confirm", name), ExitCode.USAGE),
        (("--check", "--confirm", name), ExitCode.PREFLIGHT),
    ):
        asked = cluster.cli("apply", *words)
        assert asked.returncode == code, asked.stderr
    cluster.exec("cp1", "test -e /root/marker")
    events = asyncio.run(collect(ensure_harbour(cluster.repository, name)))
    assert [event.state for event in events if event.resource == "cp1"] == ["started", "done"]
    assert cluster.exec("cp1", "test -e /root/marker", check=False).returncode == 1
    assert "10.91.250.21" in cluster.exec("cp1", "hostname -I").stdout
    told = json.loads(cluster.cli("preflight", "--check", "identity.hostname", "--json").stdout)["findings"]
    assert [(f["node"], f["verdict"]) for f in told if f["id"] == "identity.hostname"] == [("cp1", "pass")]


def test_what_was_made_goes_also_when_the_configuration_is_torn(make_lab: MakeLab) -> None:
    cluster = make_lab({"harbour.lab.workers": 0, "harbour.lab.combined": True}, fresh=True)
    config, text = cluster.repository.config_path, cluster.repository.config_text()
    config.write_text(text + "torn = [")
    try:
        assert "running" in cluster.cli("lab", "list").stdout
        assert cluster.cli("lab", "down").returncode == ExitCode.DONE
        name = cluster.cli("destroy").stderr.split("--confirm ")[1].split()[0]
        done = cluster.cli("destroy", "--confirm", name)
    finally:
        config.write_text(text)
    assert done.returncode == ExitCode.DONE, done.stderr
    assert not cluster.harbour.state.exists


def test_without_root_it_says_what_is_needed(
    make_lab: MakeLab,
) -> None:
    cluster = make_lab(SMALL, start=False)
    script = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from yk8s_tui.models.config import Config; from yk8s_tui.backends import lab, lab_checks\n"
        "from yk8s_tui.errors import Yk8sError\n"
        "config = Config.model_validate_json(sys.stdin.read()); os.setuid(65534)\n"
        "try: asyncio.run(lab_checks.require_machine(config))\n"
        "except Yk8sError as error: sys.exit(str(error))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input=cluster.config.model_dump_json(), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "lab hosts need root\n  what to do: run it with sudo\n"


def test_missing_programs_are_named_with_their_packages(make_lab: MakeLab, tmp_path: Path) -> None:
    cluster = make_lab(SMALL, start=False)
    for program in ("ip", "ssh-keygen", "unshare", "nsenter", "setpriv", "stat", "git"):
        (tmp_path / program).symlink_to(shutil.which(program) or "/nonexistent")
    done = cluster.cli("lab", "up", PATH=str(tmp_path))
    assert done.returncode == ExitCode.PREFLIGHT
    assert "systemd-nspawn" in done.stderr
    assert "apt-get install" in done.stderr
    assert "systemd-container" in done.stderr


def test_a_copied_repository_cannot_touch_the_original_s_hosts(make_lab: MakeLab, tmp_path: Path) -> None:
    cluster = make_lab(SMALL)
    copy = tmp_path / "copy"
    shutil.copytree(cluster.root, copy, ignore=shutil.ignore_patterns("runs"))
    done = subprocess.run(
        [sys.executable, "-m", "yk8s_tui", "--cluster", str(copy), "lab", "down"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == ExitCode.FAILED
    assert str(cluster.root) in done.stderr
    assert all(host.init for host in cluster.harbour.state.hosts())


def test_prune_needs_the_tag_and_removes_only_orphans(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = make_lab({"harbour.lab.workers": 0, "harbour.lab.combined": True}, fresh=True)
    state = cluster.harbour.state
    monkeypatch.setenv("XDG_STATE_HOME", str(state.directory.parent.parent.parent))
    (cluster.root / "state/harbour.json").unlink()
    blocked = cluster.cli("lab", "up")
    assert "lab prune" in blocked.stderr
    refused = cluster.cli("lab", "prune")
    assert refused.returncode == ExitCode.CONSENT
    assert state.tag in refused.stdout
    assert state.directory.exists()
    assert cluster.cli("lab", "prune", "--confirm", state.tag).returncode == 0
    assert not state.directory.exists()


FEW_PACKAGES = ("openssh-server",)
"""Of those of a base image, what the test looks at; every package takes its time."""


def test_an_interrupted_base_build_leaves_no_half_image(tmp_path: Path) -> None:
    """Killed with its processes and mounts; two builders at once make one image."""
    needs_mirror()
    script = (
        "import asyncio; from yk8s_tui.backends import lab_base\n"
        f"lab_base.PACKAGES = {FEW_PACKAGES}\n"
        "print(asyncio.run(lab_base.ensure_base('bookworm', print)), flush=True)\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}

    def build() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", script],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def building() -> list[Path]:
        return list((tmp_path / "yk8s-tui/lab").glob(".building-*/usr/bin/dpkg"))

    first = build()
    wait_until(lambda: bool(building()), 120, "the build has begun")
    first.kill()
    first.wait()
    wait_until(lambda: str(tmp_path) not in _commands(), 10, "debootstrap ends with its builder")
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    pair = [build(), build()]
    said = [process.communicate(timeout=600)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert sum("once, about a minute" in text for text in said) == 1
    base = Path(said[0].split()[-1])
    assert lab_base.base_id(base)
    assert not building()
    assert not list((base / "etc/ssh").glob("ssh_host_*"))
    lab_base.remove_tree(base)


def _commands() -> str:
    return subprocess.check_output(["ps", "-e", "-ww", "-o", "args"], text=True)


def test_a_lock_whose_file_was_removed_still_excludes(tmp_path: Path) -> None:
    order: list[str] = []

    async def hold(name: str, remove: bool) -> None:
        async with lab_system.file_lock(tmp_path / "lock"):
            order.append(f"+{name}")
            await asyncio.sleep(0)
            if remove:
                (tmp_path / "lock").unlink()
            order.append(f"-{name}")

    async def all_three() -> None:
        await asyncio.gather(hold("a", True), hold("b", True), hold("c", False))

    started = time.monotonic()
    asyncio.run(all_three())
    assert [mark[0] for mark in order] == list("+-+-+-")
    assert time.monotonic() - started < 10
