"""The bare-metal harbour over real hosts: host keys, jump hosts, sudo, and what can go wrong with them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import LabCluster, MakeLab, collect, wait_until
from yk8s_tui.backends.baremetal import BareMetalHarbour
from yk8s_tui.backends.hostkeys import HostKeyChangedError, pin
from yk8s_tui.backends.lab_names import lab_inventory
from yk8s_tui.backends.ssh import CommandTimeoutError, HostKeyError, SshPool, SudoRefusedError
from yk8s_tui.errors import UnreachableError, Yk8sError
from yk8s_tui.repository.create import create
from yk8s_tui.repository.repository import Repository
from yk8s_tui.status.hosts import probe

pytestmark = pytest.mark.lab

PASSWORD = secrets.token_hex(12)
PORT = 2222


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> LabCluster:
    """The hosts of the preflight tests, with accounts of every kind on the worker."""
    made = make_lab({"harbour.lab.frontends": 2, "harbour.lab.control_planes": 1, "harbour.lab.workers": 1})
    for user, rule in (("free", "NOPASSWD: ALL"), ("asked", "ALL"), ("plain", "")):
        made.exec("w1", "useradd", "--create-home", "--shell", "/bin/bash", user)
        made.exec("w1", f"install -d -m 700 -o {user} /home/{user}/.ssh")
        made.exec("w1", f"install -m 600 -o {user} /root/.ssh/authorized_keys /home/{user}/.ssh/authorized_keys")
        if rule:
            made.exec("w1", f"echo '{user} ALL=(ALL) {rule}' > /etc/sudoers.d/{user}")
    made.exec("w1", f"echo asked:{PASSWORD} | chpasswd")
    return made


@pytest.fixture
def given(lab: LabCluster, tmp_path: Path) -> Repository:
    """A bare-metal cluster repository that knows the lab's hosts from their addresses only."""
    vip = lab_inventory(lab.config, lab.root).nodes[0].address.rpartition(".")[0] + ".200"
    repository = create(tmp_path / "given", "baremetal", "given", {"trampoline.vip": vip})
    shutil.copytree(lab.root / "secrets" / "ssh", repository.secrets_dir / "ssh")
    table = "\n".join(
        f"{node.name},{node.address},{'+'.join(node.roles)},root,22,secrets/ssh/id_ed25519"
        for node in lab_inventory(lab.config, lab.root).nodes
    )
    (tmp_path / "hosts.csv").write_text(table)
    told = cli(repository, "baremetal", "import", str(tmp_path / "hosts.csv"))
    assert told.returncode == 0, told.stderr
    return repository


def cli(repository: Repository, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "yk8s_tui", "--cluster", str(repository.root), *arguments],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def change(repository: Repository, node: str, **fields: Any) -> None:
    names = [n.name for n in repository.load().harbour.baremetal.nodes]
    place = names.index(node)
    repository.update({f"harbour.baremetal.nodes[{place}].{key}": value for key, value in fields.items()})


def make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


async def pool(repository: Repository) -> SshPool:
    inventory = await BareMetalHarbour(repository.root).inventory(repository.load())
    return SshPool(inventory, known_hosts=repository.known_hosts, secrets_dir=repository.secrets_dir, connect_timeout=3)


async def pin_all(repository: Repository) -> None:
    found = await BareMetalHarbour(repository.root).scan(repository.load())
    pin(repository.known_hosts, found.values())


async def test_keys_are_pinned_after_a_yes_and_then_the_hosts_answer(lab: LabCluster, given: Repository) -> None:
    harbour, config = BareMetalHarbour(given.root), given.load()
    assert [f.id for f in await harbour.preflight(config) if f.verdict == "fail"] == ["baremetal.host-keys"]
    async with await pool(given) as ssh:
        with pytest.raises(HostKeyError, match="not known"):
            await ssh.run("cp1", "true")
    unasked = cli(given, "baremetal", "pin")
    assert unasked.returncode == 7
    assert unasked.stdout.count("SHA256:") >= 4
    assert not given.known_hosts.exists()
    assert cli(given, "baremetal", "pin", "--yes").returncode == 0
    console = lab.exec("cp1", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1]
    assert console in unasked.stdout
    assert cli(given, "baremetal", "scan").returncode == 0
    assert all(f.verdict == "pass" for f in await harbour.preflight(config))
    plan = await harbour.plan(config)
    assert {c.action for c in plan.changes} == {"keep"}
    assert not plan.effective
    events = await collect(harbour.apply(plan, config))
    assert {e.resource for e in events if e.state == "done"} == {"fe1", "fe2", "cp1", "w1"}
    inventory = await harbour.inventory(config)
    async with await pool(given) as ssh:
        states = await probe(ssh, inventory)
    assert {name: state.facts["hostname"] for name, state in states.items()} == {n: n for n in inventory.names}
    assert {state.facts["interface"] for state in states.values()} == {"host0"}


