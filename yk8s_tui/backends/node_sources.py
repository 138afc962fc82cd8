"""Reading nodes from what operators have at hand: a table, an Ansible inventory, or an SSH configuration."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from yk8s_tui.models.base import Section
from yk8s_tui.models.harbours import BareMetalNode
from yk8s_tui.models.problems import Problem

Kind = Literal["table", "ansible-ini", "ansible-yaml", "ssh-config", "empty"]
Resolve = Callable[[str], str | None]


class ParsedNodes(Section):
    """What a text says about nodes."""

    nodes: tuple[BareMetalNode, ...] = ()
    """The nodes that could be read, in the order of the text."""
    problems: tuple[Problem, ...] = ()
    """Errors: entries that were left out. Warnings: what was guessed or not taken over."""
    kind: Kind
    """What the text was taken for."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that cost a node."""
        return tuple(p for p in self.problems if p.severity == "error")


@dataclass
class Entry:
    """One host of a source before it is a node; keys are fields of `BareMetalNode`, values as written."""

    name: str
    line: int
    values: dict[str, Any] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)


@dataclass
class Source:
    """What a reader of one format collects."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def error(self, line: int, key: str, message: str, remedy: str = "", value: str = "") -> None:
        """Something that costs an entry."""
        self.problems.append(Problem(key=key, message=message, value=value, line=line, remedy=remedy))

    def warn(self, line: int, key: str, message: str, remedy: str = "") -> None:
        """Something that was guessed or left out."""
        self.problems.append(Problem(key=key, message=message, line=line, remedy=remedy, severity="warning"))


ROLE_NAMES = {
    "frontend": "frontend", "frontends": "frontend", "gateway": "frontend", "gateways": "frontend",
    "gw": "frontend", "fe": "frontend", "lb": "frontend", "loadbalancer": "frontend", "bastion": "frontend",
    "control-plane": "control-plane", "controlplane": "control-plane", "controlplanes": "control-plane",
    "control-planes": "control-plane", "kube-control-plane": "control-plane", "cp": "control-plane",
    "master": "control-plane", "masters": "control-plane", "kube-master": "control-plane",
    "controller": "control-plane", "controllers": "control-plane", "etcd": "control-plane",
    "worker": "worker", "workers": "worker", "kube-node": "worker", "meta": "worker", "agent": "worker",
    "compute": "worker", "node": "worker", "nodes": "worker",
}  # fmt: skip
"""What others call the roles, in lower case with `-` for `_`."""

VAGUE = {"node", "nodes", "etcd", "bastion"}
"""Names that are a role in a table, but as a group say nothing sure."""


def role_of(text: str) -> str | None:
    """The role somebody means, or None."""
    return ROLE_NAMES.get(text.strip().lower().replace("_", "-"))


def parse_nodes(text: str, *, resolve: Resolve | None = None) -> ParsedNodes:
    """Read nodes from pasted text, whichever of the known formats it is; never raises for its content.

    `resolve` turns a host name into an address (or None); without it names are a problem, because
    Kubernetes needs addresses.
    """
    from yk8s_tui.backends.node_sources_ansible import read_ini, read_yaml
    from yk8s_tui.backends.node_sources_ssh import read_ssh_config
    from yk8s_tui.backends.node_sources_table import read_table

    kind = detect(text)
    readers: dict[Kind, Callable[[str], Source]] = {
        "table": read_table,
        "ansible-ini": read_ini,
        "ansible-yaml": read_yaml,
        "ssh-config": read_ssh_config,
    }
    source = readers[kind](text) if kind in readers else Source()
    nodes = tuple(_build(source, resolve))
    return ParsedNodes(nodes=nodes, problems=tuple(source.problems), kind=kind)


def detect(text: str) -> Kind:
    """Which format a text is in, judged by its lines; a table when nothing else fits."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", ";"))]
    if not lines:
        return "empty"
    if any(re.match(r"\s*(Host|Match|Include)\s+[^,;\t]+$", line, re.IGNORECASE) for line in lines) and any(
        re.match(r"\s*(HostName|User|Port|IdentityFile|ProxyJump)[\s=]", line, re.IGNORECASE) for line in lines
    ):
        return "ssh-config"
    if re.match(r"^\s*Host\s+\S+$", lines[0], re.IGNORECASE):
        return "ssh-config"
    if any(re.match(r"^\[[\w.:-]+\]\s*(#.*)?$", line) for line in lines) or "ansible_host=" in text:
        return "ansible-ini"
    if lines[0].strip() == "---" or re.match(r"^[\w.-]+:\s*$", lines[0]):
        return "ansible-yaml"
    return "table"


def _build(source: Source, resolve: Resolve | None) -> Iterable[BareMetalNode]:
    seen: dict[str, str] = {}
    for entry in source.entries:
        node = _node(entry, source, resolve)
        if node is None:
            continue
        twin = seen.get(node.name) or seen.get(str(node.address))
        if twin:
            source.error(entry.line, node.name, f"is in the text twice, or has the address of {twin}")
            continue
        seen[node.name] = seen[str(node.address)] = node.name
        yield node


def _node(entry: Entry, source: Source, resolve: Resolve | None) -> BareMetalNode | None:
    values = {key: value for key, value in entry.values.items() if value not in ("", None)}
    name = entry.name.lower().partition(".")[0]
    if name != entry.name and not _is_address(entry.name):
        source.warn(entry.line, entry.name, f"is called {name} here", "node names are host names without domain")
    elif _is_address(entry.name):
        values.setdefault("address", entry.name)
        name = "node-" + re.sub(r"[.:]+", "-", entry.name)
        source.warn(entry.line, entry.name, f"has no name and is called {name} here")
    if not _find_address(name, values, entry, source, resolve):
        return None
    roles = _roles(name, entry, source)
    try:
        return BareMetalNode.model_validate({**values, "name": name, "roles": roles})
    except ValidationError as error:
        for found in error.errors():
            key = ".".join(str(part) for part in found["loc"])
            message = found["msg"].removeprefix("Value error, ")
            source.error(entry.line, f"{name}.{key}", message, value=str(found.get("input", "")))
        return None


def _find_address(name: str, values: dict[str, Any], entry: Entry, source: Source, resolve: Resolve | None) -> bool:
    given = str(values.get("address") or values.get("ssh_address") or entry.name)
    if _is_address(given):
        values["address"] = given
        if values.get("ssh_address") == given:
            del values["ssh_address"]
        return True
    found = resolve(given) if resolve else None
    if not found:
        source.error(
            entry.line,
            f"{name}.address",
            "is not an IP address",
            "Kubernetes needs the node's address",
            given,
        )
        return False
    values["address"] = found
    values.setdefault("ssh_address", given)
    source.warn(entry.line, f"{name}.address", f"{given} is {found} today; the address is taken over")
    return True


def _roles(name: str, entry: Entry, source: Source) -> list[str]:
    roles: list[str] = []
    for word in entry.roles:
        role = role_of(word)
        if role is None:
            source.error(entry.line, f"{name}.roles", "is not a role", "frontend, control-plane or worker", word)
        elif role not in roles:
            roles.append(role)
    if roles or entry.roles:
        return roles
    guess = next((role for part in re.split(r"[-_\d.]+", name) if (role := role_of(part))), None)
    guess = guess or role_of(re.sub(r"[-_]?\d+$", "", name)) or "worker"
    source.warn(entry.line, f"{name}.roles", f"is taken for a {guess}, by its name", "set its roles")
    return [guess]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
