"""The parts of the script that hosts run which only read text; the rest is proven on real hosts."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from yk8s_tui.backends.ssh_scripts import program
from yk8s_tui.paths import assets
from yk8s_tui.status.host_watch import SCRIPT

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----"
KEY = "-----BEGIN EC PRIVATE KEY-----\nCANARY\n-----END EC PRIVATE KEY-----"


@pytest.fixture(scope="module")
def script() -> Iterator[dict[str, Any]]:
    """The modules of the script by name, loaded as a host loads them, but without its `main`."""
    names = [(assets() / file).stem for file in SCRIPT]
    before = {name: sys.modules.get(name) for name in names}
    source = program(*SCRIPT).decode().rpartition("sys.modules[")[0]
    exec(source, {})
    yield {name: sys.modules[name] for name in names}
    for name, module in before.items():
        sys.modules.pop(name)
        if module:
            sys.modules[name] = module


def test_only_certificates_leave_a_file(script: dict[str, Any]) -> None:
    looks = script["host_looks"]
    assert looks.certificates_in(f"{CERTIFICATE}\n{KEY}\n{CERTIFICATE}\n") == f"{CERTIFICATE}\n{CERTIFICATE}"
    data = base64.b64encode(CERTIFICATE.encode()).decode()
    key = base64.b64encode(KEY.encode()).decode()
    config = f"users:\n- user:\n    client-certificate-data: {data}\n    client-key-data: {key}\n"
    assert looks.certificates_in(config) == CERTIFICATE
    assert looks.certificates_in("    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem\n") == ""
    assert looks.certificates_in("client-certificate-data: =not=base64=") == ""


def test_certificates_are_read_again_when_the_file_moved(script: dict[str, Any], tmp_path: Path) -> None:
    watch = script["host_looks"].Certificates((str(tmp_path / "*.crt"),))
    assert watch.look() == []
    file = tmp_path / "a.crt"
    file.write_text(f"{CERTIFICATE}\n{KEY}\n")
    assert watch.look() == [{"path": str(file), "pem": CERTIFICATE}]
    file.write_text(KEY)
    assert watch.look() == []


@pytest.mark.parametrize(
    ("running", "images", "newest"),
    [
        ("6.1.0-25-amd64", ["6.1.0-25-amd64", "6.1.0-9-amd64"], ""),
        ("6.1.0-9-amd64", ["6.1.0-25-amd64", "6.1.0-9-amd64"], "6.1.0-25-amd64"),
        ("6.1.0-25-amd64", ["6.1.0-25-amd64", "6.12.0-1-cloud-arm64", "6.1.0-30-rt"], ""),
        ("6.8.0-41-generic", ["6.8.0-100-generic", "6.8.0-41-generic"], "6.8.0-100-generic"),
        ("6.18.44-fc", [], ""),
    ],
)
def test_a_newer_kernel_of_the_same_flavour(
    script: dict[str, Any], running: str, images: list[str], newest: str
) -> None:
    assert script["host_looks"].newest_kernel(running, images) == newest


def test_whose_the_vip_is(script: dict[str, Any]) -> None:
    looks = script["frontend_looks"]
    fib = (
        "Local:\n  +-- 10.0.0.0/24 2 0 2\n     |-- 10.0.0.25\n        /32 host LOCAL\n"
        "     |-- 10.0.0.255\n        /32 link BROADCAST\n     |-- 10.0.0.2\n        /32 link UNICAST\n"
    )
    assert [looks.is_local(a, fib) for a in ("10.0.0.25", "10.0.0.255", "10.0.0.2", "10.0.0.1")] == [
        True, False, False, False,
    ]  # fmt: skip
    six = "fd000000000000000000000000000250 02 40 00 80     eth0\n"
    assert [looks.is_local(a, six=six) for a in ("fd00::250", "fd00::25")] == [True, False]
    assert looks.is_local("127.0.0.1")


def test_the_last_transition_of_keepalived(script: dict[str, Any]) -> None:
    last = script["frontend_looks"].last_transition
    entries = [
        {"MESSAGE": "Sending gratuitous ARP", "__REALTIME_TIMESTAMP": "1795000009000000"},
        {"MESSAGE": [1, 2], "__REALTIME_TIMESTAMP": "1795000008000000"},
        {"MESSAGE": "(yk8s) Entering MASTER STATE", "__REALTIME_TIMESTAMP": "1795000005500000"},
        {"MESSAGE": "(yk8s) Entering BACKUP STATE (init)", "__REALTIME_TIMESTAMP": "1795000001000000"},
    ]
    journal = "\n".join(map(json.dumps, entries))
    assert last(journal) == ("MASTER", 1795000005.5)
    assert last("torn\n{}") == ("", 0.0)


STAT = """\
# pxname,svname,status,lastchg,check_status,check_code,last_chk,check_desc,
yk8s-api,FRONTEND,OPEN,,,,,,
yk8s-api,cp1,UP,100,L7OK,200,,Layer7 check passed,
yk8s-api,cp2,DOWN,7,L4CON,,Connection refused,Layer4 connection problem,
yk8s-api,cp3,MAINT,5,,,,,
yk8s-api,cp4,UP 1/2,5,* L7OK,200,OK,Layer7 check passed,
yk8s-web,w1,no check,900,,,,,
yk8s-api,BACKEND,UP,100,,,,,
"""


def test_servers_of_haproxy(script: dict[str, Any]) -> None:
    servers = {server["server"]: server for server in script["frontend_looks"].servers_in(STAT, 1000)}
    assert {name: (server["up"], server["changed"]) for name, server in servers.items()} == {
        "cp1": (True, 900), "cp2": (False, 993), "cp3": (False, 995), "cp4": (True, 995), "w1": (True, 100),
    }  # fmt: skip
    assert servers["cp1"]["check"] == "Layer7 check passed (status 200)"
    assert servers["cp2"]["check"] == "Layer4 connection problem: Connection refused"
    assert servers["cp3"]["check"] == "in maintenance (MAINT)"
    assert servers["w1"]["check"] == "no check"
    assert script["frontend_looks"].servers_in("", 1000) == []


def test_peers_of_wireguard(script: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "latest-handshakes": ["wg0 KEY1= 1795000000", "wg0 KEY2= 0", "torn"],
        "transfer": ["wg0 KEY1= 100 200"],
    }
    asked: list[tuple[str, ...]] = []

    def output(*command: str) -> list[list[str]]:
        asked.append(command)
        return [line.split() for line in said[command[-1]]]

    monkeypatch.setattr(script["frontend_looks"], "lines_of", output)
    assert script["frontend_looks"].peers() == [
        {"tunnel": "wg0", "key": "KEY1=", "handshake": 1795000000, "received": 100, "sent": 200},
        {"tunnel": "wg0", "key": "KEY2=", "handshake": 0, "received": 0, "sent": 0},
    ]
    assert "dump" not in {word for command in asked for word in command}


def test_drift_is_asked_again_only_when_something_moved(
    script: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe, watched = script["probe"], script["drift_watch"]
    file, receipts = tmp_path / "file", tmp_path / "receipts"
    receipts.mkdir()
    file.write_text("one")
    claims = {"files": {str(file): {"sha256": probe.digest(file), "mode": ""}}, "tables": {"inet yk8s": ""}}
    (receipts / "a.json").write_text(json.dumps({"step": "a", "state": "done", "claims": claims}))
    monkeypatch.setattr(probe, "RECEIPTS", str(receipts / "*.json"))
    asked: list[str] = []
    tables: dict[str, str | None] = {"inet yk8s": None}
    generation = [7]
    original = probe.file_drift
    monkeypatch.setattr(probe, "file_drift", lambda *a: (asked.append("file"), original(*a))[1])
    monkeypatch.setattr(probe, "table_drift", lambda name: (asked.append("table"), tables[name])[1])
    monkeypatch.setattr(watched, "rules_generation", lambda: generation[0])
    watch = watched.DriftWatch(script["host_looks"].Units())
    assert [watch.look(), watch.look(), watch.firewall()] == [{}, {}, "ours"]
    assert asked == ["file", "table"]
    file.write_text("two")
    assert watch.look() == {"a": [f"{file} differs"]}
    generation[0], tables["inet yk8s"] = 8, "firewall table inet yk8s was changed by hand"
    assert watch.look()["a"][-1] == tables["inet yk8s"]
    assert watch.firewall() == "changed"
    assert asked == ["file", "table", "file", "table"]
    generation[0], tables["inet yk8s"] = 9, "firewall table inet yk8s is not loaded"
    assert (bool(watch.look()), watch.firewall()) == (True, "missing")
    (receipts / "a.json").unlink()
    assert (watch.look(), watch.firewall()) == ({}, "")


def test_etcd_in_its_own_words(script: dict[str, Any]) -> None:
    status = {
        "header": {"member_id": "255", "revision": "1200", "raft_term": "3"}, "version": "3.6.5", "dbSize": "4096",
        "dbSizeInUse": "1024", "leader": "255", "errors": ["memberID:255 alarm:NOSPACE "],
    }  # fmt: skip
    listed = {"members": [{"ID": "1", "name": "cp2"}, {"ID": "255", "name": "cp1"}, {"ID": "254"}]}
    told = script["control_looks"].member(status, listed, 2 << 30)
    assert told == {
        "id": "ff", "leader": True, "led": True, "learner": False, "revision": 1200, "raft_term": 3, "size": 4096,
        "used": 1024, "quota": 2 << 30, "version": "3.6.5", "alarms": ["NOSPACE"], "members": ["cp1", "cp2", "fe"],
        "error": "",
    }  # fmt: skip
    alone = {**status, "leader": "0", "errors": ["etcdserver: no leader"], "dbSizeQuota": "8"}
    told = script["control_looks"].member(alone, listed, 2 << 30)
    assert (told["leader"], told["led"], told["alarms"], told["quota"]) == (False, False, [], 8)


def test_flags_of_a_manifest(script: dict[str, Any]) -> None:
    flag = script["control_looks"].flag
    manifest = "    - --quota-backend-bytes=8589934592\n    - --secure-port=6443\n"
    assert flag(manifest, "quota-backend-bytes", 1) == 8589934592
    assert flag(manifest, "bind-port", 5) == 5


def test_failing_checks_of_readyz(script: dict[str, Any]) -> None:
    text = "[+]ping ok\n[-]etcd failed: reason withheld\n[+]log ok\n[-]shutdown failed: reason\nreadyz check failed"
    assert script["control_looks"].CHECK.findall(text) == ["etcd", "shutdown"]


def start(options: dict[str, Any]) -> subprocess.Popen[bytes]:
    text = program(*SCRIPT)
    reader = "import sys; exec(sys.stdin.buffer.read(int(sys.argv.pop(1))))"
    process = subprocess.Popen(
        [sys.executable, "-c", reader, str(len(text)), json.dumps(options)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin
    process.stdin.write(text)
    process.stdin.flush()
    return process


def test_it_answers_beats_and_ends_with_its_input() -> None:
    process = start({"roles": ["worker"], "vip": ""})
    assert process.stdin
    assert process.stdout
    told = []
    while not any("whole" in line for line in told):
        told.append(json.loads(process.stdout.readline()))
    sections = [line["section"] for line in told if "section" in line]
    assert sorted(sections) == sorted(set(sections))
    assert {"facts", "units", "drift", "firewall", "certificates"} == set(sections)
    process.stdin.write(b"question\n")
    process.stdin.flush()
    while "pong" not in (line := json.loads(process.stdout.readline())):
        pass
    assert line["pong"] == "question"
    assert abs(line["clock"] - time.time()) < 5
    begin = time.monotonic()
    process.stdin.close()
    assert process.wait(5) == 0
    assert time.monotonic() - begin < 3


def test_it_ends_when_nobody_reads_it() -> None:
    process = start({"roles": [], "vip": ""})
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(10) == 0
