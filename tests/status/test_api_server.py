"""The API half of the status against a real API server: what is shown, how soon, and after an outage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import objects
from tests.apiserver import LOOPBACK, RealApi, lacking
from yk8s_tui.status.cluster_api import ApiWatch
from yk8s_tui.status.model import ClusterStatus
from yk8s_tui.status.route import Places

pytestmark = [pytest.mark.kubernetes, pytest.mark.skipif(bool(lacking()), reason=lacking())]

SOON = 5.0
"""Seconds in which anything has to be shown."""


@pytest.fixture(scope="module")
def api() -> Iterator[RealApi]:
    with RealApi() as real:
        real.send("POST", "/api/v1/nodes", objects.node("cp1", "control-plane"))
        real.send("POST", "/api/v1/nodes", objects.node("w1", "worker", "meta"))
        yield real


class Viewer:
    """A watch, and what a screen would have of it."""

    def __init__(self, api: RealApi) -> None:
        self.recorded: list[str] = []
        self.watch = ApiWatch(Places(LOOPBACK, api.port), api.kubeconfig, recorder=self.recorded.append)
        self.status = ClusterStatus()

    def until(self, condition: Callable[[ClusterStatus], Any], seconds: float = SOON) -> None:
        end = time.monotonic() + seconds
        self.watch.drain(self.status)
        while not condition(self.status):
            assert time.monotonic() < end, self.status
            time.sleep(0.05)
            self.watch.drain(self.status)


@pytest.fixture
def viewer(api: RealApi) -> Iterator[Viewer]:
    made = Viewer(api)
    made.watch.start()
    try:
        assert made.watch.await_first(20)
        made.watch.drain(made.status)
        yield made
    finally:
        made.watch.stop()
        assert all(line.startswith("GET ") for line in made.recorded)


def test_nodes(api: RealApi, viewer: Viewer) -> None:
    node = viewer.status.nodes["w1"]
    assert node.roles == ("meta", "worker")
    assert (node.ready, node.trouble, node.address) == ("True", (), "10.0.0.1")
    assert (node.cpu, node.memory, node.pods) == (16, 65536 * 2**20, 110)
    assert (node.version, node.kernel) == ("1.36.3", "6.1.0-28-amd64")
    assert viewer.status.route == "directly"
    assert viewer.status.api_servers[""].ready

    broken = objects.node("w1", ready="False")["status"]["conditions"]
    api.send("PATCH", "/api/v1/nodes/w1/status", {"status": {"conditions": broken}})
    viewer.until(lambda s: [c.message for c in s.nodes["w1"].trouble] == ["container runtime is down"])


def test_cordoned_by_whom_and_when(api: RealApi, viewer: Viewer) -> None:
    before = time.time()
    done = api.kubectl("cordon", "cp1")
    assert done.returncode == 0, done.stderr
    viewer.until(lambda s: s.nodes["cp1"].cordoned)
    node = viewer.status.nodes["cp1"]
    assert node.cordoned_by.startswith("kubectl")
    assert before - 2 < node.cordoned_since < time.time() + 2
    api.kubectl("uncordon", "cp1")
    viewer.until(lambda s: not s.nodes["cp1"].cordoned)


def test_pods_come_become_ill_and_go(api: RealApi, viewer: Viewer) -> None:
    path = "/api/v1/namespaces/default/pods"
    api.send("POST", path, objects.pod("web-5d4f8c7b9-aaaaa", "w1"))
    api.send("PATCH", f"{path}/web-5d4f8c7b9-aaaaa/status", objects.running())
    viewer.until(lambda s: s.pod_count == 1 and "w1" in s.loads)
    load = viewer.status.loads["w1"]
    assert (load.pods, load.cpu, load.memory) == (1, 0.25, 256 * 2**20)
    assert not viewer.status.pods

    api.send("PATCH", f"{path}/web-5d4f8c7b9-aaaaa/status", objects.crashing())
    viewer.until(lambda s: s.pods)
    pod = viewer.status.pods["default", "web-5d4f8c7b9-aaaaa"]
    assert (pod.reason, pod.owner, pod.restarts) == ("CrashLoopBackOff", "Deployment/web", 7)
    assert pod.message == "container app: exit code 137 (OOMKilled)"

    api.send("DELETE", f"{path}/web-5d4f8c7b9-aaaaa?gracePeriodSeconds=0")
    viewer.until(lambda s: not s.pods and not s.pod_count and not s.loads)


def test_workloads_and_leaders(api: RealApi, viewer: Viewer) -> None:
    labels = {"app": "short"}
    template = {"metadata": {"labels": labels}, "spec": objects.pod("x", "")["spec"] | {"nodeName": None}}
    body = {
        "metadata": {"name": "short"},
        "spec": {"replicas": 3, "selector": {"matchLabels": labels}, "template": template},
    }
    api.send("POST", "/apis/apps/v1/namespaces/default/deployments", body)
    viewer.until(lambda s: s.workloads)
    workload = viewer.status.workloads["Deployment", "default", "short"]
    assert (workload.wanted, workload.ready) == (3, 0)
    assert time.time() - workload.since < 10

    lease = {
        "metadata": {"name": "kube-scheduler"},
        "spec": {
            "holderIdentity": "cp1_6c1b9f0e-3b1c-4b0e-8a55-111111111111",
            "acquireTime": "2026-11-01T10:00:00.000000Z",
            "renewTime": "2026-11-01T11:00:00.000000Z",
        },
    }
    api.send("POST", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases", lease)
    viewer.until(lambda s: "kube-scheduler" in s.leaders)
    leader = viewer.status.leaders["kube-scheduler"]
    assert (leader.holder, leader.renewed - leader.since) == ("cp1", 3600)
    asked = [line for line in viewer.recorded if "/leases" in line]
    assert all("metadata.name" in line for line in asked)


def test_an_event_explains_a_pod_that_does_not_start(api: RealApi, viewer: Viewer) -> None:
    path = "/api/v1/namespaces/default"
    api.send("POST", f"{path}/pods", objects.pod("stuck", "w1"))
    status = objects.running()
    status["status"]["phase"] = "Pending"
    status["status"]["conditions"] = [{"type": "Ready", "status": "False", "lastTransitionTime": objects.WHEN}]
    status["status"]["containerStatuses"][0] |= {"ready": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
    api.send("PATCH", f"{path}/pods/stuck/status", status)
    viewer.until(lambda s: s.pods)
    assert viewer.status.pods["default", "stuck"].reason == "ContainerCreating"
    event = {
        "metadata": {"name": "stuck.1"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "stuck"},
        "type": "Warning",
        "reason": "FailedMount",
        "message": 'secret "web-tls" not found',
        "lastTimestamp": "2026-11-20T10:00:00Z",
    }
    api.send("POST", f"{path}/events", event)
    viewer.until(lambda s: s.pods["default", "stuck"].reason == "FailedMount")
    assert viewer.status.pods["default", "stuck"].message == 'secret "web-tls" not found'
    api.send("DELETE", f"{path}/pods/stuck?gracePeriodSeconds=0")


def test_an_outage_is_noticed_and_survived(api: RealApi, viewer: Viewer) -> None:
    api.stop_server()
    viewer.until(lambda s: s.sources["api"].state == "unreachable")
    assert "directly: Connection refused" in viewer.status.sources["api"].error
    assert viewer.status.nodes
    api.start_server()
    viewer.until(lambda s: s.sources["api"].state == "live")
    api.send("POST", "/api/v1/nodes", objects.node("late"))
    viewer.until(lambda s: "late" in s.nodes)
