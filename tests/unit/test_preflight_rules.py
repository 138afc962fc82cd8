"""The rules of preflight, over measurements: pure functions."""

from __future__ import annotations

from typing import Any

import pytest

from yk8s_tui.errors import UsageError
from yk8s_tui.models.config import Config
from yk8s_tui.models.nodes import Inventory, Node
from yk8s_tui.preflight.checks import ALL, BY_ID, checks_for
from yk8s_tui.preflight.flows import flows, needed_ports
from yk8s_tui.preflight.model import Check, Finding, Subject, Verdict, finding
from yk8s_tui.preflight.runner import judge_host, ssh_verdicts

NODES = (
    Node(name="fe1", address="10.0.0.2", roles=("frontend",)),
    Node(name="cp1", address="10.0.0.3", roles=("control-plane",)),
    Node(name="w1", address="10.0.0.4", roles=("worker",)),
)


def config(**sections: Any) -> Config:
    given = {"trampoline": {"vip": "10.0.0.200"}, **sections}
    return Config.model_validate({"cluster": {"name": "c", "harbour": "baremetal"}, **given})


def measurements(node: Node) -> dict[str, Any]:
    """What a host that is as it should be says."""
    return {
        "facts": {
            "os_id": "debian", "os_version": "12", "systemd": True, "python": "3.11.2", "architecture": "amd64",
            "hostname": node.name, "machine_id": f"id-{node.name}", "container": False,
        },
        "identity": {"addresses": [{"interface": "eth0", "address": node.address, "prefix": 24, "mtu": 1500}]},
        "resources": {"cpus": 4, "memory_mb": 8000, "swaps": [], "free": {"/var/lib": 100 << 30}},
        "fsync": {"path": "/var/lib", "writes": 300, "p50_ms": 0.5, "p99_ms": 4.0},
        "time_sync": {"synchronised": True, "services": ["chronyd"]},
        "receipts": [],
        "leftovers": {"files": [], "running": [], "server": ""},
        "firewall": [],
        "modules": {"overlay": True, "br_netfilter": True, "nf_conntrack": True, "nf_tables": None},
        "sysctls": [],
        "inotify": {"max_user_instances": 8192, "max_user_watches": 1048576},
        "cgroup": {"version": 2, "controllers": ["cpu", "memory", "pids", "cpuset"]},
        "apt_lock": {},
        "apt_state": {"held": ["kubelet"], "half": [], "cut_off": []},
        "apt_sources": {"http://deb.example/dists/x/InRelease": "ok"},
        "artifacts": {"https://pkgs.example/InRelease": "ok"},
        "ports": [],
        "routes": [{"network": "10.0.0.0/24", "device": "eth0", "by": "kernel", "gateway": ""}],
        "vip": {"here": False, "answers": []},
        "macs": [f"02:00:00:00:00:0{node.address[-1]}"],
        "vrrp": [],
        "clock_offset": 0.1,
    }  # fmt: skip


