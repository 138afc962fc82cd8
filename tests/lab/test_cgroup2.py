"""The same hosts where the machine has cgroup v2 only: in a mount namespace that sees nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.conftest import MakeLab
from yk8s_tui.backends import lab_cgroups

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(lab_cgroups.unified(), reason="this machine has cgroup v2 only: every other test is this one"),
    pytest.mark.skipif(
        "cgroup2" not in Path("/proc/filesystems").read_text(), reason="missing: cgroup v2 in the kernel"
    ),
]
SCRIPT = """
umount --recursive /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 1
"$@" lab up && "$@" lab exec cp1 -- stat --file-system --format %T /sys/fs/cgroup || exit 2
"$@" preflight --node cp1 --check kernel.cgroup --all
"$@" lab down && "$@" lab up && "$@" lab exec cp1 -- systemctl is-active ssh.service
ls -d "/sys/fs/cgroup/yk8s-lab-$TAG/cp1"
"$@" destroy --confirm "$NAME" || exit 3
ls -d "/sys/fs/cgroup/yk8s-lab-$TAG" 2>/dev/null || echo nothing is left
"""


def test_a_host_starts_stops_is_checked_and_leaves_nothing(make_lab: MakeLab) -> None:
    cluster = make_lab({"harbour.lab.workers": 0, "harbour.lab.combined": True}, fresh=True, start=False)
    tag = cluster.harbour.state.tag
    command = [sys.executable, "-m", "yk8s_tui", "--cluster", str(cluster.root)]
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "env", f"NAME={cluster.config.cluster.name}", f"TAG={tag}",
         "sh", "-c", SCRIPT, "sh", *command],
        capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    for words in ("cgroup2fs", "cp1: v2", "active\n", f"yk8s-lab-{tag}/cp1", "nothing is left"):
        assert words in told, told
