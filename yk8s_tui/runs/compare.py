"""Two runs side by side: what was done in one and not in the other, and where the time went. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from yk8s_tui.runs.account import Account, StepAccount
from yk8s_tui.runs.start import RunSummary
from yk8s_tui.runs.views import SUCCEEDED

ABSENT = "not in the plan"


@dataclass(frozen=True)
class Standing:
    """How a step stood at the end of one of the runs."""

    status: str
    reason: str = ""

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return self.status in SUCCEEDED


@dataclass(frozen=True)
class StepDifference:
    """A step that was done in one run and not in the other."""

    step: str
    layer: str
    title: str
    a: Standing
    b: Standing


@dataclass(frozen=True)
class TimeDifference:
    """Seconds in both runs; None where it did not run at all. The step or the node is empty for a sum over all."""

    step: str
    node: str
    a: float | None
    b: float | None

    @property
    def difference(self) -> float:
        """Seconds more in B than in A."""
        return round((self.b or 0.0) - (self.a or 0.0), 3)


@dataclass(frozen=True)
class ResultDifference:
    """A step that ended differently, on a node or (when the node is empty) as a whole."""

    step: str
    node: str
    a: str
    b: str


@dataclass(frozen=True)
class Version:
    """One thing that has a version."""

    name: str
    a: str
    b: str


@dataclass(frozen=True)
class Comparison:
    """Everything that differs; times are all there are, the largest difference first."""

    a: RunSummary
    b: RunSummary
    versions: tuple[Version, ...]
    done: tuple[StepDifference, ...]
    results: tuple[ResultDifference, ...]
    steps: tuple[TimeDifference, ...]
    nodes: tuple[TimeDifference, ...]
    steps_on_nodes: tuple[TimeDifference, ...]
    config: tuple[str, ...]
    """Unified diff from A's configuration to B's."""
    titles: dict[str, str]
    """Step id -> layer and title."""


def compare(a: Account, b: Account) -> Comparison:
    """Set B beside A."""
    ids = list(dict.fromkeys([*a.steps, *b.steps]))
    nodes = dict.fromkeys(node for _step, node in [*a.busy, *b.busy])
    sums = [_by_node(account) for account in (a, b)]
    known = {**a.steps, **b.steps}
    return Comparison(
        a=a.run,
        b=b.run,
        versions=(Version("yk8s-tui", a.tool, b.tool), Version("Kubernetes", a.kubernetes, b.kubernetes)),
        done=tuple(_done(ids, a, b)),
        results=tuple(_results(ids, a, b)),
        steps=_sorted(TimeDifference(key, "", _seconds(a, key), _seconds(b, key)) for key in ids),
        nodes=_sorted(TimeDifference("", node, sums[0].get(node), sums[1].get(node)) for node in nodes),
        steps_on_nodes=_sorted(
            TimeDifference(step, node, a.busy.get((step, node)), b.busy.get((step, node)))
            for step, node in dict.fromkeys([*a.busy, *b.busy])
        ),
        config=tuple(
            difflib.unified_diff(
                a.config.splitlines(), b.config.splitlines(), f"run {a.run.id}", f"run {b.run.id}", lineterm="", n=1
            )
        ),
        titles={key: f"{step.layer}: {step.title}" for key, step in known.items()},
    )


def _standing(account: Account, key: str) -> Standing:
    step = account.steps.get(key)
    return Standing(step.status, step.reason) if step else Standing(ABSENT)


def _done(ids: Iterable[str], a: Account, b: Account) -> Iterable[StepDifference]:
    for key in ids:
        one, other = _standing(a, key), _standing(b, key)
        if one.done != other.done:
            step = a.steps.get(key) or b.steps[key]
            yield StepDifference(key, step.layer, step.title, one, other)


def _results(ids: Iterable[str], a: Account, b: Account) -> Iterable[ResultDifference]:
    for key in ids:
        one, other = a.steps.get(key), b.steps.get(key)
        if one is None or other is None:
            continue
        if one.status != other.status:
            yield ResultDifference(key, "", one.status, other.status)
        yield from _results_on_nodes(one, other)


def _results_on_nodes(one: StepAccount, other: StepAccount) -> Iterable[ResultDifference]:
    for node in dict.fromkeys([*one.results, *other.results]):
        before, after = one.results.get(node, ""), other.results.get(node, "")
        if before and after and before != after:
            yield ResultDifference(one.id, node, before, after)


def _seconds(account: Account, key: str) -> float | None:
    step = account.steps.get(key)
    ran = step is not None and (step.seconds > 0 or step.status in SUCCEEDED)
    return step.seconds if step is not None and ran else None


def _by_node(account: Account) -> dict[str, float]:
    found: dict[str, float] = {}
    for (_step, node), seconds in account.busy.items():
        found[node] = found.get(node, 0.0) + seconds
    return found


def _sorted(times: Iterable[TimeDifference]) -> tuple[TimeDifference, ...]:
    ran = [t for t in times if t.a is not None or t.b is not None]
    return tuple(sorted(ran, key=lambda t: -abs(t.difference)))