def subject(changes: dict[str, dict[str, Any]] | None = None, **more: Any) -> Subject:
    measured = {node.name: measurements(node) for node in NODES}
    for name, values in (changes or {}).items():
        for key, value in values.items():
            old = measured[name][key]
            measured[name][key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    given = {"config": config(), "inventory": Inventory(nodes=NODES), "chosen": NODES, **more}
    return Subject(measured=measured, **given)


def verdict(check_id: str, node: str, about: Subject) -> Verdict:
    check = BY_ID[check_id]
    if check.scope == "host":
        return judge_host(check, about.inventory.node(node), about.measured[node], about)
    assert check.cluster is not None
    return next(v for v in check.cluster(about) if v.node == node)


def result(check_id: str, node: str, about: Subject) -> str:
    return finding(BY_ID[check_id], verdict(check_id, node, about), {}, node).verdict


HOST_CHECKS = [c for c in ALL if c.host is not None]


@pytest.mark.parametrize("check", HOST_CHECKS, ids=lambda c: c.id)
def test_hosts_as_they_should_be_pass(check: Check) -> None:
    about = subject()
    assert [result(check.id, n.name, about) for n in NODES if check.applies(n)].count("pass") >= 1


@pytest.mark.parametrize(
    ("check_id", "node", "change", "expected"),
    [
        ("os.supported", "w1", {"facts": {"os_id": "ubuntu", "os_version": "24.04"}}, "pass"),
        ("os.supported", "w1", {"facts": {"os_version": "11"}}, "fail"),
        ("os.supported", "w1", {"facts": {"systemd": False}}, "fail"),
        ("os.supported", "w1", {"facts": {"python": "3.8.10"}}, "fail"),
        ("os.architecture", "w1", {"facts": {"architecture": "riscv64"}}, "fail"),
        ("time.sync", "w1", {"time_sync": {"synchronised": False, "services": []}}, "warn"),
        ("resource.cpu", "cp1", {"resources": {"cpus": 1}}, "fail"),
        ("resource.cpu", "w1", {"resources": {"cpus": 1}}, "pass"),
        ("resource.memory", "cp1", {"resources": {"memory_mb": 1600}}, "fail"),
        ("resource.memory", "fe1", {"resources": {"memory_mb": 480}}, "pass"),
        ("resource.disk", "w1", {"resources": {"free": {"/var/lib": 4 << 30}}}, "fail"),
        ("resource.disk", "w1", {"resources": {"free": {"/var/lib": 9 << 30}}}, "warn"),
        ("etcd.disk-fsync", "cp1", {"fsync": {"p99_ms": 25.0}}, "warn"),
        ("etcd.disk-fsync", "cp1", {"fsync": {"p99_ms": 1500.0}}, "fail"),
        ("kernel.swap", "w1", {"resources": {"swaps": ["/dev/sda2"]}}, "warn"),
        ("kernel.swap", "w1", {"resources": {"swaps": ["/dev/sda2"]}, "facts": {"container": True}}, "fail"),
        ("kernel.modules", "w1", {"modules": {"br_netfilter": False}}, "fail"),
        ("kernel.sysctls", "w1", {"sysctls": ["net.ipv4.ip_forward: Read-only file system"]}, "fail"),
        ("kernel.inotify", "w1", {"inotify": {"max_user_instances": 128}}, "warn"),
        ("kernel.inotify", "w1", {"inotify": {"max_user_instances": 128}, "facts": {"container": True}}, "fail"),
        ("kernel.cgroup", "w1", {"cgroup": {"version": 1}}, "warn"),
        ("kernel.cgroup", "w1", {"cgroup": {"controllers": ["cpu"]}}, "fail"),
        ("apt.held", "w1", {"apt_state": {"half": ["dpkg"]}}, "fail"),
        ("apt.held", "w1", {"apt_state": {"half": ["dpkg"], "cut_off": ["trampoline.base"]}}, "warn"),
        ("apt.reachable", "w1", {"apt_sources": {"http://deb.example/x": "HTTP 503"}}, "warn"),
        ("artifacts.packages", "w1", {"artifacts": {"https://pkgs.example/InRelease": "no route"}}, "fail"),
        ("leftovers.kubernetes", "w1", {"leftovers": {"running": ["kubelet"]}}, "fail"),
        ("leftovers.kubernetes", "w1", {"leftovers": {"running": ["kubelet"]}, "receipts": ["k8s-base.join"]}, "pass"),
        ("firewall.foreign", "w1", {"firewall": ["firewalld"]}, "fail"),
        ("identity.hostname", "w1", {"facts": {"hostname": "other"}}, "fail"),
        ("identity.hostname", "w1", {"facts": {"hostname": "w1.example.com"}}, "pass"),
        ("identity.machine-id", "w1", {"facts": {"machine_id": "id-cp1"}}, "fail"),
        ("identity.machine-id", "w1", {"facts": {"machine_id": ""}}, "fail"),
        ("clock.median", "w1", {"clock_offset": -45.0}, "fail"),
        ("clock.median", "w1", {"clock_offset": 20.0}, "pass"),
        ("net.vip-unused", "fe1", {"vip": {"answers": ["02:00:00:00:00:99"]}}, "fail"),
        ("net.vip-unused", "fe1", {"vip": {"here": True}}, "fail"),
        ("net.vip-unused", "fe1", {"vip": {"here": True}, "receipts": ["trampoline.keepalived"]}, "pass"),
        ("net.vrrp-id-unused", "fe1", {"vrrp": [{"source": "10.0.0.9", "id": 47, "priority": 100}]}, "fail"),
        ("net.vrrp-id-unused", "fe1", {"vrrp": [{"source": "10.0.0.9", "id": 48, "priority": 100}]}, "pass"),
        ("net.vrrp-id-unused", "fe1", {"vrrp": [{"source": "10.0.0.2", "id": 47, "priority": 100}]}, "pass"),
    ],
)
def test_one_thing_wrong(check_id: str, node: str, change: dict[str, Any], expected: str) -> None:
    about = subject({node: change})
    assert result(check_id, node, about) == expected
    said = verdict(check_id, node, about)
    assert said.measured
    assert expected == "pass" or (said.text and said.limit)


def test_swap_that_kubelet_may_see_is_no_failure() -> None:
    swapping = {"w1": {"resources": {"swaps": ["/dev/sda2"]}, "facts": {"container": True}}}
    about = subject(swapping, config=config(kubernetes={"kubelet": {"failSwapOn": False}}))
    assert result("kernel.swap", "w1", about) == "warn"


@pytest.mark.parametrize(
    ("process", "receipts", "expected"),
    [
        ("python3", [], "fail"),
        ("kubelet", [], "fail"),
        ("kubelet", ["k8s-base.join"], "pass"),
        ("nc", ["k8s-base.join"], "fail"),
    ],
)
def test_a_port_may_be_held_by_our_own_component(process: str, receipts: list[str], expected: str) -> None:
    taken = [{"protocol": "tcp", "port": 10250, "local": False, "process": process}]
    assert result("ports.free", "w1", subject({"w1": {"ports": taken, "receipts": receipts}})) == expected


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({"network": "10.244.3.0/24", "device": "eth1", "by": "kernel", "gateway": ""}, "fail"),
        ({"network": "10.96.0.1", "device": "lo", "by": "static", "gateway": ""}, "fail"),
        ({"network": "10.0.0.0/8", "device": "eth0", "by": "static", "gateway": "10.0.0.1"}, "warn"),
        ({"network": "192.0.2.0/24", "device": "eth0", "by": "static", "gateway": "10.0.0.1"}, "pass"),
        ({"network": "unreachable", "device": "", "by": "", "gateway": ""}, "pass"),
    ],
)
def test_routes_against_the_cluster_networks(route: dict[str, str], expected: str) -> None:
    assert result("net.overlap", "w1", subject({"w1": {"routes": [route]}})) == expected


