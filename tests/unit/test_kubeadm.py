"""kubeadm's configuration: right for the version, the networks and the layout, and without secrets."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.unit.test_k8s_base import context
from yk8s_tui.backends.bundle import Bundle
from yk8s_tui.layers import kubeadm
from yk8s_tui.layers.admin_kubeconfig import belongs, days_left, not_after
from yk8s_tui.models import versions


def arguments(part: dict[str, object]) -> dict[str, str]:
    return {a["name"]: a["value"] for a in part["extraArgs"]}  # type: ignore[attr-defined]


def test_the_certificate_has_every_way_to_the_api(tmp_path: Path) -> None:
    found = context(tmp_path, extra_sans=["api.example.org"])
    names = kubeadm.certificate_names(found.config, found.inventory)
    assert {"192.168.7.100", "fe1", "192.168.7.10", "cp3", "api.example.org"} <= set(names)
    assert len(names) == len(set(names))


def test_audit_log_and_encryption_can_be_switched_off(tmp_path: Path) -> None:
    on, off = context(tmp_path), context(tmp_path, audit_log=False, encryption_at_rest=False)
    assert {"audit-policy-file", "encryption-provider-config"} <= set(
        arguments(kubeadm.api_server(on.config, on.inventory))
    )
    part = kubeadm.api_server(off.config, off.inventory)
    assert set(arguments(part)) == {"profiling"}
    assert part["extraVolumes"] == []


def test_dual_stack_names_both_families(tmp_path: Path) -> None:
    found = context(tmp_path, pod_cidr_v6="fd00:10::/56", service_cidr_v6="fd00:11::/112")
    assert kubeadm.networking(found.config)["podSubnet"] == "10.244.0.0/16,fd00:10::/56"
    assert kubeadm.networking(found.config)["serviceSubnet"] == "10.96.0.0/12,fd00:11::/112"


def test_control_planes_take_workloads_only_without_workers(tmp_path: Path) -> None:
    taints = kubeadm.init_configuration(context(tmp_path).inventory)["nodeRegistration"]["taints"]
    assert taints == [kubeadm.CONTROL_PLANE_TAINT]
    assert kubeadm.init_configuration(context(tmp_path, "fe1 cp1").inventory)["nodeRegistration"]["taints"] == []


def test_workers_join_without_a_control_plane_part(tmp_path: Path) -> None:
    found = context(tmp_path)
    worker = kubeadm.join_configuration(found.config, found.inventory, control_plane=False)
    assert "controlPlane" not in worker
    assert "taints" not in worker["nodeRegistration"]
    assert "token" not in json.dumps(worker).replace("bootstrapToken", "")


@pytest.mark.parametrize("minor", [m.minor for m in versions.SUPPORTED])
def test_kubeadm_of_the_bundle_accepts_the_configuration(tmp_path: Path, minor: str) -> None:
    found = next((m for m in versions.SUPPORTED if m.minor == minor and Bundle.find(m.latest)), None)
    bundle = Bundle.find(found.latest) if found else None
    if bundle is None or found is None:
        pytest.skip(f"missing: a Kubernetes bundle of {minor} in $YK8S_BUNDLE_DIR or the default cache folder")
    given = context(tmp_path, version=bundle.version)
    documents = [
        kubeadm.init_configuration(given.inventory),
        kubeadm.cluster_configuration(given.config, given.inventory),
        kubeadm.kubelet_configuration(),
        kubeadm.kube_proxy_configuration(given.config),
        kubeadm.join_configuration(given.config, given.inventory, control_plane=True)
        | {"discovery": {"bootstrapToken": {"apiServerEndpoint": "a:1", "token": "a" * 6 + "." + "b" * 16,
                                            "caCertHashes": ["sha256:" + "0" * 64]}}},
    ]  # fmt: skip
    program = str(bundle.root / "bin" / "kubeadm")
    for part in (documents[:4], documents[4:]):
        path = tmp_path / "kubeadm.yaml"
        path.write_text("".join("---\n" + json.dumps(d) + "\n" for d in part))
        done = subprocess.run([program, "config", "validate", "--config", str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "unknown" not in done.stderr
    listed = subprocess.run(
        [program, "config", "images", "list", "--kubernetes-version", f"v{bundle.version}"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    have = {r for f in bundle.of_kind("image") for r in f.references}
    assert set(listed) <= have
    assert kubeadm.pause_image(given.config) in have


def test_a_kubeconfig_of_another_cluster_or_none_is_not_valid(tmp_path: Path) -> None:
    found = context(tmp_path)
    path = tmp_path / "kubeconfig"
    assert days_left(path, found.config) == 0
    path.write_text(
        "server: https://192.168.7.100:8888\ncertificate-authority-data: Q0E=\nclient-certificate-data: broken\n"
    )
    assert days_left(path, found.config) == 0
    assert belongs(path, b"CA")
    assert not belongs(path, b"another")
    assert not_after("client-certificate-data: !!!") is None
