"""A cluster on real hosts, from nothing to workloads: made, unchanged the second time, mended, labelled."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.clusters import apply, nodes, ready, results, small
from tests.lab.conftest import LabCluster, MakeLab, wait_until
from tests.lab.test_vpn import Client
from yk8s_tui.backends.bundle import Bundle
from yk8s_tui.backends.lab_names import bridge_name
from yk8s_tui.models.networks import effective_vip

pytestmark = [pytest.mark.lab, pytest.mark.kubernetes]

KUBECTL = "/usr/local/bin/kubectl --kubeconfig /etc/kubernetes/admin.conf"
TEST_IMAGE = "registry.local/yk8s-test:1"
PODS = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: probe}
spec:
  selector: {matchLabels: {app: probe}}
  template:
    metadata: {labels: {app: probe}}
    spec:
      tolerations: [{operator: Exists}]
      containers:
        - name: web
          image: registry.local/yk8s-test:1
          imagePullPolicy: Never
          command: [sh, -c, "mkdir -p /tmp/w; echo hello > /tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w"]
---
apiVersion: v1
kind: Service
metadata: {name: probe}
spec: {selector: {app: probe}, ports: [{port: 80}]}
"""


@pytest.fixture
def cluster(make_lab: MakeLab) -> LabCluster:
    """Made by `test_broken_hosts.py` when that ran; `test_kubernetes_status.py` goes on with it."""
    return small(make_lab)


@pytest.fixture
def client(cluster: LabCluster, tmp_path: Path) -> Iterator[Client]:
    """alice, outside, with her tunnel up."""
    if not (shutil.which("wg-quick") and shutil.which("wireguard-go") and shutil.which("curl")):
        pytest.skip("missing: wg-quick, wireguard-go, curl (apt-get install wireguard-tools wireguard-go curl)")
    tag = cluster.harbour.state.tag
    made, subnet = Client(f"yk-api-{tag}", f"va-{tag}"), cluster.config.harbour.lab.subnet
    conf = tmp_path / f"a{tag}.conf"
    shutil.copy(cluster.root / "secrets/vpn/alice-wg0.conf", conf)
    made.plug(bridge_name(tag), f"{subnet.network_address + 201}/{subnet.prefixlen}")
    try:
        made.run("wg-quick", "up", str(conf))
        yield made
    finally:
        made.run("wg-quick", "down", str(conf), check=False)
        made.unplug()


def kubectl(cluster: LabCluster, words: str) -> str:
    return cluster.exec("cp1", f"{KUBECTL} {words}").stdout


def test_every_step_succeeded_at_last_and_every_node_is_ready(cluster: LabCluster) -> None:
    last: dict[str, str] = {}
    for path in sorted(cluster.root.glob("runs/*/journal.jsonl")):
        last |= results([json.loads(line) for line in path.read_text().splitlines()])
    assert set(last.values()) <= {"ok", "changed"}
    assert ready(cluster) == {"cp1": "True", "w1": "True", "w2": "True"}
    labels = {name: node["metadata"]["labels"] for name, node in nodes(cluster).items()}
    assert {name for name in labels if "node-role.kubernetes.io/worker" in labels[name]} == {"w1", "w2"}


def test_unchanged_hosts_are_only_looked_at(cluster: LabCluster) -> None:
    apply(cluster)
    events = apply(cluster)
    assert set(results(events)) == {"trampoline.verify", "k8s-base.kubeconfig", "k8s-base.verify"}
    assert not [e for e in events if e["type"] == "node_result" and e["result"] == "changed"]


