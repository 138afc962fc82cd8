"""The steps of the trampoline: which there are, what they need, and what they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from yk8s_tui.errors import UnreachableError
from yk8s_tui.layers import k8s_variables, trampoline
from yk8s_tui.layers.base import Context
from yk8s_tui.layers.firewall import api_opening, networks, opening, ssh_opening
from yk8s_tui.layers.trampoline_verify import Frontend, judge
from yk8s_tui.models.config import Config
from yk8s_tui.models.networks import node_network
from yk8s_tui.models.nodes import Inventory, Node
from yk8s_tui.models.plan import Step
from yk8s_tui.repository.secrets import SecretStore

WELL = Frontend(haproxy=True, firewall=True, vip=False, keepalived=True, tunnels={})


def context(root: Path, frontends: int = 2, **settings: Any) -> Context:
    nodes = [Node(name=f"fe{i}", address=f"192.168.7.{i}", roles=("frontend",)) for i in range(1, frontends + 1)] + [
        Node(name="cp1", address="192.168.7.21", roles=("control-plane",))
    ]
    given = [{"name": n.name, "address": n.address, "roles": list(n.roles)} for n in nodes]
    trampoline_settings = {"vip": "192.168.7.100"} if frontends > 1 else {}
    config = Config.model_validate(
        {
            "cluster": {"name": "c", "harbour": "baremetal"},
            "harbour": {"baremetal": {"nodes": given}},
            "trampoline": trampoline_settings | settings,
        }
    )
    (root / "config").mkdir(exist_ok=True)
    return Context(config, Inventory(nodes=tuple(nodes)), root, {"fe1": {"wireguard": "userspace"}})


def steps(found: Context) -> dict[str, Step]:
    trampoline.ensure_secrets(found, SecretStore(found.repository / "secrets"))
    return {s.id.removeprefix("trampoline."): s for s in trampoline.steps(found)}


def test_only_frontends_are_touched_and_what_is_independent_runs_side_by_side(tmp_path: Path) -> None:
    found = steps(context(tmp_path, wireguard={"enabled": True}))
    assert list(found) == ["base", "firewall", "balance", "wireguard", "verify"]
    assert {s.nodes for s in found.values()} == {("fe1", "fe2")}
    assert {name: s.needs for name, s in found.items() if name not in ("base", "verify")} == dict.fromkeys(
        ("firewall", "balance", "wireguard"), ("trampoline.base",)
    )
    assert found["verify"].always


def test_the_same_context_gives_the_same_steps(tmp_path: Path) -> None:
    found = context(tmp_path, wireguard={"enabled": True})
    assert steps(found) == steps(found)


def test_no_secret_is_among_the_variables(tmp_path: Path) -> None:
    found = context(tmp_path, wireguard={"enabled": True, "peers": [{"name": "alice"}]})
    text = "".join(s.model_dump_json() for s in steps(found).values())
    values = SecretStore(tmp_path / "secrets").values()
    assert values
    assert not [v for v in values if v in text]
    assert len(SecretStore(tmp_path / "secrets").require(trampoline.VRRP_PASSWORD)) == 8


def test_a_single_frontend_needs_no_keepalived(tmp_path: Path) -> None:
    found = steps(context(tmp_path, frontends=1))
    assert found["balance"].variables["trampoline_balance_vip"] == ""
    assert found["balance"].secrets == {}
    assert "keepalived" not in found["base"].variables["trampoline_base_packages"]
    assert "VRRP" not in [rule["comment"] for rule in found["firewall"].variables["nftables_openings"]]


def test_wireguard_go_is_installed_where_the_kernel_has_none(tmp_path: Path) -> None:
    packages = steps(context(tmp_path, wireguard={"enabled": True}))["base"].variables["trampoline_base_packages"]
    assert {"wireguard-tools", "wireguard-go", "procps"} <= set(packages)


def test_a_vpn_that_was_switched_off_is_taken_down(tmp_path: Path) -> None:
    steps(context(tmp_path, wireguard={"enabled": True}))
    found = steps(context(tmp_path))
    assert found["wireguard"].variables == {"wireguard_endpoints": [], "wireguard_absent": ["wg0"]}
    assert found["wireguard"].changes[0].symbol == "-"


def test_openings_are_what_is_configured(tmp_path: Path) -> None:
    found = steps(
        context(
            tmp_path,
            ssh_allowed_sources=["192.168.7.0/24", "192.168.7.128/25"],
            firewall_rules=[{"port": 9100, "sources": ["10.0.0.0/8"], "comment": "metrics"}],
            wireguard={"enabled": True},
        )
    )
    rules = {r["comment"]: r for r in found["firewall"].variables["nftables_openings"]}
    assert rules["SSH"] == {
        "comment": "SSH", "protocol": "tcp", "ports": ["22"], "sources": ["192.168.7.0/24"],
    }  # fmt: skip
    assert rules["VRRP"]["sources"] == ["192.168.7.1/32", "192.168.7.2/32"]
    assert rules["WireGuard wg0"]["protocol"] == "udp"
    assert rules["metrics"]["sources"] == ["10.0.0.0/8"]


def test_wireguard_answers_with_the_vip_only_where_clients_connect_to_it(tmp_path: Path) -> None:
    found = steps(context(tmp_path, wireguard={"enabled": True}))
    answers = found["firewall"].variables["nftables_answers"]
    assert [(a["port"], a["address"]) for a in answers] == [(51820, "192.168.7.100")]
    found = steps(context(tmp_path, wireguard={"enabled": True, "public_address": "203.0.113.9"}))
    assert found["firewall"].variables["nftables_answers"] == []


def test_sources_are_canonical_and_do_not_overlap() -> None:
    assert networks(["10.0.0.0/24", "10.0.1.0/24", "10.0.0.7", "fd00::1"]) == ["10.0.0.0/23", "fd00::1/128"]
    assert "sources" not in opening("x", 80)


def test_limited_ssh_lets_in_those_who_must_not_be_shut_out(tmp_path: Path) -> None:
    limited = context(tmp_path, ssh_allowed_sources=["10.0.0.0/8"]).config
    assert ssh_opening(limited, also=["192.168.7.1"])["sources"] == ["10.0.0.0/8", "192.168.7.1/32"]
    assert "sources" not in ssh_opening(context(tmp_path).config, also=["192.168.7.1"])


@pytest.mark.parametrize(
    ("holders", "words"),
    [((), "nobody holds the VIP"), (("fe1", "fe2"), "held by fe1 and fe2 at once")],
)
def test_the_vip_has_exactly_one_holder(holders: tuple[str, ...], words: str) -> None:
    answers = {n: Frontend(True, True, n in holders, True, {}) for n in ("fe1", "fe2")}
    outcomes = judge(answers, "192.168.7.100")
    assert {o.result for o in outcomes.values()} == {"failed"}
    assert words in outcomes["fe1"].message


def test_all_is_well_with_one_holder_or_without_a_vip() -> None:
    answers = {"fe1": Frontend(True, True, True, True, {"wg0": True}), "fe2": WELL}
    assert [o.result for o in judge(answers, "192.168.7.100").values()] == ["ok", "ok"]
    assert judge({"fe1": Frontend(True, True, True, False, {})}, "")["fe1"].result == "ok"


def test_every_problem_of_a_frontend_is_named() -> None:
    answers = {"fe1": Frontend(False, False, True, False, {"wg0": False}), "fe2": UnreachableError("no answer")}
    outcomes = judge(answers, "192.168.7.100")
    for words in ("HAProxy", "inet yk8s", "keepalived", "wg0"):
        assert words in outcomes["fe1"].message
    assert outcomes["fe2"].result == "unreachable"


def test_the_api_is_open_to_all_unless_limited_and_never_closed_to_nodes_pods_and_vpn(tmp_path: Path) -> None:
    assert "sources" not in api_opening(context(tmp_path).config)
    limited = context(tmp_path, api_allowed_sources=["203.0.113.0/24"], wireguard={"enabled": True}).config
    rule = api_opening(limited)
    assert rule["ports"] == [str(limited.kubernetes.api_port)]
    assert set(rule["sources"]) == {
        "203.0.113.0/24", str(node_network(limited)), str(limited.kubernetes.pod_cidr), "10.199.0.0/24",
    }  # fmt: skip
    assert k8s_variables.endpoint(context(tmp_path, api_allowed_sources=["203.0.113.0/24"]))["nftables_openings"][0][
        "sources"
    ]
