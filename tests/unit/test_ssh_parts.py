"""The parts of SSH that need no host: jump hosts, pins, scripts, and what is loaded when."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from yk8s_tui.backends.hostkeys import HostKey, HostKeyChangedError, ScannedHost, pin, pinned_keys
from yk8s_tui.backends.ssh_connect import JumpHost
from yk8s_tui.backends.ssh_scripts import program
from yk8s_tui.errors import ExitCode


def generated(folder: Path, name: str) -> HostKey:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    public = folder / f"{name}.pub"
    told = subprocess.run(["ssh-keygen", "-lf", str(public)], check=True, capture_output=True, text=True).stdout
    return HostKey(algorithm="ssh-ed25519", fingerprint=told.split()[1], line=" ".join(public.read_text().split()[:2]))


def host(key: HostKey, state: str = "new", **fields: object) -> ScannedHost:
    given = {"name": "n1", "host": "10.0.0.1", "keys": (key,), "state": state, **fields}
    return ScannedHost.model_validate(given)


@pytest.mark.parametrize(
    ("text", "user", "address", "port"),
    [
        ("ops@198.51.100.1", "ops", "198.51.100.1", 22),
        ("ops@bastion.example:2222", "ops", "bastion.example", 2222),
        ("ops@[2001:db8::1]:2222", "ops", "2001:db8::1", 2222),
        ("ops@2001:db8::1", "ops", "2001:db8::1", 22),
    ],
)
def test_jump_hosts_are_read(text: str, user: str, address: str, port: int) -> None:
    assert JumpHost.parse(text) == JumpHost(user, address, port)


@pytest.mark.parametrize("text", ["", "ops@", "ops@host:ssh", "ops@host:99999", "ops@[2001:db8::1", "ops@[::1]x"])
def test_jump_hosts_that_make_no_sense(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        JumpHost.parse(text)


def test_pins_are_written_so_that_ssh_reads_them(tmp_path: Path) -> None:
    known, key = tmp_path / "known_hosts", generated(tmp_path, "a")
    pin(known, [host(key), host(key, name="n2", port=2222)])
    found = subprocess.run(
        ["ssh-keygen", "-F", "[10.0.0.1]:2222", "-l", "-f", str(known)], check=True, capture_output=True, text=True
    )
    assert key.fingerprint in found.stdout
    assert pinned_keys(known, "10.0.0.1", 22) == (key.fingerprint,)
    assert pinned_keys(known, "10.0.0.2", 22) == ()


def test_a_pin_is_replaced_only_by_name_and_nothing_else_changes(tmp_path: Path) -> None:
    known, old, new = tmp_path / "known_hosts", generated(tmp_path, "a"), generated(tmp_path, "b")
    known.write_text(f"# by hand\n10.0.0.1,other.example {old.line}\n10.0.0.3 {old.line}\n")
    changed = host(new, "changed", pinned=(old.fingerprint,))
    before = known.read_text()
    with pytest.raises(HostKeyChangedError) as caught:
        pin(known, [changed, host(old, name="n9", host="10.0.0.9")])
    assert caught.value.exit_code == ExitCode.UNREACHABLE
    assert old.fingerprint in caught.value.why
    assert new.fingerprint in caught.value.why
    assert known.read_text() == before
    plan = pin(known, [changed], replace=["n1"])
    assert plan.replaced == ("n1",)
    assert known.read_text() == (f"# by hand\nother.example {old.line}\n10.0.0.3 {old.line}\n10.0.0.1 {new.line}\n")


def test_hosts_that_did_not_answer_are_not_pinned(tmp_path: Path) -> None:
    silent = ScannedHost(name="n1", host="10.0.0.1", state="unreachable", error="no route")
    assert pin(tmp_path / "known_hosts", [silent]).new == ()
    assert not (tmp_path / "known_hosts").exists()


def test_scripts_are_modules_to_one_another() -> None:
    script = program("host_facts.py", "probe.py")
    done = subprocess.run([sys.executable, "-", "127.0.0.1"], input=script, capture_output=True, check=True)
    told = json.loads(done.stdout)
    assert told["facts"]["interface"] == "lo"
    assert set(told) == {"facts", "receipts", "drift"}


@pytest.mark.parametrize("module", ["yk8s_tui.backends.ssh", "yk8s_tui.preflight", "yk8s_tui.backends.baremetal"])
def test_asyncssh_is_loaded_only_when_a_connection_is_opened(module: str) -> None:
    code = f"import sys, {module}; sys.exit('asyncssh' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
