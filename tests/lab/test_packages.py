"""Kubernetes from packages: mirrors of pkgs.k8s.io and of the registry, and a package source with containerd 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import mirrors
from tests.lab.clusters import apply, changing, needs_bundle, ready, report, results, step_seconds
from tests.lab.conftest import LabCluster, MakeLab
from yk8s_tui.backends.lab_names import gateway_of

pytestmark = [pytest.mark.lab, pytest.mark.kubernetes]


@pytest.fixture
def cluster(make_lab: MakeLab, tmp_path: Path) -> Iterator[LabCluster]:
    """One host that is frontend and control plane, and its mirrors on the lab's own bridge."""
    bundle = needs_bundle()
    if lacking := mirrors.lacking():
        pytest.skip(f"missing: {', '.join(lacking)} (make setup installs them)")
    made = make_lab({"harbour.lab.workers": 0, "harbour.lab.combined": True}, fresh=True)
    address = str(gateway_of(made.config.harbour.lab.subnet))
    mirrors.packages(tmp_path / "packages", bundle)
    with mirrors.served(tmp_path / "packages", address) as url, mirrors.registry(tmp_path, address, bundle) as place:
        made.repository.update(
            {
                "kubernetes.version": bundle.version,
                "kubernetes.source": "packages",
                "kubernetes.package_mirror": url,
                "kubernetes.containerd_package_mirror": f"deb [trusted=yes] {url}/containerd ./",
                "kubernetes.registry_mirrors": [{"registry": "registry.k8s.io", "endpoint": f"http://{place}"}],
            }
        )
        yield made
    make_lab.retire(made)


def test_a_cluster_is_made_of_packages_and_pulled_images(cluster: LabCluster, tmp_path: Path) -> None:
    events = apply(cluster, YK8S_BUNDLE_DIR=str(tmp_path / "no bundle"))
    report("packages", step_seconds(cluster))
    assert results(events)["k8s-base.images-control-plane"] == "changed"
    assert not {step for step in results(events) if step.startswith("k8s-base.binaries")}
    assert ready(cluster) == {"cp1": "True"}
    version = cluster.config.kubernetes.version
    held = cluster.exec("cp1", "apt-mark showhold").stdout.split()
    assert {"kubeadm", "kubelet", "kubectl"} <= set(held)
    assert cluster.exec("cp1", "/usr/bin/kubelet --version").stdout.strip() == f"Kubernetes v{version}"
    assert "containerd.io" in cluster.exec("cp1", "dpkg-query -S /usr/bin/containerd").stdout
    assert changing(cluster) == {}
    cluster.exec("cp1", "apt-mark unhold kubelet")
    assert "kubelet" in changing(cluster)["k8s-base.prepare-control-plane"]
