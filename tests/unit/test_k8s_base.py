"""The steps of k8s-base: which there are, what they need, what they are told, and what proves them."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from yk8s_tui import paths
from yk8s_tui.backends.bundle import REQUIRED_BINARIES, REQUIRED_IMAGES, BundleFile, Manifest, render
from yk8s_tui.layers import k8s_base, k8s_variables, kubeadm
from yk8s_tui.layers.base import Context
from yk8s_tui.layers.cluster_verify import judge
from yk8s_tui.layers.settle import label_patch, taint_changes, taint_text
from yk8s_tui.models.config import Config
from yk8s_tui.models.nodes import Inventory, Node
from yk8s_tui.models.plan import Step
from yk8s_tui.repository.secrets import SecretStore

ROLES = {"fe": ("frontend",), "cp": ("control-plane",), "w": ("worker",)}


def context(
    root: Path, names: str = "fe1 cp1 cp2 cp3 w1 w2", *, system: str = "", vpn: bool = False, **kubernetes: Any
) -> Context:
    """A cluster of these nodes; `system` is the distribution of all of them (`debian 12`)."""
    nodes = [
        Node(name=name, address=f"192.168.7.{number}", roles=ROLES[name.rstrip("0123456789")])
        for number, name in enumerate(names.split(), start=10)
    ]
    given = [{"name": n.name, "address": n.address, "roles": list(n.roles)} for n in nodes]
    config = Config.model_validate(
        {
            "cluster": {"name": "c", "harbour": "baremetal"},
            "harbour": {"baremetal": {"nodes": given}},
            "trampoline": {
                "vip": "192.168.7.100",
                "published_ports": [{"port": 443, "node_port": 30443}],
                "wireguard": {
                    "enabled": vpn,
                    "endpoints": [{"network_v4": "10.99.0.0/24", "network_v6": "fd00:99::/64"}],
                },
            },
            "kubernetes": kubernetes,
        }
    )
    facts = dict(zip(("os_id", "os_version"), system.split(), strict=False))
    return Context(config, Inventory(nodes=tuple(nodes)), root, {n.name: facts for n in nodes})


def steps(found: Context) -> dict[str, Step]:
    return {s.id.removeprefix("k8s-base."): s for s in k8s_base.steps(found)}


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The manifest of a complete bundle; its files do not matter to a plan."""
    names = [*REQUIRED_BINARIES, "runc", "etcdctl"]
    files = [BundleFile(path=f"bin/{n}", sha256=f"{i:064x}", kind="binary") for i, n in enumerate(names)]
    files += [
        BundleFile(path=f"images/{n}.tar", sha256=f"{i:064x}", kind="image", references=(f"registry.k8s.io/{n}:1",))
        for i, n in enumerate(REQUIRED_IMAGES, start=100)
    ]
    root = tmp_path / "bundles" / "v1.36.3"
    root.mkdir(parents=True)
    manifest = Manifest(format=1, kubernetes="1.36.3", architecture="amd64", file=tuple(files))
    (root / "bundle.toml").write_text(render(manifest))
    monkeypatch.setenv("YK8S_BUNDLE_DIR", str(tmp_path / "bundles"))
    return root


def test_without_a_bundle_everything_that_needs_none_is_still_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YK8S_BUNDLE_DIR", str(tmp_path / "nothing"))
    found = context(tmp_path)
    assert set(steps(found)) == {"prepare-control-plane", "prepare-workers", "api-endpoint"}
    (missing,) = k8s_base.missing_artifacts(found)
    assert missing.name == "bundle v1.36.3"
    assert str(tmp_path / "nothing" / "v1.36.3") in missing.looked_in
    assert missing.remedy


def test_preparation_waits_for_nothing_and_joins_go_one_by_one(tmp_path: Path, bundle: Path) -> None:
    found = steps(context(tmp_path))
    assert found["prepare-control-plane"].needs == found["prepare-workers"].needs == ()
    assert found["binaries-control-plane"].needs == ()
    assert "k8s-base.api-endpoint" in found["init"].needs
    assert found["join-cp2"].needs == ("k8s-base.init",)
    assert found["join-cp3"].needs == ("k8s-base.init", "k8s-base.join-cp2")
    assert found["join-workers"].nodes == ("w1", "w2")
    assert found["join-workers"].tolerance == "any"
    assert found["verify"].always


