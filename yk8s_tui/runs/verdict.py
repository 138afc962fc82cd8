"""The result of a run, and what to do next. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from yk8s_tui.errors import ExitCode
from yk8s_tui.models.plan import Plan
from yk8s_tui.runs.graph import Graph


@dataclass(frozen=True)
class Verdict:
    """How a run ended."""

    result: str
    """`done`, `failed`, `cancelled` or `partial`."""
    exit_code: int
    message: str
    next: str


def judge(plan: Plan, graph: Graph, run: str, *, cancelled: bool, fatal: str = "") -> Verdict:
    """From the results of the steps: partial means that something was done and the rest can be resumed."""
    counts: dict[str, list[str]] = {
        result: [k for k, r in graph.results.items() if r == result] for result in set(graph.results.values())
    }
    done = [key for key in graph.results if graph.results[key] in ("ok", "changed", "partial")]
    advanced = [key for key in done if not graph.steps[key].step.always]
    short = [key for key, result in graph.results.items() if result in ("failed", "partial", "skipped", "cancelled")]
    message = _message(graph, counts, done)
    if fatal:
        return Verdict("failed", ExitCode.FAILED, fatal, "make room or mend what it names, then apply again")
    if cancelled:
        text = "`yk8s-tui apply` goes on from here; what was cancelled is looked at again"
        return Verdict("cancelled", ExitCode.CANCELLED, f"cancelled; {message}", text)
    if not short and not graph.aside:
        return _complete(plan, message)
    text = _next(graph, run)
    if advanced:
        return Verdict("partial", ExitCode.PARTIAL, message, text)
    return Verdict("failed", ExitCode.FAILED, message, text)


def _complete(plan: Plan, message: str) -> Verdict:
    if plan.missing:
        lacking = "; ".join(f"{m.name} (looked in {', '.join(m.looked_in)})" for m in plan.missing)
        remedies = "; ".join(dict.fromkeys(m.remedy for m in plan.missing if m.remedy))
        return Verdict(
            "partial",
            ExitCode.PARTIAL,
            f"{message}; missing: {lacking}",
            remedies or "provide them, then apply again",
        )
    return Verdict("done", ExitCode.DONE, message, "")


def _message(graph: Graph, counts: dict[str, list[str]], done: list[str]) -> str:
    parts = [f"{len(done)} of {len(graph.steps)} steps done"]
    if changed := counts.get("changed"):
        parts.append(f"{len(changed)} changed something")
    for result in ("failed", "skipped", "cancelled"):
        if found := counts.get(result):
            parts.append(f"{len(found)} {result}")
    if graph.aside:
        parts.append(f"set aside: {', '.join(graph.aside)}")
    return ", ".join(parts)


def _next(graph: Graph, run: str) -> str:
    failed = [graph.steps[key].step.title for key, result in graph.results.items() if result == "failed"]
    subject = ", ".join(graph.aside) or ", ".join(failed) or "what failed"
    return f"see `yk8s-tui runs show {run}`, mend {subject}, then `yk8s-tui apply` goes on from here"
