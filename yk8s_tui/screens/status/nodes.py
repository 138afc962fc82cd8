"""The table of nodes, and of pods that are not well."""

from __future__ import annotations

from yk8s_tui.screens.status.page import Column, Page, Row
from yk8s_tui.status.model import ClusterStatus, Load, Node, Pod, Workload
from yk8s_tui.status.words import age, clock, share, since, size
from yk8s_tui.widgets.symbols import State, symbol

PodKey = tuple[str, str, str]
"""(`Pod` or the kind of a workload, namespace, name)."""


def node_state(status: ClusterStatus, name: str) -> State:
    """How a node is, for its symbol."""
    node = status.nodes.get(name)
    return _state(status, node) if node else "unknown"


def _state(status: ClusterStatus, node: Node) -> State:
    if node.ready != "True":
        return "failed"
    return "warning" if node.trouble or node.cordoned or _host_is_gone(status, node.name) else "ok"


def _host_is_gone(status: ClusterStatus, name: str) -> bool:
    source = status.sources.get(f"host:{name}")
    return source is not None and source.state == "unreachable"


def _names(status: ClusterStatus) -> list[str]:
    """Nodes of the API, and those of the inventory that should be there."""
    wanted = (n for n, roles in status.expected.items() if set(roles) - {"frontend"} and n not in status.nodes)
    return [*status.nodes, *wanted]


_RANK: dict[State, int] = {"failed": 0, "unknown": 1, "warning": 2, "ok": 3}


def _rank(status: ClusterStatus, name: str) -> tuple[int, bool, str]:
    node = status.nodes.get(name)
    if node is None:
        return _RANK["unknown"], False, name
    return _RANK[_state(status, node)], "control-plane" not in node.roles, name


def _ready(node: Node) -> str:
    word = {"True": "Ready", "False": "NotReady"}.get(node.ready, "Unknown")
    return f"{word},cordoned" if node.cordoned else word


def _note(status: ClusterStatus, node: Node, now: float) -> str:
    parts = []
    if node.ready != "True":
        parts.append(f"for {since(node.ready_since, now)}")
    parts += [c.type for c in node.trouble if c.type != "Ready"]
    if node.cordoned and node.cordoned_by:
        parts.append(f"cordoned by {node.cordoned_by}")
    host = status.hosts.get(node.name)
    if host and host.reboot:
        parts.append("reboot pending")
    if _host_is_gone(status, node.name):
        parts.append("SSH does not answer")
    member = status.etcd.get(node.name)
    if member and member.leader:
        parts.append("etcd leader")
    return ", ".join(parts)


def _node_row(status: ClusterStatus, name: str, now: float) -> Row:
    node = status.nodes.get(name)
    if node is None:
        roles = ",".join(r for r in status.expected.get(name, ()) if r != "frontend")
        dash = symbol("dash")
        return Row("unknown", (name, roles, "not there", dash, dash, dash, dash, dash, "not known to the API"))
    load = status.loads.get(name, Load())
    cells = (
        name, ",".join(node.roles) or symbol("dash"), _ready(node), node.version, share(load.cpu, node.cpu),
        share(load.memory, node.memory), str(load.pods), age(node.created, now), _note(status, node, now),
    )  # fmt: skip
    return Row(node_state(status, name), cells)


def _node_detail(status: ClusterStatus, name: str, now: float) -> list[str]:
    lines = [f"node {name}"]
    if node := status.nodes.get(name):
        lines += _api_lines(node, status.loads.get(name, Load()), now)
    else:
        lines.append("the API does not know it")
    source = status.sources.get(f"host:{name}")
    if source and source.state == "unreachable":
        lines += ["", f"SSH: does not answer for {since(source.since, now)}", *source.error.splitlines()]
    elif source is None and name in status.expected:
        lines += ["", "SSH: not watched; in a large cluster only frontends, control planes and some workers are"]
    if host := status.hosts.get(name):
        lines += [
            "", "host",
            f"  kernel       {host.kernel}",
            f"  booted       {clock(host.boot)}",
            f"  reboot       {host.reboot or 'not pending'}",
            f"  clock        {host.clock_offset:+.3f} s against this machine",
            f"  load         {host.load:.2f} on {host.cpus} CPUs",
            f"  memory       {size(host.memory_free)} of {size(host.memory)} free",
            *(f"  disk         {d.path}: {size(d.free)} of {size(d.size)} free" for d in host.disks),
            *(f"  unit         {unit}: {state}" for unit, state in host.units.items()),
            *(f"  drift        {d.step}: {d.text}" for d in host.drift),
        ]  # fmt: skip
    sick = [p for p in status.pods.values() if p.node == name]
    if sick:
        lines += ["", "pods that are not well", *(f"  {p.namespace}/{p.name}: {p.reason}" for p in sick)]
    return lines


