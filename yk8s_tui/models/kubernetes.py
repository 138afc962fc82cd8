"""`[kubernetes]`: the kubeadm cluster."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from yk8s_tui.models import versions
from yk8s_tui.models.base import Section
from yk8s_tui.models.types import LabelKey, LabelValue, Network, Port, Taint, wrong

Cni = Literal["routed", "calico", "cilium", "flannel"]


class Mirror(Section):
    """`[[kubernetes.registry_mirrors]]`: where containerd asks instead of a registry."""

    registry: str
    """The registry that is mirrored, for example `registry.k8s.io`."""
    endpoint: str
    """URL of the mirror."""
    ca_file: str = ""
    """CA certificate of the mirror, a file on this machine."""


class EtcdBackup(Section):
    """`[kubernetes.etcd_backup]`: snapshots on every control plane node."""

    enabled: bool = True
    """Whether a timer takes snapshots."""
    schedule: str = "*-*-* 02:00:00"
    """systemd calendar expression."""
    keep: Annotated[int, Field(ge=1, le=1000)] = 7
    """How many snapshots each node keeps."""


class Kubernetes(Section):
    """`[kubernetes]`: version, networks and options of the cluster."""

    version: str = "1.36.3"
    """Kubernetes version X.Y.Z; the supported minors are 1.34 to 1.37."""
    source: Literal["bundle", "packages"] = "bundle"
    """Where binaries and images come from: a bundle on this machine, or package repository and registry."""
    package_mirror: str = ""
    """Base URL in place of pkgs.k8s.io, for `source = "packages"`."""
    containerd_package_mirror: str = ""
    """APT repository line that has containerd 2, for `source = "packages"` where the distribution's is too old."""
    image_registry: str = ""
    """Registry in place of registry.k8s.io."""
    registry_mirrors: tuple[Mirror, ...] = ()
    """Mirrors of registries, asked first by containerd."""
    pod_cidr: Network = Field(default="10.244.0.0/16", validate_default=True)
    """Network of pods, IPv4."""
    pod_cidr_v6: Network | None = None
    """Network of pods, IPv6: makes the cluster dual stack."""
    service_cidr: Network = Field(default="10.96.0.0/12", validate_default=True)
    """Network of services, IPv4."""
    service_cidr_v6: Network | None = None
    """Network of services, IPv6."""
    cni: Cni = "routed"
    """Pod network: `routed` needs no download and a flat node network; the others come from charts or manifests."""
    proxy_mode: Literal["nftables", "iptables"] = "nftables"
    """Mode of kube-proxy."""
    api_port: Port = 8888
    """Port of the API on the VIP."""
    extra_sans: tuple[str, ...] = ()
    """More names and addresses in the API certificate."""
    kubelet: dict[str, Any] = Field(default_factory=dict)
    """Fields of KubeletConfiguration (v1beta1) that differ from the tool's."""
    audit_log: bool = True
    """Whether API requests are recorded on the control plane nodes (metadata level)."""
    encryption_at_rest: bool = True
    """Whether Secrets are encrypted in etcd (secretbox, generated key)."""
    kubeconfig_days: Annotated[int, Field(ge=1, le=3650)] = 8
    """Days the admin kubeconfig is valid."""
    etcd_backup: EtcdBackup = EtcdBackup()
    """Snapshots of etcd on the control plane nodes."""
    labels: dict[str, dict[LabelKey, LabelValue]] = Field(default_factory=dict)
    """Labels per node: `[kubernetes.labels.NODE]`; they go over those of the harbour."""
    taints: dict[str, tuple[Taint, ...]] = Field(default_factory=dict)
    """Taints per node, `key=value:Effect`."""

    @field_validator("version")
    @classmethod
    def _supported(cls, value: str) -> str:
        plain = value.removeprefix("v")
        if not re.fullmatch(r"\d+\.\d+\.\d+", plain):
            near = versions.find(plain)
            raise wrong("must be a full version X.Y.Z", f'for example "{near.latest if near else "1.36.3"}"')
        if versions.find(plain) is None:
            known = ", ".join(m.minor for m in versions.SUPPORTED)
            raise wrong("is not supported", f"this release installs the minors {known}")
        return plain
