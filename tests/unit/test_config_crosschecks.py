"""Contradictions between keys: each one is found, with a remedy, and a good configuration has none."""

from __future__ import annotations

import copy
from datetime import date
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yk8s_tui.models.config import Config
from yk8s_tui.models.networks import effective_vip, node_network, planned_nodes
from yk8s_tui.models.problems import Problem
from yk8s_tui.models.rules import free_network
from yk8s_tui.models.summary import summarize
from yk8s_tui.models.validation import check

TODAY = date(2026, 11, 23)
KEY_A, KEY_B = "A" * 42 + "E=", "B" * 42 + "E="


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(base)
    for key, value in more.items():
        inner = result.get(key)
        result[key] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result


def lab(**more: Any) -> dict[str, Any]:
    return merged({"cluster": {"name": "x", "harbour": "lab"}}, more)


def metal(*nodes: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    rows = [{"name": n, "address": a, "roles": r.split("+")} for n, a, r in nodes]
    return merged({"cluster": {"name": "x", "harbour": "baremetal"}, "harbour": {"baremetal": {"nodes": rows}}}, more)


GOOD = (
    ("fe1", "10.0.0.11", "frontend"),
    ("fe2", "10.0.0.12", "frontend"),
    ("cp1", "10.0.0.21", "control-plane"),
    ("w1", "10.0.0.51", "worker"),
)
SMALL = (("n1", "10.0.0.11", "frontend+control-plane"), ("w1", "10.0.0.51", "worker"))
VIP = {"vip": "10.0.0.250"}


def problems(data: dict[str, Any]) -> tuple[Problem, ...]:
    return check(data, today=TODAY)[1]


def config_of(data: dict[str, Any]) -> Config:
    config, found = check(data, today=TODAY)
    assert config is not None, found
    return config


@pytest.mark.parametrize(
    "data",
    [
        lab(),
        lab(harbour={"lab": {"frontends": 2, "control_planes": 3, "workers": 50}}),
        lab(harbour={"lab": {"combined": True, "control_planes": 3}}),
        lab(trampoline={"wireguard": {"enabled": True, "peers": [{"name": "alice"}]}}),
        metal(*GOOD, trampoline=VIP),
        {"cluster": {"name": "x", "harbour": "openstack"}},
    ],
)
def test_good_configurations_have_no_problem(data: dict[str, Any]) -> None:
    assert problems(data) == ()


BAD = [
    (
        "networks overlap",
        lab(kubernetes={"pod_cidr": "10.77.0.0/16"}),
        "kubernetes.pod_cidr",
        "overlaps the node network 10.77.0.0/24",
    ),
    (
        "services and pods",
        lab(kubernetes={"pod_cidr": "10.96.0.0/16"}),
        "kubernetes.pod_cidr",
        "overlaps the service network",
    ),
    (
        "VPN and node network",
        lab(
            trampoline={
                "wireguard": {"enabled": True, "peers": [{"name": "a"}], "endpoints": [{"network_v4": "10.77.0.0/24"}]}
            }
        ),
        "trampoline.wireguard.endpoints[0].network_v4",
        "overlaps the node network",
    ),
    (
        "two VPN networks",
        lab(trampoline={"wireguard": {"enabled": True, "peers": [{"name": "a"}], "endpoints": [{}, {"port": 51821}]}}),
        "trampoline.wireguard.endpoints[1].network_v4",
        "overlaps the VPN network of wg0",
    ),
    ("VIP elsewhere", lab(trampoline={"vip": "10.78.0.250"}), "trampoline.vip", "is not in the node network"),
    ("VIP of another family", lab(trampoline={"vip": "fd00::1"}), "trampoline.vip", "is not in the node network"),
    ("VIP of a node", lab(trampoline={"vip": "10.77.0.21"}), "trampoline.vip", "is the address of cp1"),
    ("VIP of a machine", metal(*GOOD, trampoline={"vip": "10.0.0.51"}), "trampoline.vip", "is the address of w1"),
    ("VIP of the bridge", lab(trampoline={"vip": "10.77.0.1"}), "trampoline.vip", "bridge"),
    ("VIP is the network", lab(trampoline={"vip": "10.77.0.0"}), "trampoline.vip", "network address"),
    ("VIP is the broadcast", lab(trampoline={"vip": "10.77.0.255"}), "trampoline.vip", "broadcast address"),
    ("no VIP for two", metal(*GOOD), "trampoline.vip", "2 frontends need an address that they share"),
    ("lab subnet small", lab(harbour={"lab": {"subnet": "10.77.0.0/26"}}), "harbour.lab.subnet", "does not fit a lab"),
    (
        "locked out",
        lab(trampoline={"ssh_allowed_sources": ["192.0.2.0/24"]}),
        "trampoline.ssh_allowed_sources",
        "locks this machine",
    ),
    ("half dual stack", lab(kubernetes={"pod_cidr_v6": "fd00::/56"}), "kubernetes.service_cidr_v6", "dual stack needs"),
    ("v6 in v4's place", lab(kubernetes={"pod_cidr": "fd00::/56"}), "kubernetes.pod_cidr", "must be an IPv4 network"),
    (
        "v4 in v6's place",
        lab(kubernetes={"pod_cidr_v6": "10.1.0.0/16", "service_cidr_v6": "fd01::/112"}),
        "kubernetes.pod_cidr_v6",
        "must be an IPv6 network",
    ),
    ("pods too small", lab(kubernetes={"pod_cidr": "10.244.0.0/23"}), "kubernetes.pod_cidr", "has room for 2 nodes"),
    ("pods tiny", lab(kubernetes={"pod_cidr": "10.244.0.0/25"}), "kubernetes.pod_cidr", "has room for 0 nodes"),
    (
        "services too large",
        lab(kubernetes={"service_cidr": "10.96.0.0/11"}),
        "kubernetes.service_cidr",
        "too large for kubeadm",
    ),
    (
        "services too small",
        lab(kubernetes={"service_cidr": "10.96.0.0/30"}),
        "kubernetes.service_cidr",
        "too small for kubeadm",
    ),
    (
        "IPv6 machines",
        metal(("n1", "fd00::1", "frontend+control-plane"), ("w1", "fd00::2", "worker")),
        "harbour.baremetal.nodes[0].address",
        "IPv6 address",
    ),
    ("no machines", metal(), "harbour.baremetal.nodes", "has no machines yet"),
    (
        "no frontend",
        metal(("cp1", "10.0.0.1", "control-plane")),
        "harbour.baremetal.nodes",
        "no node has the role frontend",
    ),
    (
        "no control plane",
        metal(("fe1", "10.0.0.1", "frontend")),
        "harbour.baremetal.nodes",
        "no node has the role control-plane",
    ),
    (
        "worker and control plane",
        metal(("a", "10.0.0.1", "frontend+control-plane"), ("b", "10.0.0.2", "worker+control-plane")),
        "harbour.baremetal.nodes[1].roles",
        "cannot be worker and control-plane",
    ),
    (
        "role twice",
        metal(*SMALL, ("w2", "10.0.0.52", "worker+worker")),
        "harbour.baremetal.nodes[2].roles",
        "role twice",
    ),
    (
        "name twice",
        metal(*SMALL, ("w1", "10.0.0.52", "worker")),
        "harbour.baremetal.nodes[2].name",
        "is the name of entry 2",
    ),
    (
        "address twice",
        metal(*SMALL, ("w2", "10.0.0.51", "worker")),
        "harbour.baremetal.nodes[2].address",
        "is the address of w1",
    ),
    (
        "other network",
        metal(*SMALL, ("w2", "10.0.9.51", "worker")),
        "harbour.baremetal.nodes[2].address",
        "not in the node network 10.0.0.0/24",
    ),
    (
        "port of the API",
        lab(trampoline={"published_ports": [{"port": 8888, "node_port": 30080}]}),
        "trampoline.published_ports[0].port",
        "taken by the API",
    ),
    (
        "port of SSH",
        lab(trampoline={"published_ports": [{"port": 22, "node_port": 30080}]}),
        "trampoline.published_ports[0].port",
        "taken by SSH",
    ),
    (
        "port twice",
        lab(trampoline={"published_ports": [{"port": 80, "node_port": 30080}, {"port": 80, "node_port": 30081}]}),
        "trampoline.published_ports[1].port",
        "taken by trampoline.published_ports[0]",
    ),
    ("API port of SSH", lab(kubernetes={"api_port": 22}), "kubernetes.api_port", "taken by SSH"),
    (
        "API server's port",
        lab(harbour={"lab": {"combined": True}}, kubernetes={"api_port": 6443}),
        "kubernetes.api_port",
        "taken by the API server",
    ),
    (
        "node port's place",
        lab(harbour={"lab": {"combined": True}}, trampoline={"published_ports": [{"port": 30080, "node_port": 30080}]}),
        "trampoline.published_ports[0].port",
        "range of node ports",
    ),
    (
        "VPN port twice",
        lab(
            trampoline={
                "wireguard": {
                    "enabled": True,
                    "peers": [{"name": "a"}],
                    "endpoints": [{}, {"network_v4": "10.198.0.0/24"}],
                }
            }
        ),
        "trampoline.wireguard.endpoints[1].port",
        "same as that of entry 1",
    ),
    (
        "peer twice",
        lab(trampoline={"wireguard": {"enabled": True, "peers": [{"name": "a"}, {"name": "a"}]}}),
        "trampoline.wireguard.peers[1].name",
        "same as that of entry 1",
    ),
    (
        "key twice",
        lab(
            trampoline={
                "wireguard": {
                    "enabled": True,
                    "peers": [{"name": "a", "public_key": KEY_A}, {"name": "b", "public_key": KEY_A}],
                }
            }
        ),
        "trampoline.wireguard.peers[1].public_key",
        "same as that of entry 1",
    ),
    (
        "VPN too small",
        lab(
            trampoline={
                "wireguard": {
                    "enabled": True,
                    "peers": [{"name": "a"}, {"name": "b"}],
                    "endpoints": [{"network_v4": "10.199.0.0/30"}],
                }
            }
        ),
        "trampoline.wireguard.endpoints[0].network_v4",
        "has room for 1 peer",
    ),
    (
        "VPN without tunnel",
        lab(trampoline={"wireguard": {"enabled": True, "peers": [{"name": "a"}], "endpoints": []}}),
        "trampoline.wireguard.endpoints",
        "needs a tunnel interface",
    ),
    ("labels of nobody", lab(kubernetes={"labels": {"w9": {"a": "b"}}}), "kubernetes.labels.w9", "there is no node w9"),
    (
        "taints of nobody",
        lab(kubernetes={"taints": {"w9": ["a=b:NoSchedule"]}}),
        "kubernetes.taints.w9",
        "there is no node w9",
    ),
    ("Rook wants three", lab(ksl={"rook": {"enabled": True}}), "ksl.rook.enabled", "needs 3 workers, there are 2"),
    (
        "KMS is for OpenStack",
        lab(kms={"etcd_backup": {"enabled": True}}),
        "kms.etcd_backup.enabled",
        "only for clusters on OpenStack",
    ),
    (
        "names",
        lab(kubernetes={"extra_sans": ["10.0.0.300"]}),
        "kubernetes.extra_sans[0]",
        "neither a DNS name nor an address",
    ),
    (
        "mirror",
        lab(kubernetes={"registry_mirrors": [{"registry": "https://registry.k8s.io", "endpoint": "mirror"}]}),
        "kubernetes.registry_mirrors[0].endpoint",
        "is not a URL",
    ),
    ("kubelet", lab(kubernetes={"kubelet": {"kind": "x"}}), "kubernetes.kubelet.kind", "written by the tool"),
]


@pytest.mark.parametrize(("data", "key", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_contradictions_are_errors_with_a_remedy(data: dict[str, Any], key: str, words: str) -> None:
    config, found = check(data, today=TODAY)
    assert config is None
    matching = [p for p in found if p.key == key and words in p.message]
    assert matching, found
    assert matching[0].severity == "error"
    assert matching[0].remedy


DOUBTFUL = [
    (
        "dual stack",
        lab(kubernetes={"pod_cidr_v6": "fd00:10:244::/56", "service_cidr_v6": "fd00:10:96::/112"}),
        "kubernetes.pod_cidr_v6",
        "over IPv4 only",
    ),
    ("no steps yet", lab(ksl={"ingress": {"enabled": True}}), "ksl.ingress.enabled", "is not installed"),
    (
        "even",
        lab(harbour={"lab": {"frontends": 2, "control_planes": 2}}),
        "harbour.lab.control_planes",
        "survive no more failures than 1",
    ),
    (
        "nine",
        lab(harbour={"lab": {"frontends": 2, "control_planes": 9}}),
        "harbour.lab.control_planes",
        "slower, not safer",
    ),
    ("one way in", lab(harbour={"lab": {"control_planes": 3}}), "harbour.lab.frontends", "behind 1 frontend"),
    ("no worker", lab(harbour={"lab": {"workers": 0}}), "harbour.lab.workers", "no worker"),
    ("no VIP", metal(*SMALL), "trampoline.vip", "address of the only frontend"),
    ("support ended", lab(kubernetes={"version": "1.34.9"}), "kubernetes.version", "ended on 2026-10-27"),
    ("unknown patch", lab(kubernetes={"version": "1.36.99"}), "kubernetes.version", "is newer than"),
    (
        "nobody comes in",
        lab(trampoline={"wireguard": {"enabled": True}}),
        "trampoline.wireguard.peers",
        "nobody may come in",
    ),
    (
        "unused mirror",
        lab(kubernetes={"package_mirror": "https://m.example.org"}),
        "kubernetes.package_mirror",
        "is not used",
    ),
    (
        "label of a frontend",
        lab(kubernetes={"labels": {"fe1": {"a": "b"}}}),
        "kubernetes.labels.fe1",
        "is a frontend only",
    ),
]


@pytest.mark.parametrize(("data", "key", "words"), [row[1:] for row in DOUBTFUL], ids=[row[0] for row in DOUBTFUL])
def test_doubts_are_warnings_and_stop_nothing(data: dict[str, Any], key: str, words: str) -> None:
    config, found = check(data, today=TODAY)
    assert config is not None
    assert [(p.key, p.severity) for p in found] == [(key, "warning")]
    assert words in found[0].message
    assert found[0].remedy


def test_support_ends_depend_on_the_day_that_is_given() -> None:
    data = lab(kubernetes={"version": "1.36.3"})
    assert check(data, today=date(2027, 4, 1))[1] == ()
    assert "ends on" in check(data, today=date(2027, 5, 1))[1][0].message
    assert "ended on" in check(data, today=date(2027, 7, 1))[1][0].message
    assert check(data)[1] == ()


def test_the_suggested_network_and_vip_are_good() -> None:
    (problem,) = problems(lab(kubernetes={"pod_cidr": "10.77.0.0/16"}))
    assert problems(lab(kubernetes={"pod_cidr": problem.remedy.split('"')[1]})) == ()
    (problem,) = [p for p in problems(metal(*GOOD)) if p.key == "trampoline.vip"]
    assert problems(metal(*GOOD, trampoline={"vip": problem.remedy.split('"')[1]})) == ()


networks = st.builds(
    lambda address, length: ip_network((address >> (32 - length) << (32 - length), length)),
    st.integers(0, 2**32 - 1), st.integers(4, 30),
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(networks, max_size=12), st.integers(8, 29))
def test_a_suggested_network_is_free(taken: list[Any], length: int) -> None:
    found = free_network(length, 4, taken)
    if found:
        assert ip_network(found).is_private
        assert not any(ip_network(found).overlaps(n) for n in taken)


def test_addresses_of_the_api() -> None:
    assert effective_vip(config_of(lab())) == "10.77.0.11"
    assert effective_vip(config_of(lab(harbour={"lab": {"combined": True}}))) == "10.77.0.21"
    assert effective_vip(config_of(lab(harbour={"lab": {"frontends": 2}}))) == "10.77.0.250"
    assert effective_vip(config_of(lab(trampoline={"vip": "10.77.0.99"}))) == "10.77.0.99"
    assert effective_vip(config_of(metal(*SMALL))) == "10.0.0.11"
    assert str(node_network(config_of(metal(*SMALL)))) == "10.0.0.0/24"


def test_planned_lab_nodes_are_those_of_the_lab() -> None:
    from pathlib import Path

    from yk8s_tui.backends.lab_names import lab_inventory

    for settings_ in ({"frontends": 2, "control_planes": 3, "workers": 4}, {"combined": True, "control_planes": 3}):
        config = config_of(lab(harbour={"lab": settings_}))
        planned = {(n.name, n.address, n.roles) for n in planned_nodes(config)}
        assert planned == {(n.name, n.address, n.roles) for n in lab_inventory(config, Path("/x")).nodes}


def test_the_summary_says_what_it_will_be() -> None:
    summary = summarize(config_of(metal(*GOOD, trampoline=VIP)))
    assert summary["nodes"] == "2 frontends, 1 control plane, 1 worker"
    assert summary["API"] == "10.0.0.250:8888"
