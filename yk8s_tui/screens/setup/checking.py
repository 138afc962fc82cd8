"""What is computed from the answers beside the form: problems, the file that will be written, the nodes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yk8s_tui.errors import Yk8sError
from yk8s_tui.models.problems import Problem
from yk8s_tui.screens.setup import answers as a
from yk8s_tui.screens.setup.pages import DIRECTORY


@dataclass(frozen=True)
class Checked:
    """Everything the screen says about a set of answers."""

    problems: tuple[Problem, ...]
    nodes: tuple[str, ...]
    """One line a node: name, address, roles."""
    networks: tuple[str, ...]
    """One line a network: what it is for, where it is."""
    text: str
    """The configuration that would be written."""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What keeps the configuration from being written."""
        return tuple(p for p in self.problems if p.severity == "error")


def check_all(answers: Mapping[str, Any], *, current: str = "", original: Mapping[str, Any] | None = None) -> Checked:
    """Check and preview; takes some milliseconds, so it runs in a thread."""
    frozen = copy.deepcopy(dict(answers))
    problems = a.check(frozen) + _directory_problems(frozen)
    text = preview(frozen, current=current, original=original or {})
    return Checked(problems, tuple(node_lines(frozen)), tuple(network_lines(frozen)), text)


def directory_of(answers: Mapping[str, Any]) -> Path:
    """Where the cluster repository is made: what was answered, else a directory of that name here."""
    given = str(a.read(answers, DIRECTORY) or "")
    return (
        Path(given).expanduser().absolute() if given else Path.cwd() / str(a.read(answers, "cluster.name") or "cluster")
    )


def _directory_problems(answers: Mapping[str, Any]) -> tuple[Problem, ...]:
    if a.read(answers, "wizard.existing"):
        return ()
    directory = directory_of(answers)
    try:
        taken = directory.exists() and (not directory.is_dir() or any(directory.iterdir()))
    except OSError as error:
        return (Problem(key=DIRECTORY, message=f"{directory}: {error.strerror}", remedy="take another one"),)
    if not taken:
        return ()
    message = f"{directory} exists and is not empty"
    return (Problem(key=DIRECTORY, message=message, remedy="take a directory that does not exist yet"),)


def node_lines(answers: Mapping[str, Any]) -> list[str]:
    """The nodes that the answers mean, one line each."""
    harbour = a.read(answers, "cluster.harbour")
    if harbour == "baremetal":
        rows = [
            (str(n.get("name", "")), str(n.get("address", "")), ", ".join(n.get("roles", ())))
            for n in a.read(answers, "harbour.baremetal.nodes") or ()
        ]
    elif harbour == "lab":
        rows = _lab_rows(answers)
    else:
        rows = []
    return [f"{name:<10} {address:<15} {roles}" for name, address, roles in rows]


def network_lines(answers: Mapping[str, Any]) -> list[str]:
    """The networks that the answers mean, and where the API is in them, one line each."""
    harbour, vpn = a.read(answers, "cluster.harbour"), "trampoline.wireguard.endpoints[0]"
    node_network = {"lab": "harbour.lab.subnet", "baremetal": "harbour.baremetal.node_network"}.get(harbour)
    keys = [("nodes", node_network)] if node_network else []
    keys += [("pods", "kubernetes.pod_cidr"), ("pods", "kubernetes.pod_cidr_v6")]
    keys += [("services", "kubernetes.service_cidr"), ("services", "kubernetes.service_cidr_v6")]
    if a.read(answers, "trampoline.wireguard.enabled"):
        keys += [("VPN", f"{vpn}.network_v4"), ("VPN", f"{vpn}.network_v6")]
    rows = [(title, str(value)) for title, key in keys if (value := a.read(answers, key))]
    vip, port = a.read(answers, "trampoline.vip"), a.read(answers, "kubernetes.api_port")
    rows.append(("API", f"{vip}, port {port}" if vip else f"port {port} of the frontends"))
    return [f"{title:<10} {text}" for title, text in rows]


def _lab_rows(answers: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    def count(name: str) -> int:
        value = a.read(answers, f"harbour.lab.{name}")
        return min(value, 50) if isinstance(value, int) else 0

    combined = bool(a.read(answers, "harbour.lab.combined"))
    subnet = str(a.read(answers, "harbour.lab.subnet"))
    rows = [] if combined else [(f"fe{n}", subnet, "frontend") for n in range(1, count("frontends") + 1)]
    role = "frontend, control-plane" if combined else "control-plane"
    rows += [(f"cp{n}", subnet, role) for n in range(1, count("control_planes") + 1)]
    return rows + [(f"w{n}", subnet, "worker") for n in range(1, count("workers") + 1)]


def preview(answers: Mapping[str, Any], *, current: str, original: Mapping[str, Any]) -> str:
    """`config.toml` as it would be after writing; what cannot be written yet is left out."""
    from yk8s_tui.repository.editing import edit

    changes = a.changes(original, a.configuration(answers))
    text = current or "schema_version = 1\n"
    try:
        return edit(text, changes, where="config.toml")
    except Yk8sError:
        return _one_by_one(text, changes)


def _one_by_one(text: str, changes: Mapping[str, Any]) -> str:
    from yk8s_tui.repository.editing import edit

    for key, value in changes.items():
        try:
            text = edit(text, {key: value}, where="config.toml")
        except Yk8sError:
            text += f"# {key}: not yet valid\n"
    return text