@contextlib.contextmanager
def second_sshd(lab: LabCluster, node: str) -> Iterator[None]:
    """One more sshd on a host, with a host key of its own, so that the lab's stays what it is."""
    lab.exec(node, "rm -f /root/second && ssh-keygen -q -t ed25519 -N '' -f /root/second")
    run = ["systemd-run", "--quiet", "--collect", "--unit=second-sshd"]
    lab.exec(node, *run, "/usr/sbin/sshd", "-D", "-p", str(PORT), "-h", "/root/second")
    try:
        wait_until(lambda: f":{PORT}" in lab.exec(node, "ss -ltn").stdout, 10, "the second sshd listens")
        yield
    finally:
        lab.exec(node, "systemctl stop second-sshd", check=False)


async def test_a_changed_host_key_is_refused_and_never_replaced_in_silence(lab: LabCluster, given: Repository) -> None:
    change(given, "w1", ssh_port=PORT)
    with second_sshd(lab, "w1"):
        await pin_all(given)
        async with await pool(given) as ssh:
            assert (await ssh.run("w1", "hostname")).text == "w1\n"
    before = given.known_hosts.read_text()
    with second_sshd(lab, "w1"):
        new = lab.exec("w1", "ssh-keygen -lf /root/second.pub").stdout.split()[1]
        async with await pool(given) as ssh:
            with pytest.raises(HostKeyError, match=f"expected SHA256:.* got {new}".replace("+", r"\+")):
                await ssh.run("w1", "true")
        found = await BareMetalHarbour(given.root).scan(given.load())
        assert {name: host.state for name, host in found.items() if name in ("w1", "cp1")} == {
            "w1": "changed",
            "cp1": "pinned",
        }
        with pytest.raises(HostKeyChangedError):
            pin(given.known_hosts, found.values())
        told = cli(given, "baremetal", "pin", "--yes")
        assert (told.returncode, given.known_hosts.read_text()) == (5, before)
        checked = cli(given, "preflight", "--node", "w1", "--check", "ssh.host-key")
        assert checked.returncode == 5
        assert new in checked.stdout
        assert cli(given, "baremetal", "pin", "--yes", "--replace", "w1").returncode == 0
        async with await pool(given) as ssh:
            assert (await ssh.run("w1", "hostname")).text == "w1\n"
    others = [line for line in before.splitlines() if f":{PORT}" not in line]
    assert [line for line in given.known_hosts.read_text().splitlines() if f":{PORT}" not in line] == others


@pytest.mark.parametrize("stored", ["sudo/w1", "sudo/default"])
async def test_sudo_with_a_password_on_stdin_only(lab: LabCluster, given: Repository, stored: str) -> None:
    change(given, "w1", ssh_user="asked", sudo="password")
    await pin_all(given)
    secret = given.secrets_dir / stored
    secret.parent.mkdir(exist_ok=True)
    secret.write_text(PASSWORD + "\n")
    async with await pool(given) as ssh:
        done = await ssh.run("w1", "id -u; cat; ps -ww -eo args", input=b"for the command\n")
        assert done.stdout.startswith(b"0\nfor the command\n")
        assert PASSWORD.encode() not in done.stdout + done.stderr
        assert (await ssh.run("w1", "id -un", sudo=False)).text == "asked\n"
        local = given.root / "file"
        local.write_bytes(b"x" * 300_000)
        sent = await ssh.send("w1", "cat > /root/sent", each([local]), progress=lambda sent: None)
        assert sent.ok, sent.error_text
    assert lab.exec("w1", "stat -c '%U %s' /root/sent; tr -d x < /root/sent").stdout == "root 300000\n"


