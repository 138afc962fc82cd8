"""What nodes are called and what they accept: labels, taints, roles; and DNS on more than one node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from yk8s_tui.errors import Yk8sError
from yk8s_tui.layers import receipts
from yk8s_tui.layers.base import ActionContext, NodeOutcome
from yk8s_tui.layers.kubectl import ADMIN, Kubectl
from yk8s_tui.models.plan import Action, Step

MANAGED = "yk8s-tui/managed"
"""Annotation of a node: which labels and taints were set from the configuration, so that they can be removed again."""

CONTROL_PLANE_TAINT = "node-role.kubernetes.io/control-plane:NoSchedule"
DNS_SECONDS = 60
"""How long DNS may take to be scheduled before it is left where it is."""


async def settle(context: ActionContext, step: Step) -> dict[str, NodeOutcome]:
    """Make labels and taints of these nodes what the configuration says; others are left alone."""
    assert isinstance(step.run, Action)
    wanted = step.run.arguments
    source = wanted["source"]
    kubectl = Kubectl(context, source)
    if context.check_only and not (await context.ssh.run(source, f"test -e {ADMIN}")).ok:
        return dict.fromkeys(step.nodes, NodeOutcome("ok", "there is no cluster yet"))
    context.task(step.nodes[0], "Compare labels and taints")
    found = (await kubectl.json("get", "nodes"))["items"]
    lines = {n["metadata"]["name"]: node_changes(kubectl, n, wanted) for n in found}
    lines = {name: lines.get(name, []) for name in step.nodes}
    changing = [name for name in step.nodes if lines[name]]
    if context.check_only:
        return {name: _outcome(len(lines[name])) for name in step.nodes}
    if changing:
        await _write_receipts(context, step, changing, "started")
        await kubectl.script([line for name in changing for line in lines[name]])
    context.task(step.nodes[0], "Spread DNS")
    moved = await _spread_dns(kubectl)
    outcomes = {name: _outcome(len(lines[name])) for name in step.nodes}
    if moved:
        outcomes[step.nodes[0]] = NodeOutcome("changed", "DNS is on two nodes now")
    return outcomes | await _write_receipts(context, step, step.nodes, "done")


async def _write_receipts(
    context: ActionContext, step: Step, nodes: Sequence[str], state: Literal["started", "done"]
) -> dict[str, NodeOutcome]:
    """Write the receipt of every node; what came of those where that failed."""
    told = await asyncio.gather(*(receipts.write(context, step, name, state) for name in nodes), return_exceptions=True)
    failed = {name: error for name, error in zip(nodes, told, strict=True) if error is not None}
    for error in failed.values():
        if not isinstance(error, Yk8sError):
            raise error
    return {name: NodeOutcome("unreachable", f"{error}") for name, error in failed.items()}


def _outcome(changes: int) -> NodeOutcome:
    return NodeOutcome("changed", f"{changes} changes") if changes else NodeOutcome("ok", "as configured")


def node_changes(kubectl: Kubectl, node: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The commands that bring one node into its state; none when it is."""
    metadata, name = node["metadata"], node["metadata"]["name"]
    if name not in wanted["labels"]:
        return []
    former = _former(metadata.get("annotations", {}))
    labels, taints = wanted["labels"][name], wanted["taints"].get(name, ())
    patch = label_patch(metadata.get("labels", {}), labels, former["labels"])
    present = [taint_text(t) for t in node["spec"].get("taints", ())]
    add, remove = taint_changes(present, taints, former["taints"])
    if wanted["schedulable_control_planes"]:
        remove += [t for t in present if t == CONTROL_PLANE_TAINT and t not in taints]
    record = json.dumps({"labels": sorted(labels), "taints": sorted(taints)}, sort_keys=True)
    change: dict[str, Any] = {"labels": patch} if patch else {}
    if metadata.get("annotations", {}).get(MANAGED) != record:
        change["annotations"] = {MANAGED: record}
    lines = []
    if change:
        lines.append(kubectl.line("patch", "node", name, "--type=merge", "-p", json.dumps({"metadata": change})))
    if add:
        lines.append(kubectl.line("taint", "node", name, "--overwrite", *add))
    if remove:
        lines.append(kubectl.line("taint", "node", name, *(f"{t}-" for t in remove)))
    return lines


def label_patch(present: Mapping[str, str], wanted: Mapping[str, str], former: Sequence[str]) -> dict[str, str | None]:
    """Labels to set (value) and to remove (None)."""
    patch: dict[str, str | None] = {k: v for k, v in wanted.items() if present.get(k) != v}
    patch.update(dict.fromkeys(k for k in former if k not in wanted and k in present))
    return patch


def taint_changes(present: Sequence[str], wanted: Sequence[str], former: Sequence[str]) -> tuple[list[str], list[str]]:
    """Taints to add and to remove (`key=value:Effect`)."""
    add = [t for t in wanted if t not in present]
    kept = {_identity(t) for t in wanted}
    remove = [t for t in former if _identity(t) not in kept and t in present]
    return add, remove


def taint_text(taint: Mapping[str, str]) -> str:
    """A taint as kubectl writes it."""
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


def _identity(taint: str) -> tuple[str, str]:
    key, _, effect = taint.rpartition(":")
    return key.partition("=")[0], effect


def _former(annotations: Mapping[str, str]) -> dict[str, list[str]]:
    try:
        told = json.loads(annotations.get(MANAGED, "{}"))
    except ValueError:
        told = {}
    return {"labels": list(told.get("labels", ())), "taints": list(told.get("taints", ()))}


async def _spread_dns(kubectl: Kubectl) -> bool:
    """Nodes become Ready one by one, so both replicas may be on the first; move one when there is a second."""
    deadline = asyncio.get_running_loop().time() + DNS_SECONDS
    while True:
        told = await kubectl.json("get", "nodes,pods", "--namespace=kube-system")
        nodes, pods = _ready_nodes(told), _dns_pods(told)
        if len(pods) >= 2 and all(pods.values()):
            break
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.5)
    places = set(pods.values())
    if len(places) > 1 or len(nodes) < 2:
        return False
    await kubectl.run("delete", "pod", "--namespace=kube-system", "--wait=false", sorted(pods)[0])
    return True


def _ready_nodes(told: Mapping[str, Any]) -> list[str]:
    return [
        n["metadata"]["name"]
        for n in told["items"]
        if n["kind"] == "Node"
        and any(c["type"] == "Ready" and c["status"] == "True" for c in n["status"].get("conditions", ()))
        and not n["spec"].get("unschedulable")
    ]


def _dns_pods(told: Mapping[str, Any]) -> dict[str, str]:
    """Name of a DNS pod -> its node, empty while it has none."""
    return {
        p["metadata"]["name"]: p["spec"].get("nodeName", "")
        for p in told["items"]
        if p["kind"] == "Pod"
        and p["metadata"].get("labels", {}).get("k8s-app") == "kube-dns"
        and not p["metadata"].get("deletionTimestamp")
    }
