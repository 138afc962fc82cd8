"""`yk8s-tui vpn`: the configuration, the client files, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from yk8s_tui.cli import main
from yk8s_tui.errors import ExitCode
from yk8s_tui.layers.wireguard import generate_key, public_key
from yk8s_tui.repository.create import create
from yk8s_tui.repository.repository import Repository


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return create(tmp_path / "c", "lab", "c", {}).root


def test_a_peer_is_added_shown_listed_and_removed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (root / "config/config.toml").read_text()
    comments = [line for line in before.splitlines() if line.startswith("#")]
    assert main(["--cluster", str(root), "vpn", "add", "alice"]) == ExitCode.DONE
    said = capsys.readouterr().out
    assert "secrets/vpn/alice-wg0.conf" in said
    assert "yk8s-tui apply --layer trampoline" in said
    wireguard = Repository(root).load().trampoline.wireguard
    assert (wireguard.enabled, [p.name for p in wireguard.peers]) == (True, ["alice"])
    after = (root / "config/config.toml").read_text().splitlines()
    assert len([c for c in comments if c in after]) > len(comments) / 2
    assert main(["--cluster", str(root), "vpn", "show", "alice"]) == ExitCode.DONE
    assert capsys.readouterr().out == (root / "secrets/vpn/alice-wg0.conf").read_text()
    assert main(["--cluster", str(root), "vpn", "list", "--json"]) == ExitCode.DONE
    listed = json.loads(capsys.readouterr().out)
    assert [(p["peer"], p["addresses"]) for p in listed["peers"]] == [("alice", ["10.199.0.2"])]
    assert main(["--cluster", str(root), "vpn", "remove", "alice"]) == ExitCode.DONE
    assert Repository(root).load().trampoline.wireguard.peers == ()
    assert not (root / "secrets/vpn/alice-wg0.conf").exists()


def test_the_client_file_fits_a_qr_code(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--cluster", str(root), "vpn", "add", "alice"])
    capsys.readouterr()
    assert main(["--cluster", str(root), "vpn", "show", "alice", "--qr"]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 20
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["add", "Bad_Name"], ExitCode.CONFIG, "lower-case"),
        (["add", "alice", "--public-key", "short"], ExitCode.CONFIG, "public key"),
        (["show", "nobody"], ExitCode.USAGE, "there is no peer nobody"),
        (["remove", "nobody"], ExitCode.USAGE, "there is no peer nobody"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    root: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: ExitCode, message: str
) -> None:
    before = (root / "config/config.toml").read_text()
    assert main(["--cluster", str(root), "vpn", *words]) == code
    assert message in capsys.readouterr().err
    assert (root / "config/config.toml").read_text() == before


def test_a_name_or_a_key_is_not_given_twice(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = public_key(generate_key())
    assert main(["--cluster", str(root), "vpn", "add", "alice", "--public-key", key]) == ExitCode.DONE
    assert main(["--cluster", str(root), "vpn", "add", "alice"]) == ExitCode.USAGE
    assert main(["--cluster", str(root), "vpn", "add", "bob", "--public-key", key]) == ExitCode.CONFIG
    assert "alice" in capsys.readouterr().err
