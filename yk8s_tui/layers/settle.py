"""What nodes are called and what they accept: labels, taints, roles; and DNS on more than one node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

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
    """Make labels and taints of every node what the configuration says; others are left alone."""
    (first,) = step.nodes
    assert isinstance(step.run, Action)
    wanted = step.run.arguments
    kubectl = Kubectl(context, first)
    if context.check_only and not (await context.ssh.run(first, f"test -e {ADMIN}")).ok:
        return {first: NodeOutcome("ok", "there is no cluster yet")}
    context.task(first, "Compare labels and taints")
    nodes = (await kubectl.json("get", "nodes"))["items"]
    lines = [line for node in nodes for line in node_changes(kubectl, node, wanted)]
    if getattr(context, "check_only", False):
        return {first: NodeOutcome("changed" if lines else "ok", f"{len(lines)} changes")}
    if lines:
        await receipts.write(context, step, first, "started")
        await kubectl.script(lines)
    context.task(first, "Spread DNS")
    moved = await _spread_dns(kubectl)
    await receipts.write(context, step, first, "done")
    said = f"{len(lines)} changes" + ("; DNS is on two nodes now" if moved else "")
    return {first: NodeOutcome("changed" if lines or moved else "ok", said if lines or moved else "as configured")}


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
