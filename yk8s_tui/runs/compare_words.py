"""What a comparison of two runs says, as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from yk8s_tui.runs.compare import Comparison, Standing, TimeDifference
from yk8s_tui.runs.start import RunSummary

SHOWN = 15
"""Times listed at most; JSON has all."""

Section = tuple[str, list[str]]
"""A heading and its lines."""


def sections(found: Comparison) -> Iterator[Section]:
    """The comparison in words, the most telling first; empty sections are left out."""
    yield "Runs", [_run("A", found.a), _run("B", found.b), *_versions(found), _whole(found)]
    for heading, lines in (
        ("Done in one run only", list(_done(found))),
        ("Other results", list(_results(found))),
        ("Seconds per step (whole step)", _times(found, found.steps)),
        ("Seconds per node (tasks, added up)", _times(found, found.nodes)),
        ("Seconds per step on each node", _times(found, found.steps_on_nodes)),
        ("Configuration", list(found.config) or ["the same in both"]),
    ):
        if lines:
            yield heading, lines


def _run(letter: str, run: RunSummary) -> str:
    return f"{letter}  #{run.number} {run.id}  {run.operation}  {run.result}  {run.seconds:.1f} s  {run.by}"


def _versions(found: Comparison) -> Iterator[str]:
    for version in found.versions:
        if version.a != version.b:
            yield f"{version.name}: A {version.a or 'unknown'}, B {version.b or 'unknown'}"
        elif version.a:
            yield f"{version.name}: {version.a} in both"


def _whole(found: Comparison) -> str:
    difference = found.b.seconds - found.a.seconds
    word = "more" if difference > 0 else "less"
    return f"B took {abs(difference):.1f} s {word} than A" if abs(difference) >= 0.05 else "both took as long"


def _done(found: Comparison) -> Iterator[str]:
    for step in found.done:
        yield f"{step.layer}: {step.title}: A {_standing(step.a)}, B {_standing(step.b)}"


def _standing(standing: Standing) -> str:
    status = _status(standing.status)
    return f"{status} ({standing.reason})" if standing.reason else status


def _status(status: str) -> str:
    return "not begun" if status == "waiting" else status


def _results(found: Comparison) -> Iterator[str]:
    """What is not told as done in one run only."""
    told = {step.step for step in found.done}
    for result in found.results:
        if result.node or result.step not in told:
            where = _where(found, result.step, result.node)
            yield f"{where}: A {_status(result.a)}, B {_status(result.b)}"


def _where(found: Comparison, step: str, node: str) -> str:
    title = found.titles.get(step, step)
    return f"{title} on {node}" if step and node else title or node


def _times(found: Comparison, times: Iterable[TimeDifference]) -> list[str]:
    listed = list(times)
    lines = [
        f"{_seconds(t.a)}  {_seconds(t.b)}  {t.difference:+9.1f}  {_where(found, t.step, t.node)}"
        for t in listed[:SHOWN]
    ]
    if lines:
        lines.insert(0, f"{'A':>9}  {'B':>9}  {'B - A':>9}")
    if len(listed) > SHOWN:
        lines.append(f"and {len(listed) - SHOWN} more with smaller differences")
    return lines


def _seconds(value: float | None) -> str:
    return f"{'-':>9}" if value is None else f"{value:9.1f}"


def as_json(found: Comparison) -> dict[str, Any]:
    """The comparison as documented in docs/reference/json.md."""

    def times(listed: Iterable[TimeDifference]) -> list[dict[str, Any]]:
        return [{key: v for key, v in asdict(t).items() if v != ""} | {"difference": t.difference} for t in listed]

    return {
        "a": asdict(found.a),
        "b": asdict(found.b),
        "versions": {v.name: {"a": v.a, "b": v.b} for v in found.versions},
        "done_in_one_only": [asdict(step) for step in found.done],
        "results": [asdict(result) for result in found.results],
        "steps": times(found.steps),
        "nodes": times(found.nodes),
        "steps_on_nodes": times(found.steps_on_nodes),
        "config_diff": list(found.config),
    }