def test_routes_of_our_own_pod_network_are_no_overlap() -> None:
    route = {"network": "10.244.3.0/24", "device": "cni0", "by": "kernel", "gateway": ""}
    about = subject({"w1": {"routes": [route], "receipts": ["k8s-base.cni"]}})
    assert result("net.overlap", "w1", about) == "pass"


def pairs(**wrong: Any) -> dict[str, dict[str, Any]]:
    """Everybody reaches everybody, but for what is given as source_target=answer."""
    told: dict[str, dict[str, Any]] = {
        source: {target: {"ping": True, "mtu": True, "tcp": dict.fromkeys(ports, "ok")} for target, ports in to.items()}
        for source, to in flows(Inventory(nodes=NODES), config(), frozenset({"fe1", "cp1", "w1"})).items()
    }
    for key, answer in wrong.items():
        source, _, target = key.partition("_")
        told[source][target].update(answer)
    return told


def test_a_blocked_direction_is_told_on_both_sides() -> None:
    about = subject(pairs=pairs(w1_cp1={"tcp": {6443: "no answer"}}))
    assert [result("net.pairs", n.name, about) for n in NODES] == ["pass", "fail", "fail"]
    assert "w1 → cp1: tcp 6443 no answer" in verdict("net.pairs", "cp1", about).measured


def test_what_our_own_firewall_closes_does_not_block() -> None:
    about = subject({"cp1": {"receipts": ["k8s-base.firewall"]}}, pairs=pairs(w1_cp1={"tcp": {6443: "no answer"}}))
    assert [result("net.pairs", n.name, about) for n in NODES] == ["pass", "warn", "warn"]


def test_large_packets_that_are_lost() -> None:
    about = subject(pairs=pairs(w1_cp1={"mtu": False}, w1_fe1={"ping": False, "mtu": False}))
    assert [result("net.mtu", n.name, about) for n in NODES] == ["pass", "pass", "fail"]
    assert "cp1" in verdict("net.mtu", "w1", about).text


