"""Secrets: private files, and a list of everything worth redacting."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from yk8s_tui.errors import ConfigError
from yk8s_tui.repository.secrets import SecretStore

BODY = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU\nAAAEbm9uZQAAAAAAAAABAAAAMwAAAAt\n"
PEM = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{BODY}-----END OPENSSH PRIVATE KEY-----\n"
KUBECONFIG = f"""\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {base64.b64encode(b"public certificate").decode()}
    server: https://10.77.0.250:8888
users:
- user:
    client-key-data: {base64.b64encode(PEM.encode()).decode()}
    token: abcdef.0123456789abcdef
"""


@pytest.fixture
def store(tmp_path: Path) -> SecretStore:
    return SecretStore(tmp_path / "secrets")


def test_files_are_private_whatever_the_umask(store: SecretStore) -> None:
    old = os.umask(0)
    try:
        path = store.put("ssh/id_ed25519", PEM)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert store.directory.stat().st_mode & 0o777 == 0o700
    assert path.read_text() == PEM


def test_a_secret_is_made_once(store: SecretStore) -> None:
    assert store.get("vrrp_password") is None
    assert store.ensure("vrrp_password", lambda: "one") == "one"
    assert store.ensure("vrrp_password", lambda: "two") == "one"
    store.remove("vrrp_password")
    store.remove("vrrp_password")
    assert store.get("vrrp_password") is None


def test_a_newline_at_the_end_of_a_password_is_none_of_it(store: SecretStore) -> None:
    store.put("sudo/default", "hunter2\n")
    assert store.require("sudo/default") == "hunter2"
    store.put("key", PEM)
    assert store.require("key") == PEM


def test_a_missing_or_empty_secret_is_named_with_its_file(store: SecretStore) -> None:
    with pytest.raises(ConfigError, match=r"secrets/sudo/w1: a secret is missing"):
        store.require("sudo/w1")
    store.put("sudo/w1", "\n")
    with pytest.raises(ConfigError, match="is empty"):
        store.require("sudo/w1")
    store.put("binary", b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        store.get("binary")


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../../x"])
def test_names_never_lead_outside(store: SecretStore, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a secret"):
        store.put(name, "x")


def test_everything_secret_is_in_the_list_and_nothing_public(store: SecretStore) -> None:
    store.put("vrrp_password", "hunter22\n")
    store.put("ssh/id", PEM)
    store.put("ssh/id.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me")
    store.put("kubeconfig", KUBECONFIG)
    store.put(
        "wireguard/alice.conf",
        "[Interface]\nAddress = 10.199.0.2/32\nPrivateKey = cGVlciBrZXk=\n[Peer]\nPublicKey = cHVibGlj\n",
    )
    store.put("lines", "first secret line\nsecond secret line\n")
    store.put("short", "abc")
    store.put("binary", b"\xff\xfe\xfd\xfc")
    values = store.values()
    for secret in (
        "hunter22", BODY.splitlines()[0], base64.b64encode(PEM.encode()).decode(), "abcdef.0123456789abcdef",
        "cGVlciBrZXk=", "first secret line", base64.b64encode(b"\xff\xfe\xfd\xfc").decode(),
    ):  # fmt: skip
        assert secret in values
    shown = "\n".join(values)
    for public in ("https://10.77.0.250:8888", "AAAAC3NzaC1lZDI1NTE5", "cHVibGlj", "10.199.0.2", "BEGIN", "abc\n"):
        assert public not in shown.replace(base64.b64encode(PEM.encode()).decode(), "")


def test_no_directory_means_no_secrets(store: SecretStore) -> None:
    assert store.values() == frozenset()
