"""One bare-metal machine: the questions about it, in a dialog."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.widgets import Static

from yk8s_tui import paths
from yk8s_tui.models import keys
from yk8s_tui.screens.dialogs import Dialog
from yk8s_tui.screens.setup import texts
from yk8s_tui.screens.setup.answers import help_for
from yk8s_tui.widgets.form import Field, FieldRow, Form, Trouble

PREFIX = "harbour.baremetal.nodes[0]"

_DEFAULTS: dict[str, Any] = {"ssh_user": "root", "ssh_port": 22, "sudo": "nopasswd", "roles": ["worker"]}

_LIST: dict[str, Any] = {"to_text": texts.words_to_text, "from_text": texts.words_from_text}
_PAIRS: dict[str, Any] = {"to_text": texts.pairs_to_text, "from_text": texts.pairs_from_text}
_SUDO = (("asks for no password", "nopasswd"), ("asks for a password", "password"))

FIELDS = (
    Field("name", "Name", placeholder="cp1"),
    Field("address", "Address", placeholder="10.0.0.11"),
    Field("roles", "Roles", placeholder="frontend, control-plane, worker", **_LIST),
    Field("ssh_user", "SSH user"),
    Field("ssh_address", "SSH address", placeholder="the address above"),
    Field("ssh_port", "SSH port", to_text=texts.optional_to_text, from_text=texts.number_from_text),
    Field("ssh_key", "SSH key file", placeholder="the agent and the default keys"),
    Field("jump", "Jump host", placeholder="user@host:port"),
    Field("sudo", "sudo", kind="choice", choices=_SUDO),
    Field("interface", "Interface", placeholder="the one that has the address"),
    Field("labels", "Labels", placeholder="zone=a, disk=ssd", **_PAIRS),
    Field("taints", "Taints", placeholder="key=value:NoSchedule", **_LIST),
)


def node_troubles(node: Mapping[str, Any], others: frozenset[str]) -> dict[str, Trouble]:
    """What is wrong with one machine, by field."""
    from yk8s_tui.models import validation

    data = {
        "cluster": {"name": "x", "harbour": "baremetal"},
        "harbour": {"baremetal": {"nodes": [dict(node)]}},
    }
    _config, problems = validation.check(data)
    found = {}
    for problem in problems:
        path = keys.split(problem.key)
        if problem.severity == "error" and path[:4] == keys.split(PREFIX) and len(path) > 4:
            found[str(path[4])] = Trouble(problem.message, problem.remedy)
    if node.get("name") in others:
        found["name"] = Trouble("another machine has this name", "names are unique in a cluster")
    return found


class NodeDialog(Dialog[dict[str, Any]]):
    """Add or change one machine."""

    CSS_PATH = [*Dialog.CSS_PATH, paths.assets() / "styles" / "form.tcss"]  # noqa: RUF012
    AUTO_FOCUS = "Input"

    def __init__(self, node: Mapping[str, Any] | None, others: frozenset[str]) -> None:
        super().__init__("Change this machine" if node else "Add a machine", yes="OK")
        self.node: dict[str, Any] = dict(node or {})
        self.others = others

    def body(self) -> ComposeResult:
        """One row a field."""
        yield Form(
            FIELDS,
            lambda key: self.node.get(key, _DEFAULTS.get(key)),
            lambda key: help_for(f"{PREFIX}.{key}"),
        )
        yield Static("", id="node-problem", markup=False, classes="error")

    @on(FieldRow.Changed)
    def _changed(self, event: FieldRow.Changed) -> None:
        event.stop()
        key, value = event.field.key, event.value
        if value in (None, "", [], {}) or (key != "roles" and value == _DEFAULTS.get(key)):
            self.node.pop(key, None)
        else:
            self.node[key] = value.strip() if isinstance(value, str) else value
        troubles = node_troubles({"roles": _DEFAULTS["roles"], **self.node}, self.others)
        self.query_one(Form).show_troubles({k: t for k, t in troubles.items() if k in self.node})

    def answer(self) -> dict[str, Any] | None:
        """The machine, when nothing is wrong with it."""
        node = {"roles": _DEFAULTS["roles"], **self.node}
        troubles = node_troubles(node, self.others)
        self.query_one(Form).show_troubles(troubles)
        if troubles:
            self.query_one(Form).focus_key(next(iter(troubles)))
            return None
        return node
