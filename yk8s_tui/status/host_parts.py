"""What a host tells over SSH, as values of the picture: pure, and strict about what makes no sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yk8s_tui.status.model import ApiServer, Backend, Certificate, Disk, Drift, EtcdMember, Frontend, Host, Peer

Sections = Mapping[str, Any]
"""Section of `assets/status_host.py` -> the last value it told."""

UNKNOWN_KEY = 8
"""Characters of a public key that stand for a peer without a name."""

SPECIAL = {
    "/var/lib/kubelet/pki/kubelet-client-current.pem": "kubelet client",
    "/var/lib/kubelet/pki/kubelet-server-current.pem": "kubelet serving",
    "/var/lib/kubelet/pki/kubelet.crt": "kubelet serving (self-signed)",
}


def host_of(name: str, sections: Sections, certificates: tuple[Certificate, ...], offset: float) -> Host:
    """The facts of a host; sections that have not been told yet leave their defaults."""
    facts: Mapping[str, Any] = sections.get("facts", {})
    return Host(
        name=name,
        kernel=str(facts.get("kernel", "")),
        boot=float(facts.get("boot", 0)),
        reboot=str(facts.get("reboot", "")),
        clock_offset=offset,
        load=float(facts.get("load", 0)),
        cpus=int(facts.get("cpus", 0)),
        memory=int(facts.get("memory", 0)),
        memory_free=int(facts.get("memory_free", 0)),
        disks=tuple(Disk(str(d["path"]), int(d["size"]), int(d["free"])) for d in facts.get("disks", ())),
        certificates=certificates,
        drift=tuple(Drift(str(step), str(text)) for step, texts in sections.get("drift", {}).items() for text in texts),
        units={str(unit): str(state) for unit, state in sections.get("units", {}).items()},
    )


def frontend_of(name: str, sections: Sections, peer_names: Mapping[str, str]) -> Frontend:
    """A frontend's own view; `peer_names` maps public keys to names."""
    vip: Mapping[str, Any] = sections.get("vip", {})
    haproxy: Mapping[str, Any] = sections.get("haproxy", {})
    firewall = sections.get("firewall", "")
    return Frontend(
        name=name,
        vip=bool(vip.get("held", False)),
        vip_since=float(vip.get("since", 0)),
        haproxy=bool(haproxy.get("up", False)),
        keepalived=sections.get("units", {}).get("keepalived") == "active",
        firewall=firewall if firewall in ("ours", "changed", "missing") else "",
        backends=tuple(
            Backend(str(s["proxy"]), str(s["server"]), bool(s["up"]), float(s["changed"]), str(s["check"]))
            for s in haproxy.get("servers", ())
        ),
        peers=tuple(_peer(p, peer_names) for p in sections.get("peers", ())),
    )


def _peer(told: Mapping[str, Any], names: Mapping[str, str]) -> Peer:
    key = str(told["key"])
    name = names.get(key) or f"{key[:UNKNOWN_KEY]}…"
    return Peer(str(told["tunnel"]), name, float(told["handshake"]), int(told["received"]), int(told["sent"]))


def api_server_of(node: str, told: Mapping[str, Any]) -> ApiServer:
    """The API server of a node."""
    failing = tuple(str(check) for check in told["failing"])
    return ApiServer(node, bool(told["ready"]), failing, float(told["seconds"]), str(told["error"]))


def etcd_member_of(node: str, told: Mapping[str, Any]) -> EtcdMember:
    """The etcd member of a node; one that does not answer has its error only."""
    if told.get("error"):
        return silent_member(node, str(told["error"]))
    return EtcdMember(
        node=node,
        id=str(told["id"]),
        leader=bool(told["leader"]),
        learner=bool(told["learner"]),
        revision=int(told["revision"]),
        raft_term=int(told["raft_term"]),
        size=int(told["size"]),
        used=int(told["used"]),
        quota=int(told["quota"]),
        version=str(told["version"]),
        alarms=_texts(told["alarms"]),
        members=_texts(told["members"]),
        led=bool(told["led"]),
    )


def silent_member(node: str, error: str) -> EtcdMember:
    """A member that nothing is known of."""
    return EtcdMember(node, "", False, False, 0, 0, 0, 0, 0, "", error=error)


def _texts(told: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(text) for text in told)


def certificates_of(node: str, told: Sequence[Mapping[str, str]]) -> tuple[Certificate, ...]:
    """The certificates in what a host sent; of several in one file, the one that ends first."""
    from cryptography import x509

    found = []
    for file in told:
        try:
            loaded = x509.load_pem_x509_certificates(file["pem"].encode())
        except ValueError:
            continue
        first = min(loaded, key=lambda one: one.not_valid_after_utc)
        ends = first.not_valid_after_utc.timestamp()
        found.append(Certificate(node, file["path"], certificate_name(file["path"]), _is_authority(first), ends))
    return tuple(found)


def certificate_name(path: str) -> str:
    """What a certificate is for, by its path: `apiserver`, `etcd/server`, `kubelet client`, `admin.conf`."""
    if path in SPECIAL:
        return SPECIAL[path]
    _, inside, name = path.partition("/etc/kubernetes/pki/")
    return name.removesuffix(".crt") if inside else path.rpartition("/")[2]


def _is_authority(certificate: Any) -> bool:
    from cryptography import x509

    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError):
        return False
