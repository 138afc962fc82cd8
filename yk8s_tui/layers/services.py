"""The layers that have no steps in this release: their place in the order, and what they are for."""

from __future__ import annotations

from yk8s_tui.layers.base import Context, Layer
from yk8s_tui.models.plan import Step


def _none(_context: Context) -> tuple[Step, ...]:
    return ()


HARBOUR = Layer(
    id="harbour",
    title="Harbour infrastructure",
    why="Machines that answer on SSH; the harbour itself makes them before anything else is planned.",
    requires=(),
    steps=_none,
)
KSL = Layer(
    id="ksl",
    title="Kubernetes services",
    why="cert-manager, ingress, Rook/Ceph and Prometheus monitoring, for what runs on the cluster.",
    requires=("k8s-base",),
    steps=_none,
)
KMS = Layer(
    id="kms",
    title="Managed services",
    why="What a managed cluster on OpenStack needs: load balancers, etcd backup to object storage, monitoring.",
    requires=("k8s-base",),
    steps=_none,
)
