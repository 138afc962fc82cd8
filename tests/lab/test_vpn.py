"""A client with the file the tool wrote reaches what is behind the frontends; nobody else does."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.lab.conftest import LabCluster, MakeLab, wait_until
from tests.lab.frontends import apply, holders, trampoline
from tests.lab.watching import watching
from yk8s_tui.backends.lab_names import bridge_name

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not (shutil.which("wg-quick") and shutil.which("wireguard-go")),
        reason="missing: wg-quick, wireguard-go (apt-get install wireguard-tools wireguard-go)",
    ),
]
PORT = 9098
LISTENER = f"""
import socket
server = socket.create_server(("", {PORT}))
while True:
    connection, peer = server.accept()
    connection.sendall(peer[0].encode())
    connection.close()
"""
CONNECT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 2) as s:
    print(s.recv(100).decode())
"""
KNOCK = """
import socket, sys, time
while True:
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 2) as s:
            if s.recv(100):
                print(time.monotonic(), flush=True)
    except OSError:
        pass
    time.sleep(0.1)
"""


@dataclass
class Client:
    """Somebody outside: a network namespace with a cable to the lab's bridge."""

    namespace: str
    cable: str

    def plug(self, bridge: str, address: str) -> None:
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        run("ip", "link", "set", self.cable, "master", bridge, "up")
        self.run("ip", "address", "add", address, "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        self.run("ip", "link", "set", "lo", "up")

    def unplug(self) -> None:
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False)
        subprocess.run(["ip", "link", "delete", self.cable], check=False, capture_output=True)

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run("ip", "netns", "exec", self.namespace, *words, check=check)

    def reach(self, address: str) -> str:
        """The address the listener saw us come from; empty when it did not answer."""
        return self.run("python3", "-c", CONNECT, address, str(PORT), check=False).stdout.strip()

    def knocking(self, address: str) -> subprocess.Popen[str]:
        """A client that connects again and again, and tells the moments it got answers (`time.monotonic`)."""
        words = ("ip", "netns", "exec", self.namespace, "python3", "-c", KNOCK, address, str(PORT))
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def run(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done


@pytest.fixture(scope="module")
def cluster(make_lab: MakeLab) -> LabCluster:
    """The shared lab, with alice in the VPN and a listener behind it."""
    cluster = trampoline(make_lab)
    cluster.exec("cp1", "systemd-run", "--unit=behind", "python3", "-c", LISTENER)
    done = cluster.cli("vpn", "add", "alice")
    assert done.returncode == 0, done.stderr
    assert "10.199.0.2" in done.stdout
    apply(cluster)
    return cluster


@pytest.fixture(scope="module")
def client(cluster: LabCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    tag = cluster.harbour.state.tag
    client = Client(f"yk-vpn-{tag}", f"vp-{tag}")
    subnet = cluster.config.harbour.lab.subnet
    conf = tmp_path_factory.mktemp("vpn") / f"w{tag}.conf"
    shutil.copy(cluster.root / "secrets/vpn/alice-wg0.conf", conf)
    client.plug(bridge_name(tag), f"{subnet.network_address + 200}/{subnet.prefixlen}")
    try:
        client.run("wg-quick", "up", str(conf))
        yield client
    finally:
        client.run("wg-quick", "down", str(conf), check=False)
        client.unplug()


def behind(cluster: LabCluster) -> str:
    return cluster.inventory.node("cp1").address


def test_the_client_file_leads_to_a_node_behind_the_frontends(cluster: LabCluster, client: Client) -> None:
    wait_until(lambda: client.reach(behind(cluster)) != "", 20, "the listener answers through the tunnel")
    frontends = {n.name: n.address for n in cluster.inventory.frontends}
    assert client.reach(behind(cluster)) == frontends[holders(cluster)[0]]


async def test_the_status_knows_who_is_in_the_vpn(cluster: LabCluster, client: Client) -> None:
    address = await asyncio.to_thread(behind, cluster)
    assert await asyncio.to_thread(client.reach, address)
    holder = (await asyncio.to_thread(holders, cluster))[0]
    async with watching(cluster, "fe1", "fe2") as seen:
        peers = lambda: {p.name: p for p in seen.status.frontends[holder].peers}  # noqa: E731
        await seen.until(lambda: bool(peers()) and peers()["alice"].handshake > 0, "alice's handshake is known")
        assert peers()["alice"].tunnel == "wg0"
        assert peers()["alice"].received > 0
        before = peers()["alice"].sent
        assert await asyncio.to_thread(client.reach, address)
        await seen.until(lambda: peers()["alice"].sent > before, "its traffic is counted on")


def test_another_peer_comes_without_a_break_for_the_first(cluster: LabCluster, client: Client) -> None:
    holder = holders(cluster)[0]
    started = "systemctl show wg-quick@wg0 --property ActiveEnterTimestampMonotonic"
    before = cluster.exec(holder, started).stdout
    knocking = client.knocking(behind(cluster))
    try:
        assert cluster.cli("vpn", "add", "bob").returncode == 0
        apply(cluster)
    finally:
        knocking.terminate()
        answered = [float(moment) for moment in knocking.communicate()[0].split()]
    assert len(answered) > 10
    assert cluster.exec(holder, started).stdout == before
    assert max(b - a for a, b in itertools.pairwise(answered)) < 3
    peers = cluster.exec(holder, "wg show wg0 allowed-ips").stdout
    assert "10.199.0.2/32" in peers
    assert "10.199.0.3/32" in peers


def test_the_tunnel_finds_the_new_holder_of_the_vip(cluster: LabCluster, client: Client) -> None:
    first = holders(cluster)[0]
    cluster.exec(first, "mkdir -p /run/yk8s && touch /run/yk8s/frontend-maintenance")
    try:
        wait_until(lambda: holders(cluster) not in ([], [first]), 10, "the VIP moves")
        frontends = {n.name: n.address for n in cluster.inventory.frontends}
        second = holders(cluster)[0]
        wait_until(lambda: client.reach(behind(cluster)) == frontends[second], 60, "the tunnel is back")
    finally:
        cluster.exec(first, "rm /run/yk8s/frontend-maintenance")


def test_a_tunnel_that_is_stopped_does_not_count_as_failed(cluster: LabCluster, client: Client) -> None:
    wait_until(lambda: client.reach(behind(cluster)) != "", 60, "the tunnel is in use")
    running = "pgrep --full --exact 'wireguard-go wg0'"
    knocking = client.knocking(behind(cluster))
    try:
        for name in ("fe1", "fe2") * 10:
            cluster.exec(name, "systemctl stop wg-quick@wg0")
            stopped = cluster.exec(name, "systemctl show wg-quick@wg0 --property Result --property ActiveState").stdout
            assert set(stopped.split()) == {"Result=success", "ActiveState=inactive"}
            wait_until(lambda n=name: not cluster.exec(n, running, check=False).stdout, 5, "nothing is left")
            cluster.exec(name, "systemctl reset-failed wg-quick@wg0; systemctl start wg-quick@wg0")  # no start limit
    finally:
        knocking.terminate()
        knocking.communicate()


def test_a_removed_peer_is_out_after_apply(cluster: LabCluster, client: Client) -> None:
    assert cluster.cli("vpn", "remove", "alice").returncode == 0
    assert not (cluster.root / "secrets/vpn/alice-wg0.conf").exists()
    apply(cluster)
    for name in ("fe1", "fe2"):
        assert "10.199.0.2/32" not in cluster.exec(name, "wg show wg0 allowed-ips").stdout
    assert client.reach(behind(cluster)) == ""


def test_a_vpn_that_is_switched_off_is_gone(cluster: LabCluster, client: Client) -> None:
    cluster.repository.update({"trampoline.wireguard.enabled": False})
    apply(cluster)
    for name in ("fe1", "fe2"):
        cluster.exec(name, "test ! -e /etc/wireguard/wg0.conf")
        assert "wg0" not in cluster.exec(name, "ip -o link").stdout
        assert "inactive" in cluster.exec(name, "systemctl is-failed wg-quick@wg0", check=False).stdout
    cluster.repository.update({"trampoline.wireguard": None})
    cluster.exec("cp1", "systemctl stop behind", check=False)