async def test_sudo_without_a_password(lab: LabCluster, given: Repository) -> None:
    change(given, "w1", ssh_user="free")
    await pin_all(given)
    async with await pool(given) as ssh:
        assert (await ssh.run("w1", "id -u; cat", input=b"in")).stdout == b"0\nin"
        states = await probe(ssh, ssh.inventory.only(["w1"]))
    assert states["w1"].reachable


@pytest.mark.parametrize(
    ("user", "sudo", "password", "why"),
    [
        ("plain", "nopasswd", "", "password is required"),
        ("asked", "nopasswd", "", "password is required"),
        ("asked", "password", "", "password is required"),
        ("asked", "password", "wrong", "incorrect password"),
    ],
)
async def test_sudo_refused(given: Repository, user: str, sudo: str, password: str, why: str) -> None:
    change(given, "w1", ssh_user=user, sudo=sudo)
    await pin_all(given)
    if password:
        (given.secrets_dir / "sudo").mkdir()
        (given.secrets_dir / "sudo" / "w1").write_text(password)
    async with await pool(given) as ssh:
        with pytest.raises(SudoRefusedError, match=why) as caught:
            await ssh.run("w1", "true")
    assert caught.value.hint


async def test_preflight_says_that_sudo_is_refused(given: Repository) -> None:
    change(given, "w1", ssh_user="plain")
    await pin_all(given)
    told = cli(given, "preflight", "--node", "w1", "--check", "ssh.sudo")
    assert told.returncode == 5
    assert "[ssh.sudo]" in told.stdout


async def test_a_jump_host(lab: LabCluster, given: Repository) -> None:
    nodes = lab_inventory(lab.config, lab.root)
    jump, target = nodes.node("fe1").address, nodes.node("w1").address
    change(given, "w1", jump=f"root@{jump}")
    found = await BareMetalHarbour(given.root).scan(given.load())
    assert "not pinned yet" in found["w1"].error
    assert cli(given, "baremetal", "pin", "--yes").returncode == 0
    async with await pool(given) as ssh:
        told = (await ssh.run("w1", "echo $SSH_CONNECTION")).text.split()
        assert (told[0], told[2]) == (jump, target)
        known = [given.known_hosts]
        sent = await ssh.send("w1", "echo $SSH_CONNECTION; wc -c", each(known), progress=lambda sent: None)
        assert sent.text.split()[0::4] == [jump, str(given.known_hosts.stat().st_size)]
    lines = [line for line in given.known_hosts.read_text().splitlines() if not line.startswith(jump)]
    given.known_hosts.write_text("\n".join(lines) + "\n")
    async with await pool(given) as ssh:
        with pytest.raises(HostKeyError, match="jump host"):
            await ssh.run("w1", "true")


async def test_hosts_that_do_not_answer(given: Repository) -> None:
    await pin_all(given)
    change(given, "w1", ssh_port=1)
    change(given, "fe2", ssh_key="secrets/ssh/none")
    make_key(given.secrets_dir / "other")
    change(given, "fe1", ssh_key="secrets/other")
    async with await pool(given) as ssh:
        for node, why in (("w1", "Connection refused"), ("fe2", "key is missing"), ("fe1", "refuses every key")):
            with pytest.raises(UnreachableError, match=why):
                await ssh.run(node, "true")
        assert (await ssh.run("cp1", "true")).ok
    events = await collect(
        BareMetalHarbour(given.root).apply(await BareMetalHarbour(given.root).plan(given.load()), given.load())
    )
    assert {e.resource: e.state for e in events if e.state != "started"} == {
        "cp1": "done", "fe1": "failed", "fe2": "failed", "w1": "failed",
    }  # fmt: skip


