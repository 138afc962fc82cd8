"""What is known of a cluster at one moment: plain values, made by the collectors, judged by `health`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SourceState = Literal["starting", "live", "unreachable"]
Severity = Literal["failed", "warning"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a part of the picture comes from, and whether it is current. Keys: `api`, `host:NAME`, `runs`."""

    state: SourceState = "starting"
    since: float = 0.0
    """When it came into this state, seconds since 1970."""
    error: str = ""
    """Why it cannot be reached; plain text, one or more lines."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of a node that is not as it should be."""

    type: str
    """`Ready`, `MemoryPressure`, …"""
    status: str
    """`True`, `False`, `Unknown`."""
    reason: str
    message: str
    since: float


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the API has it."""

    name: str
    roles: tuple[str, ...]
    """`control-plane`, `worker`, … from the role labels."""
    address: str
    """InternalIP."""
    ready: str
    """Status of the condition Ready: `True`, `False`, `Unknown`."""
    ready_since: float
    trouble: tuple[Condition, ...]
    """Conditions that are bad now, Ready among them."""
    cordoned: bool
    cordoned_by: str
    """Who set `spec.unschedulable`, from managedFields; empty when that is not known."""
    cordoned_since: float
    version: str
    """kubelet's, without `v`."""
    os_image: str
    kernel: str
    runtime: str
    created: float
    cpu: float
    """Allocatable cores."""
    memory: int
    """Allocatable bytes."""
    pods: int
    """Allocatable pods."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the pods of one node ask for."""

    pods: int = 0
    cpu: float = 0.0
    """Cores."""
    memory: int = 0
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that is not well."""

    namespace: str
    name: str
    node: str
    phase: str
    reason: str
    """`CrashLoopBackOff`, `ImagePullBackOff`, `Unschedulable`, … in the words of Kubernetes."""
    message: str
    """From the container state, the condition, or the last warning event about it."""
    since: float
    restarts: int
    owner: str
    """`Deployment/web`, `DaemonSet/agent`, …; empty for a pod of its own."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, DaemonSet or StatefulSet that is short of replicas."""

    kind: str
    namespace: str
    name: str
    wanted: int
    ready: int
    reason: str
    since: float
    """When it became short, as far as known; 0 when not."""


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads a component, by its lease."""

    component: str
    """`kube-controller-manager`, `kube-scheduler`."""
    holder: str
    """Node name."""
    since: float
    renewed: float


@dataclass(frozen=True, slots=True)
class ApiServer:
    """One API server, asked on its own node (`node` is its name), or through the VIP (`node` is empty)."""

    node: str
    ready: bool
    failing: tuple[str, ...]
    """Checks of /readyz that fail."""
    seconds: float
    """How long /readyz took."""
    error: str = ""
    """Why there was no answer at all."""


@dataclass(frozen=True, slots=True)
class EtcdMember:
    """One member of etcd, asked on its own node."""

    node: str
    id: str
    """Hexadecimal."""
    leader: bool
    learner: bool
    revision: int
    """Revision of its store."""
    raft_term: int
    size: int
    """Bytes of the database on disk."""
    used: int
    """Bytes in use of it."""
    quota: int
    """Bytes; etcd's default is 2 GiB."""
    version: str
    alarms: tuple[str, ...] = ()
    """`NOSPACE`, `CORRUPT`."""
    members: tuple[str, ...] = ()
    """Names of all members, as this one knows them."""
    error: str = ""
    """Why it does not answer; everything else is empty then."""
    led: bool = True
    """Whether it knows a leader; without one nothing can be written."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate on a node."""

    node: str
    path: str
    name: str
    """What it is for: `apiserver`, `etcd/server`, `kubelet client`, `ca`, `admin.conf`, …"""
    authority: bool
    """Whether it is a CA."""
    ends: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system that matters: /, /var/lib/etcd, /var/lib/containerd, /var/lib/kubelet."""

    path: str
    size: int
    free: int
    """Bytes that root can still write."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Something on a host that is no longer what a run wrote."""

    step: str
    text: str
    """`/etc/haproxy/haproxy.cfg differs`, …"""