def test_only_what_a_role_needs_goes_to_its_nodes(tmp_path: Path, bundle: Path) -> None:
    found = steps(context(tmp_path))
    argument = {name: set(found[name].run.arguments["files"]) for name in found if name.startswith(("bin", "ima"))}  # type: ignore[union-attr]
    assert argument["images-workers"] < argument["images-control-plane"]
    assert argument["binaries-workers"] < argument["binaries-control-plane"]
    special = argument["images-control-plane"] - argument["images-workers"]
    assert len(special) == len(k8s_variables.CONTROL_PLANE_IMAGES)


def test_a_new_worker_changes_no_other_nodes_preparation(tmp_path: Path, bundle: Path) -> None:
    before, after = steps(context(tmp_path)), steps(context(tmp_path, "fe1 cp1 cp2 cp3 w1 w2 w3"))
    for name in ("prepare-control-plane", "prepare-workers", "join-workers", "init", "api-endpoint"):
        if name != "api-endpoint":
            assert before[name].variables == after[name].variables, name
    assert before["cni"].variables != after["cni"].variables


def test_the_same_context_gives_the_same_steps(tmp_path: Path, bundle: Path) -> None:
    found = context(tmp_path)
    assert steps(found) == steps(found)


def test_the_encryption_key_is_made_once_and_is_no_variable(tmp_path: Path, bundle: Path) -> None:
    found, store = context(tmp_path), SecretStore(tmp_path / "secrets")
    k8s_base.ensure_secrets(found, store)
    key = store.require(k8s_base.ENCRYPTION_KEY)
    k8s_base.ensure_secrets(found, store)
    assert store.require(k8s_base.ENCRYPTION_KEY) == key
    assert all(key not in json.dumps(s.variables) for s in steps(found).values())
    assert steps(found)["prepare-control-plane"].secrets == {"k8s_node_encryption_key": "encryption_key"}


def test_a_pod_network_that_is_not_in_the_bundle_is_named(tmp_path: Path, bundle: Path) -> None:
    found = context(tmp_path, cni="calico")
    (missing,) = k8s_base.missing_artifacts(found)
    assert "calico.yaml" in missing.name
    assert "init" not in steps(found)


def test_the_firewall_opens_etcd_for_control_planes_only(tmp_path: Path, bundle: Path) -> None:
    found = steps(context(tmp_path))
    control = {r["comment"]: r for r in found["prepare-control-plane"].variables["nftables_openings"]}
    workers = {r["comment"]: r for r in found["prepare-workers"].variables["nftables_openings"]}
    assert control["etcd"]["sources"] == ["192.168.7.11/32", "192.168.7.12/31"]
    assert "etcd" not in workers
    assert "API server" not in workers
    assert workers["kubelet"]["sources"] == ["10.244.0.0/16", "192.168.7.0/24"]


def test_haproxy_checks_readyz_and_leads_published_ports_to_workers(tmp_path: Path, bundle: Path) -> None:
    api, published = steps(context(tmp_path))["api-endpoint"].variables["haproxy_endpoints_served"]
    assert (api["bind"], api["check"], api["check_path"]) == (["192.168.7.100:8888"], "https", "/readyz")
    assert [s["name"] for s in api["servers"]] == ["cp1", "cp2", "cp3"]
    assert [(s["name"], s["port"]) for s in published["servers"]] == [("w1", 30443), ("w2", 30443)]


def test_the_api_answers_inside_the_tunnel_and_is_certified_there(tmp_path: Path, bundle: Path) -> None:
    found = context(tmp_path, vpn=True)
    api = steps(found)["api-endpoint"].variables["haproxy_endpoints_served"][0]
    assert api["bind"] == ["192.168.7.100:8888", "10.99.0.1:8888", "[fd00:99::1]:8888"]
    assert {"10.99.0.1", "fd00:99::1"} <= set(kubeadm.certificate_names(found.config, found.inventory))
    assert "10.99.0.1" not in kubeadm.certificate_names(context(tmp_path).config, found.inventory)


def test_a_changed_control_plane_is_configured_one_node_at_a_time(tmp_path: Path, bundle: Path) -> None:
    before, after = steps(context(tmp_path)), steps(context(tmp_path, extra_sans=["api.example.org"]))
    for name in ("configure-cp1", "configure-cp2", "configure-cp3"):
        assert before[name].variables != after[name].variables
        assert name in {need.removeprefix("k8s-base.") for need in after["verify"].needs}
    assert "k8s-base.settle" in after["configure-cp1"].needs
    assert {"k8s-base.configure-cp1", "k8s-base.configure-cp2"} <= set(after["configure-cp3"].needs)
    leaders = [after[f"configure-cp{n}"].variables["kubeadm_configure_leader"] for n in (1, 2, 3)]
    assert leaders == [True, False, False]


