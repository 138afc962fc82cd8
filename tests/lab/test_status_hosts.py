"""The status view's watch on real hosts: what it shows, how soon, and that it changes and leaves nothing."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab import claims
from tests.lab.conftest import LabCluster, MakeLab, needs_mirror, wait_until
from tests.lab.frontends import holders, trampoline
from tests.lab.watching import on, watching
from yk8s_tui.backends import lab_cgroups
from yk8s_tui.backends.ssh_scripts import program
from yk8s_tui.status.host_watch import SCRIPT

pytestmark = pytest.mark.lab

OURS = "import sys; exec(sys.stdin"


@pytest.fixture(scope="module")
def cluster(make_lab: MakeLab) -> LabCluster:
    return trampoline(make_lab)


def scripts(cluster: LabCluster, node: str) -> int:
    """How many of our scripts run on a host."""
    listed = cluster.exec(node, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '", check=False).stdout
    return listed.count(f"python3 -c {OURS}")


async def test_a_healthy_trampoline(cluster: LabCluster) -> None:
    async with watching(cluster) as seen:
        status, now = seen.status, time.time()
        assert {key: source.state for key, source in status.sources.items()} == {
            "host:fe1": "live", "host:fe2": "live", "host:cp1": "live",
        }  # fmt: skip
        holder = (await asyncio.to_thread(holders, cluster))[0]
        assert [name for name, frontend in status.frontends.items() if frontend.vip] == [holder]
        for frontend in status.frontends.values():
            assert frontend.haproxy
            assert frontend.keepalived
            assert frontend.firewall == "ours"
            assert now - 3600 < frontend.vip_since < now
        for host in status.hosts.values():
            assert now - 3600 < host.boot < now
            assert host.cpus > 0
            assert 0 < host.memory_free < host.memory
            assert [disk.path for disk in host.disks][:1] == ["/"]
            assert host.drift == ()
            assert abs(host.clock_offset) < 0.5
        assert status.hosts["fe1"].units == {
            "haproxy": "active", "keepalived": "active", "chrony": "active", "ssh": "active",
        }  # fmt: skip
        assert not [key for key in seen.found() if not key.endswith(":cp1")]


async def test_haproxy_stopped_on_the_frontend_that_holds_the_vip(cluster: LabCluster) -> None:
    async with watching(cluster, "fe1", "fe2") as seen:
        frontends = seen.status.frontends
        holder = next(name for name, frontend in frontends.items() if frontend.vip)
        other = "fe2" if holder == "fe1" else "fe1"
        begin = time.time()
        await on(cluster, holder, "systemctl stop haproxy")
        try:
            await seen.until(lambda: not frontends[holder].haproxy, "HAProxy is down")
            assert f"haproxy.down:{holder}" in seen.found()
            await seen.until(lambda: frontends[other].vip and not frontends[holder].vip, "the VIP moved", 15)
            assert begin < frontends[other].vip_since <= time.time()
        finally:
            await on(cluster, holder, "systemctl start haproxy")
        await seen.until(lambda: frontends[holder].haproxy, "HAProxy is up again")
        await seen.until(lambda: not seen.found(), "all is well again", 10)


async def test_an_edited_firewall_rule(cluster: LabCluster) -> None:
    async with watching(cluster, "fe1", "fe2") as seen:
        await on(cluster, "fe2", "nft add chain inet yk8s by-hand")
        try:
            await seen.until(lambda: seen.status.frontends["fe2"].firewall == "changed", "the rules changed")
            found = seen.found()
            assert "firewall.changed:fe2" in found
            assert not [key for key in found if key.startswith("drift:")]
        finally:
            await on(cluster, "fe2", "nft delete chain inet yk8s by-hand")
        await seen.until(lambda: seen.status.frontends["fe2"].firewall == "ours", "the rules are ours again")


async def test_a_package_that_lost_its_hold_or_has_another_version(cluster: LabCluster) -> None:
    await on(cluster, "fe2", claims.INSTALL)
    await on(cluster, "fe2", claims.claim(**claims.WATCHED))
    try:
        async with watching(cluster, "fe2") as seen:

            def texts() -> list[str]:
                return [drift.text for drift in seen.status.hosts["fe2"].drift]

            assert texts() == []
            await on(cluster, "fe2", "apt-mark unhold watched")
            await seen.until(lambda: texts() == ["package watched is no longer on hold"], "the hold is gone")
            await on(cluster, "fe2", claims.ANOTHER_VERSION)
            await seen.until(lambda: texts() == ["package watched is 1.1 instead of 1.0"], "the version changed")
            assert f"drift:fe2:{claims.STEP}" in seen.found()
    finally:
        await on(cluster, "fe2", claims.REMOVE)


async def test_a_file_a_sysctl_and_a_unit_that_are_not_as_claimed(cluster: LabCluster) -> None:
    mode = await on(cluster, "fe2", "echo one > /etc/watched; chmod 644 /etc/watched; sha256sum /etc/watched")
    wanted = claims.claim(
        files={"/etc/watched": {"sha256": mode.split()[0], "mode": "0644"}},
        sysctls={"net.ipv4.conf.all.arp_announce": "0"}, units={"chrony.service": "active"},
    )  # fmt: skip
    await on(cluster, "fe2", wanted)
    try:
        async with watching(cluster, "fe2") as seen:

            def texts() -> list[str]:
                return [drift.text for drift in seen.status.hosts["fe2"].drift if drift.step == claims.STEP]

            assert texts() == []
            announce = "/proc/sys/net/ipv4/conf/all/arp_announce"
            for change, back, text in (
                ("echo two > /etc/watched", "echo one > /etc/watched", "/etc/watched differs"),
                (f"echo 2 > {announce}", f"echo 0 > {announce}", "net.ipv4.conf.all.arp_announce is 2 instead of 0"),
                ("systemctl stop chrony", "systemctl start chrony", "chrony.service is inactive instead of active"),
            ):  # fmt: skip
                await on(cluster, "fe2", change)
                await seen.until(lambda t=text: texts() == [t], text)  # type: ignore[misc]
                await on(cluster, "fe2", back)
                await seen.until(lambda: texts() == [], "it is well again")
    finally:
        await on(cluster, "fe2", f"rm -f {claims.RECEIPT} /etc/watched; systemctl start chrony")


async def test_a_frozen_host_is_noticed_and_found_again(cluster: LabCluster) -> None:
    tag = cluster.harbour.state.tag
    async with watching(cluster, "fe1", "cp1") as seen:
        sources = seen.status.sources
        lab_cgroups.freeze(tag, "cp1", frozen=True)
        try:
            await seen.until(lambda: sources["host:cp1"].state == "unreachable", "the host is frozen", 5.5)
            assert "no sign of life" in sources["host:cp1"].error
            assert "host.unreachable:cp1" in seen.found()
            since = sources["host:cp1"].since
            await asyncio.sleep(7)
            seen.watch.drain(seen.status)
            assert (sources["host:cp1"].state, sources["host:cp1"].since) == ("unreachable", since)
            assert sources["host:fe1"].state == "live"
        finally:
            lab_cgroups.freeze(tag, "cp1", frozen=False)
        await seen.until(lambda: sources["host:cp1"].state == "live", "the host is back", 16)
        wait_until(lambda: scripts(cluster, "cp1") == 1, 5, "the script that was frozen has ended")


async def test_nothing_is_left_on_the_hosts(cluster: LabCluster) -> None:
    async with watching(cluster):
        assert [scripts(cluster, node) for node in ("fe1", "fe2", "cp1")] == [1, 1, 1]
    wait_until(lambda: not any(scripts(cluster, n) for n in ("fe1", "fe2", "cp1")), 3, "nothing runs on the hosts")


def test_nothing_is_left_when_the_watch_is_killed(cluster: LabCluster) -> None:
    code = (
        "import asyncio, pathlib\nfrom tests.lab.conftest import LabCluster\n"
        "from tests.lab.watching import watching\nfrom yk8s_tui.backends.lab import LabHarbour\n"
        "from yk8s_tui.repository.repository import Repository\n"
        f"root = pathlib.Path({str(cluster.root)!r})\n"
        "async def main():\n    async with watching(LabCluster(Repository(root), LabHarbour(root)), 'fe1'):\n"
        "        print('watching', flush=True)\n        await asyncio.sleep(600)\nasyncio.run(main())\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": root}
    )
    assert process.stdout
    assert process.stdout.readline() == b"watching\n"
    assert scripts(cluster, "fe1") == 1
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: scripts(cluster, "fe1") == 0, 4, "nothing runs on the host")


CHANGING = re.compile(
    r"unlink(at)?|rename(at|at2)?|mkdir(at)?|rmdir|[fl]?ch(mod|own)(at|at2)?|fchmodat2?|fchownat|f?truncate|fallocate|"
    r"(sym)?link(at)?|mknod(at)?|utimes?|utimensat|futimesat|[fl]?(set|remove)xattr|mount|umount2?|pivot_root|reboot|"
    r"sethostname|setdomainname|settimeofday|clock_settime|swapon|swapoff|f?init_module|delete_module|quotactl"
)
"""System calls that change something of a host."""
OTHERS = [
    f"?{name}"
    for name in ("fchmod", "fchown", "ftruncate", "fallocate", "fsetxattr", "fremovexattr", "sethostname", "reboot",
                 "setdomainname", "settimeofday", "clock_settime", "init_module", "finit_module", "delete_module")
]  # fmt: skip
"""Those that take no path, and so are not of strace's class of them."""
CALL = re.compile(r"\d+ +(\w+)\(")
OPENED = re.compile(r'open(?:at)?\((?:[^,]+, )?"([^"]*)", ([A-Z_|]+)')
WRITING = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"}
PROGRAMS = {
    ("systemctl", "show"), ("dpkg-query", "-W"), ("nft", "--stateless"), ("journalctl", "-u"), ("wg", "show"),
}  # fmt: skip
EXECUTED = re.compile(r'execve\("([^"]*)", \["[^"]*", "([^"]*)"')


