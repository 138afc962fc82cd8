"""What the steps of k8s-base are given: pure functions of configuration, inventory and bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yk8s_tui.backends.bundle import Bundle
from yk8s_tui.errors import ConfigError
from yk8s_tui.layers import kubeadm, wireguard
from yk8s_tui.layers.base import Context
from yk8s_tui.layers.firewall import api_opening, networks, opening, ssh_opening
from yk8s_tui.models import versions
from yk8s_tui.models.networks import effective_vip, node_network

Variables = dict[str, Any]

PACKAGES = ("conntrack", "containernetworking-plugins", "ethtool", "iptables", "nftables", "socat")
MODULES = ("overlay", "br_netfilter", "nf_conntrack", "nf_tables")
SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.bridge.bridge-nf-call-ip6tables": "1",
}
HOST_SYSCTLS = {
    "vm.overcommit_memory": "1",
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
    "fs.inotify.max_user_instances": "8192",
    "fs.inotify.max_user_watches": "524288",
}
"""What kubelet wants, and enough inotify instances for it and kube-proxy; not in a container, which shares them."""

NODE_PORTS = "30000-32767"
CONTROL_PLANE_PROGRAMS = frozenset({"kubectl", "etcdctl", "etcdutl", "helm"})
CONTROL_PLANE_IMAGES = frozenset({"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"})
WORKER_IMAGES = ("pause", "kube-proxy", "coredns")
OLD_CONTAINERD = {
    ("debian", "12"): "1.6",
    ("debian", "13"): "1.7",
    ("ubuntu", "22.04"): "1.7",
    ("ubuntu", "24.04"): "1.7",
}
"""Distributions whose containerd is older than 2; the role refuses others by what it finds."""

CNI_FILES = {
    "calico": "manifests/calico.yaml",
    "flannel": "manifests/kube-flannel.yml",
    "cilium": "charts/cilium-*.tgz",
}
CNI_OPENINGS: dict[str, tuple[tuple[str, str, tuple[int, ...]], ...]] = {
    "routed": (),
    "calico": (
        ("Calico BGP, Typha", "tcp", (179, 5473)),
        ("Calico VXLAN", "udp", (4789,)),
        ("Calico IP in IP", "ipip", ()),
    ),
    "flannel": (("Flannel VXLAN", "udp", (8472,)),),
    "cilium": (("Cilium VXLAN", "udp", (8472,)), ("Cilium health and Hubble", "tcp", (4240, 4244))),
}


def binaries_folder(context: Context) -> str:
    """Where kubeadm, kubelet and containerd are on the nodes."""
    return "/usr/local/bin" if context.config.kubernetes.source == "bundle" else "/usr/bin"


def pod_networks(context: Context) -> list[str]:
    """Pod networks, one per family."""
    kubernetes = context.config.kubernetes
    return [str(n) for n in (kubernetes.pod_cidr, kubernetes.pod_cidr_v6) if n]


def prepare(context: Context, *, control_plane: bool) -> Variables:
    """Node preparation: the same for every node of a kind, so that a new node changes no other."""
    kubernetes = context.config.kubernetes
    found = Bundle.find(kubernetes.version) if kubernetes.source == "bundle" else None
    own_runc = found is not None and found.binary("runc") is not None
    packages = sorted([*PACKAGES, *([] if own_runc or kubernetes.source == "packages" else ["runc"])])
    sysctls = SYSCTLS | ({"net.ipv6.conf.all.forwarding": "1"} if kubernetes.pod_cidr_v6 else {})
    return {
        "k8s_node_binaries": binaries_folder(context),
        "k8s_node_own_units": kubernetes.source == "bundle",
        "k8s_node_packages": packages,
        "k8s_node_sandbox_image": _sandbox_image(context, found),
        "k8s_node_registry_mirrors": _mirrors(context),
        "k8s_node_kubelet": kubernetes.kubelet,
        "k8s_node_modules": list(MODULES),
        "k8s_node_sysctls": sysctls,
        "k8s_node_host_sysctls": HOST_SYSCTLS,
        "k8s_node_audit_policy": kubeadm.audit_policy() if control_plane and kubernetes.audit_log else {},
        **_firewall(context, control_plane=control_plane),
        **_package_source(context),
        **(_snapshots(context) if control_plane else {}),
    }


def old_containerd(context: Context) -> dict[str, tuple[str, ...]]:
    """`Debian 12 (1.6)` -> the nodes whose distribution has no containerd 2, where containerd is to come from there."""
    kubernetes = context.config.kubernetes
    if kubernetes.source != "packages" or kubernetes.containerd_package_mirror:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for node in context.inventory.kubernetes:
        facts = context.facts.get(node.name, {})
        system = (str(facts.get("os_id", "")), str(facts.get("os_version", "")))
        if has := OLD_CONTAINERD.get(system):
            name = f"{system[0].capitalize()} {system[1]} ({has})"
            found[name] = (*found.get(name, ()), node.name)
    return found


def _sandbox_image(context: Context, found: Bundle | None) -> str:
    """The one the bundle has, so that nothing has to be pulled; else the one kubeadm names."""
    image = found.image("pause") if found else None
    return image.references[0] if image else kubeadm.pause_image(context.config)


def _mirrors(context: Context) -> list[Variables]:
    made = []
    for mirror in context.config.kubernetes.registry_mirrors:
        entry: Variables = {"registry": mirror.registry, "endpoint": mirror.endpoint}
        if mirror.ca_file:
            try:
                entry["ca"] = Path(mirror.ca_file).expanduser().read_text(encoding="utf-8")
            except OSError as error:
                raise ConfigError(
                    f"the CA certificate of the mirror for {mirror.registry} cannot be read",
                    where="kubernetes.registry_mirrors",
                    why=f"{mirror.ca_file}: {error.strerror}",
                    hint="give the path of a file on this machine",
                ) from error
        made.append(entry)
    return made


def _firewall(context: Context, *, control_plane: bool) -> Variables:
    config, inventory = context.config, context.inventory
    nodes, pods = node_network(config), pod_networks(context)
    group = inventory.control_planes if control_plane else inventory.workers
    inside = [nodes, *pods]
    openings = [
        ssh_opening(config, port, also=[n.address for n in inventory.frontends])
        for port in sorted({n.ssh_port for n in group})
    ]
    openings.append(opening("kubelet", 10250, sources=inside))
    openings += [opening("node ports", NODE_PORTS, protocol=p, sources=[nodes]) for p in ("tcp", "udp")]
    if control_plane:
        peers = [n.address for n in inventory.control_planes]
        openings.append(opening("API server", kubeadm.API_SERVER_PORT, sources=inside))
        openings.append(opening("etcd", "2379-2380", sources=peers))
    openings += [
        opening(comment, *ports, protocol=protocol, sources=[nodes])
        for comment, protocol, ports in CNI_OPENINGS[config.kubernetes.cni]
    ]
    routed = config.kubernetes.cni == "routed"
    return {
        "nftables_layer": "k8s-base",
        "nftables_openings": openings,
        "nftables_forward": [
            {"comment": "from pods", "sources": networks(pods)},
            {"comment": "to pods", "destinations": networks(pods)},
        ],
        "nftables_nat": [{"comment": "pods reach out", "source": p, "except": [p]} for p in pods if routed],
    }


def _package_source(context: Context) -> Variables:
    kubernetes = context.config.kubernetes
    if kubernetes.source != "packages":
        return {}
    minor = versions.minor_of(kubernetes.version)
    base = (kubernetes.package_mirror or "https://pkgs.k8s.io").rstrip("/")
    programs = [f"{name}={kubernetes.version}-*" for name in ("kubeadm", "kubelet", "kubectl")]
    own = kubernetes.containerd_package_mirror
    return {
        "k8s_package_source_enabled": True,
        "k8s_package_source_url": f"{base}/core:/stable:/v{minor}/deb",
        "k8s_package_source_packages": programs,
        "k8s_package_source_containerd": ["containerd.io"] if own else ["containerd", "runc"],
        "k8s_package_source_containerd_source": own,
    }


def bracketed(address: str) -> str:
    """An address as it stands before a port."""
    return f"[{address}]" if ":" in address else address


def endpoint(context: Context) -> Variables:
    """HAProxy on the frontends: the API (by the VIP, and inside each VPN tunnel), and the published ports."""
    config, inventory = context.config, context.inventory
    host = bracketed(effective_vip(config))
    tunnels = [bracketed(h) for tunnel in wireguard.tunnels(config) for h in tunnel.hosts]
    api = {
        "name": "api",
        "bind": [f"{address}:{config.kubernetes.api_port}" for address in (host, *tunnels)],
        "check": "https",
        "check_path": "/readyz",
        "servers": [
            {"name": n.name, "address": n.address, "port": kubeadm.API_SERVER_PORT} for n in inventory.control_planes
        ],
    }
    published = [
        {
            "name": f"published-{port.port}",
            "bind": [f"{host}:{port.port}"],
            "mode": port.mode,
            "proxy_protocol": port.proxy_protocol,
            "servers": [
                {"name": n.name, "address": n.address, "port": port.node_port}
                for n in inventory.workers or inventory.control_planes
            ],
        }
        for port in config.trampoline.published_ports
    ]
    openings = [api_opening(config)]
    openings += [opening("published", port.port) for port in config.trampoline.published_ports]
    return {
        "haproxy_endpoints_layer": "k8s-base",
        "haproxy_endpoints_served": [api, *published],
        "nftables_layer": "k8s-endpoint",
        "nftables_openings": openings,
    }


def binaries(found: Bundle, *, control_plane: bool) -> list[str]:
    """Digests of the programs a node needs."""
    return [f.sha256 for f in found.of_kind("binary") if control_plane or f.name not in CONTROL_PLANE_PROGRAMS]


def images(found: Bundle, *, control_plane: bool) -> list[str]:
    """Digests of the image archives a node needs."""
    special = {image.sha256 for name in CONTROL_PLANE_IMAGES if (image := found.image(name))}
    return [f.sha256 for f in found.of_kind("image") if control_plane or f.sha256 not in special]


def init(context: Context) -> Variables:
    """kubeadm init."""
    config, inventory = context.config, context.inventory
    return {
        "kubeadm_init_documents": [
            kubeadm.init_configuration(inventory),
            kubeadm.cluster_configuration(config, inventory),
            kubeadm.kubelet_configuration(),
        ],
        "kubeadm_init_kube_proxy": kubeadm.kube_proxy_configuration(config),
        "kubeadm_init_endpoint": kubeadm.endpoint(config),
        "kubeadm_init_binaries": binaries_folder(context),
    }


def configure(context: Context, *, leader: bool) -> Variables:
    """What a running control plane node is compared with."""
    config, inventory = context.config, context.inventory
    return {
        "kubeadm_configure_documents": [
            kubeadm.init_configuration(inventory),
            kubeadm.cluster_configuration(config, inventory),
        ],
        "kubeadm_configure_kube_proxy": kubeadm.kube_proxy_configuration(config),
        "kubeadm_configure_leader": leader,
        "kubeadm_configure_binaries": binaries_folder(context),
    }


def join(context: Context, *, control_plane: bool) -> Variables:
    """kubeadm join."""
    config, inventory = context.config, context.inventory
    return {
        "kubeadm_join_documents": [kubeadm.join_configuration(config, inventory, control_plane=control_plane)],
        "kubeadm_join_source": inventory.control_planes[0].name,
        "kubeadm_join_endpoint": kubeadm.endpoint(config),
        "kubeadm_join_control_plane": control_plane,
        "kubeadm_join_binaries": binaries_folder(context),
    }


def routed(context: Context) -> Variables:
    """The routed pod network: every node knows all the others."""
    return {
        "cni_routed_source": context.inventory.control_planes[0].name,
        "cni_routed_binaries": binaries_folder(context),
        "cni_routed_nodes": {n.name: n.address for n in context.inventory.kubernetes},
    }


def cni_file(cni: str, found: Bundle | None) -> str | None:
    """Path in the bundle of what installs a pod network, or None."""
    pattern = CNI_FILES.get(cni, "")
    files = [f.path for f in found.files] if found else []
    return next((path for path in files if Path(path).match(pattern)), None) if pattern else None


def _snapshots(context: Context) -> Variables:
    wanted = context.config.kubernetes.etcd_backup
    return {
        "etcd_snapshot_enabled": wanted.enabled,
        "etcd_snapshot_schedule": wanted.schedule,
        "etcd_snapshot_keep": wanted.keep,
        "etcd_snapshot_binaries": binaries_folder(context),
    }


def settled(context: Context) -> Variables:
    """Labels and taints of every node, the harbour's and the operator's together."""
    config, nodes = context.config.kubernetes, context.inventory.kubernetes
    role = {"node-role.kubernetes.io/worker": ""}
    return {
        "source": context.inventory.control_planes[0].name,
        "labels": {
            n.name: {**(role if n.is_worker else {}), **n.labels, **config.labels.get(n.name, {})} for n in nodes
        },
        "taints": {n.name: sorted({*n.taints, *config.taints.get(n.name, ())}) for n in nodes},
        "schedulable_control_planes": not context.inventory.workers,
    }
