"""The table of the control plane: API servers, etcd members, leaders; and of certificates."""

from __future__ import annotations

from yk8s_tui.screens.status.page import Column, Page, Row, per_revision
from yk8s_tui.status.model import ApiServer, Certificate, ClusterStatus, EtcdMember, Leader
from yk8s_tui.status.words import clock, share, since, size
from yk8s_tui.widgets.symbols import State

Key = tuple[str, str]
"""(`api`, `etcd` or `leader`, node or component); an API server with an empty node is the one behind the VIP."""

STALE_LEASE_SECONDS = 60.0
EXPIRES_SOON_DAYS = 30
DAY = 86400.0


def _keys(status: ClusterStatus) -> list[Key]:
    found = [("api", node) for node in status.api_servers]
    found += [("etcd", node) for node in status.etcd]
    return found + [("leader", component) for component in status.leaders]


def _thing(status: ClusterStatus, key: Key) -> ApiServer | EtcdMember | Leader | None:
    kind, name = key
    if kind == "api":
        return status.api_servers.get(name)
    return status.etcd.get(name) if kind == "etcd" else status.leaders.get(name)


def _state(thing: ApiServer | EtcdMember | Leader | None) -> State:
    if isinstance(thing, ApiServer):
        return "ok" if thing.ready else "failed"
    if isinstance(thing, EtcdMember):
        return "failed" if thing.error or thing.alarms else "ok"
    return "ok" if thing else "unknown"


def _rank(status: ClusterStatus, key: Key) -> tuple[bool, str, str]:
    return _state(_thing(status, key)) == "ok", key[0], key[1]


def _row(status: ClusterStatus, key: Key, now: float) -> Row:
    thing = _thing(status, key)
    state = _state(thing)
    if isinstance(thing, ApiServer):
        where = thing.node or f"VIP {status.vip}"
        word = "ready" if thing.ready else "not ready"
        failing = f"fails: {', '.join(thing.failing)}" if thing.failing else ""
        answered = f"{1000 * thing.seconds:.0f} ms" if not thing.error else ""
        return Row(state, ("API server", where, word, thing.error or failing or answered))
    if isinstance(thing, EtcdMember):
        word = "leader" if thing.leader else "learner" if thing.learner else "member"
        told = f"{size(thing.size)}, {share(thing.size, thing.quota)} of quota, revision {thing.revision}"
        alarms = f"alarm {', '.join(thing.alarms)}; " if thing.alarms else ""
        return Row(state, ("etcd", thing.node, "down" if thing.error else word, thing.error or alarms + told))
    if isinstance(thing, Leader):
        age = now - thing.renewed
        state = "ok" if age < STALE_LEASE_SECONDS else "failed"
        told = f"leads for {since(thing.since, now)}" if state == "ok" else f"silent for {since(thing.renewed, now)}"
        return Row(state, (thing.component, thing.holder, "leader", told))
    return Row("unknown", (key[0], key[1], "is gone", ""))


def _detail(status: ClusterStatus, key: Key, now: float) -> list[str]:
    thing = _thing(status, key)
    if isinstance(thing, ApiServer):
        return [
            f"API server {thing.node or f'through the VIP {status.vip}'}",
            f"  ready        {'yes' if thing.ready else 'no'}",
            f"  answered in  {1000 * thing.seconds:.0f} ms",
            *(f"  fails        {check}" for check in thing.failing),
            *(f"  {line}" for line in thing.error.splitlines()),
        ]
    if isinstance(thing, EtcdMember):
        return [
            f"etcd member {thing.node} ({thing.id or 'unknown'})",
            f"  version      {thing.version}",
            f"  leader       {'yes' if thing.leader else 'no'}",
            f"  database     {size(thing.size)}, in use {size(thing.used)}, quota {size(thing.quota)}",
            f"  revision     {thing.revision}, raft term {thing.raft_term}",
            f"  alarms       {', '.join(thing.alarms) or 'none'}",
            f"  members      {', '.join(thing.members)}",
            *(f"  {line}" for line in thing.error.splitlines()),
        ]
    if isinstance(thing, Leader):
        return [
            f"{thing.component} is led by {thing.holder}",
            f"  since        {clock(thing.since)} ({since(thing.since, now)})",
            f"  renewed      {since(thing.renewed, now)} ago",
        ]
    return ["is gone"]


CONTROL_PLANE = Page(
    id="control-plane",
    title="Control plane",
    tab="Control plane",
    columns=(
        Column("COMPONENT", 24, order=lambda _s, k: k[0]),
        Column("ON", 15, order=lambda _s, k: k[1]),
        Column("STATE", 10, order=lambda s, k: _state(_thing(s, k))),
        Column("MORE", 10, flexible=True),
    ),
    keys=_keys,
    rank=_rank,
    row=_row,
    detail=_detail,
    empty="no control plane node has answered yet",
)


@per_revision
def certificates(status: ClusterStatus) -> dict[Key, Certificate]:
    """(node, path and name) -> certificate, of all hosts."""
    return {(c.node, f"{c.path} {c.name}"): c for host in status.hosts.values() for c in host.certificates}


def _days(certificate: Certificate, now: float) -> float:
    return (certificate.ends - now) / DAY


def _certificate_row(status: ClusterStatus, key: Key, now: float) -> Row:
    found = certificates(status).get(key)
    if found is None:
        return Row("unknown", (key[0], key[1], "", "is gone"))
    days = _days(found, now)
    state: State = "failed" if days < 7 else "warning" if days < EXPIRES_SOON_DAYS else "ok"
    left = f"{days:.0f}d" if days >= 2 else f"{days * 24:.0f}h" if days > 0 else "ended"
    return Row(state, (found.node, found.name, left, clock(found.ends)[:16], found.path))


def _certificate_detail(status: ClusterStatus, key: Key, now: float) -> list[str]:
    found = certificates(status).get(key)
    if found is None:
        return ["is gone"]
    return [
        f"certificate {found.name} of {found.node}",
        f"  file         {found.path}",
        f"  kind         {'authority (CA)' if found.authority else 'certificate'}",
        f"  ends         {clock(found.ends)}, in {_days(found, now):.1f} days",
    ]


CERTIFICATES = Page(
    id="certificates",
    title="Certificates",
    tab="Certs",
    columns=(
        Column("NODE", 12, order=lambda _s, k: k[0]),
        Column("CERTIFICATE", 24, flexible=True, order=lambda s, k: certificates(s)[k].name),
        Column("LEFT", 5, order=lambda s, k: certificates(s)[k].ends, right=True),
        Column("ENDS", 16, order=lambda s, k: certificates(s)[k].ends),
        Column("FILE", 16, flexible=True, order=lambda s, k: certificates(s)[k].path),
    ),
    keys=lambda status: list(certificates(status)),
    rank=lambda status, key: certificates(status)[key].ends,
    row=_certificate_row,
    detail=_certificate_detail,
    empty="no node has told of its certificates yet",
)
