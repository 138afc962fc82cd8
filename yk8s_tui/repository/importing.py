"""From a yaook/k8s cluster repository to one of ours: every key is mapped, or told with the reason.

What our configuration does not accept is taken out again and becomes a decision of the operator, so that what is
written is valid wherever that is possible at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

from yk8s_tui.errors import Yk8sError
from yk8s_tui.models import keys
from yk8s_tui.models.harbours import BareMetalNode
from yk8s_tui.models.kubernetes import Kubernetes
from yk8s_tui.models.problems import InvalidConfig, Problem
from yk8s_tui.models.types import HarbourName
from yk8s_tui.repository import importing_hosts, importing_parts, importing_wireguard
from yk8s_tui.repository.atomic import write_atomic
from yk8s_tui.repository.create import create
from yk8s_tui.repository.editing import edit
from yk8s_tui.repository.importing_left import patterns
from yk8s_tui.repository.importing_report import Entry, Report, leaves
from yk8s_tui.repository.importing_source import Source
from yk8s_tui.repository.importing_table import (
    DEFAULTS,
    DEFAULTS_DUAL_STACK,
    DEFAULTS_OPENSTACK,
    TAKEN,
    Left,
    Undecided,
    is_dual_stack,
)
from yk8s_tui.repository.importing_wireguard import Addresses
from yk8s_tui.repository.reading import examine
from yk8s_tui.repository.repository import Repository
from yk8s_tui.repository.template import config_template

LISTS = frozenset(
    {
        "kubernetes.kubelet", "load-balancing.lb_ports", "miscellaneous.container_mirrors",
        "miscellaneous.docker_registry_mirrors", "node-scheduling.labels", "node-scheduling.labels.*",
        "node-scheduling.taints", "node-scheduling.taints.*", "wireguard.endpoints", "wireguard.peers",
    }
)  # fmt: skip
"""Lists and tables that are known, and may be empty."""
MOST_ROUNDS = 200
"""Each round takes out at least one key that is not accepted."""


@dataclass(frozen=True)
class Import:
    """What will be written, and the fate of every key."""

    harbour: str
    name: str
    settings: dict[str, Any]
    text: str
    """Our config.toml."""
    entries: tuple[Entry, ...]
    addresses: Addresses
    """Of VPN peers: our tunnel -> peer -> addresses."""
    open: tuple[Problem, ...]
    """What keeps the new configuration from being valid."""
    warnings: tuple[Problem, ...]
    """What our configuration says about the values."""


def translate(
    source: Source,
    *,
    nodes: Sequence[BareMetalNode] = (),
    problems: Sequence[Problem] = (),
    given: Mapping[str, Any] | None = None,
) -> Import:
    """Translate their repository; raises `InvalidConfig` when what the operator gave is wrong.

    `nodes` and `problems` are what their hosts file says; `given` are keys of ours that are decided already.
    """
    given = given or {}
    refused: dict[str, str] = {}
    for _round in range(MOST_ROUNDS):
        report = Report(refused, given)
        name, addresses = _report(source, nodes, problems, report)
        settings = report.settings()
        template = config_template(cast(HarbourName, source.harbour), name)
        text = edit(template, settings, where="the new configuration") if settings else template
        found = examine(text, today=date.today()).problems
        errors = [p for p in found if p.severity == "error"]
        _raise_for_given(errors, given)
        blamed = _blamed(report.entries.values(), errors)
        if not blamed.keys() - refused.keys():
            break
        refused |= blamed
    entries = [*report.entries.values(), *(_open(p) for p in errors)]
    warnings = tuple(p.model_copy(update={"line": 0}) for p in found if p.severity == "warning")
    return Import(
        source.harbour, name, settings, text, tuple(entries), addresses, tuple(errors), warnings,
    )  # fmt: skip


def write(into: Path, plan: Import) -> Repository:
    """Make our repository; what is still to be decided can keep its configuration from being valid."""
    if not plan.open:
        return create(into, plan.harbour, plan.name, plan.settings)
    repository = create(into, plan.harbour, plan.name)
    write_atomic(repository.config_path, plan.text)
    return repository


def _report(
    source: Source, nodes: Sequence[BareMetalNode], problems: Sequence[Problem], report: Report
) -> tuple[str, Addresses]:
    source, defaults = _with_defaults(source)
    report.defaults |= defaults
    name = importing_parts.cluster(source, report)
    importing_hosts.environment(source, report)
    importing_hosts.translate(source, nodes, problems, report)
    importing_parts.node_network(source, report)
    combined = any({"frontend", "control-plane"} <= set(n.roles) for n in nodes)
    importing_parts.ports(source, report, combined=combined)
    importing_parts.scheduling(source, report)
    importing_parts.mirrors(source, report)
    importing_parts.kubelet(source, report)
    addresses = importing_wireguard.translate(source, report)
    _by_table(source, report)
    _files(source, report)
    return name, addresses


def _with_defaults(source: Source) -> tuple[Source, frozenset[str]]:
    """With what holds there when nothing is written, because it may not be what holds here."""
    defaults = DEFAULTS | (DEFAULTS_OPENSTACK if source.harbour == "openstack" else {})
    defaults |= DEFAULTS_DUAL_STACK if is_dual_stack(source) else {}
    data = dict(source.data)
    added = []
    for key, value in defaults.items():
        *parents, last = key.split(".")
        table: dict[str, Any] = data
        for part in parents:
            inner = table.get(part, {})
            if not isinstance(inner, dict):
                break
            table[part] = dict(inner)
            table = table[part]
        else:
            if last not in table:
                table[last] = value
                added.append(key)
    return Source(**{**source.__dict__, "data": data}), frozenset(added)


def _by_table(source: Source, report: Report) -> None:
    """Every value that no one has dealt with yet."""
    left = patterns()
    for path, value in leaves(source.data):
        if not path or report.is_listed(path):
            continue
        key = ".".join("*" if isinstance(part, int) else part for part in path)
        if key in TAKEN and not any(isinstance(part, int) for part in path):
            _convert(key, path, value, source, report)
        elif reason := _reason(key, left):
            report.leave(path, value, reason)
        elif value in ({}, []) and _is_section(_with_any_node(key), left):
            report.leave(path, value, "is empty")
        else:
            report.unknown(path, value)


def _convert(key: str, path: keys.Path, value: Any, source: Source, report: Report) -> None:
    ours, convert = TAKEN[key]
    try:
        converted = convert(value, source)
    except Left as reason:
        report.leave(path, value, str(reason))
    except Undecided as reason:
        report.decide(path, value, str(reason), ours)
    else:
        report.take(path, value, ours, converted.value, converted.note)


def _reason(key: str, left: Mapping[str, str]) -> str:
    """The reason of the pattern that fits best: the key itself, else the longest that ends with `**`."""
    if key in left:
        return left[key]
    parts = key.split(".")
    for length in range(len(parts) - 1, 0, -1):
        if reason := left.get(".".join(parts[:length]) + ".**"):
            return reason
    return left.get(f"{key}.**", "")


def _with_any_node(key: str) -> str:
    parts = key.split(".")
    return ".".join([*parts[:2], "*"]) if parts[0] == "node-scheduling" and len(parts) > 2 else key


def _is_section(key: str, left: Mapping[str, str]) -> bool:
    return any(known.startswith(f"{key}.") for known in (*left, *TAKEN)) or key in LISTS


def _files(source: Source, report: Report) -> None:
    for place, count in source.secret_files.items():
        what = "1 file" if count == 1 else f"{count} files"
        report.leave(
            ("content",), what, "a place of secrets or of their tool's state: not read, not copied", file=place
        )
    if "version" not in source.section("kubernetes"):
        text = f"is written nowhere there; the new configuration has {Kubernetes.model_fields['version'].default}"
        report.decide(("kubernetes", "version"), None, text, "kubernetes.version")
    if source.has_playbook:
        text = (
            "was not copied: its roles and variables are those of their tool. Take over what is yours into k8s-custom"
        )
        report.decide(("playbook",), None, text, "customization.enabled", file="k8s-custom/main.yaml")


def _blamed(entries: Iterable[Entry], errors: Iterable[Problem]) -> dict[str, str]:
    """Their keys whose values are not accepted, with the reason."""
    mapped = [e for e in entries if e.state == "mapped" and e.our_key]
    found: dict[str, str] = {}
    for problem in errors:
        path = keys.split(problem.key) if problem.key else ()
        for length in range(len(path), 1, -1):
            key = keys.join(path[:length])
            if key == "harbour.baremetal.nodes":
                break
            guilty = [e for e in mapped if _touches(e.our_key, key)]
            if guilty:
                text = "is not accepted here: " + "; ".join(filter(None, (problem.message, problem.remedy)))
                found |= {e.key: text for e in guilty}
                break
    return found


def _touches(one: str, other: str) -> bool:
    return any(a == b or a.startswith((f"{b}.", f"{b}[")) for a, b in ((one, other), (other, one)))


def _open(problem: Problem) -> Entry:
    text = "; ".join(filter(None, (problem.message, problem.remedy)))
    return Entry(key=f"(nothing there): {problem.key}", state="to_decide", our_key=problem.key, reason=text)


def _raise_for_given(errors: Sequence[Problem], given: Mapping[str, Any]) -> None:
    wrong = [p.model_copy(update={"line": 0}) for p in errors if any(_touches(p.key, key) for key in given)]
    if wrong:
        raise InvalidConfig(wrong, where="--set")
    if any(p.key == "syntax" for p in errors):
        raise Yk8sError("cannot be written", where="the new configuration", why=errors[0].message)