def test_pods_of_all_nodes_reach_one_another_and_services(cluster: LabCluster) -> None:
    if TEST_IMAGE not in cluster.exec("w1", "crictl images -o json").stdout:
        pytest.skip(f"missing: the image {TEST_IMAGE} in the bundle")
    cluster.exec("cp1", f"{KUBECTL} apply -f - <<'E'\n{PODS}\nE")
    kubectl(cluster, "rollout status daemonset probe --timeout=120s")
    addresses = kubectl(cluster, "get pods -l app=probe -o jsonpath='{.items[*].status.podIP}'").split()
    addresses.append(kubectl(cluster, "get service probe -o jsonpath={.spec.clusterIP}"))
    assert len(addresses) == 4
    for pod in kubectl(cluster, "get pods -l app=probe -o name").split():
        for address in addresses:
            request = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {address} 80"
            answer = kubectl(cluster, f'exec {pod} -- sh -c "{request}"')
            assert answer.endswith("hello\n"), f"{pod} -> {address}: {answer}"
        told = kubectl(cluster, f"exec {pod} -- nslookup kubernetes.default.svc.cluster.local")
        assert "10.96.0.1" in told
    # Its shell does not hear SIGTERM: a host with such a pod takes its time to shut down.
    kubectl(cluster, "delete daemonset/probe service/probe --now")


def test_secrets_are_encrypted_in_etcd_and_requests_are_recorded(cluster: LabCluster) -> None:
    kubectl(cluster, "create secret generic proof --from-literal=word=plaintext-canary")
    pki = "/etc/kubernetes/pki/etcd"
    read = (
        f"etcdctl --endpoints=https://127.0.0.1:2379 --cacert={pki}/ca.crt --cert={pki}/healthcheck-client.crt "
        f"--key={pki}/healthcheck-client.key get --print-value-only /registry/secrets/default/proof "
        "| tr -cd '[:print:]'"
    )
    stored = cluster.exec("cp1", read).stdout
    assert stored.startswith("k8s:enc:secretbox:")
    assert "plaintext-canary" not in stored
    assert '"name":"proof"' in cluster.exec("cp1", "cat /var/log/kubernetes/audit.log").stdout
    assert "plaintext-canary" not in cluster.exec("cp1", "cat /var/log/kubernetes/audit.log").stdout


def test_nothing_secret_is_left_on_the_hosts(cluster: LabCluster) -> None:
    for name in ("cp1", "w1", "w2"):
        assert cluster.exec(name, "ls /run | grep -E 'yk8s-(kubeadm|control-plane)' || true").stdout == ""
    assert cluster.exec("cp1", "stat -c %a /etc/kubernetes/yk8s/encryption.json").stdout.strip() == "600"
    tokens = kubectl(cluster, "get secrets -n kube-system --field-selector type=bootstrap.kubernetes.io/token -o json")
    assert all("expiration" in s["data"] for s in json.loads(tokens)["items"])


def test_a_snapshot_of_etcd_can_be_taken_and_old_ones_go(cluster: LabCluster) -> None:
    folder = "/var/lib/yk8s/etcd-snapshots"
    for day in range(1, 9):
        cluster.exec("cp1", f"touch {folder}/etcd-2020010{day}T000000Z.db")
    cluster.exec("cp1", "systemctl start yk8s-etcd-snapshot.service")
    names = cluster.exec("cp1", f"ls {folder}").stdout.split()
    assert len(names) == 7
    assert "snapshot" not in cluster.exec("cp1", "systemctl --failed --plain --no-legend").stdout


