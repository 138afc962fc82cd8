"""What the status says first: the worst in sentences, then one line of what is well; pure."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from yk8s_tui.status.model import ClusterStatus, Finding
from yk8s_tui.status.words import since, size, span
from yk8s_tui.widgets.symbols import COLOURS, State, cut, symbol

HANDSHAKE_SECONDS = 180.0
"""WireGuard makes a new handshake every two minutes while there is traffic (its paper, section 6.1)."""


def heading(status: ClusterStatus, now: float) -> str:
    """The right end of the title: version, size, route, how fresh."""
    roles = [set(r) for r in status.expected.values()]
    planes = sum("control-plane" in r for r in roles)
    workers = sum("control-plane" not in r and "worker" in r for r in roles)
    api = status.sources.get("api")
    if api is None or api.state == "starting":
        live = "reaching the API"
    else:
        live = "live" if api.state == "live" else f"API unreachable for {since(api.since, now)}"
    count = f"{planes}+{workers} nodes"
    parts = [f"v{status.version}" if status.version else "", count, status.route, live]
    return f" {symbol('dot')} ".join(part for part in parts if part)


def sentences(findings: Sequence[Finding], width: int, rows: int) -> Content:
    """The worst findings, one a line, and how many more there are."""
    shown = findings if len(findings) <= rows else findings[: rows - 1]
    lines = [finding_line(f, width) for f in shown]
    if len(shown) < len(findings):
        lines.append(Content.styled(f"  and {len(findings) - len(shown)} more; F lists all", "$foreground-muted"))
    return Content("\n").join(lines)


def finding_line(finding: Finding, width: int) -> Content:
    """Symbol, subject, text."""
    text = cut(f"{finding.subject} {finding.text}", width - 3)
    colour = COLOURS[finding.severity]
    return Content.assemble((f" {symbol(finding.severity)} ", colour), (text, colour))


def line(status: ClusterStatus, now: float, width: int) -> Content:
    """API, etcd, VIP, VPN and SSH, each with its count; without the details where they do not fit."""
    parts = [
        part for part in (_api(status), _etcd(status), _vip(status, now), _vpn(status, now), _hosts(status)) if part
    ]
    whole = _joined([(state, text + detail) for state, text, detail in parts])
    return whole if whole.cell_length <= width else _joined([(state, text) for state, text, _ in parts])


def _joined(parts: Sequence[tuple[State, str]]) -> Content:
    shown: list[Content | tuple[str, str] | str] = []
    for state, text in parts:
        shown += [(f" {symbol(state)}", COLOURS[state]), f" {text} "]
    return Content.assemble(*shown)


Part = tuple[State, str, str] | None
"""How it is, in words, and a detail."""


def _counted(good: int, whole: int) -> State:
    return "ok" if good == whole else "failed" if good == 0 else "warning"


def _api(status: ClusterStatus) -> Part:
    servers = [s for node, s in status.api_servers.items() if node]
    planes = [n for n, roles in status.expected.items() if "control-plane" in roles]
    if not servers:
        return None
    good = sum(s.ready for s in servers)
    return _counted(good, len(planes)), f"API {good}/{len(planes)}", ""


def _etcd(status: ClusterStatus) -> Part:
    if not status.etcd:
        return None
    members = list(status.etcd.values())
    good = sum(not m.error and not m.alarms for m in members)
    whole = max(len(members), *(len(m.members) for m in members))
    leader = next((m.node for m in members if m.leader), "")
    if not leader:
        return "failed", f"etcd {good}/{whole} no leader", ""
    return _counted(good, whole), f"etcd {good}/{whole} leader {leader}", f", {size(max(m.size for m in members))}"


def _vip(status: ClusterStatus, now: float) -> Part:
    if not status.frontends or not status.vip:
        return None
    holders = [f for f in status.frontends.values() if f.vip]
    if len(holders) != 1:
        return "failed", f"VIP on {' and '.join(f.name for f in holders) or 'nobody'}", ""
    held = f" for {span(now - holders[0].vip_since)}" if holders[0].vip_since else ""
    return "ok", f"VIP on {holders[0].name}", held


def _vpn(status: ClusterStatus, now: float) -> Part:
    newest: dict[str, float] = {}
    for frontend in status.frontends.values():
        for peer in frontend.peers:
            newest[peer.name] = max(newest.get(peer.name, 0.0), peer.handshake)
    if not newest:
        return None
    seen = sum(now - moment < HANDSHAKE_SECONDS for moment in newest.values())
    return ("ok" if seen else "waiting"), f"VPN {seen}/{len(newest)}", ""


def _hosts(status: ClusterStatus) -> Part:
    sources = [s for key, s in status.sources.items() if key.startswith("host:")]
    if not sources:
        return None
    good = sum(s.state == "live" for s in sources)
    waiting = any(s.state == "starting" for s in sources)
    state: State = "running" if waiting and good < len(sources) else _counted(good, len(sources))
    others = f" of {len(status.expected)}" if len(sources) < len(status.expected) else ""
    return state, f"SSH {good}/{len(sources)}{others}", ""
