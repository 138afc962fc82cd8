"""Problems of single keys: all at once, in the operator's language, with line, value and remedy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yk8s_tui.models.config import Config
from yk8s_tui.models.validation import check, nearest
from yk8s_tui.repository.reading import examine

BASE: dict[str, Any] = {"cluster": {"name": "x", "harbour": "lab"}}

WRONG = """\
clusterr = 3
[cluster]
name = "Berlin_1"
harbor = "lab"
[harbour.lab]
frontends = "2"
subnet = "10.77.0.5/24"
[trampoline]
vip = 5
published_ports = [
  { port = 80, node_port = 80 },
  { port = 0, nodeport = 30080 },
]
wireguard = { enabled = 1, peers = [{name="a", public_key="x"}] }
[kubernetes]
version = 1.36
cni = "calicoo"
audit_log = "yes"
pod-cidr = "10.244.0.0/16"
service_cidr = "10.244.0.0/16"
[kubernetes.taints]
w1 = ["a:noschedule"]
[[harbour.baremetal.nodes]]
name = "n1"
[[harbour.baremetal.nodes]]
name = "n2"
address = "10.0.0.1/24"
roles = ["workr"]
labels = {"a b" = "x", "c" = 3}
"""


def test_every_problem_at_once_with_its_line() -> None:
    found = {(p.key, p.line): (p.value, p.message, p.remedy) for p in examine(WRONG).problems}
    expected = {
        ("clusterr", 1): ("3", "is not a known key", "did you mean `cluster`?"),
        ("cluster.harbor", 4): ('"lab"', "is not a known key", "did you mean `harbour`?"),
        ("harbour.lab.frontends", 6): ('"2"', "must be a whole number", "digits without quotes"),
        ("harbour.lab.subnet", 7): (
            '"10.77.0.5/24"',
            "has bits set behind its prefix length",
            'the network is "10.77.0.0/24"',
        ),
        ("trampoline.published_ports[0].node_port", 11): ("80", "must be at least 30000", ""),
        ("trampoline.published_ports[1].port", 12): ("0", "must be at least 1", ""),
        ("trampoline.published_ports[1].nodeport", 12): ("30080", "is not a known key", "did you mean `node_port`?"),
        ("kubernetes.version", 16): ("1.36", "must be text", 'in quotes: "1.36"'),
        ("kubernetes.pod-cidr", 19): ('"10.244.0.0/16"', "is not a known key", "did you mean `pod_cidr`?"),
        ("harbour.baremetal.nodes[1].address", 27): (
            '"10.0.0.1/24"',
            "must be an address without a prefix length",
            '"10.0.0.1"',
        ),
    }
    assert {k: found.get(k) for k in expected} == expected
    assert found[("kubernetes.cni", 17)][2] == 'did you mean "calico"?'
    assert found[("harbour.baremetal.nodes[0].address", 23)][1] == "is missing"
    assert found[("harbour.baremetal.nodes[0].roles", 23)][1] == "is missing"
    assert found[("harbour.baremetal.nodes[1].roles[0]", 28)][2] == 'did you mean "worker"?'
    assert "a:NoSchedule" in found[("kubernetes.taints.w1[0]", 22)][2]
    assert found[("trampoline.wireguard.peers[0].public_key", 14)][1] == "is not a WireGuard public key"
    assert ("cluster.harbour", 2) not in found, "the misspelled key explains the missing one"
    assert len(found) == 22


def test_no_word_of_the_library_reaches_the_operator() -> None:
    text = " ".join(p.message + p.remedy for p in examine(WRONG).problems)
    for word in ("Input should", "type=", "pydantic", "Value error", "Field required", "input_value"):
        assert word not in text


def test_a_wrong_key_does_not_hide_contradictions_of_others() -> None:
    _, problems = check(
        {**BASE, "kubernetes": {"cni": "x", "pod_cidr": "10.77.0.0/16"}, "trampoline": {"nat": 3, "vip": "10.1.1.1"}}
    )
    assert {p.key for p in problems} == {"kubernetes.cni", "kubernetes.pod_cidr", "trampoline.nat", "trampoline.vip"}


def test_a_contradiction_with_a_wrong_key_is_not_made_up() -> None:
    _, problems = check({**BASE, "harbour": {"lab": {"subnet": "10.1.0.0/33"}}, "trampoline": {"vip": "10.1.0.7"}})
    assert [p.key for p in problems] == ["harbour.lab.subnet"]


def test_what_is_missing_is_named_with_its_place() -> None:
    _, problems = check({})
    assert [(p.key, p.remedy) for p in problems] == [("cluster", "add the table [cluster]")]
    _, problems = check({"cluster": {}})
    assert [p.key for p in problems] == ["cluster.name", "cluster.harbour"]
    assert "in [cluster]" in problems[0].remedy


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("harbour.lab.workers", True),
        ("harbour.lab.workers", 2.0),
        ("harbour.lab.workers", "2"),
        ("cluster.name", 1),
        ("kubernetes.audit_log", 1),
        ("kubernetes.audit_log", "true"),
        ("kubernetes.extra_sans", "a"),
        ("kubernetes", []),
        ("kubernetes.pod_cidr", "10.0.0.0"),
        ("kubernetes.pod_cidr", 5),
        ("trampoline.vip", "10.0.0.300"),
        ("kubernetes.version", "1.36"),
        ("kubernetes.version", "1.20.0"),
        ("trampoline.vrrp.interval_seconds", float("nan")),
        ("kubernetes.labels", {"w1": {"a": 1}}),
        ("kubernetes.labels", {"w1": {"a": "-"}}),
        ("ksl.rook", True),
    ],
)
def test_nothing_is_taken_for_something_else(key: str, value: Any) -> None:
    data: dict[str, Any] = {"cluster": dict(BASE["cluster"])}
    *parents, last = key.split(".")
    table = data
    for part in parents:
        table = table.setdefault(part, {})
    table[last] = value
    config, problems = check(data)
    assert config is None
    assert all(p.key.startswith(key) and p.message for p in problems)


def test_values_that_look_secret_are_hidden() -> None:
    _, problems = check({**BASE, "trampoline": {"vrrp_password": "hunter2"}})
    assert problems[0].value == "(hidden)"


@pytest.mark.parametrize(
    ("written", "known"),
    [("pod-cidr", "pod_cidr"), ("PodCidr", "pod_cidr"), ("apiport", "api_port"), ("versoin", "version"), ("zzz", "")],
)
def test_the_nearest_name(written: str, known: str) -> None:
    assert nearest(written, ["pod_cidr", "api_port", "version"]) == known


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=8,
)
names = st.sampled_from(
    ["cluster", "harbour", "trampoline", "kubernetes", "ksl", "kms", "customization", "schema_version"]
)
inner_names = st.sampled_from(
    [
        "name",
        "harbour",
        "lab",
        "baremetal",
        "nodes",
        "subnet",
        "vip",
        "wireguard",
        "peers",
        "endpoints",
        "published_ports",
        "pod_cidr",
        "pod_cidr_v6",
        "service_cidr",
        "labels",
        "taints",
        "version",
        "extra_sans",
        "rook",
        "enabled",
    ]
)
networks = st.sampled_from(
    ["10.0.0.0/8", "0.0.0.0/0", "10.77.0.0/31", "10.1.1.1/32", "fd00::/8", "::/0", "fd00::1/128"]
)


@settings(max_examples=120)
@given(
    st.dictionaries(
        names,
        st.one_of(json_values, st.dictionaries(inner_names, st.one_of(json_values, networks), max_size=4)),
        max_size=4,
    )
)
def test_any_answers_are_judged_and_never_a_crash(data: dict[str, Any]) -> None:
    config, problems = check(data)
    assert (config is None) == any(p.severity == "error" for p in problems)


@settings(max_examples=120)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "harbour": st.fixed_dictionaries(
                {
                    "lab": st.fixed_dictionaries(
                        {},
                        optional={
                            "subnet": networks,
                            "frontends": st.integers(1, 9),
                            "control_planes": st.integers(1, 9),
                            "workers": st.integers(0, 50),
                            "combined": st.booleans(),
                        },
                    )
                }
            ),
            "kubernetes": st.fixed_dictionaries(
                {},
                optional={
                    "pod_cidr": networks,
                    "pod_cidr_v6": networks,
                    "service_cidr": networks,
                    "service_cidr_v6": networks,
                },
            ),
            "trampoline": st.fixed_dictionaries(
                {},
                optional={
                    "vip": st.sampled_from(["10.77.0.1", "::", "0.0.0.0", "255.255.255.255"]),
                    "wireguard": st.fixed_dictionaries(
                        {"enabled": st.booleans()},
                        optional={
                            "endpoints": st.lists(
                                st.fixed_dictionaries({}, optional={"network_v4": networks, "network_v6": networks}),
                                max_size=2,
                            )
                        },
                    ),
                },
            ),
        },
    )
)
def test_any_networks_are_judged_and_never_a_crash(data: dict[str, Any]) -> None:
    check({**BASE, **data})


def test_what_is_valid_survives_its_own_dump() -> None:
    config, _ = check({**BASE, "trampoline": {"vip": "10.77.0.240"}})
    assert config is not None
    assert Config.model_validate(config.model_dump(mode="json")) == config
