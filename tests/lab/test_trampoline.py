"""The trampoline on real frontends: applied, unchanged the second time, hardened, mended."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.lab.conftest import LabCluster, MakeLab, wait_until
from tests.lab.frontends import apply, holders, journal, trampoline, vip

pytestmark = pytest.mark.lab


RELOAD = """
import json, socket, subprocess, threading, time
def serve():
    server = socket.create_server(("127.0.0.1", 9096))
    while True:
        c, _ = server.accept()
        threading.Thread(target=lambda c=c: [c.sendall(d) for d in iter(lambda: c.recv(99), b"")], daemon=True).start()
threading.Thread(target=serve, daemon=True).start()
def talk(c):
    c.sendall(b"echo"); return c.recv(99).decode()
def connect():
    return socket.create_connection(("127.0.0.1", 9097), 3)
old, failed, end = connect(), 0, time.monotonic() + 4
talk(old)
reload = subprocess.Popen(["systemctl", "reload", "haproxy"])
while time.monotonic() < end:
    try:
        with connect() as c: failed += talk(c) != "echo"
    except OSError: failed += 1
    time.sleep(0.02)
print(json.dumps({"old connection": talk(old), "failed": failed}))
"""


@pytest.fixture
def cluster(make_lab: MakeLab) -> LabCluster:
    return trampoline(make_lab)


def changed(events: list[dict[str, object]]) -> list[tuple[object, object]]:
    return [(e["step"], e["task"]) for e in events if e["type"] == "node_result" and e["result"] == "changed"]


def test_everything_runs_once_and_every_frontend_answers(cluster: LabCluster) -> None:
    results = {e["step"]: e["result"] for e in journal(cluster) if e["type"] == "step_finished"}
    assert results["trampoline.verify"] == "ok"
    assert len(holders(cluster)) == 1


def test_what_was_changed_by_hand_is_seen_shown_and_mended_and_nothing_else_changes(cluster: LabCluster) -> None:
    cluster.exec("fe1", "rm /etc/sysctl.d/90-yk8s-trampoline.conf && sysctl -qw net.ipv4.ip_nonlocal_bind=0")
    cluster.exec("fe2", "printf 'x' >> /etc/haproxy/haproxy.cfg")
    planned = json.loads(cluster.cli("plan", "--layer", "trampoline", "--json").stdout)
    reasons = {s["step"]["id"]: s["reason"] for s in planned["steps"]}
    assert "90-yk8s-trampoline.conf is missing" in reasons["trampoline.base"]
    assert "/etc/haproxy/haproxy.cfg differs" in reasons["trampoline.balance"]

    look = "cat /etc/haproxy/haproxy.cfg; ls -la /var/lib/yk8s/receipts"
    before = cluster.exec("fe2", look).stdout
    would = {step for step, _ in changed(apply(cluster, "--check"))}
    assert {"trampoline.base", "trampoline.balance"} <= would
    assert cluster.exec("fe2", look).stdout == before

    events = apply(cluster, "--full")
    mended = {(e["step"], e["node"]) for e in events if e["type"] == "node_result" and e["result"] == "changed"}
    assert mended == {("trampoline.base", "fe1"), ("trampoline.balance", "fe2")}
    assert len([e for e in events if e["type"] == "step_finished"]) >= 4
    assert cluster.exec("fe1", "sysctl -n net.ipv4.ip_nonlocal_bind").stdout.strip() == "1"
    assert cluster.exec("fe2", "tail -c 1 /etc/haproxy/haproxy.cfg").stdout == "\n"


def test_an_installation_that_was_cut_off_is_ended_by_the_next_run(cluster: LabCluster) -> None:
    receipt = "/var/lib/yk8s/receipts/trampoline.base.json"
    cluster.exec(
        "fe2", "cd /root && apt-get --quiet download haproxy && dpkg --remove haproxy && dpkg --unpack haproxy_*"
    )
    assert "haproxy" in cluster.exec("fe2", "dpkg --audit").stdout
    foreign = cluster.cli("preflight", "--check", "apt.held")
    assert (foreign.returncode, "dpkg --configure -a" in foreign.stdout) == (4, True), foreign.stdout
    cluster.exec("fe2", f"""sed -i 's/"state": *"done"/"state": "started"/' {receipt}; grep -q started {receipt}""")
    ours = cluster.cli("preflight", "--check", "apt.held")
    assert (ours.returncode, "a run was interrupted" in ours.stdout) == (0, True), ours.stdout

    installed = {
        (e["step"], e["node"]) for e in apply(cluster) if e["type"] == "node_result" and e["result"] == "changed"
    }
    assert ("trampoline.base", "fe2") in installed
    assert cluster.exec("fe2", "dpkg --audit").stdout == ""
    assert cluster.exec("fe2", "systemctl is-active haproxy").stdout.strip() == "active"
    assert "started" not in cluster.exec("fe2", f"cat {receipt}").stdout


def test_a_saved_plan_runs_as_it_was_read_or_not_at_all(cluster: LabCluster, tmp_path: Path) -> None:
    saved, sysctls = str(tmp_path / "plan.json"), "/etc/sysctl.d/90-yk8s-trampoline.conf"
    runs = cluster.cli("runs", "list").stdout
    assert cluster.cli("plan", "--layer", "trampoline", "--limit", "fe1", "--full", "--out", saved).returncode == 0

    cluster.repository.update({"trampoline.firewall_rules": [{"port": 9098}]})
    refused = cluster.cli("apply", "--yes", "--plan", saved)
    assert (refused.returncode, "the configuration has changed since" in refused.stderr) == (2, True), refused.stderr
    cluster.repository.update({"trampoline.firewall_rules": None})

    cluster.exec("fe2", f"echo >> {sysctls}")
    refused = cluster.cli("apply", "--yes", "--plan", saved)
    assert (refused.returncode, "the hosts have changed since" in refused.stderr) == (2, True), refused.stderr
    assert cluster.cli("runs", "list").stdout == runs
    cluster.exec("fe2", f"sed -i '$d' {sysctls}")

    done = cluster.cli("apply", "--yes", "--plan", saved)
    assert done.returncode == 0, done.stdout + done.stderr
    assert changed(journal(cluster)) == []
    finished = [event for event in journal(cluster) if event["type"] == "step_finished"]
    assert {node for event in finished for node in event["nodes"]} == {"fe1"}
    assert "trampoline.base" in {event["step"] for event in finished}


def test_sshd_takes_keys_only_and_this_key_still_works(cluster: LabCluster) -> None:
    said = cluster.exec("fe1", "/usr/sbin/sshd -T").stdout
    settings = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
    assert settings["passwordauthentication"] == "no"
    assert settings["kbdinteractiveauthentication"] == "no"
    assert settings["permitrootlogin"] in ("without-password", "prohibit-password")
    assert "hmac-sha1" not in settings["macs"]
    assert "cbc" not in settings["ciphers"]
    address = cluster.inventory.node("fe1").address
    refused = subprocess.run(
        ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "PubkeyAuthentication=no", "-o",
         f"UserKnownHostsFile={cluster.root / 'state/known_hosts'}", f"root@{address}", "true"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert "Permission denied (publickey)" in refused.stderr


def test_statistics_are_on_a_socket_of_root_and_on_no_port(cluster: LabCluster) -> None:
    listening = cluster.exec("fe1", "ss -ltnH").stdout
    assert "127.0.0.1:6669" in listening
    assert {line.split()[3].rsplit(":", 1)[1] for line in listening.splitlines()} <= {"22", "6669"}
    assert cluster.exec("fe1", "stat -c '%a %U' /run/haproxy/admin.sock").stdout.strip() == "600 root"


def test_a_reload_of_haproxy_drops_no_connection(cluster: LabCluster) -> None:
    drop_in = "listen t\\n bind 127.0.0.1:9097\\n server s 127.0.0.1:9096\\n"
    cluster.exec("fe2", f"printf '{drop_in}' > /etc/haproxy/conf.d/test.cfg; systemctl reload haproxy")
    wait_until(lambda: ":9097 " in cluster.exec("fe2", "ss -ltnH").stdout, 20, "the new process listens")
    try:
        said = cluster.exec("fe2", "python3", "-c", RELOAD, timeout=60).stdout
    finally:
        cluster.exec("fe2", "rm /etc/haproxy/conf.d/test.cfg; systemctl reload haproxy")
    assert json.loads(said) == {"old connection": "echo", "failed": 0}


def test_secrets_are_not_in_the_result_of_a_task(cluster: LabCluster) -> None:
    password = (cluster.root / "secrets/vrrp_password").read_text().strip()
    assert len(password) == 8
    assert password in cluster.exec("fe1", "cat /etc/keepalived/keepalived.conf").stdout
    for path in cluster.root.glob("runs/**/*"):
        if path.is_file():
            assert password.encode() not in path.read_bytes(), path


def test_the_search_for_secrets_sees_all_that_a_host_logs(cluster: LabCluster) -> None:
    cluster.exec("fe1", "logger said-to-the-journal; echo said-to-a-file > /var/log/marker")
    wait_until(lambda: b"said-to-the-journal" in cluster.logs()["fe1"], 20, "the journal has it")
    logs = cluster.logs()
    assert set(logs) == {"fe1", "fe2", "cp1"}
    assert b"said-to-a-file" in logs["fe1"]
    assert b"said-to" not in logs["fe2"]


def test_a_vip_without_a_holder_fails_the_verification_and_the_next_run_has_only_that_to_do(
    cluster: LabCluster,
) -> None:
    for name in ("fe1", "fe2"):
        cluster.exec(name, "mkdir -p /run/yk8s && touch /run/yk8s/frontend-maintenance")
    try:
        wait_until(lambda: not holders(cluster), 30, "both have given the VIP away")
        done = cluster.cli("apply", "--layer", "trampoline", "--yes")
        assert done.returncode == 1
        assert f"nobody holds the VIP {vip(cluster)}" in done.stdout
    finally:
        for name in ("fe1", "fe2"):
            cluster.exec(name, "rm /run/yk8s/frontend-maintenance")
    events = apply(cluster)
    assert [e["step"] for e in events if e["type"] == "step_started"] == ["trampoline.verify"]
