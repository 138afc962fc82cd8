"""Preflight on real hosts: everything right, then one thing wrong at a time, for real."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.lab.conftest import LabCluster, MakeLab, wait_until
from yk8s_tui.backends.lab_names import lab_inventory
from yk8s_tui.errors import UsageError
from yk8s_tui.models.nodes import Inventory
from yk8s_tui.operations.preflight import check_hosts
from yk8s_tui.preflight import Finding
from yk8s_tui.preflight.checks import ALL

pytestmark = pytest.mark.lab

VRRP_SENDER = """
import socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 112)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("{address}"))
while True:
    advert = struct.pack("!BBBBBBH4s8s", 0x21, {id}, 200, 1, 0, 1, 0, socket.inet_aton("192.0.2.1"), b"")
    s.sendto(advert, ("224.0.0.18", 0))
    time.sleep(0.3)
"""
APT_LOCK = """
import fcntl, time
file = open('/var/lib/dpkg/lock-frontend', 'w')
fcntl.lockf(file, fcntl.LOCK_EX)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def cluster(make_lab: MakeLab) -> LabCluster:
    """Two frontends, one control plane node, one worker, and a VIP in their subnet."""
    made = make_lab({"harbour.lab.frontends": 2, "harbour.lab.control_planes": 1, "harbour.lab.workers": 1})
    made.repository.update({"trampoline.vip": vip_of(made)})
    return made


def inventory(cluster: LabCluster) -> Inventory:
    return lab_inventory(cluster.config, cluster.root)


def vip_of(cluster: LabCluster) -> str:
    return inventory(cluster).nodes[0].address.rpartition(".")[0] + ".200"


async def check(cluster: LabCluster, *only: str, nodes: tuple[str, ...] = (), **waivers: str) -> list[Finding]:
    named = {key.replace("__", ".").replace("_", "-"): reason for key, reason in waivers.items()}
    return [
        found
        async for found in check_hosts(cluster.repository, inventory(cluster), only=only, nodes=nodes, waivers=named)
    ]


def verdicts(findings: list[Finding], check_id: str) -> dict[str, str]:
    return {found.node: found.verdict for found in findings if found.id == check_id}


@contextlib.contextmanager
def service(cluster: LabCluster, node: str, name: str, *command: str) -> Iterator[None]:
    """A process that runs in a host as long as the block does."""
    cluster.exec(node, "systemd-run", "--quiet", "--collect", f"--unit={name}", *command)
    try:
        yield
    finally:
        cluster.exec(node, "systemctl", "stop", name, check=False)


@contextlib.contextmanager
def done(cluster: LabCluster, node: str, command: str, undo: str) -> Iterator[None]:
    """A change on a host that is taken back afterwards."""
    cluster.exec(node, command)
    try:
        yield
    finally:
        cluster.exec(node, undo)


async def test_fresh_hosts_pass_every_check(cluster: LabCluster) -> None:
    findings = await check(cluster)
    assert [f for f in findings if f.verdict == "fail"] == []
    expected = {c.id for c in ALL} - {"artifacts.bundle", "artifacts.packages"}
    assert {f.id for f in findings} >= expected
    assert all(f.measured for f in findings)
    assert verdicts(findings, "net.pairs") == dict.fromkeys(("fe1", "fe2", "cp1", "w1"), "pass")


async def test_one_check_runs_alone(cluster: LabCluster) -> None:
    findings = await check(cluster, "resource.cpu", nodes=("w1",))
    assert [(f.id, f.node, f.verdict) for f in findings] == [("resource.cpu", "w1", "pass")]


async def test_unknown_checks_and_nodes_are_refused(cluster: LabCluster) -> None:
    with pytest.raises(UsageError, match=r"resource\.cpus") as caught:
        await check(cluster, "resource.cpus")
    assert "resource.cpu?" in caught.value.hint
    with pytest.raises(UsageError, match="w9"):
        await check(cluster, nodes=("w9",))


async def test_a_taken_port(cluster: LabCluster) -> None:
    with service(cluster, "cp1", "squatter", "python3", "-m", "http.server", "6443"):
        wait_until(lambda: ":6443" in cluster.exec("cp1", "ss -ltn").stdout, 10, "somebody listens on 6443")
        findings = await check(cluster, "ports.free")
    wrong = next(f for f in findings if f.verdict == "fail")
    assert (wrong.node, wrong.measured) == ("cp1", "tcp 6443 (python3)")
    assert verdicts(findings, "ports.free")["w1"] == "pass"


async def test_two_hosts_of_one_name(cluster: LabCluster) -> None:
    with done(cluster, "w1", "hostname cp1", "hostname w1"):
        findings = await check(cluster, "identity.hostname")
    assert verdicts(findings, "identity.hostname") == {
        "fe1": "pass",
        "fe2": "pass",
        "cp1": "fail",
        "w1": "fail",
    }


