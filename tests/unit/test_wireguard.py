"""The VPN without hosts: addresses, keys, and what stands in the files of both ends."""

from __future__ import annotations

import ipaddress
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yk8s_tui.errors import ConfigError
from yk8s_tui.layers import wireguard, wireguard_ipam
from yk8s_tui.models.config import Config
from yk8s_tui.repository.secrets import SecretStore

NET = {"wg0": ("10.199.0.0/24",)}
NAMES = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True), unique=True, max_size=12)


def config(**vpn: Any) -> Config:
    nodes = [{"name": f"n{i}", "address": f"192.168.7.{i}", "roles": ["frontend", "control-plane"]} for i in (1, 2, 3)]
    return Config.model_validate(
        {
            "cluster": {"name": "c", "harbour": "baremetal"},
            "harbour": {"baremetal": {"nodes": nodes}},
            "trampoline": {"vip": "192.168.7.100", "wireguard": {"enabled": True, **vpn}},
        }
    )


def prepare(root: Path, wanted: Config) -> SecretStore:
    (root / "config").mkdir(exist_ok=True)
    store = SecretStore(root / "secrets")
    wireguard.prepare(wanted, root, store)
    return store


def test_frontends_have_the_first_address_and_peers_the_next() -> None:
    ipam = wireguard_ipam.allocate(NET, ["a", "b"], {})
    assert ipam == {"wg0": {"a": ("10.199.0.2",), "b": ("10.199.0.3",)}}


def test_both_families_are_allocated() -> None:
    ipam = wireguard_ipam.allocate({"wg0": ("10.199.0.0/24", "fd00:99::/64")}, ["a"], {})
    assert ipam["wg0"]["a"] == ("10.199.0.2", "fd00:99::2")


def test_a_peer_that_comes_back_has_its_old_address_and_nobody_else_got_it() -> None:
    first = wireguard_ipam.allocate(NET, ["a", "b"], {})
    without = wireguard_ipam.allocate(NET, ["b", "c"], first)
    assert without["wg0"]["c"] == ("10.199.0.4",)
    assert wireguard_ipam.allocate(NET, ["c", "a"], without)["wg0"]["a"] == ("10.199.0.2",)


def test_another_network_gives_other_addresses_and_a_full_one_says_so() -> None:
    first = wireguard_ipam.allocate(NET, ["a"], {})
    assert wireguard_ipam.allocate({"wg0": ("10.98.0.0/29",)}, ["a"], first)["wg0"]["a"] == ("10.98.0.2",)
    with pytest.raises(ConfigError, match=r"10\.98\.0\.0/29 is full"):
        wireguard_ipam.allocate({"wg0": ("10.98.0.0/29",)}, list("abcdef"), {})


@given(NAMES, NAMES)
def test_addresses_are_unique_usable_and_never_move(before: list[str], after: list[str]) -> None:
    first = wireguard_ipam.allocate(NET, before, {})
    second = wireguard_ipam.allocate(NET, after, first)
    given_out = [a for addresses in second["wg0"].values() for a in addresses]
    assert len(given_out) == len(set(given_out))
    reserved = {"10.199.0.0", "10.199.0.1", "10.199.0.255"}
    assert all(ipaddress.ip_address(a) in ipaddress.ip_network(NET["wg0"][0]) for a in given_out)
    assert not reserved & set(given_out)
    assert all(second["wg0"][name] == first["wg0"][name] for name in before)


def test_the_file_is_read_as_it_was_written_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    ipam = wireguard_ipam.allocate({"wg0": ("10.199.0.0/24", "fd00:99::/64")}, ["a", "b-1"], {})
    wireguard_ipam.save(tmp_path, ipam)
    assert wireguard_ipam.load(tmp_path) == ipam
    for broken in ("[wg0", "wg0 = 1", '[wg0]\na = ["x"]', '[wg0]\na = ["10.9.0.2"]\nb = ["10.9.0.2"]'):
        (tmp_path / wireguard_ipam.FILE).write_text(broken)
        with pytest.raises(ConfigError):
            wireguard_ipam.load(tmp_path)


