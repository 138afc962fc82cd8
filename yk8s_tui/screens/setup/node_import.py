"""Machines from texts that exist already, as answers of the wizard."""

from __future__ import annotations

import fnmatch
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from yk8s_tui.backends.node_sources import ParsedNodes, parse_nodes
from yk8s_tui.errors import ConfigError
from yk8s_tui.models.harbours import BareMetalNode
from yk8s_tui.models.nodes import Node


def resolve(name: str) -> str | None:
    """The first address of a host name; None when there is none. Takes as long as the resolver does."""
    try:
        return str(socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return None


def from_text(text: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Machines of a CSV, an Ansible inventory or an SSH configuration, and what was not understood.

    Raises `ConfigError` when there is no machine in it at all.
    """
    parsed = parse_nodes(text, resolve=resolve)
    if not parsed.nodes:
        raise ConfigError(
            "no machine was found in this text",
            why="\n".join(_lines(parsed)) or "it is empty",
            hint="a line per machine with name, address and roles, or an Ansible inventory with ansible_host",
        )
    return [_answer(n) for n in parsed.nodes], _lines(parsed)


def from_ssh_config(given: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Machines of an SSH configuration file; words after the file are the names (patterns) to take."""
    name, *patterns = given.split()
    path = Path(name).expanduser()
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError("cannot be read", where=str(path), why=error.strerror or str(error)) from error
    nodes, ignored = from_text(text)
    if patterns:
        nodes = [n for n in nodes if any(fnmatch.fnmatchcase(n["name"], p) for p in patterns)]
    return nodes, ignored


def _answer(node: BareMetalNode) -> dict[str, Any]:
    """Only what differs from the defaults, as it goes into the file."""
    return {"name": node.name, "address": str(node.address), "roles": list(node.roles)} | node.model_dump(
        mode="json", exclude_defaults=True, exclude={"name", "address", "roles"}
    )


def _lines(parsed: ParsedNodes) -> list[str]:
    return [f"line {p.line}: {p.key} {p.message}{': ' + p.remedy if p.remedy else ''}" for p in parsed.problems]


def as_nodes(answers: Iterable[Mapping[str, Any]]) -> list[Node]:
    """The machines that are complete enough to be asked for their host keys."""
    from pydantic import ValidationError

    nodes = []
    for answer in answers:
        try:
            machine = BareMetalNode.model_validate(answer)
        except ValidationError:
            continue
        nodes.append(
            Node(
                name=machine.name, address=str(machine.address), roles=machine.roles, ssh_address=machine.ssh_address,
                ssh_user=machine.ssh_user, ssh_port=machine.ssh_port, ssh_key=machine.ssh_key, jump=machine.jump,
            )
        )  # fmt: skip
    return nodes