async def test_two_hosts_of_one_machine_id(cluster: LabCluster) -> None:
    other = cluster.exec("cp1", "cat /etc/machine-id").stdout.strip()
    own = cluster.exec("w1", "cat /etc/machine-id").stdout.strip()
    with done(cluster, "w1", f"echo {other} > /etc/machine-id", f"echo {own} > /etc/machine-id"):
        findings = await check(cluster, "identity.machine-id", nodes=("w1",))
    assert [(f.node, f.verdict) for f in findings] == [("w1", "fail")]
    assert "cp1" in findings[0].text


async def test_an_address_on_two_hosts(cluster: LabCluster) -> None:
    address = inventory(cluster).node("cp1").address
    with done(cluster, "w1", f"ip address add {address}/32 dev lo", f"ip address del {address}/32 dev lo"):
        findings = await check(cluster, "identity.address")
    assert verdicts(findings, "identity.address")["cp1"] == "fail"


async def test_another_kubernetes_is_left_and_ours_is_fine(cluster: LabCluster) -> None:
    make = "mkdir -p /etc/kubernetes && touch /etc/kubernetes/admin.conf"
    with done(cluster, "w1", make, "rm -r /etc/kubernetes"):
        findings = await check(cluster, "leftovers.kubernetes")
        assert verdicts(findings, "leftovers.kubernetes") == {"cp1": "pass", "w1": "fail"}
        receipt = "/var/lib/yk8s/receipts/k8s-base.join.json"
        mark = f"mkdir -p /var/lib/yk8s/receipts && echo '{{}}' > {receipt}"
        with done(cluster, "w1", mark, f"rm {receipt}"):
            findings = await check(cluster, "leftovers.kubernetes")
    assert verdicts(findings, "leftovers.kubernetes")["w1"] == "pass"


async def test_the_package_manager_is_busy(cluster: LabCluster) -> None:
    with service(cluster, "fe1", "busy-apt", "python3", "-c", APT_LOCK):
        wait_until(
            lambda: "lock-frontend" in cluster.exec("fe1", "ls -l /proc/*/fd 2>/dev/null", check=False).stdout,
            10, "the lock file is open",
        )  # fmt: skip
        findings = await check(cluster, "apt.lock", nodes=("fe1",))
    assert findings[0].verdict == "fail"
    assert "python3" in findings[0].measured


async def test_held_packages_warn(cluster: LabCluster) -> None:
    with done(cluster, "fe1", "apt-mark hold procps", "apt-mark unhold procps"):
        findings = await check(cluster, "apt.held", nodes=("fe1",))
    assert (findings[0].verdict, findings[0].measured) == ("warn", "held: procps")


async def test_package_sources_that_do_not_answer_warn(cluster: LabCluster) -> None:
    source = "deb http://127.0.0.1:9/debian bookworm main"
    save = f"cp /etc/apt/sources.list /root/sources && echo '{source}' > /etc/apt/sources.list"
    with done(cluster, "fe1", save, "cp /root/sources /etc/apt/sources.list"):
        findings = await check(cluster, "apt.reachable", nodes=("fe1",))
    assert findings[0].verdict == "warn"
    assert "Connection refused" in findings[0].measured


async def test_a_vip_that_somebody_uses(cluster: LabCluster) -> None:
    vip = vip_of(cluster)
    with done(cluster, "w1", f"ip address add {vip}/32 dev host0", f"ip address del {vip}/32 dev host0"):
        findings = await check(cluster, "net.vip-unused")
    assert verdicts(findings, "net.vip-unused") == {"fe1": "fail", "fe2": "fail", "w1": "fail"}


async def test_a_vip_that_our_frontend_holds_is_fine(cluster: LabCluster) -> None:
    vip = vip_of(cluster)
    receipt = "/var/lib/yk8s/receipts/trampoline.keepalived.json"
    mark = f"mkdir -p /var/lib/yk8s/receipts && echo '{{}}' > {receipt} && ip address add {vip}/32 dev host0"
    with done(cluster, "fe1", mark, f"rm {receipt}; ip address del {vip}/32 dev host0"):
        findings = await check(cluster, "net.vip-unused")
    assert verdicts(findings, "net.vip-unused") == {"fe1": "pass", "fe2": "pass"}


@pytest.mark.parametrize(("router_id", "verdict"), [(47, "fail"), (48, "pass")])
async def test_a_foreign_vrrp_router(cluster: LabCluster, router_id: int, verdict: str) -> None:
    program = VRRP_SENDER.format(address=inventory(cluster).node("w1").address, id=router_id)
    with service(cluster, "w1", "foreign-vrrp", "python3", "-c", program):
        findings = await check(cluster, "net.vrrp-id-unused")
    assert verdicts(findings, "net.vrrp-id-unused") == {"fe1": verdict, "fe2": verdict}
    assert str(router_id) in (findings[-1].text + findings[-1].measured)


