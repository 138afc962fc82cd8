"""Every rule of health, at its edges: what is a finding, what is none, and what is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from yk8s_tui.status.health import findings
from yk8s_tui.status.health_words import lasting, listed, size, span
from yk8s_tui.status.model import (
    ApiServer,
    AppliedLayer,
    Backend,
    Certificate,
    ClusterStatus,
    Condition,
    Disk,
    Drift,
    EtcdMember,
    Finding,
    Frontend,
    Host,
    Leader,
    Node,
    Pod,
    Run,
    Source,
    Workload,
)

NOW = 1_795_000_000.0
DAY = 86400.0


def node(name: str, **changed: Any) -> Node:
    base = Node(
        name, ("worker",), "10.0.0.1", "True", NOW - 9000, (), False, "", 0, "1.36.3", "Debian", "6.1", "containerd",
        NOW - 9000, 2, 2 << 30, 110,
    )  # fmt: skip
    return replace(base, **changed)


def member(name: str, **changed: Any) -> EtcdMember:
    base = EtcdMember(
        name, name, False, False, 5000, 3, 100 << 20, 50 << 20, 2 << 30, "3.6.5", (), ("cp1", "cp2", "cp3")
    )
    return replace(base, **changed)


def frontend(name: str, **changed: Any) -> Frontend:
    return replace(Frontend(name, False, NOW - 600, True, True, "ours"), **changed)


def leader(component: str, **changed: Any) -> Leader:
    return replace(Leader(component, "cp1", NOW - 900, NOW - 2), **changed)


def healthy() -> ClusterStatus:
    """Two frontends, three control planes, two workers; nothing is wrong."""
    fronts, controls, workers = ("fe1", "fe2"), ("cp1", "cp2", "cp3"), ("w1", "w2")
    status = ClusterStatus("c", "1.36.3", "10.0.0.250", "directly")
    for names, role in ((fronts, "frontend"), (controls, "control-plane"), (workers, "worker")):
        status.expected |= dict.fromkeys(names, (role,))
    status.sources = {f"host:{name}": Source("live", NOW - 900) for name in status.expected}
    status.sources["api"] = Source("live", NOW - 900)
    status.nodes = {name: node(name) for name in (*controls, *workers)}
    status.hosts = {
        name: Host(name, boot=NOW - 9000, units={"kubelet": "active", "containerd": "active"})
        for name in (*controls, *workers)
    }
    status.hosts |= {n: Host(n, boot=NOW - 9000, units={"haproxy": "active", "keepalived": "active"}) for n in fronts}
    status.frontends = {"fe1": frontend("fe1", vip=True), "fe2": frontend("fe2")}
    status.etcd = {name: member(name, leader=name == "cp1") for name in controls}
    status.api_servers = {name: ApiServer(name, True, (), 0.01) for name in ("", *controls)}
    status.leaders = {c: leader(c) for c in ("kube-controller-manager", "kube-scheduler")}
    status.read = {"nodes", "pods", *(f"leases/{component}" for component in status.leaders)}
    return status


def found(status: ClusterStatus) -> dict[str, Finding]:
    """Findings by key; each key once, each with something to look at."""
    told = findings(status, NOW)
    assert len({finding.key for finding in told}) == len(told)
    assert all(finding.key and finding.subject and finding.text and finding.look for finding in told)
    return {finding.key: finding for finding in told}


def only(status: ClusterStatus, key: str) -> Finding:
    """The one finding there is."""
    told = found(status)
    assert list(told) == [key]
    return told[key]


def down(status: ClusterStatus, name: str, error: str = "w2: no sign of life for 4 s\n  why: frozen") -> None:
    status.sources[f"host:{name}"] = Source("unreachable", NOW - 60, error)


def test_nothing_is_wrong() -> None:
    assert findings(healthy(), NOW) == []


def test_nothing_is_known_yet() -> None:
    assert findings(ClusterStatus(), NOW) == []
    status = ClusterStatus(vip="10.0.0.250", expected={"fe1": ("frontend",), "cp1": ("control-plane",)})
    status.sources = {"api": Source("starting", NOW), "host:fe1": Source("starting", NOW)}
    assert findings(status, NOW) == []


def test_a_node_that_is_not_ready_and_what_its_host_says() -> None:
    status = healthy()
    status.nodes["w2"] = node("w2", ready="Unknown", ready_since=NOW - 180)
    status.hosts["w2"] = replace(status.hosts["w2"], units={"kubelet": "failed", "containerd": "active"})
    finding = only(status, "node.not-ready:w2")
    assert finding.text == "not Ready for 3 min: kubelet stopped posting (host answers, kubelet is failed)"
    assert (finding.severity, finding.subject, finding.since) == ("failed", "w2", NOW - 180)
    down(status, "w2")
    told = found(status)
    assert list(told) == ["node.not-ready:w2", "host.unreachable:w2"]
    assert told["node.not-ready:w2"].text.endswith("kubelet stopped posting (host does not answer)")
    assert told["host.unreachable:w2"].text == "cannot be read over SSH for 60 s: no sign of life for 4 s: frozen"


def test_a_node_that_says_itself_why_it_is_not_ready() -> None:
    status = healthy()
    trouble = (Condition("Ready", "False", "KubeletNotReady", "cni plugin not initialized", NOW - 30),)
    status.nodes["w1"] = node("w1", ready="False", ready_since=NOW - 30, trouble=trouble)
    assert "not Ready for 30 s: cni plugin not initialized (host answers, kubelet is active)" in found(status)[
        "node.not-ready:w1"
    ].text  # fmt: skip


def test_a_node_of_the_inventory_that_the_api_does_not_know() -> None:
    status = healthy()
    del status.nodes["w1"]
    assert only(status, "node.missing:w1").severity == "failed"
    status.sources["api"] = Source("starting", NOW)
    assert found(status) == {}


def test_pressure_and_cordoned() -> None:
    status = healthy()
    full = Condition("DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure", NOW - 120)
    status.nodes["w1"] = node("w1", trouble=(full,))
    status.nodes["w2"] = node("w2", cordoned=True, cordoned_by="kubectl-cordon", cordoned_since=NOW - 7200)
    told = found(status)
    assert list(told) == ["node.condition:w1:DiskPressure", "node.cordoned:w2"]
    assert told["node.cordoned:w2"].text == "cordoned for 2 h by kubectl-cordon: takes no new pods"
    assert [finding.severity for finding in told.values()] == ["failed", "warning"]


@pytest.mark.parametrize(
    ("version", "severity"),
    [
        ("1.36.3", ""),
        ("1.36.2", "warning"),
        ("1.33.9", "warning"),
        ("1.32.0", "failed"),
        ("1.37.0", "failed"),
        ("", ""),
    ],
)
def test_version_skew(version: str, severity: str) -> None:
    status = healthy()
    status.nodes["w1"], status.nodes["w2"] = node("w1", version=version), node("w2", version=version)
    told = found(status)
    assert [finding.severity for finding in told.values()] == ([severity] if severity else [])
    if severity:
        assert told[f"node.skew:{version}"].subject == "w1 and w2"


def test_the_api_cannot_be_reached() -> None:
    status = healthy()
    error = "directly: 10.0.0.250:8888 Connection refused\nvia fe1: no answer within 3 s"
    status.sources["api"] = Source("unreachable", NOW - 240, error)
    status.leaders = {}
    finding = only(status, "api.unreachable")
    assert finding.text == (
        "cannot be reached for 4 min: directly: 10.0.0.250:8888 Connection refused; via fe1: no answer within 3 s"
    )


def test_a_cluster_that_is_not_set_up_has_no_control_plane_that_could_be_down() -> None:
    status = ClusterStatus("c", expected={"fe1": ("frontend",), "cp1": ("control-plane",)})
    status.sources = {"api": Source("unreachable", NOW, "there is no kubeconfig yet"), "host:cp1": Source("live", NOW)}
    status.api_servers = {"cp1": ApiServer("cp1", False, (), 0, "No such file or directory")}
    status.etcd = {"cp1": member("cp1", error="No such file or directory")}
    down = ["api.unreachable", "etcd.down:cp1", "api.server:cp1"]
    assert list(found(status)) == down, "nothing is known of the host yet"
    status.hosts["cp1"] = Host("cp1", units={})
    assert only(status, "kubernetes.none").text == "is not set up yet"
    status.layers = (AppliedLayer("k8s-base", 3, NOW, "me", "r", 1),)
    assert list(found(status)) == down
    status.layers = ()
    status.hosts["cp1"] = Host("cp1", units={"kubelet": "failed"})
    assert list(found(status)) == [*down, "unit.kubelet:cp1"]


def test_api_servers() -> None:
    status = healthy()
    status.api_servers["cp2"] = ApiServer("cp2", False, ("etcd", "poststarthook/rbac"), 0.1)
    status.api_servers["cp3"] = ApiServer("cp3", False, (), 0, "Connection refused")
    status.api_servers[""] = ApiServer("", False, (), 0, "no answer within 3 s")
    told = found(status)
    assert told["api.server:cp2"].text == "API server is not ready: checks etcd and poststarthook/rbac failing"
    assert told["api.server:cp3"].text == "API server does not answer: Connection refused"
    assert told["api.server:vip"].text == "does not answer: no answer within 3 s"
    assert "api.server:vip" not in found(replace(status, sources={**status.sources, "api": Source("unreachable", NOW)}))
    down(status, "cp3")
    assert "api.server:cp3" not in found(status)


def test_an_etcd_member_that_is_down() -> None:
    status = healthy()
    status.etcd["cp3"] = EtcdMember("cp3", "", False, False, 0, 0, 0, 0, 0, "", error="Connection refused")
    assert only(status, "etcd.down:cp3").text == "etcd member down: Connection refused"
    down(status, "cp3")
    assert list(found(status)) == ["host.unreachable:cp3"]


def test_etcd_without_a_leader() -> None:
    status = healthy()
    status.etcd = {name: member(name) for name in status.etcd}
    assert only(status, "etcd.no-leader").severity == "failed"
    status.etcd["cp2"] = replace(status.etcd["cp2"], led=False)
    status.etcd["cp1"] = replace(status.etcd["cp1"], leader=True)
    assert list(found(status)) == ["etcd.apart:cp2"]
    gone = EtcdMember("", "", False, False, 0, 0, 0, 0, 0, "", error="Connection refused")
    status.etcd = {"cp1": member("cp1", led=False), "cp2": replace(gone, node="cp2"), "cp3": replace(gone, node="cp3")}
    assert list(found(status)) == ["etcd.no-leader", "etcd.down:cp2", "etcd.down:cp3"]


def test_a_leader_may_be_the_member_that_was_not_asked() -> None:
    status = healthy()
    status.etcd["cp1"] = EtcdMember("cp1", "", False, False, 0, 0, 0, 0, 0, "", error="x")
    assert list(found(status)) == ["etcd.down:cp1"]


def test_several_etcd_leaders() -> None:
    status = healthy()
    status.etcd["cp2"] = member("cp2", leader=True, raft_term=4)
    assert only(status, "etcd.leaders").text == "has several leaders: cp1 (term 3) and cp2 (term 4)"


@pytest.mark.parametrize(("share", "severity"), [(0.80, ""), (0.81, "warning"), (0.95, "warning"), (0.96, "failed")])
def test_an_etcd_database_that_grows_full(share: float, severity: str) -> None:
    status = healthy()
    status.etcd["cp2"] = member("cp2", size=int(1000 * share), quota=1000)
    assert [finding.severity for finding in found(status).values()] == ([severity] if severity else [])


def test_etcd_alarms() -> None:
    status = healthy()
    status.etcd["cp2"] = member("cp2", alarms=("NOSPACE",), size=2000, quota=1000)
    status.etcd["cp3"] = member("cp3", alarms=("CORRUPT",))
    told = found(status)
    assert list(told) == ["etcd.alarm:cp2:NOSPACE", "etcd.alarm:cp3:CORRUPT"]
    assert "disarm" in told["etcd.alarm:cp2:NOSPACE"].look


@pytest.mark.parametrize(("behind", "keys"), [(1000, []), (1001, ["etcd.behind"])])
def test_etcd_revisions_apart(behind: int, keys: list[str]) -> None:
    status = healthy()
    status.etcd["cp3"] = member("cp3", revision=5000 - behind)
    told = found(status)
    assert list(told) == keys
    if keys:
        assert (told["etcd.behind"].subject, told["etcd.behind"].text) == ("cp3", "etcd is 1001 revisions behind cp1")


def test_etcd_members_that_disagree() -> None:
    status = healthy()
    status.etcd["cp3"] = member("cp3", members=("cp3",))
    assert "cp3 knows cp3" in only(status, "etcd.members").text


def test_leaders_of_the_control_plane() -> None:
    status = healthy()
    status.leaders["kube-scheduler"] = leader("kube-scheduler", renewed=NOW - 61)
    assert "cp1 has not renewed the lease for 61 s" in only(status, "leader.stale:kube-scheduler").text
    status.leaders["kube-scheduler"] = leader("kube-scheduler", renewed=NOW - 60)
    assert found(status) == {}
    del status.leaders["kube-controller-manager"]
    assert only(status, "leader.none:kube-controller-manager").severity == "failed"
    status.read.discard("leases/kube-controller-manager")
    assert found(status) == {}, "nothing is said of what was not read"


def test_what_cannot_be_read_is_wrong_and_not_well() -> None:
    status = healthy()
    status.read -= {"nodes", "pods"}
    status.nodes.pop("w2")
    status.sources["api"] = Source("live", NOW - 900, "pods: no answer\nnodes: no answer")
    told = found(status)
    assert list(told) == ["api.unread:no answer"], "a node that was not read is not missing"
    assert told["api.unread:no answer"].text == "does not tell about pods and nodes: no answer"
    assert told["api.unread:no answer"].severity == "failed"


@pytest.mark.parametrize(
    ("left", "key", "severity"),
    [
        (-1, "certificate.ended:cp1", "failed"),
        (5 * DAY, "certificate.ending:cp1", "failed"),
        (7 * DAY - 1, "certificate.ending:cp1", "failed"),
        (7 * DAY, "certificate.soon:cp1", "warning"),
        (30 * DAY - 1, "certificate.soon:cp1", "warning"),
        (30 * DAY, "", ""),
    ],
)
def test_certificates(left: float, key: str, severity: str) -> None:
    status = healthy()
    one = Certificate("cp1", "/etc/kubernetes/pki/apiserver.crt", "apiserver", False, NOW + left)
    status.hosts["cp1"] = replace(status.hosts["cp1"], certificates=(one,))
    if not key:
        assert found(status) == {}
        return
    assert only(status, key).severity == severity


def test_certificates_of_a_host_stand_together_and_name_the_first() -> None:
    status = healthy()
    names = ("apiserver", "etcd/server", "admin.conf", "ca")
    some = tuple(Certificate("cp1", n, n, n == "ca", NOW + (5 + i) * DAY / 2) for i, n in enumerate(names))
    status.hosts["cp1"] = replace(status.hosts["cp1"], certificates=some)
    down(status, "cp1")
    finding = found(status)["certificate.ending:cp1"]
    assert finding.text.startswith("certificates apiserver, etcd/server, admin.conf and 1 more end in 2 days")
    assert "CA" in finding.look


def pod(name: str, reason: str = "CrashLoopBackOff", owner: str = "Deployment/web", **changed: Any) -> Pod:
    base = Pod("shop", name, "w1", "Running", reason, "back-off 5m0s", NOW - 300, 7, owner)
    return replace(base, **changed)


def test_pods_stand_together_by_owner_and_reason() -> None:
    status = healthy()
    pods = [pod("web-1"), pod("web-2", node="w2"), pod("web-3", "ImagePullBackOff"), pod("alone", owner="")]
    status.pods = {(p.namespace, p.name): p for p in pods}
    told = found(status)
    assert set(told) == {
        "pod:shop/Deployment/web:CrashLoopBackOff", "pod:shop/Deployment/web:ImagePullBackOff",
        "pod:shop/Pod/alone:CrashLoopBackOff",
    }  # fmt: skip
    assert told["pod:shop/Deployment/web:CrashLoopBackOff"].text == (
        "2 pods CrashLoopBackOff for 5 min on w1 and w2, 7 restarts: back-off 5m0s"
    )
    status.pods = {("shop", "old"): pod("old", "Evicted")}
    assert [finding.severity for finding in found(status).values()] == ["warning"]


def test_workloads_that_are_short() -> None:
    status = healthy()
    status.workloads = {
        ("Deployment", "shop", "web"): Workload("Deployment", "shop", "web", 3, 2, "", NOW - 60),
        ("DaemonSet", "x", "agent"): Workload("DaemonSet", "x", "agent", 5, 0, "quota", 0),
    }
    told = found(status)
    assert [(f.severity, f.text) for f in told.values()] == [
        ("failed", "0 of 5 ready: quota"), ("warning", "2 of 3 ready for 60 s"),
    ]  # fmt: skip


def test_haproxy_down_weighs_more_where_the_vip_is() -> None:
    status = healthy()
    status.frontends["fe1"] = frontend("fe1", vip=True, haproxy=False)
    assert only(status, "haproxy.down:fe1").severity == "failed"
    status = healthy()
    status.frontends["fe2"] = frontend("fe2", haproxy=False)
    status.hosts["fe2"] = replace(status.hosts["fe2"], units={"haproxy": "failed", "keepalived": "active"})
    finding = only(status, "haproxy.down:fe2")
    assert (finding.severity, "(unit is failed)" in finding.text) == ("warning", True)


def test_who_holds_the_vip() -> None:
    status = healthy()
    status.frontends["fe1"] = frontend("fe1", vip_since=NOW - 20)
    del status.api_servers[""]
    assert only(status, "vip.nobody").text == "nobody holds it for 20 s"
    status.frontends = {name: frontend(name, vip=True) for name in ("fe1", "fe2")}
    assert only(status, "vip.several").text.startswith("held by fe1 and fe2 at once for 10 min")


def test_a_holder_that_does_not_answer_is_no_vip_without_a_holder_while_the_api_answers_there() -> None:
    status = healthy()
    down(status, "fe1")
    assert list(found(status)) == ["host.unreachable:fe1"]
    status.api_servers[""] = ApiServer("", False, (), 0, "no answer")
    assert "fe1 not heard" in found(status)["vip.nobody"].text
    del status.frontends["fe2"]
    assert "vip.nobody" not in found(status)


def test_keepalived_and_firewall() -> None:
    status = healthy()
    status.hosts["fe2"] = replace(status.hosts["fe2"], units={"haproxy": "active", "keepalived": "failed"})
    status.frontends["fe2"] = frontend("fe2", keepalived=False, firewall="changed")
    status.frontends["fe1"] = frontend("fe1", vip=True, firewall="missing")
    told = found(status)
    assert list(told) == ["firewall.missing:fe1", "firewall.changed:fe2", "keepalived.down:fe2"]
    assert [finding.severity for finding in told.values()] == ["failed", "warning", "warning"]


def backend(server: str, up: bool) -> Backend:
    return Backend("yk8s-api", server, up, NOW - 45, "Layer4 connection problem: Connection refused")


def test_backends() -> None:
    status = healthy()
    for name in ("fe1", "fe2"):
        servers = (backend("cp1", True), backend("cp2", False))
        status.frontends[name] = replace(status.frontends[name], backends=servers)
    finding = only(status, "backend.down:yk8s-api:cp2")
    assert finding.severity == "warning"
    assert finding.text == (
        "server cp2 is down for fe1 and fe2 for 45 s: Layer4 connection problem: Connection refused"
    )
    status.frontends["fe1"] = replace(status.frontends["fe1"], backends=(backend("cp1", False), backend("cp2", False)))
    assert only(status, "backend.none:yk8s-api").severity == "failed"


def test_drift_stands_together_by_step_and_leaves_the_firewall_to_its_own_rule() -> None:
    status = healthy()
    drift = tuple(Drift("trampoline.balance", f"/etc/{n} differs") for n in "abc")
    table = Drift("trampoline.firewall", "firewall table inet yk8s was changed by hand")
    status.hosts["fe2"] = replace(status.hosts["fe2"], drift=(*drift, table))
    assert list(found(status)) == ["drift:fe2:trampoline.balance", "drift:fe2:trampoline.firewall"]
    status.frontends["fe2"] = frontend("fe2", firewall="changed")
    told = found(status)
    assert list(told) == ["firewall.changed:fe2", "drift:fe2:trampoline.balance"]
    assert told["drift:fe2:trampoline.balance"].text == (
        "/etc/a differs; /etc/b differs and 1 more (step trampoline.balance)"
    )


@pytest.mark.parametrize(("free", "severity"), [(100, ""), (99, "warning"), (30, "warning"), (29, "failed")])
def test_disks(free: int, severity: str) -> None:
    status = healthy()
    status.hosts["w1"] = replace(status.hosts["w1"], disks=(Disk("/var/lib/etcd", 1000, free), Disk("/", 0, 0)))
    told = found(status)
    assert {key: f.severity for key, f in told.items()} == (
        {"disk.full:w1:/var/lib/etcd": severity} if severity else {}
    )


@pytest.mark.parametrize(
    ("offset", "severity"), [(1.0, ""), (-1.1, "warning"), (30.0, "warning"), (30.1, "failed"), (-3600, "failed")]
)
def test_clocks(offset: float, severity: str) -> None:
    status = healthy()
    status.hosts["w1"] = replace(status.hosts["w1"], clock_offset=offset)
    assert [f.severity for f in found(status).values()] == ([severity] if severity else [])


def test_when_all_clocks_differ_by_the_same_it_is_ours() -> None:
    status = healthy()
    status.hosts = {name: replace(host, clock_offset=-40.2) for name, host in status.hosts.items()}
    assert "this machine is 40.2 s ahead of all hosts" in only(status, "clock.here").text


def test_reboot_units_and_what_cannot_be_read() -> None:
    status = healthy()
    status.hosts["w1"] = replace(status.hosts["w1"], reboot="kernel 6.1.0-26 is installed, 6.1.0-25 runs")
    status.hosts["w2"] = replace(status.hosts["w2"], units={"kubelet": "active", "containerd": "inactive"})
    status.sources["host:cp1"] = Source("live", NOW, "peers cannot be read: ValueError: x")
    told = found(status)
    assert list(told) == ["unit.containerd:w2", "host.reboot:w1", "host.unread:cp1"]
    assert told["host.reboot:w1"].text.endswith("6.1.0-25 runs (up for 2 h)")


def test_what_a_host_said_last_is_not_held_against_it_while_it_does_not_answer() -> None:
    status = healthy()
    status.hosts["w1"] = replace(
        status.hosts["w1"], reboot="x", clock_offset=99, drift=(Drift("s", "x"),), disks=(Disk("/", 100, 0),),
        units={"containerd": "failed"},
    )  # fmt: skip
    down(status, "w1")
    assert list(found(status)) == ["host.unreachable:w1"]


@pytest.mark.parametrize(
    ("result", "severity"),
    [("done", ""), ("running", ""), ("failed", "failed"), ("partial", "failed"), ("interrupted", "failed"),
     ("cancelled", "warning")],
)  # fmt: skip
def test_the_last_run(result: str, severity: str) -> None:
    status = healthy()
    older = Run("r1", 1, "apply", "failed", NOW - 9000, 60, "root", "w1: it broke")
    status.runs = (Run("r2", 2, "apply", result, NOW - 3660, 60, "root", "w1: it broke\nmore"), older)
    told = found(status)
    assert [finding.severity for finding in told.values()] == ([severity] if severity else [])
    if severity:
        assert told["run.last"].since == NOW - 3600
        assert told["run.last"].text.endswith("60 min ago: w1: it broke")


def test_a_layer_of_an_earlier_run_that_is_not_whole() -> None:
    status = healthy()
    status.runs = (Run("r2", 2, "apply", "done", NOW - 60, 60, "root", ""),)
    status.layers = (AppliedLayer("trampoline", 4, NOW - 900, "root", "r1", 1, ("trampoline.base",)),)
    assert only(status, "layer.failed:trampoline").text == "trampoline.base did not end well in run #1"


def test_the_worst_stands_first() -> None:
    status = healthy()
    status.nodes["w1"] = node("w1", ready="Unknown", ready_since=NOW - 10)
    status.nodes["w2"] = node("w2", ready="Unknown", ready_since=NOW - 900, cordoned=True)
    status.hosts["fe1"] = replace(status.hosts["fe1"], reboot="x")
    status.sources["api"] = Source("unreachable", NOW, "no way")
    assert list(found(status)) == [
        "api.unreachable", "node.not-ready:w2", "node.not-ready:w1", "node.cordoned:w2", "host.reboot:fe1",
    ]  # fmt: skip


def test_words() -> None:
    assert [span(s) for s in (0, 89, 90, 5399, 5400, 172799, 172800)] == [
        "0 s", "89 s", "2 min", "90 min", "2 h", "48 h", "2 days",
    ]  # fmt: skip
    assert (lasting(0, NOW), lasting(NOW - 5, NOW)) == ("", " for 5 s")
    assert [listed(n) for n in ([], ["a"], ["a", "b"], list("abc"), list("abcde"))] == [
        "", "a", "a and b", "a, b and c", "a, b, c and 2 more",
    ]  # fmt: skip
    assert (size(10), size(3 << 30)) == ("10 B", "3.0 GiB")