def test_the_kubeconfig_works_from_here_and_is_limited(cluster: LabCluster) -> None:
    told = json.loads(cluster.cli("kubeconfig", "--json").stdout)
    assert 7.9 < told["days_left"] <= 8
    bundle = Bundle.find(cluster.config.kubernetes.version)
    assert bundle is not None
    done = subprocess.run(
        [str(bundle.root / "bin/kubectl"), "--kubeconfig", told["path"], "get", "--raw", "/readyz"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.stdout == "ok", done.stderr


def authority(cluster: LabCluster, folder: Path) -> Path:
    """The CA certificate of the kubeconfig the tool keeps."""
    kubeconfig = yaml.safe_load((cluster.root / "secrets/kubeconfig").read_text())
    path = folder / "ca.crt"
    path.write_bytes(base64.b64decode(kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"]))
    return path


def test_a_vpn_client_reaches_the_api_through_the_tunnel(cluster: LabCluster, client: Client, tmp_path: Path) -> None:
    interface = f"a{cluster.harbour.state.tag}"

    def transferred() -> list[int]:
        return [int(n) for n in client.run("wg", "show", interface, "transfer").stdout.split()[1:]]

    before = transferred()
    trust = str(authority(cluster, tmp_path))
    address = f"https://10.199.0.1:{cluster.config.kubernetes.api_port}/readyz"
    assert (
        f"# The Kubernetes API inside the tunnel: {address.removesuffix('/readyz')}"
        in (cluster.root / "secrets/vpn/alice-wg0.conf").read_text()
    )
    assert client.run("curl", "-sS", "--max-time", "20", "--cacert", trust, address).stdout == "ok"
    assert all(now - then > 500 for then, now in zip(before, transferred(), strict=True))


def test_the_status_finds_its_way_to_the_api(cluster: LabCluster, client: Client) -> None:
    """Directly; through the tunnel when the VIP's port is closed to us; over a frontend's SSH without the tunnel."""

    def route() -> str:
        words = ("-m", "yk8s_tui", "--cluster", str(cluster.root), "status", "--json")
        return str(json.loads(client.run(sys.executable, *words, check=False).stdout)["route"])

    assert route() == "directly"
    rule = f"ip daddr {effective_vip(cluster.config)} tcp dport {cluster.config.kubernetes.api_port} reject"
    client.run("nft", f"table inet near {{ chain out {{ type filter hook output priority 0; {rule}; }}; }}")
    assert route() == "through the VPN"
    client.run("ip", "link", "set", f"a{cluster.harbour.state.tag}", "down")
    assert route() == "via fe1"


def test_a_changed_control_plane_comes_into_force(cluster: LabCluster, tmp_path: Path) -> None:
    mode = "get configmap kube-proxy --namespace kube-system -o yaml"
    assert "mode: nftables" in kubectl(cluster, mode)
    cluster.repository.update(
        {
            "kubernetes.extra_sans": ["api.example.org"],
            "kubernetes.audit_log": False,
            "kubernetes.proxy_mode": "iptables",
        }
    )
    events = apply(cluster)
    assert results(events)["k8s-base.configure-cp1"] == "changed"
    assert "mode: iptables" in kubectl(cluster, mode)
    assert "api.example.org" in kubectl(cluster, "get configmap kubeadm-config --namespace kube-system -o yaml")
    assert "audit-log-path" not in cluster.exec("cp1", "cat /etc/kubernetes/manifests/kube-apiserver.yaml").stdout
    api = f"{cluster.inventory.frontends[0].address}:{cluster.config.kubernetes.api_port}"
    asked = ["curl", "-sS", "--max-time", "20", "--cacert", str(authority(cluster, tmp_path)),
             "--connect-to", f"api.example.org:443:{api}", "https://api.example.org/readyz"]  # fmt: skip
    assert subprocess.run(asked, capture_output=True, text=True, timeout=60).stdout == "ok"
    cluster.repository.update({"kubernetes.encryption_at_rest": False})
    refused = cluster.cli("apply", "--yes", "--layer", "k8s-base", timeout=600)
    assert refused.returncode != 0
    assert "could not be read any more" in refused.stdout + refused.stderr
    cluster.repository.update({"kubernetes.encryption_at_rest": True})


def test_labels_and_taints_follow_the_configuration_and_others_stay(cluster: LabCluster) -> None:
    kubectl(cluster, "label node w1 foreign=stays --overwrite")
    cluster.repository.update(
        {"kubernetes.labels": {"w1": {"zone": "a"}}, "kubernetes.taints": {"w1": ["gpu=true:NoSchedule"]}}
    )
    apply(cluster)
    node = json.loads(kubectl(cluster, "get node w1 -o json"))
    assert node["metadata"]["labels"]["zone"] == "a"
    assert {"key": "gpu", "value": "true", "effect": "NoSchedule"} in node["spec"]["taints"]
    cluster.repository.update({"kubernetes.labels": {}, "kubernetes.taints": {}})
    apply(cluster)
    node = json.loads(kubectl(cluster, "get node w1 -o json"))
    assert "zone" not in node["metadata"]["labels"]
    assert node["metadata"]["labels"]["foreign"] == "stays"
    assert not node["spec"].get("taints")


def test_drift_is_found_and_mended(cluster: LabCluster) -> None:
    cluster.exec("w1", "ip route flush proto 77; rm /etc/yk8s/pod-routes")
    cluster.exec("w1", "rm /usr/local/bin/crictl")
    events = apply(cluster)
    assert {"k8s-base.cni", "k8s-base.binaries-workers"} <= set(results(events))
    assert "10.244." in cluster.exec("w1", "ip route show proto 77").stdout
    assert cluster.exec("w1", "crictl --version").returncode == 0


def test_the_manifests_of_the_control_plane_are_held_to_what_was_written(cluster: LabCluster) -> None:
    manifests, name = "/etc/kubernetes/manifests", cluster.inventory.control_planes[0].name
    cluster.exec(name, f"sed -i 's/--leader-elect=true/&\\n    - --v=3/' {manifests}/kube-scheduler.yaml")
    cluster.exec(name, f"grep -c -- --v=3 {manifests}/kube-scheduler.yaml; rm {manifests}/etcd.yaml")
    planned = cluster.cli("plan").stdout
    assert "kube-scheduler.yaml differs" in planned
    assert "etcd.yaml is missing" in planned
    events = apply(cluster)
    assert results(events)[f"k8s-base.configure-{name}"] == "changed"
    assert cluster.exec(name, f"grep -- --v=3 {manifests}/kube-scheduler.yaml", check=False).returncode == 1
    assert "etcd" in cluster.exec(name, "crictl ps --name etcd -o json").stdout
    assert f"k8s-base.configure-{name}" not in results(apply(cluster))


def test_a_host_that_boots_again_comes_back_with_its_routes(cluster: LabCluster) -> None:
    cluster.down("w1")
    cluster.up()
    wait_until(
        lambda: "10.244." in cluster.exec("w1", "ip route show proto 77", check=False).stdout,
        60,
        "pod routes",
    )
    apply(cluster)


def test_the_operators_plays_run_last_and_only_when_asked_for(cluster: LabCluster) -> None:
    custom = cluster.root / "k8s-custom"
    (custom / "roles/mine/tasks").mkdir(parents=True, exist_ok=True)
    (custom / "main.yaml").write_text("- hosts: workers\n  gather_facts: false\n  roles: [mine]\n")
    (custom / "roles/mine/tasks/main.yaml").write_text(
        "- ansible.builtin.copy: {content: 'mine on {{ inventory_hostname }}', dest: /root/mine, mode: '0644'}\n"
    )
    assert "customization.main" not in results(apply(cluster))
    assert results(apply(cluster, K8S_CUSTOM_STAGE_USAGE="true"))["customization.main"] == "changed"
    assert cluster.exec("w1", "cat /root/mine").stdout == "mine on w1"
    assert "customization.main" not in results(apply(cluster, K8S_CUSTOM_STAGE_USAGE="true"))
    (custom / "main.yaml").write_text("- hosts: workers\n  tasks: [{nonsense: }}\n")
    broken = cluster.cli("apply", "--yes", K8S_CUSTOM_STAGE_USAGE="true")
    assert broken.returncode == 1, broken.stdout
    assert "main.yaml" in broken.stdout + broken.stderr
    (custom / "main.yaml").unlink()
