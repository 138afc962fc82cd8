"""Firewall rules that cut the operator off are taken back; tables of others are left alone."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.conftest import LabCluster, MakeLab, wait_until
from tests.lab.frontends import apply, journal, trampoline, vip
from yk8s_tui.models.plan import Plan, Scope
from yk8s_tui.operations.plan import make_plan
from yk8s_tui.runs.start import run_directory, start_run

pytestmark = pytest.mark.lab
ANSIBLE = Path(__file__).resolve().parents[2] / "assets/ansible"


@pytest.fixture
def cluster(make_lab: MakeLab) -> LabCluster:
    return trampoline(make_lab)


def reachable(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


def firewall_plan(cluster: LabCluster, sources: list[str], seconds: int) -> Plan:
    """A plan with only the firewall, which lets SSH in from these sources alone."""
    plan = asyncio.run(make_plan(cluster.repository, Scope(layers=("trampoline",), full=True)))
    steps = []
    for planned in plan.steps:
        if planned.step.id == "trampoline.firewall":
            variables = json.loads(json.dumps(planned.step.variables))
            variables["nftables_openings"][0]["sources"] = sources
            variables["nftables_rollback_seconds"] = seconds
            step = planned.step.model_copy(update={"variables": variables, "digest": "other", "needs": ()})
            steps.append(planned.model_copy(update={"step": step}))
    return plan.model_copy(update={"steps": tuple(steps)})


def run(cluster: LabCluster, plan: Plan) -> list[dict[str, object]]:
    directory = run_directory(cluster.root, start_run(cluster.root, plan, by="test"))
    wait_until(lambda: "run_finished" in (directory / "journal.jsonl").read_text(), 120, "the run ends")
    return journal(cluster)


def test_rules_that_cut_ssh_off_are_taken_back(cluster: LabCluster) -> None:
    files = cluster.exec("fe1", "cat /etc/nftables.conf /etc/nftables.d/*").stdout
    events = run(cluster, firewall_plan(cluster, ["192.0.2.0/24"], 15))
    assert events[-1]["result"] == "failed"
    aside = [e for e in events if e["type"] == "node_set_aside"]
    assert {e["node"] for e in aside} == {"fe1", "fe2"}
    assert "cut SSH off" in str(aside[0]["reason"])
    assert "ssh_allowed_sources" in str(aside[0]["reason"])
    rules = cluster.exec("fe1", "nft list table inet yk8s").stdout
    assert "192.0.2.0" not in rules
    assert 'tcp dport 22 accept comment "SSH"' in rules
    assert cluster.exec("fe1", "cat /etc/nftables.conf /etc/nftables.d/*").stdout == files
    assert reachable(cluster.inventory.node("fe1").address, 22)


def test_rules_that_do_not_parse_are_never_loaded(cluster: LabCluster) -> None:
    rules = cluster.exec("fe1", "nft -s list table inet yk8s").stdout
    events = run(cluster, firewall_plan(cluster, ["not-a-network"], 8))
    assert events[-1]["result"] == "failed"
    assert "not valid" in json.dumps(events)
    assert cluster.exec("fe1", "nft -s list table inet yk8s").stdout == rules


def module(cluster: LabCluster, step: str, **arguments: object) -> subprocess.Popen[str]:
    """Start the firewall module on fe1 as this step."""
    receipt = {"id": f"test.{step}", "digest": "d", "run": "r"}
    fragments = {f"test-{step}.nft": arguments.pop("rule")}
    given = json.dumps({"receipt": receipt, "directory": "/run/test-receipts", "fragments": fragments, **arguments})
    address = cluster.inventory.node("fe1").address
    options = f"-o UserKnownHostsFile={cluster.root / 'state/known_hosts'}"
    command = [str(Path(sys.executable).with_name("ansible")), "all", "-i", f"{address},", "-u", "root", "-o",
               "--private-key", str(cluster.root / "secrets/ssh/id_ed25519"), f"--ssh-common-args={options}",
               "-m", "yk8s_firewall", "-a", given]  # fmt: skip
    environment = os.environ | {"ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def result(process: subprocess.Popen[str]) -> dict[str, float]:
    """What the module returned."""
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0, output
    found: dict[str, float] = json.loads(output.partition("=> ")[2])
    return found


def test_of_two_steps_at_once_each_takes_back_its_own_rules_only(cluster: LabCluster) -> None:
    ports = {"a": 9091, "b": 9092}
    rules = {s: f"table inet yk8s {{ chain openings {{ tcp dport {p} accept; }}; }}\n" for s, p in ports.items()}
    load = {s: module(cluster, s, rule=r, state="loaded", rollback_seconds=6) for s, r in rules.items()}
    rollback = {step: result(process)["rollback_at"] for step, process in load.items()}
    first, second = sorted(rollback, key=rollback.__getitem__)
    assert rollback[second] - rollback[first] >= 5.5
    late = module(cluster, first, rule=rules[first], state="confirmed")
    assert "not confirmed in time" in late.communicate(timeout=60)[0]
    listed = "nft list table inet yk8s"
    wait_until(lambda: "tcp dport 909" not in cluster.exec("fe1", listed).stdout, 60, "nothing is left")
    former = cluster.exec("fe1", "cat /run/yk8s-firewall/restoring.nft").stdout
    assert "policy drop" in former
    assert "tcp dport 909" not in former
    assert "test-" not in cluster.exec("fe1", "ls /etc/nftables.d").stdout
    assert cluster.exec("fe1", "systemctl is-failed yk8s-firewall-rollback.service", check=False).returncode


def test_only_what_is_listed_comes_in_other_tables_stay_and_changes_by_hand_are_put_right(cluster: LabCluster) -> None:
    address = cluster.inventory.node("fe1").address
    cluster.exec("fe1", "nft add table ip others; nft add chain ip others mine")
    serve = "import socket as s; l=s.create_server(('',9099)); l.settimeout(600); [l.accept() for _ in range(99)]"
    cluster.exec("fe1", f'systemd-run --unit=listener --collect python3 -c "{serve}"')
    wait_until(lambda: ":9099" in cluster.exec("fe1", "ss -ltnH").stdout, 10, "the listener is up")
    assert not reachable(address, 9099)
    cluster.repository.update({"trampoline.firewall_rules": [{"port": 9099, "comment": 'a "test"; accept'}]})
    try:
        apply(cluster)
        assert reachable(address, 9099)
        assert reachable(vip(cluster), 22)
        cluster.exec("fe1", "systemctl stop nftables && systemctl start nftables")
        assert "chain mine" in cluster.exec("fe1", "nft list table ip others").stdout
        cluster.exec("fe1", "nft add rule inet yk8s openings accept")
        cluster.exec("fe2", "nft flush ruleset")
        planned = json.loads(cluster.cli("plan", "--layer", "trampoline", "--json").stdout)
        reason = next(s["reason"] for s in planned["steps"] if s["step"]["id"] == "trampoline.firewall")
        assert "fe1: drift: firewall table inet yk8s was changed by hand" in reason
        assert "fe2: drift: firewall table inet yk8s is not loaded" in reason
        cluster.repository.update({"trampoline.firewall_rules": None})
        apply(cluster)
        assert not reachable(address, 9099)
        for name in ("fe1", "fe2"):
            listed = cluster.exec(name, "nft list table inet yk8s").stdout
            assert "policy drop" in listed
            assert "\t\taccept\n" not in listed
        assert "chain mine" in cluster.exec("fe1", "nft list table ip others").stdout
    finally:
        cluster.repository.update({"trampoline.firewall_rules": None})
        cluster.exec("fe1", "systemctl stop listener; nft delete table ip others", check=False)