def test_ports_and_flows_follow_the_roles() -> None:
    wireguard = config(
        trampoline={
            "vip": "10.0.0.200",
            "wireguard": {"enabled": True},
            "published_ports": [{"port": 443, "node_port": 30443}],
        }
    )
    both = Node(name="n", address="10.0.0.9", roles=("frontend", "control-plane"))
    assert {("tcp", 6443), ("tcp", 8888), ("tcp", 443), ("udp", 51820)} <= needed_ports(both, wireguard)
    assert needed_ports(NODES[2], wireguard) == {("tcp", 10250), ("tcp", 10256)}
    table = flows(Inventory(nodes=NODES), wireguard, frozenset({"w1"}))
    assert table["cp1"] == {"w1": (10250,)}
    assert table["fe1"] == {"w1": (30443,)}
    assert table["w1"] == {"fe1": (8888,), "cp1": (6443,)}


def test_waivers_are_for_failures_of_their_check_and_node_and_never_for_ssh() -> None:
    check, wrong = BY_ID["resource.cpu"], Verdict(None, "1", "2", "too few")
    assert finding(check, wrong, {"resource.cpu@w1": "small"}, "w1").verdict == "waived"
    assert finding(check, wrong, {"resource.cpu": "small"}, "w1").waived_reason == "small"
    assert finding(check, wrong, {"resource.cpu@w2": "small"}, "w1").verdict == "fail"
    assert finding(check, Verdict("pass"), {"resource.cpu": "small"}, "w1").verdict == "pass"
    assert finding(BY_ID["ssh.reachable"], wrong, {"ssh.reachable": "x"}, "w1").verdict == "fail"


def test_what_could_not_be_measured_fails() -> None:
    about = subject()
    broken = {**about.measured["w1"], "resources": {"error": "OSError: no"}}
    said = judge_host(BY_ID["resource.cpu"], NODES[2], broken, about)
    assert said.verdict is None
    assert "OSError: no" in said.text


def test_ids_are_unique_and_depend_on_the_configuration() -> None:
    assert len(BY_ID) == len(ALL)
    packages = {c.id for c in checks_for(config(kubernetes={"source": "packages"}))}
    assert "artifacts.packages" in packages
    assert "artifacts.bundle" not in packages


def test_ssh_says_how_far_it_came() -> None:
    from yk8s_tui.backends.ssh import HostKeyError, SudoRefusedError
    from yk8s_tui.errors import UnreachableError

    def told(error: Any) -> list[tuple[str, str | None]]:
        return [(check_id, verdict.verdict) for check_id, verdict in ssh_verdicts(NODES[0], error)]

    assert told({}) == [("ssh.reachable", "pass"), ("ssh.host-key", "pass"), ("ssh.sudo", "pass")]
    assert told(UnreachableError("no")) == [("ssh.reachable", None)]
    assert told(HostKeyError("no")) == [("ssh.host-key", None)]
    assert told(SudoRefusedError("no")) == [("ssh.reachable", "pass"), ("ssh.host-key", "pass"), ("ssh.sudo", None)]


@pytest.mark.parametrize("waiver", ["identity.hostname", "identity.hostname=", "nonsense=x", "ssh.reachable=x"])
def test_waivers_without_reason_or_sense_are_refused(waiver: str) -> None:
    from yk8s_tui.commands.preflight import parse_waivers

    with pytest.raises(UsageError):
        parse_waivers([waiver])


def test_output_has_failures_first_and_says_common_things_once() -> None:
    from yk8s_tui.commands.preflight import exit_code, finding_lines, summary

    def found(verdict: Any, node: str, check_id: str = "a.b", measured: str = "1") -> Finding:
        return Finding(
            id=check_id, node=node, verdict=verdict, title="T", measured=measured, limit="2", text="low", remedy="more"
        )

    findings = [found("warn", "n1"), found("fail", "n2"), found("fail", "n1"), found("pass", "n3")]
    lines = finding_lines(findings)
    assert lines[0] == "✗ T: low  [a.b]"
    assert lines[1] == "    n1 n2: 1 (limit: 2)"
    assert sum(line.startswith("✗") for line in lines) == 1
    assert summary(findings) == "checks: 1 pass, 1 warn, 2 fail"
    assert (exit_code(findings), exit_code(findings[3:]), exit_code([found("fail", "n", "ssh.sudo")])) == (4, 0, 5)