@dataclass(frozen=True, slots=True)
class Host:
    """Facts of a host, read over SSH."""

    name: str
    kernel: str = ""
    boot: float = 0.0
    reboot: str = ""
    """Why a reboot is pending; empty when none is."""
    clock_offset: float = 0.0
    """Seconds ahead of this machine."""
    load: float = 0.0
    """Over one minute."""
    cpus: int = 0
    memory: int = 0
    memory_free: int = 0
    """Bytes available without swapping."""
    disks: tuple[Disk, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    drift: tuple[Drift, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    """kubelet, containerd, haproxy, … -> `active`, `failed`, …; units that are not installed are left out."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A server behind HAProxy, as one frontend sees it."""

    proxy: str
    server: str
    up: bool
    changed: float
    """Time of its last change of state."""
    check: str
    """What the last health check said."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A WireGuard peer, as one frontend sees it."""

    tunnel: str
    name: str
    """From the configuration; the beginning of the public key when it is not there."""
    handshake: float
    """Time of the last handshake; 0 for never."""
    received: int
    sent: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Frontend:
    """A frontend's own view."""

    name: str
    vip: bool
    vip_since: float
    """When it became what it is (holder or not), 0 when not known."""
    haproxy: bool
    keepalived: bool
    firewall: Literal["ours", "changed", "missing", ""] = ""
    """Whether the loaded rules are those of the last run; empty when no run has loaded any."""
    backends: tuple[Backend, ...] = ()
    peers: tuple[Peer, ...] = ()


@dataclass(frozen=True, slots=True)
class AppliedLayer:
    """What was applied of a layer."""

    layer: str
    steps: int
    when: float
    """The newest step."""
    by: str
    run: str
    number: int
    """Of the run; 0 when its directory is gone."""
    failed: tuple[str, ...] = ()
    """Steps whose last result was not good."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run, in progress or ended."""

    id: str
    number: int
    operation: str
    result: str
    started: float
    seconds: float
    by: str
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, as a sentence."""

    severity: Severity
    subject: str
    """The node, pod, certificate, … it is about; shown first."""
    text: str
    since: float = 0.0
    """0 when that is not known."""
    look: str = ""
    """What to look at, or what to do."""
    key: str = ""
    """Stable for the same trouble, for example `node.not-ready:w2`."""


@dataclass(slots=True)
class ClusterStatus:
    """Everything that is known now. Collectors replace values; nothing in them is changed in place."""

    name: str = ""
    version: str = ""
    """Kubernetes version of the configuration."""
    vip: str = ""
    route: str = ""
    """How the API is reached: `directly`, `through the VPN`, `via fe1`; empty while it is not."""
    sources: dict[str, Source] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    """Kinds of objects (`nodes`, `pods`, `leases/kube-scheduler`, …) of which everything was read at least once."""
    expected: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Nodes of the inventory -> their roles (`frontend`, `control-plane`, `worker`)."""
    nodes: dict[str, Node] = field(default_factory=dict)
    loads: dict[str, Load] = field(default_factory=dict)
    pods: dict[tuple[str, str], Pod] = field(default_factory=dict)
    """(namespace, name) -> pods that are not well."""
    pod_count: int = 0
    """All pods."""
    workloads: dict[tuple[str, str, str], Workload] = field(default_factory=dict)
    """(kind, namespace, name) -> those that are short."""
    leaders: dict[str, Leader] = field(default_factory=dict)
    api_servers: dict[str, ApiServer] = field(default_factory=dict)
    """Node -> its API server; the empty key for the VIP."""
    etcd: dict[str, EtcdMember] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    frontends: dict[str, Frontend] = field(default_factory=dict)
    layers: tuple[AppliedLayer, ...] = ()
    runs: tuple[Run, ...] = ()
    """Newest first."""
    revision: int = 0
    """Grows with every change."""
