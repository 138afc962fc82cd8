"""Which pods are not well, why, since when; and what all of them ask for."""

from __future__ import annotations

import math
from typing import Any

import pytest

from yk8s_tui.status.model import ClusterStatus, Load
from yk8s_tui.status.pod_table import PodTable
from yk8s_tui.status.quantities import moment
from yk8s_tui.status.reduce import Warned
from yk8s_tui.status.reduce_pods import PodFacts, owner, pod

THEN = "2026-11-20T10:00:00Z"
SECONDS = moment(THEN)
KEY = ("default", "web")


def raw(status: dict[str, Any], **meta: Any) -> dict[str, Any]:
    about = {"name": "web", "namespace": "default", "creationTimestamp": THEN} | meta
    spec = {"nodeName": "w1", "containers": [{"resources": {"requests": {"cpu": "500m", "memory": "1Ki"}}}]}
    return {"metadata": about, "spec": spec, "status": {"phase": "Running"} | status}


def ready(status: str = "True", **more: Any) -> dict[str, Any]:
    return {"type": "Ready", "status": status, "lastTransitionTime": THEN} | more


def container(**more: Any) -> dict[str, Any]:
    return {"name": "app", "restartCount": 0} | more


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def ended(code: int, reason: str = "Error", when: str = THEN) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": when}}


def judged(facts: PodFacts, after: float = 0) -> tuple[str, str] | None:
    """Reason and message so many seconds after THEN; None for well."""
    if facts.pod is None or not facts.begins <= SECONDS + after < facts.ends:
        return None
    return facts.pod.reason, facts.pod.message


def test_a_pod_that_is_well() -> None:
    facts = pod(raw({"conditions": [ready()], "containerStatuses": [container(state={"running": {}})]}))
    assert facts == PodFacts("w1", 500, 1024, True, None, 0, 0)


@pytest.mark.parametrize("reason", ["ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError"])
def test_waiting_for_what_will_not_come(reason: str) -> None:
    status = {"phase": "Pending", "conditions": [ready("False")]}
    facts = pod(raw(status | {"containerStatuses": [container(**waiting(reason, "not found"))]}))
    assert judged(facts) == (reason, "container app: not found")
    assert facts.pod is not None
    assert facts.pod.since == SECONDS


def test_a_crash_loop_says_how_it_ended() -> None:
    crashed = container(**waiting("CrashLoopBackOff", "back-off"), lastState=ended(137, "OOMKilled"), restartCount=9)
    facts = pod(raw({"containerStatuses": [container(state={"running": {}}), crashed]}))
    assert judged(facts) == ("CrashLoopBackOff", "container app: exit code 137 (OOMKilled)")
    assert facts.pod is not None
    assert facts.pod.restarts == 9


def test_a_crash_loop_between_two_crashes() -> None:
    again = container(state={"running": {"startedAt": THEN}}, lastState=ended(1), restartCount=5)
    facts = pod(raw({"conditions": [ready()], "containerStatuses": [again]}))
    assert judged(facts, 59) == ("Error", "container app: exit code 1; started again")
    assert judged(facts, 61) is None
    once = again | {"restartCount": 1}
    assert pod(raw({"conditions": [ready()], "containerStatuses": [once]})).pod is None


def test_init_containers() -> None:
    done = container(state=ended(0, "Completed"))
    failed = container(name="migrate", state=ended(3))
    status = {"phase": "Pending", "initContainerStatuses": [done, failed]}
    facts = pod(raw(status | {"containerStatuses": [container(**waiting("PodInitializing"))]}))
    assert judged(facts) == ("Error", "init container migrate: exit code 3")


def test_unschedulable_and_gated() -> None:
    def scheduled(reason: str) -> PodFacts:
        condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": "0/3 nodes"}
        return pod(raw({"phase": "Pending", "conditions": [condition | {"lastTransitionTime": THEN}]}))

    assert judged(scheduled("Unschedulable")) == ("Unschedulable", "0/3 nodes")
    assert scheduled("SchedulingGated").pod is None


def test_not_ready_for_too_long() -> None:
    facts = pod(raw({"conditions": [ready("False", message="containers with unready status: [app]")]}))
    assert judged(facts, 59) is None
    assert judged(facts, 61) == ("NotReady", "containers with unready status: [app]")
    facts = pod(raw({"phase": "Pending", "containerStatuses": [container(**waiting("ContainerCreating"))]}))
    assert judged(facts, 59) is None
    assert judged(facts, 61) == ("ContainerCreating", "")