def _api_lines(node: Node, load: Load, now: float) -> list[str]:
    cordoned = ""
    if node.cordoned:
        by = f" by {node.cordoned_by}" if node.cordoned_by else ""
        when = f" at {clock(node.cordoned_since)}" if node.cordoned_since else ""
        cordoned = f"yes{by}{when}"
    lines = [
        f"  status       {_ready(node)} for {since(node.ready_since, now)}",
        f"  roles        {', '.join(node.roles) or 'none'}",
        f"  address      {node.address}",
        f"  versions     kubelet {node.version}, {node.runtime}, {node.os_image}, kernel {node.kernel}",
        f"  made         {clock(node.created)}",
        f"  cordoned     {cordoned or 'no'}",
        f"  asked for    {load.cpu:.2f} of {node.cpu:.2f} CPUs, {size(load.memory)} of {size(node.memory)}, "
        f"{load.pods} of {node.pods} pods",
    ]  # fmt: skip
    for condition in node.trouble:
        held = f"for {since(condition.since, now)}"
        lines.append(f"  {condition.type} is {condition.status} {held}: {condition.reason}: {condition.message}")
    return lines


NODES = Page(
    id="nodes",
    title="Nodes",
    tab="Nodes",
    columns=(
        Column("NAME", 10, order=lambda _s, k: k, flexible=True),
        Column("ROLE", 13, order=lambda s, k: s.nodes[k].roles if k in s.nodes else ()),
        Column("STATUS", 8, order=lambda s, k: _ready(s.nodes[k]) if k in s.nodes else ""),
        Column("VERSION", 7, order=lambda s, k: _numbers(s.nodes[k].version) if k in s.nodes else ()),
        Column("CPU", 4, order=lambda s, k: -_part(s, k, "cpu"), right=True),
        Column("MEM", 4, order=lambda s, k: -_part(s, k, "memory"), right=True),
        Column("PODS", 4, order=lambda s, k: -s.loads.get(k, Load()).pods, right=True),
        Column("AGE", 4, order=lambda s, k: s.nodes[k].created if k in s.nodes else 0.0, right=True),
        Column("NOTE", 16, flexible=True),
    ),
    keys=_names,
    rank=_rank,
    row=_node_row,
    detail=_node_detail,
    empty="the API has not told of any node yet",
)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+")[0].split("-")[0].split(".") if part.isdigit())


def _part(status: ClusterStatus, name: str, what: str) -> float:
    node = status.nodes.get(name)
    whole = getattr(node, what) if node else 0
    return float(getattr(status.loads.get(name, Load()), what)) / whole if whole else 0.0


def _pod_keys(status: ClusterStatus) -> list[PodKey]:
    return [*status.workloads, *(("Pod", *key) for key in status.pods)]


def _pod_rank(status: ClusterStatus, key: PodKey) -> tuple[bool, tuple[str, str], str]:
    return key[0] == "Pod", (key[1], key[2]), key[0]


def _thing(status: ClusterStatus, key: PodKey) -> Pod | Workload | None:
    return status.pods.get((key[1], key[2])) if key[0] == "Pod" else status.workloads.get(key)


def _pod_row(status: ClusterStatus, key: PodKey, now: float) -> Row:
    found = _thing(status, key)
    if isinstance(found, Pod):
        where = found.node or symbol("dash")
        reason = f"{found.reason}: {found.message}" if found.message else found.reason
        cells = (found.namespace, found.name, where, str(found.restarts), age(found.since, now), reason)
        return Row("failed", cells)
    if isinstance(found, Workload):
        text = f"{found.ready} of {found.wanted} ready" + (f": {found.reason}" if found.reason else "")
        name = f"{found.kind}/{found.name}"
        return Row("warning", (found.namespace, name, symbol("dash"), "", age(found.since, now), text))
    return Row("unknown", ("", key[2], "", "", "", "is gone"))


def _pod_detail(status: ClusterStatus, key: PodKey, now: float) -> list[str]:
    found = _thing(status, key)
    if isinstance(found, Pod):
        return [
            f"pod {found.namespace}/{found.name}",
            f"  node         {found.node or 'none yet'}",
            f"  owner        {found.owner or 'none'}",
            f"  phase        {found.phase}",
            f"  reason       {found.reason}",
            f"  since        {clock(found.since)} ({since(found.since, now)})",
            f"  restarts     {found.restarts}",
            *(f"  {line}" for line in found.message.splitlines()),
            "",
            f"kubectl --namespace {found.namespace} describe pod {found.name}",
            f"kubectl --namespace {found.namespace} logs {found.name} --previous",
        ]
    if isinstance(found, Workload):
        sick = [p for p in status.pods.values() if p.owner == f"{found.kind}/{found.name}"]
        return [
            f"{found.kind} {found.namespace}/{found.name}",
            f"  replicas     {found.ready} of {found.wanted} ready",
            f"  reason       {found.reason or 'none given'}",
            *(f"  pod          {p.name} on {p.node or 'no node'}: {p.reason}" for p in sick),
        ]
    return [f"{key[0]} {key[1]}/{key[2]} is gone"]


PODS = Page(
    id="pods",
    title="Pods that are not well",
    tab="Pods",
    columns=(
        Column("NAMESPACE", 11, order=lambda _s, k: k[1]),
        Column("NAME", 20, order=lambda _s, k: k[2], flexible=True),
        Column("NODE", 8, order=lambda s, k: getattr(_thing(s, k), "node", "")),
        Column("RST", 4, order=lambda s, k: -getattr(_thing(s, k), "restarts", 0), right=True),
        Column("FOR", 4, order=lambda s, k: getattr(_thing(s, k), "since", 0.0), right=True),
        Column("WHY", 22, flexible=True),
    ),
    keys=_pod_keys,
    rank=_pod_rank,
    row=_pod_row,
    detail=_pod_detail,
    empty="every pod is well",
)