def test_keys_are_those_of_wireguard() -> None:
    private = wireguard.generate_key()
    try:
        said = subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("missing: wg (apt-get install wireguard-tools)")
    assert wireguard.public_key(private) == said.strip()


def test_the_two_ends_fit_together(tmp_path: Path) -> None:
    store = prepare(tmp_path, config(peers=[{"name": "alice"}]))
    server, client = store.require("wireguard/wg0.conf"), store.require("vpn/alice-wg0.conf")
    assert f"PublicKey = {wireguard.public_key(store.require('wireguard/wg0.key'))}" in client
    assert f"PublicKey = {wireguard.public_key(store.require('wireguard/peers/alice.key'))}" in server
    assert "AllowedIPs = 10.199.0.2/32" in server
    assert "Address = 10.199.0.1/24" in server
    assert "Address = 10.199.0.2/32" in client
    assert "Endpoint = 192.168.7.100:51820" in client
    assert "MTU = 1420" in client
    assert client.startswith("# The Kubernetes API inside the tunnel: https://10.199.0.1:8888\n")
    assert store.path("vpn/alice-wg0.conf").stat().st_mode & 0o777 == 0o600


def test_nothing_changes_when_nothing_changed(tmp_path: Path) -> None:
    wanted = config(peers=[{"name": "alice"}, {"name": "bob"}])
    store = prepare(tmp_path, wanted)
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in tmp_path.rglob("*") if p.is_file()}
    prepare(tmp_path, wanted)
    assert {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in tmp_path.rglob("*") if p.is_file()} == before
    assert store.get("vpn/bob-wg0.conf")


def test_a_peer_with_its_own_key_keeps_its_private_key(tmp_path: Path) -> None:
    public = wireguard.public_key(wireguard.generate_key())
    store = prepare(tmp_path, config(peers=[{"name": "alice", "public_key": public}]))
    assert f"PublicKey = {public}" in store.require("wireguard/wg0.conf")
    assert f"PrivateKey = {wireguard.PLACEHOLDER}" in store.require("vpn/alice-wg0.conf")
    assert store.get("wireguard/peers/alice.key") is None


def test_a_removed_peer_loses_files_and_key_but_not_the_address(tmp_path: Path) -> None:
    prepare(tmp_path, config(peers=[{"name": "alice"}, {"name": "bob"}]))
    store = prepare(tmp_path, config(peers=[{"name": "bob"}]))
    assert store.get("vpn/alice-wg0.conf") is None
    assert store.get("wireguard/peers/alice.key") is None
    assert "alice" not in store.require("wireguard/wg0.conf")
    assert wireguard_ipam.load(tmp_path)["wg0"]["alice"] == ("10.199.0.2",)


def test_the_endpoint_is_never_routed_into_its_own_tunnel() -> None:
    wanted = config()
    tunnel = wireguard.tunnels(wanted)[0]
    networks = [ipaddress.ip_network(n) for n in wireguard.allowed_networks(wanted, tunnel, "192.168.7.100")]
    assert not any(ipaddress.ip_address("192.168.7.100") in n for n in networks)
    everybody_else = [a for a in ipaddress.ip_network("192.168.7.0/24") if str(a) != "192.168.7.100"]
    assert all(any(a in n for n in networks) for a in everybody_else)


def test_a_public_address_leaves_the_whole_node_network_in_the_tunnel() -> None:
    for host in ("203.0.113.9", "vpn.example.org", "2001:db8::1"):
        wanted = config(public_address=host)
        tunnel = wireguard.tunnels(wanted)[0]
        assert wireguard.allowed_networks(wanted, tunnel, host) == ("10.199.0.0/24", "192.168.7.0/24")


def test_tunnels_of_earlier_are_known_by_their_keys(tmp_path: Path) -> None:
    prepare(tmp_path, config(endpoints=[{}, {"port": 51821, "network_v4": "10.98.0.0/24"}]))
    store = SecretStore(tmp_path / "secrets")
    assert wireguard.former_tunnels(config(), store) == ("wg1",)
    assert wireguard.former_tunnels(config(enabled=False), store) == ("wg0", "wg1")
