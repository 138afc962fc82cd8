"""The parts of a report that are words and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from yk8s_tui.models.plan import WHOLE, PlannedStep
from yk8s_tui.runs.events import Event
from yk8s_tui.runs.report.data import Report
from yk8s_tui.runs.report.words import Text, clock, count, kind, mark, moment, span
from yk8s_tui.runs.views import Failure

NOTES_SHOWN = 40
"""Notes up to which nothing is folded."""
INTERRUPTED = (
    "The engine of this run is gone without having written an end. "
    "`yk8s-tui apply` looks at the hosts and goes on from there."
)
RUNNING = "The run was still going on when this report was written."


def section(title: str, body: str, style: str = "") -> str:
    """A part of the page; title and body are safe markup."""
    return f'<section class="{style}"><h2>{title}</h2>{body}</section>\n' if body else ""


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """A list of names and values, both safe markup; empty values are left out."""
    found = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows if value)
    return f"<dl>{found}</dl>" if found else ""


def result(report: Report, text: Text) -> str:
    """How it ended, in words, and what comes next."""
    state = report.state
    own = {"interrupted": INTERRUPTED, "running": RUNNING}.get(report.result, "")
    body = "".join(f"<p>{text(part)}</p>" for part in (own, state.message) if part)
    body += pairs(
        [
            ("Next", text(state.next)),
            ("Exit code", "" if state.exit_code is None else str(state.exit_code)),
            ("Ended", moment(state.ended) if state.ended else ""),
        ]
    )
    return section("Result", body, f"result {kind(report.result)}")


def failures(report: Report, text: Text) -> str:
    """Every node (or step) that failed: why, the evidence, and what to do."""
    found = "".join(_failure(failure, report, text) for failure in report.state.failures.values())
    return section("Failures", found)


def _failure(failure: Failure, report: Report, text: Text) -> str:
    step = report.state.steps.get(failure.step)
    where = text(f"{step.layer}: {step.title}" if step else failure.step)
    task = f" · {text(failure.task)}" if failure.task and (step is None or failure.task != step.title) else ""
    evidence = f"<pre>{text(failure.evidence.strip())}</pre>" if failure.evidence.strip() else ""
    hint = f'<p class="hint"><b>What to do:</b> {text(failure.hint)}</p>' if failure.hint else ""
    return (
        f'<article class="failure"><h3><i class="failed">✗</i> {text(failure.node or "the whole step")}</h3>'
        f'<p class="muted">{where}{task} · at {clock(failure.t - report.started)}</p>'
        f'<p class="reason">{text(failure.reason)}</p>{evidence}{hint}</article>'
    )


def asked(report: Report, text: Text) -> str:
    """Operation, who, where, when, and which part of the cluster."""
    state, plan = report.state, report.beside.plan
    scope = plan.scope if plan else WHOLE
    layers = list(dict.fromkeys(step.layer for step in state.steps.values()))
    of_all = "all nodes" if plan else ""
    every = "every step, whether changed or not (--full)" if scope.full else ""
    return section(
        "What was asked",
        pairs(
            [
                ("Operation", text(state.operation)),
                ("Cluster", text(state.cluster)),
                ("By", text(state.by)),
                ("From host", text(state.host)),
                ("Started", moment(report.started)),
                ("Layers", text.names(scope.layers) if scope.layers else text.names(layers)),
                ("Limited to", text.names(scope.limit) if scope.limit else of_all),
                ("Steps", every),
                ("Mode", "check only: nothing was changed" if state.check_only else ""),
                ("Plan", f"<code>{text(state.plan_hash[:16])}</code>" if state.plan_hash else ""),
                ("Run", f"<code>{text(report.beside.run)}</code>"),
            ]
        ),
    )


def decisions(report: Report, text: Text) -> str:
    """What people decided: consents, waivers, and requests such as cancel."""
    rows = [_decision("Consent", event["text"], event.get("step", ""), event, text) for event in report.state.consents]
    for event in report.state.waivers:
        where = f"{event['check']} on {event['node']}" if event.get("node") else event["check"]
        rows.append(_decision("Waived check", event["reason"], where, event, text))
    return section("Consents and waivers", table(("What", "In words", "Of", "Who and when"), rows))


def _decision(what: str, words: str, of: str, event: Event, text: Text) -> tuple[str, ...]:
    return (what, text(words), f"<code>{text(of)}</code>", f"{text(event.get('by', ''))}<br>{moment(event['t'])}")


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table that becomes a list of cards on a narrow screen; all cells are safe markup."""
    if not rows:
        return ""
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(
        "<tr>"
        + "".join(f'<td data-name="{n}"><div>{cell}</div></td>' for n, cell in zip(heads, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def critical(report: Report, text: Text) -> str:
    """The chain of steps that decided when the run ended."""
    rows, by_id = [], {row.step.id: row for row in report.steps}
    for link in report.path:
        found = by_id[link.step]
        length = found.end - found.start
        waited = f"{span(link.waited)} after " if link.waited >= 0.5 else "after "
        after = "first" if not link.after else waited + text(by_id[link.after].step.title)
        after += "" if link.needed else " had made room"
        share = f"{100 * length / report.length:.0f} %"
        rows.append((text(found.step.title), text(found.step.layer), clock(found.start), span(length), share, after))
    total = sum(by_id[link.step].end - by_id[link.step].start for link in report.path)
    lead = (
        f"<p>These {count(len(rows), 'step')} took {span(total)} of {span(report.length)}, one after the other. "
        "Only making one of them faster makes the run faster.</p>"
    )
    body = table(("Step", "Layer", "At", "Took", "Share", "Began"), rows)
    return section("Critical path", lead + body if rows else "")


def slowest(report: Report, text: Text) -> str:
    """The tasks that took longest on any node, beside what is usual for them."""
    rows = []
    for times in report.slowest:
        step = report.state.steps.get(times.step)
        of = f"{span(times.median)} on {count(times.nodes, 'node')}" if times.nodes > 1 else "one node"
        title = text(step.title if step else times.step)
        rows.append((text(times.task), title, text(times.node), span(times.longest), of))
    return section("Slowest tasks", table(("Task", "Step", "Slowest on", "Took", "Median"), rows))


def plan(report: Report, text: Text) -> str:
    """What was to be done, where and why; what was skipped, and why."""
    rows = []
    for found in report.steps:
        planned = report.planned.get(found.step.id)
        estimate = f" · estimated {span(found.step.estimate)}" if found.step.estimate else ""
        name = f"<b>{text(found.step.title)}</b><br><small>{text(found.step.layer)}{estimate}</small>"
        status = f'<i class="{kind(found.step.status)}">{mark(found.step.status)}</i> {text(found.step.status)}'
        reason = f"<br><small>{text(found.step.reason)}</small>" if found.step.reason else ""
        rows.append((name, text.names(found.step.nodes) or "none", _why(planned, text), status + reason))
    body = table(("Step", "Nodes", "Why", "Result"), rows)
    body += _left_out(report, text) + _missing(report, text)
    return section("Plan", body)


def _why(planned: PlannedStep | None, text: Text) -> str:
    if planned is None:
        return ""
    lines = [text(planned.reason)]
    lines += [f"<small>{text(planned.step.why)}</small>"] if planned.step.why else []
    for change in planned.step.changes[:8]:
        lines.append(f"<small><code>{text(change.symbol)}</code> {text(change.node)} {text(change.text)}</small>")
    if planned.step.destroys:
        lines.append(f'<b class="failed">destroys: {text(planned.step.destroys)}</b>')
    return "<br>".join(lines)


def _left_out(report: Report, text: Text) -> str:
    rows = [(text(title), text(layer), text(reason)) for layer, title, reason in report.left_out]
    if not rows:
        return ""
    found = table(("Step", "Layer", "Why it was not in the run"), rows)
    return f"<details><summary>{count(len(rows), 'step')} skipped</summary>{found}</details>"


def _missing(report: Report, text: Text) -> str:
    missing = report.beside.plan.missing if report.beside.plan else ()
    rows = [(text(m.name), text.names(m.looked_in), text(m.remedy)) for m in missing]
    if not rows:
        return ""
    return "<h3>Missing, so some steps are not in the plan</h3>" + table(("What", "Looked in", "Remedy"), rows)


def notes(report: Report, text: Text) -> str:
    """What the engine remarked."""
    symbols = {"warning": "!", "error": "✗"}
    kinds = {"warning": "partial", "error": "failed"}
    lines = [
        f'<li><time>{clock(note.t - report.started)}</time> <i class="{kinds.get(note.level, "muted")}">'
        f"{symbols.get(note.level, '·')}</i> <span>{text(note.text)}</span></li>"
        for note in report.state.notes
    ]
    body = f'<ul class="notes">{"".join(lines[:NOTES_SHOWN])}</ul>' if lines else ""
    if len(lines) > NOTES_SHOWN:
        more = "".join(lines[NOTES_SHOWN:])
        body += f"<details><summary>{len(lines) - NOTES_SHOWN} more</summary><ul class='notes'>{more}</ul></details>"
    return section("Notes", body)


def availability(report: Report) -> str:
    """How the API answered through its address, when that was measured."""
    seen = report.state.availability
    if not seen.samples:
        return ""
    share = 100 * (seen.samples - seen.failed) / seen.samples
    longest = max((b - a for a, b in report.gaps), default=0.0)
    return section(
        "API availability",
        pairs(
            [
                ("Answered", f"{share:.3f} % of {seen.samples:,} samples"),
                ("Not answered", f"{seen.failed:,}"),
                ("Longest gap", span(longest) if longest else "none"),
            ]
        ),
    )


def versions(report: Report, text: Text) -> str:
    """Versions of what took part, as far as they are known."""
    return section("Versions", pairs((text(name), text(value)) for name, value in report.versions.items()))
