"""What a check is, what it finds, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.models.base import Section
from yk8s_tui.models.config import Config
from yk8s_tui.models.nodes import Inventory, Node

Severity = Literal["block", "warn"]
Scope = Literal["host", "cluster", "pair", "operator"]
Measured = Mapping[str, Any]
"""Name of a measurement -> what assets/preflight/measure.py says."""


class Finding(Section):
    """One verdict of one check, about one node or (node empty) about all or the operator's machine."""

    id: str
    """Stable id, for `--check` and waivers."""
    node: str = ""
    verdict: Literal["pass", "warn", "fail", "waived"]
    title: str
    """What is checked."""
    measured: str = ""
    """What was found, with its unit."""
    limit: str = ""
    """What would be right."""
    text: str = ""
    """One sentence: what is wrong, or empty when nothing is."""
    remedy: str = ""
    """What to do."""
    severity: Severity = "block"
    """Whether the check stops an apply when it fails; one with `warn` never does."""
    waived_reason: str = ""
    """Why the operator accepted it."""

    @property
    def unreachable(self) -> bool:
        """Whether it says that a host cannot be used over SSH."""
        return self.verdict == "fail" and self.id.startswith("ssh.")


@dataclass(frozen=True)
class Verdict:
    """What a rule says; `verdict` None means failed as severely as the check is."""

    verdict: Literal["pass", "warn"] | None
    measured: str = ""
    limit: str = ""
    text: str = ""
    remedy: str = ""
    node: str = ""
    """For checks of the cluster and of pairs: whom it is about."""


def good(measured: str = "", limit: str = "", *, node: str = "") -> Verdict:
    """It is as it should be."""
    return Verdict("pass", measured, limit, node=node)


def bad(measured: str, limit: str, text: str, remedy: str = "", *, node: str = "") -> Verdict:
    """It is not; the check's severity says whether that blocks."""
    return Verdict(None, measured, limit, text, remedy, node)


def doubtful(measured: str, limit: str, text: str, remedy: str = "", *, node: str = "") -> Verdict:
    """It is not, but that blocks nothing."""
    return Verdict("warn", measured, limit, text, remedy, node)


@dataclass(frozen=True)
class CheckContext:
    """What a run of checks works with."""

    config: Config
    inventory: Inventory
    ssh: SshPool
    bundle_dir: Path
    """Folder with the bundles."""
    repository: Path
    """Root of the cluster repository."""
    waivers: Mapping[str, str] = field(default_factory=dict)
    """Check id, or id@node -> reason."""


@dataclass(frozen=True)
class Subject:
    """What a rule may look at; rules are pure functions over it."""

    config: Config
    inventory: Inventory
    measured: Mapping[str, Measured]
    """Node -> measurements, of the nodes that answered."""
    chosen: tuple[Node, ...]
    """The nodes that findings are wanted for."""
    pairs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Node -> peer -> what assets/preflight/pairs_connect.py says."""
    operator: Mapping[str, Any] = field(default_factory=dict)
    """What was found on the operator's machine."""

    def ours(self, node: str, layer: str) -> bool:
        """Whether a layer of this tool has run on a node before."""
        receipts = self.measured[node].get("receipts", ())
        return any(step.startswith(layer + ".") for step in receipts if isinstance(receipts, list))


HostRule = Callable[[Node, Measured, Subject], Verdict]
ClusterRule = Callable[[Subject], Iterable[Verdict]]


@dataclass(frozen=True)
class Check:
    """One check: its id, what it needs measured, and the rule that judges."""

    id: str
    title: str
    scope: Scope
    needs: tuple[str, ...] = ()
    """Names of measurements."""
    host: HostRule | None = None
    """For scope `host`: judges one node."""
    cluster: ClusterRule | None = None
    """For the other scopes: judges everything at once."""
    severity: Severity = "block"
    applies: Callable[[Node], bool] = lambda node: True
    """Which nodes it is for."""
    waivable: bool = True


def finding(check: Check, verdict: Verdict, waivers: Mapping[str, str], node: str = "") -> Finding:
    """A verdict as a finding, waived when the operator said so."""
    name = node or verdict.node
    result: Literal["pass", "warn", "fail", "waived"] = verdict.verdict or (
        "fail" if check.severity == "block" else "warn"
    )
    reason = waivers.get(f"{check.id}@{name}") or waivers.get(check.id, "")
    waived = result == "fail" and bool(reason) and check.waivable
    return Finding(
        id=check.id,
        node=name,
        verdict="waived" if waived else result,
        title=check.title,
        measured=verdict.measured,
        limit=verdict.limit,
        text=verdict.text,
        remedy=verdict.remedy,
        severity=check.severity,
        waived_reason=reason if waived else "",
    )
