"""What a host tells becomes the picture: values, the clock, certificates, and what makes no sense."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from yk8s_tui.models.nodes import Node
from yk8s_tui.status import host_parts
from yk8s_tui.status.host_state import LOST, Watched
from yk8s_tui.status.model import Backend, Certificate, ClusterStatus, Drift, Peer, Source

FACTS = {
    "kernel": "6.1", "boot": 5, "reboot": "", "load": 0.5, "cpus": 2, "memory": 100, "memory_free": 50,
    "disks": [{"path": "/", "size": 10, "free": 5}],
}  # fmt: skip
ETCD = {
    "id": "ff", "leader": True, "led": True, "learner": False, "revision": 7, "raft_term": 2, "size": 10, "used": 5,
    "quota": 100, "version": "3.6", "alarms": [], "members": ["cp1"], "error": "",
}  # fmt: skip
SERVER = {"ready": True, "failing": [], "seconds": 0.01, "error": ""}


def watched(*roles: Any) -> Watched:
    return Watched(Node(name="n1", address="10.0.0.1", roles=roles), 100.0)


def tell(host: Watched, **sections: Any) -> None:
    for section, value in sections.items():
        assert host.hear({"section": section, "value": value})


def picture(host: Watched) -> ClusterStatus:
    status = ClusterStatus()
    host.apply(status, {"PUBLIC": "laptop"})
    return status


def test_a_host_that_is_frontend_and_control_plane() -> None:
    host = watched("frontend", "control-plane")
    assert picture(host).hosts == {}
    host.live(101.0)
    tell(host, facts=FACTS, units={"keepalived": "active"}, drift={"s": ["x differs", "y is missing"]}, firewall="ours")
    assert picture(host).frontends == {}
    tell(host, vip={"held": True, "since": 90}, peers=[
        {"tunnel": "wg0", "key": "PUBLIC", "handshake": 9, "received": 1, "sent": 2},
        {"tunnel": "wg0", "key": "UNKNOWNKEY", "handshake": 0, "received": 0, "sent": 0},
    ])  # fmt: skip
    server = {"proxy": "p", "server": "s", "up": False, "changed": 3, "check": "why"}
    tell(host, haproxy={"up": True, "servers": [server]}, etcd=ETCD, apiserver=SERVER)
    status = picture(host)
    assert status.sources == {"host:n1": Source("live", 101.0)}
    assert status.expected == {"n1": ("frontend", "control-plane")}
    assert status.hosts["n1"].drift == (Drift("s", "x differs"), Drift("s", "y is missing"))
    frontend = status.frontends["n1"]
    assert (frontend.vip, frontend.vip_since, frontend.haproxy, frontend.keepalived) == (True, 90.0, True, True)
    assert frontend.backends == (Backend("p", "s", False, 3.0, "why"),)
    assert frontend.peers == (Peer("wg0", "laptop", 9.0, 1, 2), Peer("wg0", "UNKNOWNK…", 0.0, 0, 0))
    assert (status.etcd["n1"].leader, status.etcd["n1"].revision, status.api_servers["n1"].ready) == (True, 7, True)


def test_a_host_that_is_lost_keeps_its_facts_and_not_its_servers() -> None:
    host = watched("control-plane")
    host.live(101.0)
    tell(host, facts=FACTS, etcd=ETCD, apiserver=SERVER)
    assert host.take_dirty()
    assert not host.take_dirty()
    assert host.lost("frozen", 105.0)
    assert host.answered.is_set()
    assert host.lost("refused", 109.0)
    assert not host.lost("refused", 110.0)
    status = picture(host)
    assert status.sources["host:n1"] == Source("unreachable", 105.0, "refused")
    assert status.hosts["n1"].kernel == "6.1"
    assert (status.etcd["n1"].error, status.api_servers["n1"].error) == (LOST, LOST)
    host.live(120.0)
    status = picture(host)
    assert status.sources["host:n1"] == Source("live", 120.0)
    assert status.etcd["n1"].error == ""


def test_parts_that_break_on_the_host_are_said_and_forgotten_again() -> None:
    host = watched("worker")
    host.live(101.0)
    host.hear({"section": "drift", "error": "OSError: x"})
    assert host.source == Source("live", 101.0, "drift cannot be read: OSError: x")
    tell(host, drift={})
    assert host.source.error == ""


@pytest.mark.parametrize(
    ("section", "value"),
    [("facts", {"boot": "soon"}), ("haproxy", {"servers": [{}]}), ("etcd", {}), ("apiserver", {}), ("drift", [1])],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_replaced(section: str, value: Any) -> None:
    host = watched("frontend", "control-plane")
    tell(host, facts=FACTS)
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        host.hear({"section": section, "value": value})
    assert host.sections == {"facts": FACTS}


def test_the_clock_by_the_shortest_way() -> None:
    host = watched("worker")
    assert not host.heard_clock(None, 10.0, 10.0)
    assert not host.heard_clock(10.0, 10.02, 10.03)
    assert host.heard_clock(20.0, 20.002, 22.001)
    assert host.offset == 2.0
    assert not host.heard_clock(30.0, 34.0, 37.0)
    assert host.offset == 2.0


def pem(name: str, days: float, *, ca: bool = False) -> tuple[str, float]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    ends = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(days=days)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(ends - datetime.timedelta(days=400)).not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM).decode(), ends.timestamp()


def test_certificates() -> None:
    leaf, soon = pem("leaf", 5)
    authority, later = pem("ca", 3650, ca=True)
    told = [
        {"path": "/etc/kubernetes/pki/etcd/server.crt", "pem": authority + leaf},
        {"path": "/etc/kubernetes/pki/ca.crt", "pem": authority},
        {"path": "/etc/kubernetes/pki/torn.crt", "pem": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"},
    ]
    assert host_parts.certificates_of("cp1", told) == (
        Certificate("cp1", told[0]["path"], "etcd/server", False, soon),
        Certificate("cp1", told[1]["path"], "ca", True, later),
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/etc/kubernetes/pki/apiserver.crt", "apiserver"),
        ("/etc/kubernetes/pki/etcd/ca.crt", "etcd/ca"),
        ("/etc/kubernetes/admin.conf", "admin.conf"),
        ("/var/lib/kubelet/pki/kubelet-client-current.pem", "kubelet client"),
    ],
)
def test_names_of_certificates(path: str, name: str) -> None:
    assert host_parts.certificate_name(path) == name