def test_terminating_for_too_long() -> None:
    status = {"containerStatuses": [container(**waiting("CrashLoopBackOff"))]}
    facts = pod(raw(status, deletionTimestamp=THEN, deletionGracePeriodSeconds=30, finalizers=["a/b"]))
    assert judged(facts, 59) is None
    assert judged(facts, 61) == ("Terminating", "waits for its finalizers: a/b")
    assert facts.pod is not None
    assert facts.pod.since == SECONDS - 30


def test_ended_pods() -> None:
    assert pod(raw({"phase": "Succeeded", "conditions": [ready("False", reason="PodCompleted")]})).pod is None
    evicted = pod(raw({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}))
    assert judged(evicted) == ("Evicted", "low on memory")
    failed = pod(raw({"phase": "Failed", "containerStatuses": [container(state=ended(2))]}))
    assert judged(failed) == ("Error", "exit code 2")
    assert not failed.counts
    assert judged(pod(raw({"phase": "Failed"}))) == ("Failed", "")


def test_owners() -> None:
    def owned(kind: str, name: str, **labels: str) -> str:
        return owner({"ownerReferences": [{"kind": kind, "name": name, "controller": True}], "labels": labels})

    assert owned("ReplicaSet", "web-abc", **{"pod-template-hash": "abc"}) == "Deployment/web"
    assert owned("ReplicaSet", "web-abc") == "ReplicaSet/web-abc"
    assert owned("DaemonSet", "agent") == "DaemonSet/agent"
    assert owner({"ownerReferences": [{"kind": "Node", "name": "x"}]}) == owner({}) == ""


def test_loads_follow_the_pods() -> None:
    table, status = PodTable(), ClusterStatus()
    first = pod(raw({"conditions": [ready()]}))
    table.apply(KEY, first, status, SECONDS)
    table.apply(("default", "b"), first, status, SECONDS)
    assert table.loads(status)
    assert status.loads == {"w1": Load(2, 1.0, 2048)}
    table.apply(KEY, first._replace(counts=False), status, SECONDS)
    table.apply(("default", "b"), first._replace(node="w2"), status, SECONDS)
    assert table.loads(status)
    assert status.loads == {"w2": Load(1, 0.5, 1024)}
    assert status.pod_count == 2
    assert table.keep(frozenset({KEY}), status, SECONDS)
    assert table.loads(status)
    assert (status.loads, status.pod_count) == ({}, 1)
    assert not table.loads(status)


def test_time_alone_makes_a_pod_ill_and_well() -> None:
    table, status = PodTable(), ClusterStatus()
    table.apply(KEY, pod(raw({"conditions": [ready("False")]})), status, SECONDS)
    assert not table.tick(status, SECONDS + 30)
    assert table.tick(status, SECONDS + 61)
    assert status.pods[KEY].reason == "NotReady"
    assert not table.tick(status, SECONDS + 62)
    assert table.apply(KEY, pod(raw({"conditions": [ready()]})), status, SECONDS + 63)
    assert not status.pods


def test_warnings_explain_what_pods_do_not() -> None:
    table, status = PodTable(), ClusterStatus()
    warned = Warned(SECONDS + 5, "FailedMount", "no such secret", ("Pod", *KEY))
    assert not table.warn(warned, status, SECONDS + 61)
    table.apply(KEY, pod(raw({"phase": "Pending"})), status, SECONDS + 61)
    assert (status.pods[KEY].reason, status.pods[KEY].message) == ("FailedMount", "no such secret")
    assert not table.warn(warned._replace(when=SECONDS, message="older"), status, SECONDS + 61)
    crashed = raw({"containerStatuses": [container(**waiting("CrashLoopBackOff", "back-off"))]})
    table.apply(KEY, pod(crashed), status, SECONDS + 62)
    assert status.pods[KEY].message == "container app: back-off"
    assert not table.warn(warned._replace(subject=("Node", "", "w1")), status, SECONDS)


def test_since_does_not_move_while_a_pod_stays_ill() -> None:
    table, status = PodTable(), ClusterStatus()

    def crashed(when: str) -> PodFacts:
        condition = ready("False") | {"lastTransitionTime": when}
        return pod(raw({"conditions": [condition], "containerStatuses": [container(**waiting("CrashLoopBackOff"))]}))

    table.apply(KEY, crashed(THEN), status, SECONDS)
    assert not table.apply(KEY, crashed("2026-11-20T11:00:00Z"), status, SECONDS + 3600)
    assert status.pods[KEY].since == SECONDS


def test_facts_end_never_by_default() -> None:
    assert pod(raw({"phase": "Failed"})).ends == math.inf