async def test_a_command_that_takes_too_long_is_ended_on_the_host(lab: LabCluster, given: Repository) -> None:
    change(given, "w1", ssh_user="free")
    await pin_all(given)
    async with await pool(given) as ssh:
        for node in ("cp1", "w1"):
            with pytest.raises(CommandTimeoutError):
                await ssh.run(node, "sleep 4321; echo more", timeout=0.5)
            wait_until(
                lambda node=node: "sleep 4321" not in lab.exec(node, "ps -eo args").stdout, 10, f"sleep ends on {node}"
            )


async def test_files_come_one_after_the_other(lab: LabCluster, given: Repository) -> None:
    await pin_all(given)
    parts = [given.root / "one", given.root / "two"]
    for part, size in zip(parts, (3_000_000, 5), strict=True):
        part.write_bytes(secrets.token_bytes(size))
    seen: list[int] = []
    async with await pool(given) as ssh:
        done = await ssh.send(
            "cp1", "head -c 3000000 > '/root/a b'; cat > /root/rest", each(parts), progress=seen.append
        )
        assert (done.exit, seen[-1]) == (0, 3_000_005)
        refused = await ssh.send("cp1", "echo no >&2; exit 7", each(parts), progress=seen.append)
        assert (refused.exit, refused.stderr) == (7, b"no\n")
    digests = lab.exec("cp1", "sha256sum '/root/a b' /root/rest | cut -c1-64").stdout.split()
    assert digests == [hashlib.sha256(part.read_bytes()).hexdigest() for part in parts]


async def test_when_a_file_cannot_be_had_the_command_sees_the_end(lab: LabCluster, given: Repository) -> None:
    await pin_all(given)
    whole = given.root / "whole"
    whole.write_bytes(b"x" * 100)

    async def files() -> AsyncIterator[Path]:
        yield whole
        raise Yk8sError("damaged")

    async with await pool(given) as ssh:
        with pytest.raises(Yk8sError, match="damaged"):
            await ssh.send("cp1", "wc -c > /root/count", files(), progress=lambda sent: None)
    assert lab.exec("cp1", "cat /root/count").stdout == "100\n"


async def test_sending_that_is_cancelled_is_ended_on_the_host(lab: LabCluster, given: Repository) -> None:
    change(given, "w1", ssh_user="free")
    await pin_all(given)
    endless = given.root / "endless"
    endless.write_bytes(b"x" * 10_000_000)
    async with await pool(given) as ssh:
        for node in ("cp1", "w1"):
            began = asyncio.Event()
            sending = asyncio.ensure_future(
                ssh.send(node, "cat | sleep 4322; echo more", each([endless]), progress=lambda sent, e=began: e.set())
            )
            await asyncio.wait_for(began.wait(), 20)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert "sleep 4322" not in lab.exec(node, "ps -eo args").stdout


async def each(paths: list[Path]) -> AsyncIterator[Path]:
    for path in paths:
        yield path


async def test_many_commands_at_once_on_one_connection(given: Repository) -> None:
    await pin_all(given)
    async with await pool(given) as ssh:
        told = await asyncio.gather(*(ssh.run("cp1", f"echo {n}; echo $SSH_CONNECTION") for n in range(40)))
    assert [answer.text.split()[0] for answer in told] == [str(n) for n in range(40)]
    assert len({answer.text.split()[2] for answer in told}) == 1


async def test_a_host_that_goes_away_in_the_middle_is_noticed_and_found_again(
    lab: LabCluster, given: Repository
) -> None:
    await pin_all(given)
    async with await pool(given) as ssh:
        running = asyncio.ensure_future(ssh.run("cp1", "sleep 600", timeout=None))
        assert (await ssh.run("cp1", "true")).ok
        cut = "ss --kill state established '( sport = :ssh )' >/dev/null"
        lab.exec("cp1", cut)
        with pytest.raises(UnreachableError):
            await running
        assert (await ssh.run("cp1", "echo back")).text == "back\n"


async def test_closing_does_not_wait_for_a_host_that_is_gone(lab: LabCluster, given: Repository) -> None:
    await pin_all(given)
    ssh = await pool(given)
    assert (await ssh.run("fe2", "true")).ok
    lab.exec("fe2", "ip link set host0 down")
    try:
        async with asyncio.timeout(10):
            await ssh.close()
    finally:
        lab.exec("fe2", "ip link set host0 up")
