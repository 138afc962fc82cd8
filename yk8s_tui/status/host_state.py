"""What one watched host has told so far, and how it gets into the picture."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from yk8s_tui.models.nodes import Node
from yk8s_tui.status import host_parts
from yk8s_tui.status.model import ApiServer, Certificate, ClusterStatus, Source

SAMPLES = 8
"""Of the clock; the one with the shortest way counts."""
CLOCK_NEWS = 0.05
"""Seconds; the clock's offset is only renewed when it moved by more."""
FRONTEND = frozenset({"vip", "haproxy", "units", "firewall"})
"""What must have been told of a frontend before it is judged."""
LOST = "its host does not answer over SSH"


class Watched:
    """One host: the last value of each section, its clock, and whether it is reached."""

    def __init__(self, node: Node, now: float) -> None:
        self.node = node
        self.name = node.name
        self.source = Source("starting", now)
        self.sections: dict[str, Any] = {}
        self.broken: dict[str, str] = {}
        self.certificates: tuple[Certificate, ...] = ()
        self.offset = 0.0
        self.answered = asyncio.Event()
        self._clock: list[tuple[float, float]] = []
        self._dirty = True

    def take_dirty(self) -> bool:
        """Whether there is news since the last call."""
        dirty, self._dirty = self._dirty, False
        return dirty

    def live(self, now: float) -> bool:
        """A line came."""
        return self.source.state != "live" and self._to(Source("live", now, self._broken_text()))

    def lost(self, why: str, now: float) -> bool:
        """It is not reached; the time is that of the first failure."""
        self.answered.set()
        self._clock = []
        since = self.source.since if self.source.state == "unreachable" else now
        return self._to(Source("unreachable", since, why))

    def _to(self, source: Source) -> bool:
        changed = source != self.source
        self.source = source
        self._dirty |= changed
        return changed

    def hear(self, told: Mapping[str, Any]) -> bool:
        """Take in one line; whether it is news."""
        if told.get("whole"):
            self.answered.set()
        section = told.get("section")
        if section is None:
            return False
        if "error" in told:
            self.broken[section] = str(told["error"])
        else:
            self.broken.pop(section, None)
            self._set(section, told["value"])
        self._to(Source(self.source.state, self.source.since, self._broken_text()))
        self._dirty = True
        return True

    def _set(self, section: str, value: Any) -> None:
        """A value that makes no sense is refused before it replaces one that does."""
        if section == "certificates":
            self.certificates = host_parts.certificates_of(self.name, value)
            return
        wanted = {**self.sections, section: value}
        host_parts.host_of(self.name, wanted, (), 0.0)
        host_parts.frontend_of(self.name, wanted, {})
        if section == "apiserver":
            host_parts.api_server_of(self.name, value)
        if section == "etcd":
            host_parts.etcd_member_of(self.name, value)
        self.sections = wanted

    def _broken_text(self) -> str:
        return "\n".join(f"{section} cannot be read: {why}" for section, why in sorted(self.broken.items()))

    def heard_clock(self, sent: float | None, now: float, clock: float) -> bool:
        """The host's clock, with the times of the question and of the answer here."""
        if sent is None or now < sent:
            return False
        self._clock = [*self._clock, (now - sent, clock - (sent + now) / 2)][-SAMPLES:]
        offset = min(self._clock)[1]
        if abs(offset - self.offset) <= CLOCK_NEWS:
            return False
        self.offset = round(offset, 3)
        self._dirty = True
        return True

    def apply(self, status: ClusterStatus, peers: Mapping[str, str]) -> None:
        """Replace everything of this host in the picture."""
        name, reached = self.name, self.source.state != "unreachable"
        status.sources[f"host:{name}"] = self.source
        status.expected.setdefault(name, self.node.roles)
        if self.sections:
            status.hosts[name] = host_parts.host_of(name, self.sections, self.certificates, self.offset)
            if self.node.is_frontend and self.sections.keys() >= FRONTEND:
                status.frontends[name] = host_parts.frontend_of(name, self.sections, peers)
        if self.node.is_control_plane and self.source.state != "starting":
            self._apply_control_plane(status, reached)

    def _apply_control_plane(self, status: ClusterStatus, reached: bool) -> None:
        if not reached:
            status.etcd[self.name] = host_parts.silent_member(self.name, LOST)
            status.api_servers[self.name] = ApiServer(self.name, False, (), 0.0, LOST)
            return
        if "etcd" in self.sections:
            status.etcd[self.name] = host_parts.etcd_member_of(self.name, self.sections["etcd"])
        if "apiserver" in self.sections:
            status.api_servers[self.name] = host_parts.api_server_of(self.name, self.sections["apiserver"])
