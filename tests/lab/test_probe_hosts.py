"""The probe on real hosts: facts, receipts, and every kind of drift; and that it changes nothing."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import pytest

from tests.lab.conftest import LabCluster, MakeLab
from yk8s_tui.backends.lab_names import lab_inventory
from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.status.hosts import HostState, probe

pytestmark = pytest.mark.lab

CONTENT = "net.ipv4.ip_forward = 1\n"
FILE, GONE, RECEIPT = "/etc/probed.conf", "/etc/probed.old", "/var/lib/yk8s/receipts/trampoline.probed.json"
CLAIMS = {
    "files": {FILE: {"sha256": hashlib.sha256(CONTENT.encode()).hexdigest(), "mode": "0640"}},
    "absent": [GONE],
    "units": {"ssh.service": "active"},
    "sysctls": {"net.ipv4.conf.all.arp_announce": "0"},
    "packages": {"openssh-server": ""},
}


@pytest.fixture(scope="module")
def cluster(make_lab: MakeLab) -> LabCluster:
    """The layout of the preflight tests."""
    return make_lab({"harbour.lab.frontends": 2, "harbour.lab.control_planes": 1, "harbour.lab.workers": 1})


async def probed(cluster: LabCluster) -> dict[str, HostState]:
    repository = cluster.repository
    inventory = lab_inventory(repository.load(), repository.root)
    async with SshPool(
        inventory, known_hosts=repository.known_hosts, secrets_dir=repository.secrets_dir, connect_timeout=5
    ) as ssh:
        return await probe(ssh, inventory)


def leave(cluster: LabCluster, node: str, **fields: Any) -> None:
    receipt = {
        "format": 1, "step": "trampoline.probed", "digest": "d1", "run": "r1", "state": "done",
        "time": 1764000000.0, "times_run": 2, "claims": CLAIMS, **fields,
    }  # fmt: skip
    cluster.exec(node, f"mkdir -p /var/lib/yk8s/receipts && cat > {RECEIPT} <<'E'\n{json.dumps(receipt)}\nE")
    cluster.exec(node, f"printf '{CONTENT}' > {FILE} && chmod 640 {FILE} && rm -f {GONE}")


async def test_facts_of_hosts(cluster: LabCluster) -> None:
    states = await probed(cluster)
    facts = states["cp1"].facts
    assert (facts["hostname"], facts["os_id"], facts["interface"]) == ("cp1", "debian", "host0")
    assert set(facts) == {
        "os_id", "os_version", "os_codename", "architecture", "kernel", "cgroup", "interface", "wireguard",
        "oom_score_adj", "cpus", "memory_mb", "python", "hostname", "machine_id", "container",
    }  # fmt: skip
    assert facts["container"] is True
    assert len({state.facts["machine_id"] for state in states.values()}) == len(states)


async def test_receipts_and_no_drift(cluster: LabCluster) -> None:
    leave(cluster, "w1")
    look = f"find {FILE} /var/lib/yk8s -printf '%p %T@ %C@\\n' | sort | sha256sum"
    before = cluster.exec("w1", look).stdout
    state = (await probed(cluster))["w1"]
    receipt = state.receipts["trampoline.probed"]
    assert (receipt.digest, receipt.state, receipt.run, receipt.times_run) == ("d1", "done", "r1", 2)
    assert state.drift == {}
    assert cluster.exec("w1", look).stdout == before


async def test_every_kind_of_drift(cluster: LabCluster) -> None:
    wanted = {**CLAIMS, "packages": {"openssh-server": "", "haproxy": "2.9"}, "units": {"haproxy.service": "active"}}
    leave(cluster, "w1", claims=wanted)
    cluster.exec("w1", f"echo more >> {FILE}; touch {GONE}; echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce")
    try:
        texts = (await probed(cluster))["w1"].drift["trampoline.probed"]
    finally:
        cluster.exec("w1", "echo 0 > /proc/sys/net/ipv4/conf/all/arp_announce")
    assert texts == (
        f"{FILE} differs",
        f"{GONE} is there again",
        "net.ipv4.conf.all.arp_announce is 2 instead of 0",
        "haproxy.service is inactive instead of active",
        "package haproxy is missing instead of 2.9",
    )
    leave(cluster, "w1")
    cluster.exec("w1", f"chmod 600 {FILE}")
    assert (await probed(cluster))["w1"].drift["trampoline.probed"] == (f"{FILE} has mode 0600 instead of 0640",)
    cluster.exec("w1", f"rm {FILE}")
    assert (await probed(cluster))["w1"].drift["trampoline.probed"] == (f"{FILE} is missing",)


async def test_large_files_are_read_again_only_when_they_were_touched(cluster: LabCluster) -> None:
    large = "/root/large"
    cluster.exec("w1", f"head -c 3000000 /dev/zero > {large}")
    claims = {"files": {large: {"sha256": "not what it has", "mode": "0644"}}}
    leave(cluster, "w1", claims=claims, time=time.time() + 5)
    assert (await probed(cluster))["w1"].drift == {}
    leave(cluster, "w1", claims=claims, time=time.time() - 3600)
    assert (await probed(cluster))["w1"].drift["trampoline.probed"] == (f"{large} differs",)


async def test_a_receipt_that_only_says_started_or_is_torn(cluster: LabCluster) -> None:
    leave(cluster, "w1", state="started")
    cluster.exec("w1", f"rm {FILE}")
    state = (await probed(cluster))["w1"]
    assert state.receipts["trampoline.probed"].state == "started"
    assert state.drift == {}
    cluster.exec("w1", f"truncate -s 20 {RECEIPT}")
    assert (await probed(cluster))["w1"].receipts["trampoline.probed"].state == "torn"
    cluster.exec("w1", f"rm {RECEIPT}")


async def test_a_host_that_is_off_does_not_hide_the_others(cluster: LabCluster) -> None:
    cluster.exec("fe2", "systemctl stop ssh.socket ssh.service")
    try:
        begin = time.monotonic()
        states = await probed(cluster)
        assert time.monotonic() - begin < 20
    finally:
        cluster.exec("fe2", "systemctl start ssh.service")
    assert {name: state.reachable for name, state in states.items()} == {
        "fe1": True, "fe2": False, "cp1": True, "w1": True,
    }  # fmt: skip
    assert "Connection refused" in states["fe2"].error
