"""The tables around Kubernetes: frontends, what was applied and what has drifted, runs."""

from __future__ import annotations

from yk8s_tui.screens.status.page import Column, Page, Row, per_revision
from yk8s_tui.status.model import AppliedLayer, Backend, ClusterStatus, Drift, Frontend, Peer, Run
from yk8s_tui.status.words import clock, since, size, span
from yk8s_tui.widgets.symbols import State, symbol

Key = tuple[str, str, str]
"""(`frontend`, `backend` or `peer`, frontend, `proxy/server` or `tunnel/peer`)."""

_FIREWALL = {"ours": "firewall as applied", "changed": "firewall changed by hand", "missing": "firewall not loaded"}


@per_revision
def _things(status: ClusterStatus) -> dict[Key, Frontend | Backend | Peer]:
    found: dict[Key, Frontend | Backend | Peer] = {}
    for name, frontend in status.frontends.items():
        found["frontend", name, ""] = frontend
        found |= {("backend", name, f"{b.proxy}/{b.server}"): b for b in frontend.backends}
        found |= {("peer", name, f"{p.tunnel}/{p.name}"): p for p in frontend.peers}
    return found


def _frontend_state(frontend: Frontend) -> State:
    if not frontend.haproxy or frontend.firewall == "missing":
        return "failed"
    return "warning" if frontend.firewall == "changed" or not frontend.keepalived else "ok"


def _state(thing: Frontend | Backend | Peer | None) -> State:
    if isinstance(thing, Frontend):
        return _frontend_state(thing)
    if isinstance(thing, Backend):
        return "ok" if thing.up else "failed"
    return "ok" if thing and thing.handshake else "waiting"


def _rank(status: ClusterStatus, key: Key) -> tuple[bool, str, int, str]:
    order = {"frontend": 0, "backend": 1, "peer": 2}
    return _state(_things(status).get(key)) != "failed", key[1], order[key[0]], key[2]


def _row(status: ClusterStatus, key: Key, now: float) -> Row:
    thing = _things(status).get(key)
    if isinstance(thing, Frontend):
        role = "holds the VIP" if thing.vip else "stands by"
        parts = ["" if thing.haproxy else "HAProxy is down", _FIREWALL.get(thing.firewall, "")]
        parts += [f"for {since(thing.vip_since, now)}" if thing.vip_since else ""]
        return Row(_state(thing), (key[1], "frontend", role, ", ".join(p for p in parts if p)))
    if isinstance(thing, Backend):
        word = f"{'up' if thing.up else 'down'} for {since(thing.changed, now)}"
        return Row(_state(thing), (key[1], f"{thing.proxy} {symbol('to')} {thing.server}", word, thing.check))
    if isinstance(thing, Peer):
        word = f"handshake {since(thing.handshake, now)} ago" if thing.handshake else "never seen"
        traffic = f"{size(thing.received)} in, {size(thing.sent)} out"
        return Row(_state(thing), (key[1], f"VPN {thing.tunnel} {thing.name}", word, traffic))
    return Row("unknown", (key[1], key[2], "is gone", ""))


def _detail(status: ClusterStatus, key: Key, now: float) -> list[str]:
    row = _row(status, key, now)
    return [f"{row.cells[1]} on {row.cells[0]}", f"  state        {row.cells[2]}", f"  more         {row.cells[3]}"]


FRONTENDS = Page(
    id="frontends",
    title="Frontends",
    tab="Frontends",
    columns=(
        Column("FRONTEND", 9, order=lambda _s, k: k[1]),
        Column("WHAT", 17, flexible=True, order=lambda _s, k: (k[0], k[2])),
        Column("STATE", 24, order=lambda s, k: _state(_things(s).get(k))),
        Column("MORE", 22, flexible=True),
    ),
    keys=lambda status: list(_things(status)),
    rank=_rank,
    row=_row,
    detail=_detail,
    empty="no frontend has answered yet",
)

LayerKey = tuple[str, str, str]
"""(`layer`, id, empty), or (`drift`, node, `step: text`)."""


@per_revision
def _applied(status: ClusterStatus) -> dict[LayerKey, AppliedLayer | Drift]:
    found: dict[LayerKey, AppliedLayer | Drift] = {("layer", a.layer, ""): a for a in status.layers}
    found |= {("drift", h.name, f"{d.step}: {d.text}"): d for h in status.hosts.values() for d in h.drift}
    return found


def _layer_row(status: ClusterStatus, key: LayerKey, now: float) -> Row:
    thing = _applied(status).get(key)
    if isinstance(thing, AppliedLayer):
        run = f"#{thing.number}" if thing.number else thing.run
        failed = f"; failed: {', '.join(thing.failed)}" if thing.failed else ""
        cells = (
            thing.layer,
            f"{thing.steps} steps",
            f"{since(thing.when, now)} ago",
            f"run {run} by {thing.by}{failed}",
        )
        return Row("failed" if failed else "ok", cells)
    if isinstance(thing, Drift):
        return Row("warning", (f"{symbol('to')} {key[1]}", thing.step, "drift", thing.text))
    return Row("unknown", (key[1], "", "", "is gone"))


def _layer_detail(status: ClusterStatus, key: LayerKey, now: float) -> list[str]:
    row = _layer_row(status, key, now)
    lines = [" ".join(row.cells[:2]), f"  {row.cells[2]}", f"  {row.cells[3]}"]
    return [*lines, "", "`yk8s-tui plan` shows what an apply would do about it"] if key[0] == "drift" else lines


LAYERS = Page(
    id="layers",
    title="Layers and drift",
    tab="Layers",
    columns=(
        Column("LAYER", 14, order=lambda _s, k: k[1]),
        Column("STEP", 26, order=lambda _s, k: k[2]),
        Column("WHEN", 10),
        Column("MORE", 8, flexible=True),
    ),
    keys=lambda status: list(_applied(status)),
    rank=lambda _status, key: (key[0] != "drift", 0),
    row=_layer_row,
    detail=_layer_detail,
    empty="nothing was applied yet",
)

_RUN_STATES: dict[str, State] = {"done": "ok", "running": "running", "failed": "failed"}


def _run(status: ClusterStatus, run: str) -> Run | None:
    return next((r for r in status.runs if r.id == run), None)


def _run_row(status: ClusterStatus, run: str, now: float) -> Row:
    found = _run(status, run)
    if found is None:
        return Row("unknown", (run, "", "", "", ""))
    taken = span(now - found.started) if found.result == "running" else span(found.seconds)
    cells = (f"#{found.number}", found.operation, found.result, clock(found.started), taken, found.by, found.message)
    return Row(_RUN_STATES.get(found.result, "warning"), cells)


def _run_detail(status: ClusterStatus, run: str, now: float) -> list[str]:
    row = _run_row(status, run, now)
    return [f"run {run}", *(f"  {c.title.lower():<12} {t}" for c, t in zip(RUNS.columns, row.cells, strict=False))]


RUNS = Page(
    id="runs",
    title="Runs",
    tab="Runs",
    columns=(
        Column("RUN", 5, right=True),
        Column("WHAT", 9),
        Column("RESULT", 11),
        Column("STARTED", 19),
        Column("TOOK", 7, right=True),
        Column("BY", 12),
        Column("MESSAGE", 8, flexible=True),
    ),
    keys=lambda status: [run.id for run in status.runs],
    rank=lambda status, run: -(getattr(_run(status, run), "started", 0.0)),
    row=_run_row,
    detail=_run_detail,
    empty="nothing was run yet",
)
