"""Lab hosts live through down and up, kill and reboot, and leave nothing when they are destroyed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.conftest import LabCluster, MakeLab, needs_mirror, wait_until
from yk8s_tui.backends import lab_cgroups, lab_system
from yk8s_tui.backends.lab_names import bridge_name, table_name
from yk8s_tui.backends.lab_state import pin_host_keys
from yk8s_tui.errors import Yk8sError

pytestmark = pytest.mark.lab
SMALL = {"harbour.lab.workers": 1}
ONE = {"harbour.lab.workers": 0, "harbour.lab.combined": True}


def on_machine(cluster: LabCluster) -> dict[str, list[str]]:
    """Everything on this machine that could belong to the cluster."""
    tag = cluster.harbour.state.tag

    def said(*command: str) -> list[str]:
        return [line for line in subprocess.check_output(command, text=True).splitlines() if tag in line]

    return {
        "links": said("ip", "-oneline", "link"),
        "tables": said("nft", "list", "tables"),
        "rules": said("nft", "list", "ruleset"),
        "mounts": [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if tag in line],
        "processes": said("ps", "-e", "-ww", "-o", "pid,args"),
        "cgroups": [str(p) for h in lab_cgroups.hierarchies() for p in h.glob(f"*{tag}*")],
        "directories": [str(p) for p in cluster.harbour.state.directory.parent.glob(f"{tag}*")],
        "run": [str(p) for p in Path("/run/systemd/nspawn").glob(f"*/*{tag}*")],
    }


def ssh(cluster: LabCluster, node: str, command: str) -> subprocess.CompletedProcess[str]:
    there = cluster.inventory.node(node)
    return subprocess.run(
        ["ssh", "-F", "none", "-i", there.ssh_key, "-o", "BatchMode=yes", "-o", "ConnectTimeout=3",
         "-o", "StrictHostKeyChecking=yes",
         "-o", f"UserKnownHostsFile={cluster.root / 'state/known_hosts'}", f"root@{there.address}", command],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def test_hosts_answer_on_ssh_with_pinned_keys_and_their_own_identity(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    ids = set()
    for node in cluster.inventory.nodes:
        done = ssh(cluster, node.name, "hostname; cat /etc/machine-id; systemctl is-system-running --wait")
        assert done.returncode == 0, done.stderr
        name, machine, state = done.stdout.split()
        assert (name, state) == (node.name, "running")
        ids.add(machine)
    assert len(ids) == len(cluster.inventory.nodes)
    assert (cluster.root / "secrets/ssh/id_ed25519").stat().st_mode & 0o777 == 0o600


def test_hosts_can_be_kubernetes_nodes(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    said = cluster.exec("w1", "findmnt -no PROPAGATION /; cd /var/lib; stat -fc %T containerd etcd kubelet; "
                        "test -c /dev/kmsg && test -c /dev/net/tun && echo devices; "
                        "cat /proc/sys/fs/inotify/max_user_instances").stdout.split()  # fmt: skip
    assert said[0] == "shared"
    assert not {"overlay", "overlayfs", "tmpfs"} & set(said[1:4])
    assert said[4] == "devices"
    assert int(said[5]) >= 8192
    cluster.exec("w1", "echo 1 > /proc/sys/net/ipv4/ip_forward && unshare --mount true")
    controllers = "/sys/fs/cgroup" if lab_cgroups.unified() else "/sys/fs/cgroup/memory"
    cluster.exec("w1", f"mkdir {controllers}/probe && rmdir {controllers}/probe")


def test_hosts_reach_each_other_and_the_package_mirror(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    probe = "import socket, sys; socket.create_connection((sys.argv[1], 22), 5).close()"
    cluster.exec("w1", "python3", "-c", probe, cluster.inventory.node("cp1").address)
    needs_mirror()
    cluster.exec("w1", "apt-get", "update")


def test_state_survives_down_and_up(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    cluster.exec("w1", "echo kept > /root/file; echo kept > /var/lib/etcd/file")
    key = (cluster.root / "state/known_hosts").read_text()
    assert {event.text for event in cluster.down() if event.state == "done"} == {"shut down"}
    left = on_machine(cluster)
    assert not any(left[kind] for kind in ("links", "tables", "mounts", "processes", "cgroups")), left
    cluster.up()
    assert cluster.exec("w1", "cat /root/file /var/lib/etcd/file").stdout == "kept\nkept\n"
    assert (cluster.root / "state/known_hosts").read_text() == key


def test_a_second_up_changes_nothing(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    before = {host.name: host.init for host in cluster.harbour.state.hosts()}
    plan = asyncio.run(cluster.harbour.plan(cluster.config))
    assert not plan.effective
    cluster.up()
    assert {host.name: host.init for host in cluster.harbour.state.hosts()} == before


def test_a_killed_host_starts_again_with_its_state(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    host = cluster.harbour.host("w1")
    cluster.exec("w1", "echo kept > /root/file")
    init = host.init
    assert init
    lab_system.send(init, signal.SIGKILL)
    wait_until(lambda: host.supervisor is None, 10, "the killed host is gone")
    states = {row["name"]: row["state"] for row in json.loads(cluster.cli("lab", "list", "--json").stdout)["hosts"]}
    assert states == {"fe1": "running", "cp1": "running", "w1": "stopped"}
    cluster.up()
    assert cluster.exec("w1", "cat", "/root/file").stdout == "kept\n"


def test_a_host_without_its_supervisor_is_replaced(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    host = cluster.harbour.host("w1")
    supervisor, init = host.supervisor, host.init
    assert supervisor
    assert init
    lab_system.send(supervisor, signal.SIGKILL)
    wait_until(lambda: host.supervisor is None, 10, "the supervisor is gone")
    cluster.up()
    assert not init.alive
    assert host.init not in (None, init)


def test_a_host_may_reboot_itself(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    host = cluster.harbour.host("w1")
    before, supervisor = host.init, host.supervisor
    cluster.exec("w1", "reboot", check=False)
    wait_until(lambda: host.init not in (None, before), 20, "a new init")
    assert host.supervisor == supervisor
    wait_until(lambda: ssh(cluster, "w1", "true").returncode == 0, 20, "SSH after the reboot")


def test_a_frozen_host_can_be_taken_down(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    lab_cgroups.freeze(cluster.harbour.state.tag, "w1", frozen=True)
    assert [e.text for e in cluster.down("w1") if e.state == "done"] == ["shut down"]
    cluster.up()


def test_a_recycled_pid_is_not_our_host(make_lab: MakeLab) -> None:
    cluster = make_lab(ONE, fresh=True)
    host = cluster.harbour.host("cp1")
    cluster.down()
    mine = lab_system.identify(os.getpid())
    assert mine
    record = host.directory / "process.json"
    for stale in (mine._replace(boot="another boot"), mine._replace(start=mine.start - 1)):
        record.write_text(json.dumps(stale._asdict()))
        assert host.supervisor is None
        assert [e.text for e in cluster.down()][-1] == "was not running"
    cluster.up()
    host_key = host.key
    cluster.destroy()
    assert host_key not in (cluster.root / "state/known_hosts").read_text()


def test_up_after_a_reboot_of_the_machine(make_lab: MakeLab) -> None:
    """Everything of the kernel is gone without a shutdown: processes, bridge, table."""
    cluster = make_lab(SMALL)
    tag = cluster.harbour.state.tag
    cluster.exec("w1", "echo kept > /root/file; sync")
    for host in cluster.harbour.state.hosts():
        for pid in lab_cgroups.processes(tag, host.name):
            process = lab_system.identify(pid)
            if process:
                lab_system.send(process, signal.SIGKILL)
    subprocess.run(["ip", "link", "delete", bridge_name(tag)], check=True)
    subprocess.run(["nft", "delete", "table", "ip", table_name(tag)], check=True)
    cluster.up()
    assert cluster.exec("w1", "cat", "/root/file").stdout == "kept\n"
    assert ssh(cluster, "w1", "true").returncode == 0


def test_a_bridge_that_was_removed_under_running_hosts_is_mended(make_lab: MakeLab) -> None:
    cluster = make_lab(SMALL)
    before = cluster.harbour.host("w1").init
    subprocess.run(["ip", "link", "delete", bridge_name(cluster.harbour.state.tag)], check=True)
    assert ssh(cluster, "w1", "true").returncode == 255
    cluster.up()
    wait_until(lambda: ssh(cluster, "w1", "true").returncode == 0, 20, "SSH over the new bridge")
    assert cluster.harbour.host("w1").init == before


def test_an_interrupted_up_is_finished_by_the_next(make_lab: MakeLab) -> None:
    cluster = make_lab({"harbour.lab.workers": 2}, fresh=True, start=False)
    hosts = cluster.harbour.state.directory / "hosts"
    for moment in ("*/upper", "*/process.json"):
        command = [sys.executable, "-m", "yk8s_tui", "--cluster", str(cluster.root), "lab", "up"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda m=moment: bool(list(hosts.glob(m))), 60, moment)  # type: ignore[misc]
        process.kill()
        process.wait()
    cluster.up()
    plan = asyncio.run(cluster.harbour.plan(cluster.config))
    assert not plan.effective
    for node in cluster.inventory.nodes:
        assert ssh(cluster, node.name, "hostname").stdout == f"{node.name}\n"
    running = subprocess.check_output(["ps", "-e", "-ww", "-o", "args"], text=True)
    assert running.count(f"\nsystemd-nspawn --quiet --directory={hosts}") == len(cluster.inventory.nodes)
    cluster.destroy()
    assert not any(on_machine(cluster).values())


def test_destroy_leaves_nothing_and_spares_the_neighbour(make_lab: MakeLab) -> None:
    neighbour = make_lab(SMALL)
    before = {h.name: h.init for h in neighbour.harbour.state.hosts()}
    cluster = make_lab(ONE, fresh=True)
    there = on_machine(cluster)
    assert all(there[kind] for kind in ("links", "tables", "processes", "cgroups", "directories")), there
    assert not there["mounts"]
    assert cluster.inventory.names == ("cp1",)
    assert cluster.inventory.node("cp1").roles == ("frontend", "control-plane")
    cluster.destroy()
    assert on_machine(cluster) == {kind: [] for kind in there}
    assert not (cluster.root / "state/harbour.json").exists()
    assert {h.name: h.init for h in neighbour.harbour.state.hosts()} == before
    cluster.destroy()
    assert on_machine(cluster) == {kind: [] for kind in there}


def test_a_subnet_in_use_is_refused_by_name(make_lab: MakeLab) -> None:
    neighbour = make_lab(SMALL)
    cluster = make_lab({"harbour.lab.subnet": str(neighbour.config.harbour.lab.subnet)}, fresh=True, start=False)
    with pytest.raises(Yk8sError, match="in use") as caught:
        cluster.up()
    assert "choose another" in caught.value.hint
    cluster.destroy()
    assert not on_machine(cluster)["directories"]


def test_known_hosts_of_other_machines_are_left_alone(tmp_path: Path) -> None:
    known = tmp_path / "state/known_hosts"
    known.parent.mkdir()
    known.write_text("# mine\n10.9.9.9 ssh-ed25519 OTHER\n10.1.1.1 ssh-ed25519 OLD\n")
    pin_host_keys(tmp_path, {"10.1.1.1": "ssh-ed25519 NEW"})
    assert known.read_text() == "# mine\n10.9.9.9 ssh-ed25519 OTHER\n10.1.1.1 ssh-ed25519 NEW\n"
    pin_host_keys(tmp_path, {"10.1.1.1": ""})
    assert known.read_text() == "# mine\n10.9.9.9 ssh-ed25519 OTHER\n"
