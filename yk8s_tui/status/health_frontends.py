"""Rules about the frontends; those whose hosts do not answer are not judged by what they said last."""

from __future__ import annotations

from collections.abc import Iterator

from yk8s_tui.status.health_words import is_live, lasting, listed
from yk8s_tui.status.model import Backend, ClusterStatus, Finding, Frontend, Severity


def _live(status: ClusterStatus) -> list[Frontend]:
    return [frontend for name, frontend in status.frontends.items() if is_live(status, name)]


def _expected(status: ClusterStatus) -> list[str]:
    return [name for name, roles in status.expected.items() if "frontend" in roles]


def vip(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Nobody holds the VIP, or several do."""
    live = _live(status)
    holders = [frontend for frontend in live if frontend.vip]
    through = status.api_servers.get("")
    if not status.vip or not live or (through and through.ready and not holders):
        return
    look = "`journalctl -u keepalived` on the frontends"
    unknown = [name for name in _expected(status) if name not in {frontend.name for frontend in live}]
    if not holders and not any(_starting(status, name) for name in _expected(status)):
        who = f"no frontend that answers holds it ({listed(unknown)} not heard)" if unknown else "nobody holds it"
        since = max((frontend.vip_since for frontend in live), default=0.0)
        yield Finding("failed", f"VIP {status.vip}", f"{who}{lasting(since, now)}", since, look, "vip.nobody")
    if len(holders) > 1:
        names = listed([frontend.name for frontend in holders])
        since = max(frontend.vip_since for frontend in holders)
        text = f"held by {names} at once{lasting(since, now)}: connections break"
        look = f"VRRP (protocol 112) between {names}: firewall and network; `journalctl -u keepalived`"
        yield Finding("failed", f"VIP {status.vip}", text, since, look, "vip.several")


def _starting(status: ClusterStatus, name: str) -> bool:
    """Whether a frontend has yet to tell its part."""
    source = status.sources.get(f"host:{name}")
    return source is None or source.state == "starting" or (source.state == "live" and name not in status.frontends)


def haproxy(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """HAProxy does not run."""
    for frontend in _live(status):
        if not frontend.haproxy:
            state = status.hosts[frontend.name].units.get("haproxy", "") if frontend.name in status.hosts else ""
            text = f"HAProxy does not answer{f' (unit is {state})' if state else ''}"
            text += ": it holds the VIP, so the API is not reached by it" if frontend.vip else ": it cannot take over"
            look = f"`journalctl -u haproxy` on {frontend.name}"
            severity: Severity = "failed" if frontend.vip else "warning"
            yield Finding(severity, frontend.name, text, 0, look, f"haproxy.down:{frontend.name}")


def keepalived(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """keepalived is installed and does not run."""
    for frontend in _live(status):
        host = status.hosts.get(frontend.name)
        if host and "keepalived" in host.units and not frontend.keepalived:
            text = f"keepalived is {host.units['keepalived']}: this frontend cannot take over the VIP"
            look = f"`journalctl -u keepalived` on {frontend.name}"
            yield Finding("warning", frontend.name, text, 0, look, f"keepalived.down:{frontend.name}")


def firewall(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """The loaded rules are not those of the last run."""
    for frontend in _live(status):
        look = f"`nft list table inet yk8s` on {frontend.name}; `yk8s-tui apply --layer trampoline` loads ours again"
        if frontend.firewall == "missing":
            text = "the firewall is not loaded: everything is open"
            yield Finding("failed", frontend.name, text, 0, look, f"firewall.missing:{frontend.name}")
        elif frontend.firewall == "changed":
            text = "firewall rules were changed since the last run"
            yield Finding("warning", frontend.name, text, 0, look, f"firewall.changed:{frontend.name}")


def backends(status: ClusterStatus, now: float) -> Iterator[Finding]:
    """Servers that HAProxy does not send to, together for all frontends; a proxy without any server left fails."""
    down: dict[tuple[str, str], list[tuple[str, Backend]]] = {}
    dead: dict[str, list[str]] = {}
    for frontend in _live(status):
        for proxy in dict.fromkeys(backend.proxy for backend in frontend.backends):
            servers = [backend for backend in frontend.backends if backend.proxy == proxy]
            for server in servers:
                if not server.up:
                    down.setdefault((proxy, server.server), []).append((frontend.name, server))
            if not any(server.up for server in servers):
                dead.setdefault(proxy, []).append(frontend.name)
    for proxy, names in dead.items():
        seen = [server for (of, _), found in down.items() if of == proxy for _, server in found]
        since = max(server.changed for server in seen)
        text = f"no server is up on {listed(names)}{lasting(since, now)}: {seen[-1].check}"
        yield Finding("failed", proxy, text, since, "the servers themselves", f"backend.none:{proxy}")
    for (proxy, server_name), found in down.items():
        if proxy in dead:
            continue
        since = min(server.changed for _, server in found)
        where, check = listed([name for name, _ in found]), found[0][1].check
        text = f"server {server_name} is down for {where}{lasting(since, now)}: {check}"
        look = f"what listens there on {server_name}"
        yield Finding("warning", proxy, text, since, look, f"backend.down:{proxy}:{server_name}")
