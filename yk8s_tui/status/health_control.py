"""Rules about API servers, etcd, and the leaders of the control plane."""

from __future__ import annotations

from collections.abc import Iterator

from yk8s_tui.status.health_words import first_line, is_lost, lasting, listed, size, source_state, span
from yk8s_tui.status.model import ApiServer, ClusterStatus, EtcdMember, Finding, Severity

COMPONENTS = ("kube-controller-manager", "kube-scheduler")
LEASE_SECONDS = 60.0
"""Leaders renew every 2 s and lose the lease after 15 s (defaults of kube-scheduler's --leader-elect-* flags)."""
QUOTA_WARNING = 0.8
QUOTA_FAILED = 0.95
"""Shares of the quota; at 1 etcd raises NOSPACE and takes no more writes (etcd.io, maintenance, space quota)."""
REVISIONS_APART = 1000
"""Members are asked within 2 s; a busy cluster writes some 100 revisions a second."""

ALARMS = {
    "NOSPACE": (
        "the database is full: nothing can be written any more",
        "compact and defragment it, then `etcdctl alarm disarm`; or raise --quota-backend-bytes",
    ),
    "CORRUPT": (
        "its data is corrupt: it differs from the other members",
        "remove this member and let it join anew; keep a snapshot of another one first",
    ),
}


def is_built(status: ClusterStatus) -> bool:
    """Whether Kubernetes was set up, as far as is known: by a run of this repository, or by others."""
    planes = [name for name, roles in status.expected.items() if "control-plane" in roles]
    return (
        source_state(status, "api") != "unreachable"
        or any(layer.layer == "k8s-base" for layer in status.layers)
        or any(name not in status.hosts or "kubelet" in status.hosts[name].units for name in planes)
    )


