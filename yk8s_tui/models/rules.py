"""What the cross checks share: how a rule looks, and how it says what it found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from yk8s_tui.models.config import Config
from yk8s_tui.models.problems import Problem

IpNetwork = IPv4Network | IPv6Network

Findings = Iterator[Problem]


@dataclass(frozen=True)
class Rule:
    """One contradiction to look for."""

    check: Callable[[Config, date | None], Findings]
    needs: tuple[str, ...]
    """Keys (or tables) it looks at: it is left out while one of them is wrong by itself."""


def error(key: str, message: str, remedy: str = "", value: object = "") -> Problem:
    """Something that keeps the configuration from being used."""
    return _problem("error", key, message, remedy, value)


def warning(key: str, message: str, remedy: str = "", value: object = "") -> Problem:
    """Something doubtful that the operator may want all the same."""
    return _problem("warning", key, message, remedy, value)


def plural(number: int, noun: str) -> str:
    """`1 worker`, `2 workers`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def free_network(prefix_length: int, version: int, taken: Iterable[IpNetwork]) -> str:
    """A private network of that size that overlaps none of the others; "" when there is none."""
    used = [n for n in taken if n.version == version]
    areas = ("10.192.0.0/10", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16") if version == 4 else ("fd00::/16",)
    for area in map(ip_network, areas):
        if area.prefixlen <= prefix_length and (found := _gap(area, prefix_length, used)):
            return str(found)
    return ""


def _gap(area: IpNetwork, prefix_length: int, used: list[IpNetwork]) -> IpNetwork | None:
    """The first free network in an area; jumps over what is used instead of trying every place."""
    size = 1 << (area.max_prefixlen - prefix_length)
    start = int(area.network_address)
    spans = [(int(n.network_address), int(n.broadcast_address)) for n in used]
    while start + size - 1 <= int(area.broadcast_address):
        ends = [last for first, last in spans if first < start + size and last >= start]
        if not ends:
            return (IPv4Network if area.version == 4 else IPv6Network)((start, prefix_length))
        start = -(-(max(ends) + 1) // size) * size
    return None


def _problem(severity: Literal["error", "warning"], key: str, message: str, remedy: str, value: object) -> Problem:
    shown = json.dumps(value) if isinstance(value, (bool, int)) else f'"{value}"' if value else ""
    return Problem(key=key, message=message, remedy=remedy, value=shown, severity=severity)
