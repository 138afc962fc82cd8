"""Raw JSON to values: nodes, leases, events, workloads, quantities."""

from __future__ import annotations

import math
from typing import Any

import pytest

from yk8s_tui.status import reduce, reduce_workloads
from yk8s_tui.status.model import Leader, Workload
from yk8s_tui.status.quantities import milli, moment, quantity
from yk8s_tui.status.requests import requests

THEN = "2026-11-20T10:00:00Z"
SECONDS = moment(THEN)


def node(**more: Any) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": THEN}
    found: dict[str, Any] = {
        "metadata": {"name": "w1", "creationTimestamp": THEN},
        "spec": {},
        "status": {"conditions": [ready]},
    }
    for key, value in more.items():
        found[key] |= value
    return found


def conditions(**status: str) -> dict[str, Any]:
    listed = [{"type": kind, "status": value, "reason": "R", "message": " m "} for kind, value in status.items()]
    return {"conditions": listed}


def test_a_node_with_nothing_but_a_name() -> None:
    found = reduce.node({"metadata": {"name": "new"}})
    assert (found.name, found.ready, found.roles, found.trouble, found.cpu) == ("new", "Unknown", (), (), 0)


def test_roles_come_from_labels() -> None:
    labels = {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/meta": "true", "other": "x"}
    assert reduce.node(node(metadata={"labels": labels})).roles == ("meta", "worker")


@pytest.mark.parametrize(
    ("given", "bad"),
    [
        ({"Ready": "True", "DiskPressure": "False"}, []),
        ({"Ready": "False", "DiskPressure": "True"}, ["Ready", "DiskPressure"]),
        ({"DiskPressure": "Unknown", "Ready": "Unknown"}, ["Ready"]),
        ({"DiskPressure": "Unknown", "PIDPressure": "True", "Ready": "False"}, ["PIDPressure", "Ready"]),
        ({"Ready": "True", "PIDPressure": "Unknown"}, ["PIDPressure"]),
        ({"Ready": "True", "SomethingGood": "True"}, []),
    ],
)
def test_conditions_that_are_bad(given: dict[str, str], bad: list[str]) -> None:
    found = reduce.node(node(status=conditions(**given)))
    assert sorted(c.type for c in found.trouble) == sorted(bad)
    assert all(c.message == "m" for c in found.trouble)


def test_cordoned_by_the_last_who_wrote_it() -> None:
    fields = [
        {"manager": "kubelet", "time": THEN, "fieldsV1": {"f:metadata": {}}},
        {"manager": "kubectl-cordon", "time": THEN, "fieldsV1": {"f:spec": {"f:unschedulable": {}}}},
    ]
    found = reduce.node(node(spec={"unschedulable": True}, metadata={"managedFields": fields}))
    assert (found.cordoned, found.cordoned_by, found.cordoned_since) == (True, "kubectl-cordon", SECONDS)
    assert reduce.node(node(metadata={"managedFields": fields})).cordoned_by == ""
    taint = {"key": "node.kubernetes.io/unschedulable", "timeAdded": THEN}
    found = reduce.node(node(spec={"unschedulable": True, "taints": [taint]}))
    assert (found.cordoned_by, found.cordoned_since) == ("", SECONDS)


def test_leader() -> None:
    spec = {"holderIdentity": "cp_1_0f", "acquireTime": "2026-11-20T10:00:00.500000Z", "renewTime": THEN}
    item = {"metadata": {"name": "kube-scheduler"}, "spec": spec}
    assert reduce.lease(item) == Leader("kube-scheduler", "cp_1", SECONDS + 0.5, SECONDS)
    assert reduce.lease({"metadata": {"name": "kube-scheduler"}}).holder == ""


def test_warning_takes_the_newest_time_there_is() -> None:
    about = {"kind": "Pod", "namespace": "a", "name": "b"}
    item: dict[str, Any] = {"metadata": {"name": "x"}, "involvedObject": about, "reason": "R", "message": "x" * 2000}
    item |= {"firstTimestamp": "2020-01-01T00:00:00Z", "lastTimestamp": None, "eventTime": THEN}
    found = reduce.warning(item)
    assert (found.when, found.subject, len(found.message)) == (SECONDS, ("Pod", "a", "b"), reduce.MESSAGE)


def workload(spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"namespace": "a", "name": "b"}, "spec": spec, "status": status}


def test_workloads_that_are_short() -> None:
    unavailable = {"type": "Available", "status": "False", "message": "no minimum", "lastTransitionTime": THEN}
    quota = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    item = workload({"replicas": 3}, {"readyReplicas": 1, "conditions": [unavailable, quota]})
    assert reduce_workloads.deployment(item) == Workload("Deployment", "a", "b", 3, 1, "exceeded quota", SECONDS)
    assert reduce_workloads.stateful_set(workload({}, {})) == Workload("StatefulSet", "a", "b", 1, 0, "", 0)
    item = workload({}, {"desiredNumberScheduled": 5, "numberReady": 4})
    assert reduce_workloads.daemon_set(item) == Workload("DaemonSet", "a", "b", 5, 4, "", 0)


def test_workloads_that_are_not_short() -> None:
    assert reduce_workloads.deployment(workload({"replicas": 0}, {})) is None
    assert reduce_workloads.stateful_set(workload({"replicas": 2}, {"readyReplicas": 2})) is None
    assert reduce_workloads.daemon_set(workload({}, {"desiredNumberScheduled": 0})) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("250m", 0.25),
        ("1Gi", 2**30),
        ("1.5Ki", 1536),
        ("2k", 2000),
        ("1e3", 1000),
        ("1E", 1e18),
        ("100n", 1e-7),
        ("", 0),
        ("nonsense", 0),
    ],
)
def test_quantities(text: str, value: float) -> None:
    assert math.isclose(quantity(text), value)


def test_cores_are_rounded_up_to_thousandths() -> None:
    assert [milli(t) for t in ("29m", "1", "0.0001", "100u", "0")] == [29, 1000, 1, 1, 0]


def test_moments() -> None:
    assert moment(None) == moment("") == moment("yesterday") == 0
    assert moment("1970-01-01T00:00:01Z") == 1


def container(cpu: str, memory: str = "0", **more: Any) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": cpu, "memory": memory}}} | more


def test_requests() -> None:
    plain = {"containers": [container("100m", "1Ki"), container("1"), {}]}
    assert requests(plain) == (1100, 1024)
    assert requests(plain | {"initContainers": [container("2", "1Ki")]}) == (2000, 1024)
    sidecar = container("500m", restartPolicy="Always")
    assert requests(plain | {"initContainers": [sidecar, container("900m")]}) == (1600, 1024)
    assert requests(plain | {"overhead": {"cpu": "10m", "memory": "1Ki"}}) == (1110, 2048)
    assert requests(plain | {"resources": {"requests": {"cpu": "3"}}}) == (3000, 1024)
    assert requests({}) == (0, 0)