def test_what_knows_other_nodes_runs_on_all_and_labels_are_each_nodes_own(tmp_path: Path, bundle: Path) -> None:
    found = steps(context(tmp_path))
    assert found["cni"].together
    assert found["settle"].nodes == ("cp1", "cp2", "cp3", "w1", "w2")


def test_what_init_was_made_from_need_not_be_compared_with_itself(tmp_path: Path, bundle: Path) -> None:
    digest = runpy.run_path(str(paths.assets() / "ansible/module_utils/yk8s_host.py"))["configuration_digest"]

    def made(**settings: Any) -> str:
        init = k8s_variables.init(context(tmp_path, **settings))
        return str(digest([*init["kubeadm_init_documents"], init["kubeadm_init_kube_proxy"]]))

    def wanted(**settings: Any) -> str:
        configure = k8s_variables.configure(context(tmp_path, **settings), leader=True)
        return str(digest([*configure["kubeadm_configure_documents"], configure["kubeadm_configure_kube_proxy"]]))

    assert made() == wanted()
    assert made() != wanted(extra_sans=["api.example.org"])
    assert made() != wanted(proxy_mode="iptables")


def test_a_distribution_without_containerd_2_is_named_before_anything_runs(tmp_path: Path) -> None:
    found = context(tmp_path, system="debian 12", source="packages")
    (missing,) = k8s_base.missing_artifacts(found)
    assert missing.name == "containerd 2 for Debian 12 (1.6)"
    assert "kubernetes.containerd_package_mirror" in missing.remedy
    assert set(steps(found)) == {"api-endpoint"}
    mirror = "deb http://mirror.example.org/docker bookworm stable"
    own = context(tmp_path, system="debian 12", source="packages", containerd_package_mirror=mirror)
    assert k8s_base.missing_artifacts(own) == ()
    assert k8s_base.missing_artifacts(context(tmp_path, system="ubuntu 26.04", source="packages")) == ()


def test_with_packages_images_are_pulled_before_kubeadm_needs_them(tmp_path: Path) -> None:
    found = steps(context(tmp_path, source="packages", image_registry="registry.example.org/k8s"))
    control, workers = found["images-control-plane"], found["images-workers"]
    assert control.id in found["init"].needs
    assert workers.id in found["join-workers"].needs
    assert control.run.arguments["only"] == []  # type: ignore[union-attr]
    assert workers.run.arguments["only"] == ["pause", "kube-proxy", "coredns"]  # type: ignore[union-attr]
    assert control.run.arguments["registry"] == "registry.example.org/k8s"  # type: ignore[union-attr]


def test_labels_that_were_ours_are_removed_and_others_stay() -> None:
    present = {"zone": "a", "old": "1", "foreign": "x"}
    assert label_patch(present, {"zone": "b"}, ["zone", "old"]) == {"zone": "b", "old": None}
    assert label_patch({"zone": "b"}, {"zone": "b"}, ["zone"]) == {}


def test_taints_that_were_ours_are_removed_and_others_stay() -> None:
    present = ["gpu=true:NoSchedule", "node.kubernetes.io/not-ready:NoSchedule"]
    assert taint_changes(present, ["meta=yes:NoExecute"], ["gpu=true:NoSchedule"]) == (
        ["meta=yes:NoExecute"],
        ["gpu=true:NoSchedule"],
    )
    assert taint_changes(present, ["gpu=false:NoSchedule"], ["gpu=true:NoSchedule"]) == (
        ["gpu=false:NoSchedule"],
        [],
    )
    assert taint_text({"key": "a", "effect": "NoSchedule"}) == "a:NoSchedule"


def node(name: str, ready: str = "True") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "status": {"conditions": [{"type": "Ready", "status": ready, "message": "cni"}]},
    }


def test_a_whole_cluster_has_no_problems_and_a_broken_one_has_each_at_its_node() -> None:
    dns = {"spec": {"replicas": 2}, "status": {"availableReplicas": 2}}
    etcd = [{"endpoint": "https://a:2379", "health": True}]
    well = judge([node("cp1"), node("w1")], "ok", dns, etcd, ("cp1", "w1"), "cp1")
    assert not any(well.values())
    sick = judge(
        [node("cp1"), node("w1", "False")],
        "",
        {},
        [{"endpoint": "e", "health": False}],
        ("cp1", "w1", "w2"),
        "cp1",
    )
    assert sick["w1"] == ["is not Ready: cni"]
    assert sick["w2"] == ["is not in the cluster"]
    assert len(sick["cp1"]) == 3
    silent = judge([node("cp1")], "ok", dns, [], ("cp1",), "cp1")
    assert silent["cp1"] == ["etcd does not say how its members are"]