@pytest.fixture
def strace(cluster: LabCluster) -> str:
    """A frontend with strace."""
    if cluster.exec("fe1", "command -v strace", check=False).returncode:
        needs_mirror()
        cluster.exec("fe1", "apt-get update -qq && apt-get install -qq --no-install-recommends strace wireguard-tools")
    return "fe1"


def listen(process: subprocess.Popen[bytes], script: bytes, *, whole: int) -> list[bytes]:
    """Feed the script and keep it company until it told everything and `whole` lines more; all its lines."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(script)
    process.stdin.flush()
    lines: list[bytes] = []
    left = -1
    while left != 0:
        line = process.stdout.readline()
        assert line, "it ended by itself"
        lines.append(line)
        left = whole if b'"whole"' in line else left - (left > 0)
        process.stdin.write(b"x\n" if b"pong" not in line else b"")
        process.stdin.flush()
    process.stdin.close()
    lines += process.stdout.readlines()
    assert process.wait(30) == 0
    return lines


def test_it_only_reads(cluster: LabCluster, strace: str) -> None:
    """Every system call of the script and of all it starts is looked at, with every part of it at work."""
    script = program(*SCRIPT)
    options = json.dumps({"roles": ["frontend", "control-plane"], "vip": "10.0.0.1"})
    reader = "import sys; exec(sys.stdin.buffer.read(int(sys.argv.pop(1))))"
    traced = ",".join(["%file", "%network", *OTHERS])
    command = ["strace", "-f", "-qq", "-s", "200", "-e", f"trace={traced}", "-o", "/root/trace",
               "python3", "-c", reader, str(len(script)), options]  # fmt: skip
    process = subprocess.Popen(
        cluster.harbour.host(strace).command(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    out = listen(process, script, whole=20)
    lines = cluster.exec(strace, "cat /root/trace; rm /root/trace").stdout.splitlines()
    told = {line["section"] for line in map(json.loads, out) if "section" in line}
    assert told == {
        "facts",
        "units",
        "drift",
        "firewall",
        "certificates",
        "vip",
        "haproxy",
        "peers",
        "apiserver",
        "etcd",
    }
    assert len(lines) > 1000
    assert [line for line in lines if (call := CALL.match(line)) and CHANGING.fullmatch(call[1])] == []
    opened = [(match[1], set(match[2].split("|"))) for line in lines if (match := OPENED.search(line))]
    assert len(opened) > 100
    written = {path for path, flags in opened if flags & WRITING}
    assert {path for path in written if not path.startswith(("/dev/", "/proc/self/"))} == set()
    executed = {(m[1].rpartition("/")[2], m[2]) for line in lines if (m := EXECUTED.search(line))}
    assert executed - {("python3", "-c")} <= PROGRAMS
    assert {("systemctl", "show"), ("nft", "--stateless"), ("journalctl", "-u")} <= executed
