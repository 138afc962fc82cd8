"""The search for leaked secrets finds what it is there to find."""

from __future__ import annotations

import base64
import secrets
import string
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import arguments
from tests.arguments import ArgumentSampler
from tests.canaries import Sweep, secrets_of

pytest_plugins = ["pytester"]

SECRET = b"c4n4ry-51a9e0f7c2"
ROOT = Path(__file__).resolve().parents[2]
OWN_CONFTEST = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.conftest import pytest_configure, pytest_sessionfinish, sweep_cluster
"""
SESSION = """
import base64, pathlib, subprocess, time
from tests.conftest import sweep_cluster

SECRET = "%s"

def test_that_leaks(request, tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/vrrp_password").write_text(SECRET)
    (tmp_path / "runs").mkdir()
    journal = tmp_path / "runs/journal.jsonl"
    logs = {"fe1": b"all well"}
    %s
    sweep_cluster(request.config, tmp_path, logs)
"""
LEAKS = {
    "nothing": "journal.write_text('all well')",
    "plain": "journal.write_text('auth_pass ' + SECRET)",
    "base64": "journal.write_text(base64.b64encode(b'x' + SECRET.encode()).decode())",
    "arguments": "subprocess.run(['sh', '-c', 'sleep 0.5', SECRET])",
    "log of a host": "logs['fe1'] = b'said ' + SECRET.encode()",
    "bootstrap token": "logs['fe1'] = b'kubeadm join --token ' + b'abc123' + b'.' + b'0123456789abcdef x'",
}


@pytest.mark.parametrize("prefix", ["", "x", "xy"])
@pytest.mark.parametrize("suffix", ["", "z", "zz"])
def test_a_secret_is_found_in_base64_whatever_stands_beside_it(prefix: str, suffix: str) -> None:
    sweep = Sweep({"password": SECRET})
    sweep.data("somewhere", base64.b64encode(prefix.encode() + SECRET + suffix.encode()))
    assert sweep.findings


def test_a_deliberate_leak_in_a_journal_is_found_and_secrets_are_not_searched(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "vrrp_password").write_bytes(SECRET)
    (tmp_path / "runs" / "1").mkdir(parents=True)
    journal = tmp_path / "runs" / "1" / "journal.jsonl"
    journal.write_text('{"type": "log", "text": "all well"}\n')
    clean = Sweep(secrets_of(tmp_path))
    clean.tree(tmp_path)
    assert clean.findings == []
    journal.write_text(f'{{"type": "log", "text": "auth_pass {SECRET.decode()}"}}\n')
    leaking = Sweep(secrets_of(tmp_path))
    leaking.tree(tmp_path)
    assert leaking.findings == ["runs/1/journal.jsonl: vrrp_password (plain)"]


@pytest.fixture
def sampler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ArgumentSampler]:
    monkeypatch.delenv(arguments.SHARED, raising=False)
    sampler = ArgumentSampler()
    yield sampler
    sampler.stop()


def test_process_arguments_are_sampled(sampler: ArgumentSampler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(arguments.SHARED, str(sampler.file))
    another = ArgumentSampler()
    process = subprocess.Popen(["sleep", "30.125"])
    try:
        assert b"sleep\x0030.125\x00" in sampler.seen()
    finally:
        process.kill()
        process.wait()
    found = another.stop()
    assert b"sleep\x0030.125\x00" in found
    assert sampler.seen() >= found, "it goes on for the others"


def test_a_process_that_becomes_another_is_seen_again(sampler: ArgumentSampler) -> None:
    process = subprocess.Popen(["sh", "-c", "sleep 0.7; exec sleep 30.25"])
    try:
        deadline = time.monotonic() + 30
        while b"sleep\x0030.25\x00" not in sampler.seen():
            assert time.monotonic() < deadline
    finally:
        process.kill()
        process.wait()
    assert b"sh\x00-c\x00sleep 0.7; exec sleep 30.25\x00" in sampler.seen()


def test_nobody_sampling_is_no_clean_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(arguments.SHARED, str(tmp_path / "arguments"))
    (tmp_path / "arguments").touch()
    with pytest.raises(RuntimeError, match="not sampled"):
        ArgumentSampler(patience=0.1).stop()


@pytest.mark.parametrize("leak", LEAKS)
def test_a_deliberate_leak_fails_a_session_whose_tests_pass(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, leak: str
) -> None:
    pytester.makeconftest(OWN_CONFTEST)
    pytester.makepyfile(SESSION % (f"c4n4ry-{secrets.token_hex(6)}", LEAKS[leak]))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    clean = leak == "nothing"
    assert result.ret == (pytest.ExitCode.OK if clean else pytest.ExitCode.TESTS_FAILED)
    assert ("LEAK" in result.stdout.str()) is not clean


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@t", *words], check=True)


def test_what_git_has_or_would_take_is_searched_uncompressed(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("/secrets/\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/vrrp_password").write_bytes(SECRET)
    clean = Sweep(secrets_of(tmp_path))
    clean.tree(tmp_path)
    assert clean.findings == []
    (tmp_path / "note").write_bytes(b"so it is " + SECRET)
    git(tmp_path, "add", "note")
    git(tmp_path, "commit", "--quiet", "--message", "a leak")
    (tmp_path / "note").unlink()
    git(tmp_path, "commit", "--quiet", "--all", "--message", "taken back")
    leaking = Sweep(secrets_of(tmp_path))
    leaking.tree(tmp_path)
    assert leaking.findings == ["git: vrrp_password (plain)"]
    (tmp_path / ".gitignore").write_text("")
    before = sorted((tmp_path / ".git").rglob("*"))
    fresh = Sweep({"other": b"/secrets/ is not ignored", **secrets_of(tmp_path)})
    fresh.tree(tmp_path)
    assert "git: vrrp_password (plain)" in fresh.findings
    assert sorted((tmp_path / ".git").rglob("*")) == before


def test_keys_are_known_whatever_file_they_are_in(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "id")], check=True)
    rsa = ["openssl", "genrsa", "-traditional", "2048"]
    key = subprocess.run(rsa, capture_output=True, check=True).stdout
    data = base64.b64encode(key)
    public = base64.b64encode(b"public")
    (folder / "kubeconfig").write_bytes(b"users:\n- user:\n    client-certificate-data: %s\n" % public
                                        + b"    client-key-data: %s\n" % data)  # fmt: skip
    wireguard = [base64.b64encode(secrets.token_bytes(32)) for _ in range(3)]
    (folder / "wg.conf").write_bytes(
        b"[Interface]\nPrivateKey = %s\nAddress = 10.0.0.1/24\n[Peer]\nPresharedKey=%s\n[Peer]\nPresharedKey = %s\n"
        % tuple(wireguard)
    )
    found = secrets_of(tmp_path)
    assert set(wireguard) <= set(found.values())
    assert data in found.values()
    assert public not in found.values()
    for leak in (key, data, base64.b64encode(b"xy" + key), (folder / "id").read_bytes(), *wireguard):
        sweep = Sweep(found)
        sweep.data("somewhere", leak)
        assert sweep.findings
    harmless = Sweep(found)
    derived = subprocess.run(["openssl", "rsa", "-pubout"], input=key, capture_output=True, check=True).stdout
    for content in ((folder / "id.pub").read_bytes(), derived, b"10.0.0.1/24 " + public):
        harmless.data("somewhere", content)
    assert harmless.findings == []


def test_tokens_are_known_by_their_form_and_their_ids_are_not() -> None:
    letters = string.ascii_lowercase + string.digits
    token = (
        "".join(secrets.choice(letters) for _ in range(6)) + ".a1" + "".join(secrets.choice(letters) for _ in range(14))
    )
    for text in (f"--token {token}", f'"token": "{token}"', f"\x00{token}\x00", f"token={token}"):
        sweep = Sweep({})
        sweep.data("somewhere", text.encode())
        assert sweep.findings == ["somewhere: a bootstrap token"]
    for text in (f"--certificate-key {'0a' * 32}", f"certificateKey: {'0a' * 32}", f"certificate key:\n{'0a' * 32}"):
        sweep = Sweep({})
        sweep.data("somewhere", text.encode())
        assert sweep.findings == ["somewhere: a certificate key"]
    harmless = Sweep({})
    for text in (
        "bootstrap-token-abc123",
        "system:bootstrap:abc123",
        "1764000000.1234567890123456",
        "sha256:" + "0a" * 32,
    ):
        harmless.data("somewhere", text.encode())
    assert harmless.findings == []
