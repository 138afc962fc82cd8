"""CPU of a run through the engine against plain `ansible-playbook`, for the same playbook with real modules.

    python benchmarks/engine_overhead.py [--tasks 40] [--rounds 3]

Both run on loopback hosts over SSH (a private sshd), with the same settings and without the accelerator, in
turns. CPU is that of this side (user + system, with all children); what the modules take on the hosts
is the same for both and comes on top in `with_hosts`. Prints JSON; needs root and openssh-server.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.faults.loopback import Cluster, Sshd, lacking, until
from yk8s_tui.runs import ansible_setup
from yk8s_tui.runs.alive import engine_alive
from yk8s_tui.runs.start import new_directory, spawn_engine

TASKS = """
- name: Look at a file {number}
  ansible.builtin.stat: {{path: /etc/hostname}}
- name: Run something {number}
  ansible.builtin.command: echo {number}
  changed_when: true
"""


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def hosts_cpu(sshd: Sshd) -> float:
    """CPU of the sessions that sshd has collected."""
    assert sshd.process is not None
    fields = Path(f"/proc/{sshd.process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def measured(sshd: Sshd, work: Callable[[], None]) -> tuple[float, float]:
    here, there = children_cpu(), hosts_cpu(sshd)
    work()
    until(lambda: not sessions(sshd), "the sessions end")
    here, there = children_cpu() - here, hosts_cpu(sshd) - there
    return here, here + there


def sessions(sshd: Sshd) -> str:
    assert sshd.process is not None
    return Path(f"/proc/{sshd.process.pid}/task/{sshd.process.pid}/children").read_text()


def plain(cluster: Cluster, playbook: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        sockets = work / "s"
        sockets.mkdir()
        plan = cluster.plan()
        known = cluster.root / "state" / "known_hosts"
        (work / "hosts.json").write_text(json.dumps(ansible_setup.inventory(plan, cluster.root, known)))
        settings = ansible_setup.environment(cluster.root, known, work, sockets, "plain", len(cluster.nodes))
        command = ["ansible-playbook", "-i", str(work / "hosts.json"), playbook]
        subprocess.run(command, env=os.environ | settings, stdout=subprocess.DEVNULL, check=True)
        for entry in sockets.iterdir():
            closing = ["ssh", "-F", "none", "-o", f"ControlPath={entry}", "-O", "exit", "none"]
            subprocess.run(closing, stderr=subprocess.DEVNULL, check=True)


def engine(cluster: Cluster, playbook: str) -> None:
    from yk8s_tui.models.plan import Playbook

    plan = cluster.plan(cluster.step("k8s-base.bench", Playbook(playbook=playbook)))
    directory = new_directory(cluster.root, plan, "bench", (), {}, {})
    process = spawn_engine(directory)
    assert process.wait() == 0, (directory / "engine.err").read_text()
    assert not engine_alive(directory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if missing := lacking():
        sys.exit(missing)
    os.environ["YK8S_ACCELERATOR"] = "off"
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        sshd = Sshd(Path(folder))
        sshd.start()
        try:
            cluster = Cluster(Path(folder) / "repository", sshd).prepare()
            text = "".join(TASKS.format(number=number) for number in range(options.tasks // 2))
            playbook = cluster.tasks("bench", text).playbook
            rounds = []
            for _ in range(options.rounds):
                one = measured(sshd, lambda: plain(cluster, playbook))
                other = measured(sshd, lambda: engine(cluster, playbook))
                rounds.append((one, other))
        finally:
            sshd.stop()
    plain_here, engine_here = (statistics.median(r[side][0] for r in rounds) for side in (0, 1))
    plain_all, engine_all = (statistics.median(r[side][1] for r in rounds) for side in (0, 1))
    print(
        json.dumps(
            {
                "executions": options.tasks * len(cluster.nodes),
                "plain_cpu_seconds": round(plain_here, 2),
                "engine_cpu_seconds": round(engine_here, 2),
                "ratio": round(engine_here / plain_here, 3),
                "with_hosts": {
                    "plain_cpu_seconds": round(plain_all, 2),
                    "engine_cpu_seconds": round(engine_all, 2),
                    "ratio": round(engine_all / plain_all, 3),
                },
                "target": 1.05,
            }
        )
    )


if __name__ == "__main__":
    main()
