"""The pages of the wizard, in order: each a list of questions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from yk8s_tui.screens.setup import answers as a
from yk8s_tui.screens.setup import texts
from yk8s_tui.widgets.form import Answers, Field


@dataclass(frozen=True)
class Page:
    """One step of the wizard."""

    id: str
    title: str
    intro: str
    """What the step decides, for somebody who sees it for the first time."""
    fields: tuple[Field, ...] = ()
    owns: tuple[str, ...] = ()
    """Prefixes of the keys whose problems belong to this step."""
    part: str = ""
    """A part that is more than fields: `nodes` or `review`."""


def _harbour_is(name: str) -> Any:
    return lambda answers: a.read(answers, "cluster.harbour") == name


def _on(key: str) -> Any:
    return lambda answers: bool(a.read(answers, key))


def _text(key: str, label: str, placeholder: str = "", shown: Any = None) -> Field:
    return Field(
        key, label, placeholder=placeholder, to_text=texts.optional_to_text,
        from_text=texts.optional_from_text, **({"shown": shown} if shown else {}),
    )  # fmt: skip


def _number(key: str, label: str, shown: Any = None) -> Field:
    return Field(
        key,
        label,
        to_text=texts.optional_to_text,
        from_text=texts.number_from_text,
        **({"shown": shown} if shown else {}),
    )


def _words(key: str, label: str, placeholder: str = "", shown: Any = None) -> Field:
    return Field(
        key, label, placeholder=placeholder, to_text=texts.words_to_text,
        from_text=texts.words_from_text, **({"shown": shown} if shown else {}),
    )  # fmt: skip


def _switch(key: str, label: str, shown: Any = None) -> Field:
    return Field(key, label, kind="switch", **({"shown": shown} if shown else {}))


def _choice(key: str, label: str, choices: tuple[tuple[str, str], ...], shown: Any = None) -> Field:
    return Field(key, label, kind="choice", choices=choices, **({"shown": shown} if shown else {}))


def _heading(name: str, text: str, shown: Any = None) -> Field:
    return Field(name, text, kind="heading", **({"shown": shown} if shown else {}))


def _note(name: str, text: str, shown: Any = None) -> Field:
    return Field(name, text, kind="note", **({"shown": shown} if shown else {}))


DIRECTORY = "wizard.directory"
"""Where the cluster repository is made; an answer of the wizard, not of the configuration."""

CLUSTER = Page(
    "cluster",
    "Cluster",
    "One cluster is one git repository: its configuration, its inventory, its secrets (not in git).",
    (
        _text("cluster.name", "Name", "berlin-1"),
        _text(
            DIRECTORY,
            "Directory",
            "~/clusters/berlin-1",
            shown=lambda answers: not a.read(answers, "wizard.existing"),
        ),
    ),
    owns=("cluster.name", "cluster", "wizard", "schema_version", ""),
)

_LAB, _METAL, _CLOUD = _harbour_is("lab"), _harbour_is("baremetal"), _harbour_is("openstack")

INFRASTRUCTURE = Page(
    "infrastructure",
    "Infrastructure",
    "Where the machines come from.",
    (
        _choice(
            "cluster.harbour",
            "Nodes come from",
            (
                ("choose …", ""),
                ("lab: hosts on this machine", "lab"),
                ("bare metal: over SSH", "baremetal"),
                ("OpenStack (not yet)", "openstack"),
            ),
        ),
        _note("lab.note", "systemd-nspawn hosts for trying and rehearsals; needs root on this machine.", _LAB),
        _number("harbour.lab.control_planes", "Control planes", _LAB),
        _switch("harbour.lab.combined", "Combined", _LAB),
        _number("harbour.lab.frontends", "Frontends", lambda x: _LAB(x) and not a.read(x, "harbour.lab.combined")),
        _number("harbour.lab.workers", "Workers", _LAB),
        _text("harbour.lab.subnet", "Subnet", shown=_LAB),
        _choice(
            "harbour.lab.image",
            "Debian release",
            (("bookworm (12)", "bookworm"), ("trixie (13)", "trixie")),
            _LAB,
        ),
        _text("harbour.baremetal.node_network", "Node network", "the /24 around the first node", _METAL),
        _note(
            "openstack.note",
            "This harbour will create network, router, security groups, servers and volumes in your project, and find "
            "them again by tag. This release cannot do it yet: create the servers yourself and choose bare metal, "
            "which takes any machine that answers on SSH.",
            _CLOUD,
        ),
    ),
    owns=("cluster.harbour", "harbour"),
    part="nodes",
)

_VPN = _on("trampoline.wireguard.enabled")

TRAMPOLINE = Page(
    "trampoline",
    "Trampoline",
    "The frontends are the only way in: SSH, VPN and the address of the API live here.",
    (
        _text("trampoline.vip", "Virtual IP", "a free address of the node network"),
        _words("trampoline.ssh_allowed_sources", "SSH allowed from", "anywhere; or 10.0.0.0/8"),
        Field(
            "trampoline.published_ports", "Published ports", placeholder="80:30080, 443:30443/http",
            to_text=texts.ports_to_text, from_text=texts.ports_from_text,
        ),
        _switch("trampoline.nat", "NAT for nodes"),
        _words("trampoline.ntp_servers", "Time servers", "those of the distribution"),
        _number("trampoline.vrrp.router_id", "VRRP id"),
        _heading("vpn.heading", "VPN"),
        _switch("trampoline.wireguard.enabled", "WireGuard"),
        _number("trampoline.wireguard.endpoints[0].port", "Port (UDP)", _VPN),
        _text("trampoline.wireguard.endpoints[0].network_v4", "Client network", "10.199.0.0/24", _VPN),
        _text("trampoline.wireguard.endpoints[0].network_v6", "Client network v6", "none", _VPN),
        Field(
            "trampoline.wireguard.peers", "Peers", placeholder="alice, bob=PUBLICKEY", shown=_VPN,
            to_text=texts.peers_to_text, from_text=texts.peers_from_text,
        ),
        _number("trampoline.wireguard.mtu", "MTU", _VPN),
        _text("trampoline.wireguard.public_address", "Clients connect to", "the virtual IP", _VPN),
    ),
    owns=("trampoline",),
)  # fmt: skip

_PACKAGES = lambda answers: a.read(answers, "kubernetes.source") == "packages"  # noqa: E731


@cache
def kubernetes() -> Page:
    """The Kubernetes page; its versions come from the table of the models."""
    from datetime import date

    from yk8s_tui.models.versions import SUPPORTED

    today = date.today()
    versions = tuple(
        (
            f"{m.latest}, {'ended' if m.end_of_support < today else 'support until'} {m.end_of_support}",
            m.latest,
        )
        for m in reversed(SUPPORTED)
    )
    return Page(
        "kubernetes",
        "Kubernetes",
        "The cluster itself: its version, its networks, and where its parts are taken from.",
        (
            _choice("kubernetes.version", "Version", versions),
            _choice(
                "kubernetes.source",
                "Source",
                (
                    ("bundle on this machine", "bundle"),
                    ("packages and registry", "packages"),
                ),
            ),
            _text("kubernetes.package_mirror", "Package mirror", "pkgs.k8s.io", _PACKAGES),
            _text("kubernetes.image_registry", "Image registry", "registry.k8s.io"),
            _choice(
                "kubernetes.cni",
                "Pod network",
                (
                    ("routed (no download)", "routed"),
                    ("calico", "calico"),
                    ("cilium", "cilium"),
                    ("flannel", "flannel"),
                ),
            ),
            _text("kubernetes.pod_cidr", "Pods"),
            _text("kubernetes.pod_cidr_v6", "Pods v6", "none (IPv4 only)"),
            _text("kubernetes.service_cidr", "Services"),
            _text("kubernetes.service_cidr_v6", "Services v6", "none"),
            _number("kubernetes.api_port", "API port"),
            _words("kubernetes.extra_sans", "Extra API names", "api.example.org"),
            _choice("kubernetes.proxy_mode", "kube-proxy", (("nftables", "nftables"), ("iptables", "iptables"))),
            _heading("safety", "Safety"),
            _switch("kubernetes.audit_log", "Audit log"),
            _switch("kubernetes.encryption_at_rest", "Encrypt Secrets"),
            _number("kubernetes.kubeconfig_days", "kubeconfig days"),
            _switch("kubernetes.etcd_backup.enabled", "etcd snapshots"),
            _text("kubernetes.etcd_backup.schedule", "Snapshot at", shown=_on("kubernetes.etcd_backup.enabled")),
            _number("kubernetes.etcd_backup.keep", "Keep", _on("kubernetes.etcd_backup.enabled")),
        ),
        owns=("kubernetes",),
    )


SERVICES = Page(
    "services",
    "Services",
    "What comes on top of the cluster.",
    (
        _heading("custom", "Customization: your own plays, run last"),
        _switch("customization.enabled", "Enabled"),
        _text("customization.playbook", "Playbook", shown=_on("customization.enabled")),
        _heading("ksl", "KSL, service layer (not in this release)"),
        _note(
            "ksl.note",
            "cert-manager   certificates for ingress and services\n"
            "ingress        HTTP routing behind the frontends\n"
            "Rook           Ceph storage on the workers' disks\n"
            "monitoring     Prometheus, Alertmanager, Grafana",
        ),
        _heading("kms", "KMS, managed services (not in this release)"),
        _note(
            "kms.note",
            "load balancer  Services of type LoadBalancer\n"
            "etcd backup    snapshots to object storage\n"
            "monitoring     of HAProxy, keepalived and WireGuard",
        ),
    ),
    owns=("customization", "ksl", "kms"),
)

REVIEW = Page("review", "Review", "What will be written, and what is still wrong.", part="review")


def pages() -> tuple[Page, ...]:
    """Every page, in order."""
    return (CLUSTER, INFRASTRUCTURE, TRAMPOLINE, kubernetes(), SERVICES, REVIEW)


def page_of(key: str) -> Page:
    """The page that a problem's key belongs to: the one with the longest matching prefix."""
    best, found = -1, CLUSTER
    for page in pages():
        for prefix in page.owns:
            if (key == prefix or key.startswith((f"{prefix}.", f"{prefix}["))) and len(prefix) > best:
                best, found = len(prefix), page
    return found


def field_for(key: str, page: Page, answers: Answers) -> str:
    """The key of the shown field that a problem belongs to; "" when no field of the page has it."""
    shown = [f.key for f in page.fields if f.is_question and f.shown(answers)]
    fits = [k for k in shown if key == k or key.startswith((f"{k}.", f"{k}["))]
    return max(fits, key=len, default="")
