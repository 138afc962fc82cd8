"""The search for leaked secrets finds what it is there to find."""

from __future__ import annotations

import base64
import subprocess
import time
from pathlib import Path

import pytest

from tests.canaries import ArgumentSampler, Sweep, secrets_of

SECRET = b"c4n4ry-51a9e0f7c2"


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


def test_process_arguments_are_sampled() -> None:
    sampler = ArgumentSampler(0.01)
    process = subprocess.Popen(["sleep", "30.125"])
    try:
        sampler.start()
        deadline = time.monotonic() + 10
        while not any(b"30.125" in line for line in list(sampler.seen)) and time.monotonic() < deadline:
            process.poll()
    finally:
        process.kill()
        process.wait()
    assert b"sleep\x0030.125\x00" in sampler.stop()
