"""kubeadm, kubelet and kube-proxy configuration as data: pure functions of the configuration.

The documents leave this machine as JSON (which is YAML, too), so that nodes need no YAML library.
What only a node knows (its cgroup version, tokens, the certificate key) is added there.
"""

from __future__ import annotations

from typing import Any

from yk8s_tui.layers import wireguard
from yk8s_tui.models import versions
from yk8s_tui.models.config import Config
from yk8s_tui.models.networks import effective_vip
from yk8s_tui.models.nodes import Inventory

API_SERVER_PORT = 6443
CRI_SOCKET = "unix:///run/containerd/containerd.sock"
CONTROL_PLANE_FILES = "/etc/kubernetes/yk8s"
AUDIT_POLICY = f"{CONTROL_PLANE_FILES}/audit-policy.json"
ENCRYPTION_CONFIG = f"{CONTROL_PLANE_FILES}/encryption.json"
AUDIT_LOGS = "/var/log/kubernetes"
CONTROL_PLANE_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}

Document = dict[str, Any]


def endpoint(config: Config) -> str:
    """`VIP:port` of the API, with brackets around an IPv6 address."""
    vip = effective_vip(config)
    host = f"[{vip}]" if ":" in vip else vip
    return f"{host}:{config.kubernetes.api_port}"


def registry(config: Config) -> str:
    """The registry that kubeadm's images come from."""
    return config.kubernetes.image_registry.rstrip("/") or "registry.k8s.io"


def pause_image(config: Config) -> str:
    """The sandbox image of containerd: the one kubeadm of this minor names."""
    minor = versions.find(config.kubernetes.version)
    assert minor is not None, "the configuration refuses versions that are not supported"
    return f"{registry(config)}/pause:{minor.pause}"


def certificate_names(config: Config, inventory: Inventory) -> list[str]:
    """Names and addresses in the API certificate: VIP, frontends, control planes, tunnels, and the operator's own."""
    names = [effective_vip(config)]
    for node in (*inventory.frontends, *inventory.control_planes):
        names += [node.name, node.address]
    names += [host for tunnel in wireguard.tunnels(config) for host in tunnel.hosts]
    names += ["localhost", "127.0.0.1", *config.kubernetes.extra_sans]
    return list(dict.fromkeys(names))


def networking(config: Config) -> Document:
    """Pod and service networks; two families make the cluster dual stack."""
    kubernetes = config.kubernetes
    pods = [kubernetes.pod_cidr, kubernetes.pod_cidr_v6]
    services = [kubernetes.service_cidr, kubernetes.service_cidr_v6]
    return {
        "dnsDomain": "cluster.local",
        "podSubnet": ",".join(str(n) for n in pods if n),
        "serviceSubnet": ",".join(str(n) for n in services if n),
    }


def _arguments(values: dict[str, str]) -> list[Document]:
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def _volume(name: str, path: str, kind: str, *, read_only: bool) -> Document:
    return {"name": name, "hostPath": path, "mountPath": path, "readOnly": read_only, "pathType": kind}


def api_server(config: Config, inventory: Inventory) -> Document:
    """The API server's part: certificate names, audit log, encryption at rest."""
    arguments = {"profiling": "false"}
    volumes = []
    if config.kubernetes.audit_log:
        arguments |= {
            "audit-policy-file": AUDIT_POLICY,
            "audit-log-path": f"{AUDIT_LOGS}/audit.log",
            "audit-log-maxage": "30",
            "audit-log-maxbackup": "10",
            "audit-log-maxsize": "100",
        }
        volumes.append(_volume("yk8s-audit", AUDIT_LOGS, "DirectoryOrCreate", read_only=False))
    if config.kubernetes.encryption_at_rest:
        arguments["encryption-provider-config"] = ENCRYPTION_CONFIG
        arguments["encryption-provider-config-automatic-reload"] = "true"
    if volumes or config.kubernetes.encryption_at_rest:
        volumes.append(_volume("yk8s-config", CONTROL_PLANE_FILES, "DirectoryOrCreate", read_only=True))
    return {
        "certSANs": certificate_names(config, inventory),
        "extraArgs": _arguments(arguments),
        "extraVolumes": volumes,
    }


def cluster_configuration(config: Config, inventory: Inventory) -> Document:
    """kubeadm's ClusterConfiguration (v1beta4)."""
    quiet = {"extraArgs": _arguments({"profiling": "false"})}
    return {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "clusterName": config.cluster.name,
        "encryptionAlgorithm": "ECDSA-P256",
        "kubernetesVersion": f"v{config.kubernetes.version}",
        "controlPlaneEndpoint": endpoint(config),
        "imageRepository": registry(config),
        "networking": networking(config),
        "apiServer": api_server(config, inventory),
        "controllerManager": quiet,
        "scheduler": quiet,
        "etcd": {"local": {"dataDir": "/var/lib/etcd"}},
    }


def kube_proxy_configuration(config: Config) -> Document:
    """KubeProxyConfiguration; where sysctls outside the network namespace are out of reach, the node adds conntrack."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": config.kubernetes.proxy_mode,
    }


def kubelet_configuration() -> Document:
    """KubeletConfiguration of the whole cluster; what one node differs in is a drop-in on that node."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "rotateCertificates": True,
        "serializeImagePulls": False,
        "maxParallelImagePulls": 4,
        "readOnlyPort": 0,
    }


def registration(*, taints: list[Document] | None) -> Document:
    """NodeRegistration without what the node itself adds: its name and its address."""
    value: Document = {"criSocket": CRI_SOCKET, "imagePullPolicy": "IfNotPresent", "imagePullSerial": False}
    return value if taints is None else {**value, "taints": taints}


def control_plane_taints(inventory: Inventory) -> list[Document]:
    """Without workers, control plane nodes take workloads, too."""
    return [CONTROL_PLANE_TAINT] if inventory.workers else []


def init_configuration(inventory: Inventory) -> Document:
    """InitConfiguration; the node adds its name, its address, and a bootstrap token that lives for minutes."""
    return {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"bindPort": API_SERVER_PORT},
        "nodeRegistration": registration(taints=control_plane_taints(inventory)),
    }


def join_configuration(config: Config, inventory: Inventory, *, control_plane: bool) -> Document:
    """JoinConfiguration; the node adds its name and address, and token, CA hash and certificate key."""
    document: Document = {
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "JoinConfiguration",
        "discovery": {"bootstrapToken": {"apiServerEndpoint": endpoint(config)}},
        "nodeRegistration": registration(taints=control_plane_taints(inventory) if control_plane else None),
    }
    if control_plane:
        document["controlPlane"] = {"localAPIEndpoint": {"bindPort": API_SERVER_PORT}}
    return document


def audit_policy() -> Document:
    """Who did what, without request bodies; what the cluster says to itself all the time is left out."""
    nobody = {"level": "None"}
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {**nobody, "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version", "/metrics"]},
            {**nobody, "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
            {
                **nobody,
                "resources": [
                    {"group": "", "resources": ["events"]},
                    {"group": "events.k8s.io", "resources": ["events"]},
                ],
            },
            {
                **nobody,
                "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"],
                "verbs": ["get", "list", "watch"],
            },
            {"level": "Metadata"},
        ],
    }
