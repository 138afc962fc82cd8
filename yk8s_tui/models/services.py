"""`[ksl.*]` and `[kms.*]`: services on top of the cluster; `[customization]`: the operator's plays."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from yk8s_tui.models.base import Section


class Service(Section):
    """One service, installed from its Helm chart."""

    enabled: bool = False
    """Whether it is installed; switching it off again is a removal, and destructive."""
    version: str = ""
    """Chart version; empty means the one this release was made for."""
    namespace: str = ""
    """Namespace; empty means the service's own."""
    values: dict[str, Any] = Field(default_factory=dict)
    """Free Helm values."""


class Ksl(Section):
    """`[ksl]`: the Kubernetes service layer."""

    cert_manager: Service = Service()
    """Certificates for services, issued and renewed."""
    ingress: Service = Service()
    """HTTP routing into the cluster."""
    rook: Service = Service()
    """Storage inside the cluster (Ceph)."""
    monitoring: Service = Service()
    """Prometheus, Alertmanager and Grafana."""


class Kms(Section):
    """`[kms]`: what only a managed cluster on OpenStack needs."""

    load_balancer: Service = Service()
    """Services of type LoadBalancer on the frontends."""
    etcd_backup: Service = Service()
    """Backup of etcd to object storage."""
    frontend_monitoring: Service = Service()
    """Metrics of the frontends in the cluster's Prometheus."""


class Customization(Section):
    """`[customization]`: the operator's own plays; `K8S_CUSTOM_STAGE_USAGE` in the environment wins."""

    enabled: bool = False
    """Whether the customization layer runs."""
    playbook: str = "k8s-custom/main.yaml"
    """The playbook, relative to the cluster repository."""
