"""Findings of the preflight checks: what fails first, one by one; warnings and what is well, check by check."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from yk8s_tui.widgets.symbols import COLOURS, State, symbol

SHOWN = 200
"""Failures and warnings that get a line of their own."""

NAMED = 6
"""Nodes that are named of those with the same warning."""

_STATES: dict[str, State] = {
    "pass": "ok",
    "warn": "warning",
    "fail": "failed",
    "waived": "skipped",
    "skip": "skipped",
}
_ORDER = {"fail": 0, "warn": 1, "waived": 2, "pass": 3, "skip": 4}


class Finding(Protocol):
    """What a check says about one node."""

    @property
    def id(self) -> str:
        """Name of the check."""

    @property
    def node(self) -> str:
        """The node; empty for a check of the whole."""

    @property
    def verdict(self) -> str:
        """`pass`, `warn`, `fail`, `waived`, `skip`."""

    @property
    def title(self) -> str:
        """The check in words."""

    @property
    def text(self) -> str:
        """What was found."""

    @property
    def measured(self) -> str:
        """What was found, with its unit."""

    @property
    def limit(self) -> str:
        """What would be right."""

    @property
    def remedy(self) -> str:
        """How it is mended."""


def key_of(finding: Finding) -> str:
    """What a waiver names: `check@node`."""
    return f"{finding.id}@{finding.node}" if finding.node else finding.id


class CheckList(OptionList):
    """Live: findings are added while they come in."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self.findings: dict[str, Finding] = {}
        self.waived: dict[str, str] = {}
        self.rows: list[Finding | None] = []

    def start(self) -> None:
        """Forget what was found before; waivers stay."""
        self.findings.clear()
        self.paint()

    def add(self, findings: Iterable[Finding]) -> None:
        """Take new findings."""
        self.findings |= {key_of(f): f for f in findings}
        self.paint()

    def verdict(self, finding: Finding) -> str:
        """The verdict, with the operator's waivers."""
        return "waived" if finding.verdict == "fail" and key_of(finding) in self.waived else finding.verdict

    def counts(self) -> dict[str, int]:
        """How many findings have each verdict."""
        found = {"pass": 0, "warn": 0, "fail": 0, "waived": 0}
        for finding in self.findings.values():
            verdict = self.verdict(finding)
            found[verdict] = found.get(verdict, 0) + 1
        return found

    @property
    def chosen(self) -> Finding | None:
        """The failure or warning under the cursor."""
        position = self.highlighted
        return self.rows[position] if position is not None and position < len(self.rows) else None

    def paint(self) -> None:
        """Failures, warnings and waivers first; then one line for each check that passes."""
        ordered = sorted(self.findings.values(), key=self._place)
        telling = self._telling(ordered)
        position = self.highlighted
        self.clear_options()
        self.rows = [alike[0] for alike in telling[:SHOWN]]
        self.add_options([Option(self._line(alike)) for alike in telling[:SHOWN]])
        if len(telling) > SHOWN:
            self._add_plain(Content(f"and {len(telling) - SHOWN} more"))
        passed: dict[str, list[str]] = {}
        for finding in ordered:
            if self.verdict(finding) == "pass":
                passed.setdefault(finding.title, []).append(finding.node)
        for title, nodes in passed.items():
            self._add_plain(_passed(title, [n for n in nodes if n]))
        if position is not None and self.rows:
            self.highlighted = min(position, len(self.rows) - 1)

    def _telling(self, ordered: Iterable[Finding]) -> list[list[Finding]]:
        """What gets a line: each failure, which is waived for itself; warnings that are alike together."""
        groups: dict[tuple[str, ...], list[Finding]] = {}
        for finding in ordered:
            verdict = self.verdict(finding)
            if verdict in ("fail", "warn", "waived"):
                node = "" if verdict == "warn" else finding.node
                key = (verdict, finding.id, node, finding.text, finding.limit, finding.remedy)
                groups.setdefault(key, []).append(finding)
        return list(groups.values())

    def _place(self, finding: Finding) -> tuple[int, str, str]:
        """Trouble first, by check and node; checks that pass in the order they came."""
        verdict = self.verdict(finding)
        if verdict == "pass":
            return _ORDER["pass"], "", ""
        return _ORDER.get(verdict, 0), finding.id, finding.node

    def _add_plain(self, text: Content) -> None:
        self.rows.append(None)
        self.add_option(Option(text))

    def _line(self, alike: list[Finding]) -> Content:
        finding = alike[0]
        verdict = self.verdict(finding)
        state = _STATES.get(verdict, "unknown")
        nodes = " ".join(f.node for f in alike[:NAMED] if f.node) + (
            f" … ({len(alike)} nodes)" if alike[NAMED:] else ""
        )
        parts: list[tuple[str, str] | str] = [(f"{symbol(state)} ", COLOURS[state])]
        parts.append((f"{nodes} ", "bold") if nodes else "")
        parts.append(f"{finding.text or finding.title}{_measured(alike)}")
        if verdict == "waived":
            parts.append((f"\n  waived: {self.waived.get(key_of(finding), '')}", "$foreground-muted"))
        elif finding.remedy:
            parts.append((f"\n  {finding.remedy}", "$foreground-muted"))
        return Content.assemble(*parts)


def _measured(alike: list[Finding]) -> str:
    """` (value, limit L)`; of several nodes, one value each when they are not the same."""
    first = alike[0]
    if not (first.measured and first.limit):
        return ""
    told = first.measured
    if any(finding.measured != told for finding in alike):
        told = "; ".join(f"{finding.node} {finding.measured}" for finding in alike[:NAMED])
        told += "; …" if alike[NAMED:] else ""
    return f" ({told}, limit {first.limit})"


def _passed(title: str, nodes: list[str]) -> Content:
    where = "" if not nodes else nodes[0] if len(nodes) == 1 else f"{len(nodes)} nodes"
    return Content.assemble((f"{symbol('ok')} ", COLOURS["ok"]), f"{title} ", (where, "$foreground-muted"))
