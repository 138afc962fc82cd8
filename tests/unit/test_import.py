"""`yk8s-tui import`: every key of a yaook/k8s repository is mapped, or listed with the reason."""

from __future__ import annotations

import json
import shutil
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yk8s_tui.cli import main
from yk8s_tui.layers import wireguard, wireguard_ipam
from yk8s_tui.repository.importing import translate
from yk8s_tui.repository.importing_source import Source
from yk8s_tui.repository.repository import Repository

DATA = Path(__file__).parent / "data"
RELEASES = ["v3", "v4", "v5", "v6", "v7", "v8"]
SECRETS = ("c29tZSBzaGFy", "between-two-gateways", "hush-hush", "not-for-you", "aBcDeFgH", "sesame", "tok3n")
ADA = "hxsDlmnLXXoZUTQzOSBMSZO3gVFNCJ+c1Bwu8Yrjcz4="
HOSTS = """\
[all:vars]
networking_fixed_ip=10.40.0.250
subnet_cidr=10.40.0.0/24
on_openstack=False

[orchestrator]
localhost ansible_connection=local

[frontend:children]
masters

[k8s_nodes:children]
masters
workers

[masters]
quay-m1 ansible_host=192.0.2.11 local_ipv4_address=10.40.0.11 ansible_user=debian
quay-m2.example.org ansible_host=192.0.2.12 local_ipv4_address=10.40.0.12 ansible_become_pass=sesame
quay-m3 ansible_host=10.40.0.13 local_ipv4_address=10.40.0.13

[workers]
quay-w1 ansible_host=10.40.0.21 local_ipv4_address=10.40.0.21 rack=7
"""
ENVIRONMENT = """\
# comment
export TF_USAGE=false
export WG_USAGE="${WG_USAGE:-false}"
export K8S_CUSTOM_STAGE_USAGE=true
export VAULT_TOKEN=tok3n
export OUR_OWN=1
"""
IPAM = f"""\
[[wg_users]]
pub_key = "{ADA}"
ident = "adalovelace"
ips = {{ 0 = "172.30.153.99", 1 = "172.30.153.140" }}

[[wg_users]]
pub_key = "Yw5bVnX7hqRJp2vT0eGmKc9sLdZfU4oAiN1xQyB8tEM="
ident = "Grace_Hopper"
ips = {{ 0 = "172.30.153.64", 7 = "172.30.0.1" }}

[[wg_users]]
pub_key = "of somebody who has left"
ident = "emeritus"
ips = {{ 0 = "172.30.153.70" }}
"""


def theirs(directory: Path, release: str) -> Path:
    """A repository of that release, with what goes with it."""
    files = {"v3": {"config/wireguard_ipam.toml": IPAM, "inventory/.etc/admin.conf": "hush-hush"},
             "v4": {"inventory/yaook-k8s/hosts": HOSTS, ".envrc": ENVIRONMENT, "k8s-custom/main.yaml": "[]"},
             "v8": {"managed-k8s/version": "8.1.4\n", "etc/wg.key": "hush-hush"}}  # fmt: skip
    root = directory / "theirs"
    for name, text in files.get(release, {}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "config").mkdir(parents=True, exist_ok=True)
    shutil.copy(DATA / f"yaook-{release}.toml", root / "config" / "config.toml")
    return root