def nft(cluster: LabCluster, node: str, *words: str) -> None:
    """The machine's nft in the host's network: a host as it comes has none."""
    init = cluster.harbour.host(node).init
    assert init is not None
    subprocess.run(["nsenter", f"--target={init.pid}", "--net", "nft", *words], check=True)


async def test_a_blocked_pair(cluster: LabCluster) -> None:
    worker = inventory(cluster).node("w1").address
    hook = "type filter hook input priority 0;"
    rules = (
        "add table ip blocked",
        f"add chain ip blocked c {{ {hook} }}",
        f"add rule ip blocked c ip saddr {worker} tcp dport 6443 drop",
    )
    nft(cluster, "cp1", "; ".join(rules))
    try:
        findings = await check(cluster, "net.pairs")
    finally:
        nft(cluster, "cp1", "delete", "table", "ip", "blocked")
    assert verdicts(findings, "net.pairs") == {"fe1": "pass", "fe2": "pass", "cp1": "fail", "w1": "fail"}
    assert all("w1 → cp1: tcp 6443 no answer" in f.measured for f in findings if f.verdict == "fail")


async def test_an_mtu_that_the_network_does_not_carry(cluster: LabCluster) -> None:
    with done(cluster, "cp1", "ip link set host0 mtu 9000", "ip link set host0 mtu 1500"):
        findings = await check(cluster, "net.mtu")
    assert verdicts(findings, "net.mtu")["cp1"] == "fail"
    assert verdicts(findings, "net.mtu")["w1"] == "pass"


async def test_a_network_that_overlaps(cluster: LabCluster) -> None:
    with done(cluster, "w1", "ip route add 10.244.7.0/24 dev host0", "ip route del 10.244.7.0/24"):
        findings = await check(cluster, "net.overlap")
    assert verdicts(findings, "net.overlap")["w1"] == "fail"


@pytest.mark.parametrize(
    ("check_id", "command", "undo", "measured"),
    [
        (
            "firewall.foreign",
            "mkdir -p /etc/ufw && echo ENABLED=yes > /etc/ufw/ufw.conf",
            "rm -r /etc/ufw",
            "ufw",
        ),
        (
            "resource.disk",
            "mount -t tmpfs -o size=64m none /var/lib/kubelet",
            "umount /var/lib/kubelet",
            "0.1 GiB",
        ),
        (
            "kernel.sysctls",
            "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys",
            "umount /proc/sys",
            "Read-only",
        ),
        (
            "os.supported",
            "echo 'ID=fedora\nVERSION_ID=43' > /root/os && mount --bind /root/os /etc/os-release",
            "umount /etc/os-release",
            "fedora 43",
        ),
    ],
)
async def test_a_host_that_is_not_right(
    cluster: LabCluster, check_id: str, command: str, undo: str, measured: str
) -> None:
    with done(cluster, "w1", command, undo):
        findings = await check(cluster, check_id, nodes=("w1",))
    assert [f.verdict for f in findings] == ["fail"]
    assert measured in findings[0].measured
    assert findings[0].remedy


async def test_a_waiver_needs_its_check_and_node(cluster: LabCluster) -> None:
    with done(cluster, "w1", "hostname other", "hostname w1"):
        told = cluster.cli("preflight", "--check", "identity.hostname", "--waive", "identity.hostname@w1=renamed later")
        elsewhere = await check(cluster, "identity.hostname", identity__hostname="for all")
    assert told.returncode == 0
    assert "waived: renamed later" in told.stdout
    assert [(f.verdict, f.waived_reason) for f in elsewhere if f.node == "w1"] == [("waived", "for all")]


async def test_a_host_that_is_off(cluster: LabCluster) -> None:
    cluster.exec("w1", "ip link set host0 down")
    try:
        told = cluster.cli("preflight", "--json")
    finally:
        cluster.exec("w1", "ip link set host0 up")
        gateway = inventory(cluster).node("w1").address.rpartition(".")[0] + ".1"
        cluster.exec("w1", f"ip route replace default via {gateway}", check=False)
    assert told.returncode == 5
    found = [f for f in json.loads(told.stdout)["findings"] if f["node"] == "w1"]
    assert [(f["id"], f["verdict"]) for f in found] == [("ssh.reachable", "fail")]
    assert {f["node"] for f in json.loads(told.stdout)["findings"] if f["id"] == "net.pairs"} == {"fe1", "fe2", "cp1"}