def not_built(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """There is no control plane yet that could be well or not."""
    if not is_built(status):
        look = "`yk8s-tui plan` shows what has to be done, `yk8s-tui apply` does it"
        yield Finding("failed", "Kubernetes", "is not set up yet", 0, look, "kubernetes.none")


def api_unreachable(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Nothing answers for the API at all, by any way that was tried."""
    source = status.sources.get("api")
    if source and source.state == "unreachable" and is_built(status):
        tried = "; ".join(line.strip() for line in source.error.splitlines() if line.strip())
        text = f"cannot be reached{lasting(source.since, now)}{': ' + tried if tried else ''}"
        look = "the frontends and control planes below; `journalctl -u kubelet` on a control plane"
        yield Finding("failed", "API", text, source.since, look, "api.unreachable")


def api_unread(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """What cannot be read although the API answers: nothing is known about it, which is not the same as well."""
    source = status.sources.get("api")
    kinds: dict[str, list[str]] = {}
    if source and source.state == "live":
        for line in filter(None, source.error.splitlines()):
            kind, _, why = line.partition(": ")
            kinds.setdefault(why, []).append(kind)
    look = "`kubectl get --raw /readyz?verbose`, and the API servers one by one"
    for why, unread in kinds.items():
        text = f"does not tell about {listed(unread)}: {why}"
        yield Finding("failed", "API", text, 0, look, f"api.unread:{why}")


def api_servers(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """API servers that do not answer or are not ready.

    Those of hosts that are lost are the hosts' matter, and when nothing answers at all, that has been said.
    """
    for node, server in status.api_servers.items() if is_built(status) else ():
        if server.ready or (is_lost(status, node) if node else source_state(status, "api") == "unreachable"):
            continue
        subject = node or "API through the VIP"
        look = f"`crictl logs` of kube-apiserver on {node}" if node else "HAProxy on the frontend that holds the VIP"
        yield Finding("failed", subject, _server_text(server), 0, look, f"api.server:{node or 'vip'}")


def _server_text(server: ApiServer) -> str:
    who = "API server " if server.node else ""
    if server.failing:
        return (
            f"{who}is not ready: {'check' if len(server.failing) == 1 else 'checks'} {listed(server.failing)} failing"
        )
    if server.error:
        return f"{who}does not answer: {first_line(server.error)}"
    return f"{who}is not ready"


def leaders(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Controller manager and scheduler without a leader that is alive."""
    api = status.sources.get("api")
    if api is None or api.state != "live":
        return
    for component in COMPONENTS:
        if f"leases/{component}" not in status.read:
            continue
        leader = status.leaders.get(component)
        look = f"`crictl logs` of {component} on the control planes"
        if leader is None or not leader.holder:
            yield Finding("failed", component, "has no leader: nothing is done", 0, look, f"leader.none:{component}")
        elif now - leader.renewed > LEASE_SECONDS:
            text = f"its leader {leader.holder} has not renewed the lease for {span(now - leader.renewed)}"
            yield Finding("failed", component, text, leader.renewed, look, f"leader.stale:{component}")


def _answering(status: ClusterStatus) -> list[EtcdMember]:
    return [member for member in status.etcd.values() if not member.error]


def etcd_members(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Members that do not answer on hosts that do."""
    for node, member in status.etcd.items() if is_built(status) else ():
        if member.error and not is_lost(status, node):
            text = f"etcd member down: {first_line(member.error)}"
            look = f"`crictl ps -a --name etcd` and `crictl logs` on {node}"
            yield Finding("failed", node, text, 0, look, f"etcd.down:{node}")


def etcd_leader(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """No leader, a member that knows none, or several."""
    members = _answering(status)
    apart = [member.node for member in members if not member.led]
    leading = [member for member in members if member.leader]
    look = "etcd needs more than half of its members: bring the missing ones back first"
    if members and (len(apart) == len(members) or (not leading and len(members) == len(status.etcd))):
        text = "has no leader: nothing can be written, the API only reads or fails"
        yield Finding("failed", "etcd", text, 0, look, "etcd.no-leader")
    else:
        for node in apart:
            text = "etcd knows no leader: it is cut off from the other members"
            yield Finding("failed", node, text, 0, f"port 2380 between {node} and the others", f"etcd.apart:{node}")
    if len(leading) > 1:
        names = listed([f"{member.node} (term {member.raft_term})" for member in leading])
        text = f"has several leaders: {names}"
        look = "a network that is split, or members of two clusters: compare `etcdctl member list`"
        yield Finding("failed", "etcd", text, 0, look, "etcd.leaders")


def etcd_database(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Alarms, and databases that are nearly full."""
    for member in _answering(status):
        for alarm in member.alarms:
            text, look = ALARMS.get(alarm, (f"alarm {alarm}", "`etcdctl alarm list`"))
            yield Finding("failed", member.node, f"etcd: {text}", 0, look, f"etcd.alarm:{member.node}:{alarm}")
        share = member.size / member.quota if member.quota else 0.0
        if share > QUOTA_WARNING and "NOSPACE" not in member.alarms:
            text = f"etcd's database has {size(member.size)} of {size(member.quota)} ({share:.0%})"
            text += f", {size(member.used)} of it in use"
            look = "`etcdctl defrag` gives back what is not in use; else look for what writes so much"
            severe: Severity = "failed" if share > QUOTA_FAILED else "warning"
            yield Finding(severe, member.node, text, 0, look, f"etcd.quota:{member.node}")


def etcd_agreement(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Members that disagree about who belongs to them, or are behind."""
    members = _answering(status)
    if len({member.members for member in members}) > 1:
        text = "members disagree: " + "; ".join(f"{m.node} knows {listed(m.members)}" for m in members)
        look = "`etcdctl member list` on each control plane; a member that was removed must not run"
        yield Finding("failed", "etcd", text, 0, look, "etcd.members")
    if len(members) > 1:
        last, first = (pick(members, key=lambda m: m.revision) for pick in (min, max))
        apart = first.revision - last.revision
        if apart > REVISIONS_APART:
            text = f"etcd is {apart} revisions behind {first.node}"
            look = f"disk and network of {last.node}: `journalctl` and `crictl logs` of etcd say what is slow"
            yield Finding("warning", last.node, text, 0, look, "etcd.behind")
