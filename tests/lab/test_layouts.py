"""Every layout becomes a whole cluster, stays as it is, and loses a frontend without losing the API.

One lab at a time: each is gone before the next is made. The layout with one node of each kind is made by the wizard,
in `test_wizard.py`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import ClassVar

import pytest

from tests.lab import faults_shown, mirrors
from tests.lab.clusters import (
    Readyz,
    apply,
    changing,
    etcd_health,
    needs_bundle,
    nodes,
    ready,
    report,
    results,
    shown,
    step_seconds,
)
from tests.lab.conftest import LabCluster, MakeLab, wait_until
from tests.lab.frontends import holders
from yk8s_tui.backends.bundle import Bundle

pytestmark = [pytest.mark.lab, pytest.mark.kubernetes]

ONLY_LOOKED_AT = {"trampoline.verify", "k8s-base.kubeconfig", "k8s-base.verify"}


class Layout:
    """What holds for every layout."""

    settings: ClassVar[dict[str, object]]

    @pytest.fixture(scope="class")
    @classmethod
    def lab(cls, make_lab: MakeLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabCluster]:
        """Bare hosts and all that an `apply` needs; destroyed with the last test of the layout."""
        bundle = needs_bundle()
        made = make_lab(cls.settings, fresh=True)
        with cls.supplied(made, bundle, tmp_path_factory.mktemp("supplies")):
            yield made
        make_lab.retire(made)

    @classmethod
    def supplied(cls, _lab: LabCluster, _bundle: Bundle, _folder: Path) -> AbstractContextManager[object]:
        """Where Kubernetes comes from; here the bundle in its usual place."""
        return nullcontext()

    @pytest.fixture
    def cluster(self, lab: LabCluster) -> LabCluster:
        """The hosts with Kubernetes."""
        if not list(lab.root.glob("runs/*/journal.jsonl")):
            apply(lab)
            report(type(self).__name__, step_seconds(lab))
        return lab

    def test_nodes_etcd_and_api_are_whole(self, cluster: LabCluster) -> None:
        inventory = cluster.inventory
        assert ready(cluster) == {n.name: "True" for n in inventory.kubernetes}
        label = "node-role.kubernetes.io/control-plane"
        masters = {name for name, node in nodes(cluster).items() if label in node["metadata"]["labels"]}
        assert masters == {n.name for n in inventory.control_planes}
        assert list(etcd_health(cluster).values()) == [True] * 3
        Readyz(cluster).ask()

    def test_a_second_apply_changes_nothing(self, cluster: LabCluster) -> None:
        assert changing(cluster) == {}
        events = apply(cluster)
        report(f"{type(self).__name__} unchanged", step_seconds(cluster))
        assert set(results(events)) == ONLY_LOOKED_AT
        assert not [e for e in events if e["type"] == "node_result" and e["result"] == "changed"]


class TestThreeHostsCombined(Layout):
    """This one is made of packages and of images that are pulled."""

    settings: ClassVar = {"harbour.lab.combined": True, "harbour.lab.control_planes": 3, "harbour.lab.workers": 0}

    @classmethod
    @contextmanager
    def supplied(cls, lab: LabCluster, bundle: Bundle, folder: Path) -> Iterator[None]:
        """Mirrors of pkgs.k8s.io and of the registry on the lab's own bridge, and no bundle to be found."""
        if lacking := mirrors.lacking():
            pytest.skip(f"missing: {', '.join(lacking)} (make setup installs them)")
        with mirrors.of(bundle, folder, lab) as settings, pytest.MonkeyPatch.context() as patch:
            lab.repository.update(settings)
            patch.setenv("YK8S_BUNDLE_DIR", str(folder / "no bundle"))
            yield

    def test_packages_are_installed_and_held_and_images_are_pulled(self, cluster: LabCluster) -> None:
        steps = {step["id"]: step["status"] for step in shown(cluster, "1")["steps"]}
        assert steps["k8s-base.images-control-plane"] == "changed"
        assert not {step for step in steps if step.startswith("k8s-base.binaries")}
        version = f"Kubernetes v{cluster.config.kubernetes.version}"
        for node in cluster.inventory.names:
            held = cluster.exec(node, "apt-mark showhold").stdout.split()
            assert {"kubeadm", "kubelet", "kubectl"} <= set(held)
            assert cluster.exec(node, "/usr/bin/kubelet --version").stdout.strip() == version
            assert "containerd.io" in cluster.exec(node, "dpkg-query -S /usr/bin/containerd").stdout

    def test_every_step_again_changes_nothing(self, cluster: LabCluster) -> None:
        events = apply(cluster, "--full")
        report("combined, every step again", step_seconds(cluster))
        assert {step: result for step, result in results(events).items() if result != "ok"} == {}
        assert len(results(events)) > len(ONLY_LOOKED_AT)

    def test_a_snapshot_is_taken_with_the_programs_of_etcds_container(self, cluster: LabCluster) -> None:
        cluster.exec("cp1", "systemctl start yk8s-etcd-snapshot.service")
        assert cluster.exec("cp1", "ls /var/lib/yk8s/etcd-snapshots").stdout.endswith(".db\n")

    def test_a_package_that_is_not_held_any_more_is_drift(self, cluster: LabCluster) -> None:
        cluster.exec("cp1", "apt-mark unhold kubelet")
        assert "kubelet" in changing(cluster)["k8s-base.prepare-control-plane"]


class TestTwoFrontendsThreeControlPlanesTwoWorkers(Layout):
    settings: ClassVar = {"harbour.lab.frontends": 2, "harbour.lab.control_planes": 3, "harbour.lab.workers": 2}

    def test_the_status_shows_what_is_wrong_and_changes_nothing(self, cluster: LabCluster) -> None:
        with faults_shown.shown(cluster) as status:
            for fault in faults_shown.ALL:
                fault(cluster, status)
            wait_until(lambda: not status.found(), faults_shown.patience(60), "all is well again")
            faults_shown.it_only_read(cluster, status)
        assert changing(cluster) == {}

    def test_the_api_is_back_within_seconds_when_the_frontend_with_the_vip_dies(
        self, cluster: LabCluster, record_property: Callable[[str, object], None]
    ) -> None:
        wait_until(lambda: len(holders(cluster)) == 1, 15, "one frontend holds the VIP")
        first = holders(cluster)[0]
        init = cluster.harbour.host(first).init
        assert init is not None
        try:
            gap = Readyz(cluster).during(lambda: os.kill(init.pid, signal.SIGKILL), 10)
            record_property("seconds_without_api", round(gap, 2))
            report("frontend killed", {"seconds_without_api": round(gap, 2)})
            assert gap < 5
            assert [name for name in holders(cluster) if name != first]
        finally:
            cluster.up()
        apply(cluster)
        assert changing(cluster) == {}
        assert len(holders(cluster)) == 1