def bring(root: Path, into: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    assert main(["import", str(root), "--into", str(into), "--json", *options]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def has_table(value: Any) -> bool:
    """Whether there is a table in it, however deep."""
    return isinstance(value, dict) or (isinstance(value, list) and any(has_table(inner) for inner in value))


def keys_of(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf by its dotted key; written apart from the product's own walk."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            is_bare = bool(name) and set(name) <= set(string.ascii_letters + string.digits + "-_")
            shown = name if is_bare else json.dumps(name, ensure_ascii=False)
            yield from keys_of(inner, f"{key}.{shown}" if key else shown)
    elif isinstance(value, list) and has_table(value):
        for number, inner in enumerate(value):
            yield from keys_of(inner, f"{key}[{number}]")
    elif key:
        yield key, value


def not_listed(data: dict[str, Any], listed: set[str]) -> list[str]:
    """The leaves that are nowhere; a list of plain values may be listed one by one, an empty table by its defaults."""

    def is_there(key: str, value: Any) -> bool:
        one_by_one = isinstance(value, list) and value and all(is_there(f"{key}[{n}]", v) for n, v in enumerate(value))
        by_default = value == {} and any(other.startswith(f"{key}.") for other in listed)
        return key in listed or bool(one_by_one) or by_default

    return [key for key, value in keys_of(data) if not is_there(key, value)]


@pytest.mark.parametrize("release", RELEASES)
def test_every_key_is_mapped_or_listed(release: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = theirs(tmp_path, release)
    report = bring(root, tmp_path / "ours", capsys)
    entries = [e for group in ("mapped", "not_mapped", "to_decide", "unknown") for e in report[group]]
    assert not_listed(tomllib.loads((root / "config/config.toml").read_text()), {e["key"] for e in entries}) == []
    assert all(e["reason"] for group in ("not_mapped", "to_decide", "unknown") for e in report[group])
    assert all(e["our_key"] for e in report["mapped"])
    assert report["format"] == 1
    assert report["valid"]
    Repository(tmp_path / "ours").load()


@pytest.mark.parametrize("release", RELEASES)
def test_secrets_are_neither_copied_nor_shown(release: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = theirs(tmp_path, release)
    assert main(["import", str(root), "--into", str(tmp_path / "ours")]) == 0
    shown = capsys.readouterr().out
    assert main(["import", str(root), "--into", str(tmp_path / "again"), "--json"]) == 0
    shown += capsys.readouterr().out
    written = "".join(
        p.read_text(errors="replace") for p in (tmp_path / "ours").rglob("*") if p.is_file() and ".git" not in p.parts
    )
    assert [s for s in SECRETS if s in shown + written] == []


def test_openstack_with_lists_by_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = bring(theirs(tmp_path, "v3"), tmp_path / "ours", capsys)
    config = Repository(tmp_path / "ours").load()
    assert (config.cluster.name, config.cluster.harbour) == ("harbor-one", "openstack")
    assert str(config.harbour.openstack.network_cidr) == "172.30.160.0/24"
    assert config.harbour.openstack.public_network == "floating-a"
    assert config.kubernetes.cni == "calico"
    ports = [(p.port, p.node_port, p.proxy_protocol) for p in config.trampoline.published_ports]
    assert ports == [(30080, 30080, False), (443, 32443, True)]
    assert config.kubernetes.labels["harbor-one-worker-0"]["sched.example.org/storage"] == "true"
    assert config.kubernetes.taints["harbor-one-worker-0"][1] == "tier=gold:NoExecute"
    assert config.kubernetes.kubelet["evictionHard"]["nodefs.available"] == "12%"
    assert config.kubernetes.kubelet["evictionSoft"] == {"memory.available": "384Mi"}
    assert [m.registry for m in config.kubernetes.registry_mirrors] == ["quay.io", "docker.io"]
    assert config.ksl.rook.enabled
    assert config.ksl.rook.namespace == "ceph"
    assert config.trampoline.ntp_servers == ("ntp1.example.org", "ntp2.example.org")
    assert "inventory/.etc: content" in {e["key"] for e in report["not_mapped"]}


def test_peers_keep_their_addresses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = bring(theirs(tmp_path, "v3"), tmp_path / "ours", capsys)
    config = Repository(tmp_path / "ours").load()
    assert [p.name for p in config.trampoline.wireguard.peers] == ["adalovelace", "grace-hopper"]
    ipam = wireguard_ipam.load(tmp_path / "ours")
    networks = {t.name: t.networks for t in wireguard.tunnels(config)}
    after = wireguard_ipam.allocate(networks, [p.name for p in config.trampoline.wireguard.peers], ipam)
    assert after["wg0"]["adalovelace"] == ("172.30.153.99",)
    assert after["wg1"]["adalovelace"] == ("172.30.153.140",)
    assert after["wg0"]["emeritus"] == ("172.30.153.70",)
    decisions = {e["key"] for e in report["to_decide"]}
    assert "config/wireguard_ipam.toml: wg_users[1].ips.0" in decisions


def test_machines_become_a_bare_metal_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = bring(theirs(tmp_path, "v4"), tmp_path / "ours", capsys)
    config = Repository(tmp_path / "ours").load()
    nodes = {n.name: n for n in config.harbour.baremetal.nodes}
    assert list(nodes) == ["quay-m1", "quay-m2", "quay-m3", "quay-w1"]
    assert set(nodes["quay-m1"].roles) == {"frontend", "control-plane"}
    assert (str(nodes["quay-m1"].address), nodes["quay-m1"].ssh_address) == ("10.40.0.11", "192.0.2.11")
    assert str(config.trampoline.vip) == "10.40.0.250"
    assert str(config.harbour.baremetal.node_network) == "10.40.0.0/24"
    assert not config.trampoline.wireguard.enabled
    assert config.customization.enabled
    assert [p.port for p in config.trampoline.published_ports] == [80]
    decisions = {e["key"]: e["reason"] for e in report["to_decide"]}
    assert "needs 3 workers" in decisions["kubernetes.storage.rook_enabled"]
    assert "there is no node quay-w9" in decisions["node-scheduling.labels.quay-w9[0]"]
    assert {e["key"] for e in report["unknown"]} == {".envrc: OUR_OWN", "inventory/yaook-k8s/hosts: quay-w1.rack"}


def test_machines_without_a_hosts_file_are_to_be_written_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = theirs(tmp_path, "v4")
    (root / "inventory/yaook-k8s/hosts").unlink()
    report = bring(root, tmp_path / "ours", capsys)
    assert "harbour.baremetal.nodes" in {e["our_key"] for e in report["to_decide"]}
    assert Repository(tmp_path / "ours").problems()


def test_frontends_without_a_vip_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = theirs(tmp_path, "v4")
    (root / "inventory/yaook-k8s/hosts").write_text(HOSTS.replace("networking_fixed_ip=10.40.0.250\n", ""))
    report = bring(root, tmp_path / "ours", capsys)
    assert not report["valid"]
    assert "trampoline.vip" in {e["our_key"] for e in report["to_decide"]}
    errors = [p.key for p in Repository(tmp_path / "ours").problems() if p.severity == "error"]
    assert errors == ["trampoline.vip"]


def test_the_vpn_in_the_old_style_and_another_gateway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = bring(theirs(tmp_path, "v5"), tmp_path / "ours", capsys)
    endpoints = Repository(tmp_path / "ours").load().trampoline.wireguard.endpoints
    assert [(e.port, str(e.network_v4)) for e in endpoints] == [(51900, "192.0.2.0/24")]
    assert wireguard_ipam.load(tmp_path / "ours") == {"wg0": {"adalovelace": ("192.0.2.23",)}}
    decisions = {e["key"] for e in report["to_decide"]}
    assert {"wireguard.ip_gw", "wireguard.peers[1].ident"} <= decisions


@pytest.mark.parametrize(("release", "version"), [("v3", "1.27.10"), ("v8", "1.35.2")])
def test_no_version_is_chosen_in_silence(
    release: str, version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = bring(theirs(tmp_path, release), tmp_path / "ours", capsys)
    state = {e["key"]: s for s in ("mapped", "to_decide") for e in report[s]}
    supported = version == "1.35.2"
    assert state["kubernetes.version"] == ("mapped" if supported else "to_decide")
    decided = bring(theirs(tmp_path / "2", release), tmp_path / "set", capsys, "--set", "kubernetes.version=1.36.3")
    assert "kubernetes.version" in {e["our_key"] for e in decided["mapped"]}
    assert Repository(tmp_path / "set").load().kubernetes.version == "1.36.3"


def test_what_our_configuration_refuses_is_to_be_decided(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = bring(theirs(tmp_path, "v6"), tmp_path / "ours", capsys)
    decisions = {e["key"]: e for e in report["to_decide"]}
    assert decisions["kubernetes.network.pod_subnet"]["our_key"] == "kubernetes.pod_cidr"
    assert decisions["ipsec.enabled"]["value"] is True
    assert str(Repository(tmp_path / "ours").load().kubernetes.pod_cidr) == "10.244.0.0/16"


def test_both_families(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bring(theirs(tmp_path, "v7"), tmp_path / "ours", capsys)
    kubernetes = Repository(tmp_path / "ours").load().kubernetes
    assert (str(kubernetes.pod_cidr_v6), str(kubernetes.service_cidr_v6)) == ("fdff:2::/56", "fdff:3::/112")


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = bring(theirs(tmp_path, "v8"), tmp_path / "ours", capsys, "--dry-run")
    assert not report["written"]
    assert report["release"] == "8.1.4"
    assert not (tmp_path / "ours").exists()


def test_what_cannot_be_read_or_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, into = theirs(tmp_path, "v3"), str(tmp_path / "ours")

    def code(path: Path, target: str = into) -> int:
        return main(["import", str(path), "--into", target])

    assert code(tmp_path / "nowhere") == 3
    assert code(tmp_path) == 3
    assert code(root, str(root)) == 2
    assert code(root, str(root / "inside")) == 2
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    assert code(root, str(tmp_path / "full")) == 2
    config = root / "config" / "config.toml"
    for text in ("[cluster]\nname = 'x'\nharbour = 'lab'\n", "[package]\nname = 'x'\n", "= broken", ""):
        config.write_text(text)
        assert code(root) == 3
    shutil.copy(DATA / "yaook-v3.toml", config)
    (root / "managed-k8s").mkdir()
    (root / "managed-k8s" / "version").write_text("2.1.0\n")
    assert code(root) == 3
    (root / "managed-k8s" / "version").unlink()
    (root / "config" / "default.nix").write_text("{}")
    assert code(root) == 3
    assert not Path(into).exists()
    assert "Traceback" not in capsys.readouterr().err


NAMES = st.text(alphabet="abcz-_.\"' é0", min_size=0, max_size=6) | st.sampled_from(
    [
        "terraform",
        "kubernetes",
        "network",
        "wireguard",
        "peers",
        "endpoints",
        "labels",
        "version",
        "password",
        "id",
        "port",
    ]
)
VALUES = st.recursive(
    st.booleans() | st.integers(-2, 99999) | st.text(alphabet='a.=:/{}1"é ', max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


def extended(data: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """The data with a value put in, whatever was there."""
    if not path:
        return data
    head, *rest = path
    inner = data.get(head)
    return {**data, head: extended(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


FIXTURES = {release: tomllib.loads((DATA / f"yaook-{release}.toml").read_text()) for release in RELEASES}


def sections(data: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, inner in data.items():
        yield from sections(inner, (*path, name)) if isinstance(inner, dict) else [(*path, name)]


@settings(max_examples=60)
@given(st.data())
def test_nothing_is_dropped_whatever_else_is_there(data: st.DataObject) -> None:
    """Random extra keys, and random values in place of known ones."""
    content = FIXTURES[data.draw(st.sampled_from(["v5", "v6", "v8"]))]
    for _ in range(data.draw(st.integers(1, 3))):
        place = list(data.draw(st.sampled_from(sorted(sections(content)))))
        extra = data.draw(st.lists(NAMES, min_size=0 if place else 1, max_size=2))
        content = extended(content, place + extra, data.draw(VALUES))
    plan = translate(Source(root=Path("/theirs"), data=content, release="v8"))
    assert not_listed(content, {entry.key for entry in plan.entries}) == []
