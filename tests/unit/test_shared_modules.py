"""Playbooks that share packed modules pack each only once, and leave what they share behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from yk8s_tui.runs.ansible_setup import shared_modules

PLAY = "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n    - ansible.builtin.ping:\n"


def test_the_second_playbook_takes_what_the_first_packed(tmp_path: Path) -> None:
    playbook = tmp_path / "play.yaml"
    playbook.write_text(PLAY)
    settings = shared_modules(tmp_path) | {"ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp"), "HOME": str(tmp_path)}
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "--inventory=localhost,", "--extra-vars=ansible_python_interpreter=/usr/bin/python3", str(playbook),
    ]  # fmt: skip

    def packed() -> dict[str, tuple[int, int]]:
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        found = (tmp_path / "modules").glob("ansible.modules.ping*")
        return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in found if p.suffix != ".lock"}

    first = packed()
    assert len(first) == 1
    assert packed() == first
    assert not list((tmp_path / "tmp").iterdir())
