"""What Ansible is given."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from yk8s_tui import paths
from yk8s_tui.runs.ansible_setup import environment


def test_playbooks_are_run_by_our_own_start_of_ansible(tmp_path: Path) -> None:
    found = environment(tmp_path, tmp_path / "known_hosts", tmp_path, tmp_path / "ssh", "run", 5)
    program = shutil.which("ansible-playbook", path=found["PATH"])
    assert program == str(paths.assets() / "ansible/bin/ansible-playbook")
    command = [program, "--version"]
    done = subprocess.run(command, env=found | {"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ansible-playbook [core ")
    assert f"config file = {tmp_path}/ansible.cfg" in done.stdout
