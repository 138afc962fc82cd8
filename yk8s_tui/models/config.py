"""The whole of `config/config.toml`."""

from __future__ import annotations

from typing import Literal

from yk8s_tui.models.base import Section
from yk8s_tui.models.harbours import Harbours
from yk8s_tui.models.kubernetes import Kubernetes
from yk8s_tui.models.services import Customization, Kms, Ksl
from yk8s_tui.models.trampoline import Trampoline
from yk8s_tui.models.types import DnsLabel, HarbourName

SCHEMA_VERSION = 1


class Cluster(Section):
    """`[cluster]`: what it is called and where its machines come from."""

    name: DnsLabel
    """Name of the cluster; destructive actions ask for it."""
    harbour: HarbourName
    """Where nodes come from: `lab`, `baremetal` or `openstack`."""


class Config(Section):
    """One cluster, as the operator decided it."""

    schema_version: Literal[1] = 1
    """Version of this file's layout; older ones are migrated with a backup."""
    cluster: Cluster
    """What the cluster is called and where its machines come from."""
    harbour: Harbours = Harbours()
    """Where nodes come from, one table per harbour."""
    trampoline: Trampoline = Trampoline()
    """The frontends: SSH, load-balancing, high availability, VPN, firewall."""
    kubernetes: Kubernetes = Kubernetes()
    """The kubeadm cluster."""
    ksl: Ksl = Ksl()
    """Kubernetes service layer: services every cluster may want."""
    kms: Kms = Kms()
    """Managed services: what only a managed cluster on OpenStack needs."""
    customization: Customization = Customization()
    """The operator's own plays."""
