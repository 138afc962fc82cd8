"""The page of a report: one HTML file without scripts, that loads nothing and is allowed to load nothing."""

from __future__ import annotations

import base64
import hashlib

from yk8s_tui import paths
from yk8s_tui.runs.report import sections, timeline
from yk8s_tui.runs.report.data import Report
from yk8s_tui.runs.report.words import RESULTS, Text, count, kind, mark, moment, span, ticks
from yk8s_tui.runs.views import SUCCEEDED


def page(report: Report, text: Text) -> str:
    """The whole file."""
    style = _style(report)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    number = f" #{report.beside.number}" if report.beside.number else ""
    title = text(f"{report.state.cluster} · {report.state.operation}{number} · {report.result}")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{_header(report, text, number)}
<main>
{"".join(part for part in _sections(report, text) if part)}
</main>
<footer>Run {text(report.beside.run)} · written by yk8s-tui {text(report.state.tool_version)} from the journal of the
run. Hover or touch a bar to read it; a line with ▸ unfolds.</footer>
</body>
</html>
"""


def _style(report: Report) -> str:
    """The style sheet, with the distance of the lines of time in this run."""
    marks = ticks(report.length, timeline.MOST_TICKS)
    width = marks[1] / report.length if len(marks) > 1 else 1.0
    sheet = (paths.assets() / "styles" / "report.css").read_text(encoding="utf-8")
    return f"{sheet}\n:root {{ --tick: {100 * width:.3f}%; }}\n"


def _header(report: Report, text: Text, number: str) -> str:
    state = report.state
    failed = sum(1 for row in report.nodes if row.in_trouble)
    changed = sum(1 for row in report.nodes if row.node.changed)
    done = sum(1 for step in state.steps.values() if step.status in SUCCEEDED)
    facts = [
        (span(report.length), "took"),
        (f"{done} of {len(state.steps)}", "steps done"),
        (str(len(state.nodes)), "nodes"),
        (str(changed), "changed"),
        (str(failed), "set aside"),
    ]
    tiles = "".join(f"<li><b>{value}</b> {label}</li>" for value, label in facts)
    check = " (check only: nothing was changed)" if state.check_only else ""
    words = RESULTS.get(report.result, text(report.result))
    return f"""<header>
<p class="over">{text(state.cluster)}</p>
<h1>{text(state.operation or "apply")}{number}{check}
<span class="pill {kind(report.result)}">{mark(report.result)} {words}</span></h1>
<p class="when">{moment(report.started)} · {text(state.by or "somebody")}</p>
<ul class="tiles">{tiles}</ul>
</header>"""


def _sections(report: Report, text: Text) -> list[str]:
    return [
        sections.result(report, text),
        sections.failures(report, text),
        sections.asked(report, text),
        sections.decisions(report, text),
        _timeline(report, text),
        _nodes(report, text),
        sections.critical(report, text),
        sections.slowest(report, text),
        sections.plan(report, text),
        sections.notes(report, text),
        sections.availability(report),
        sections.versions(report, text),
    ]


def _timeline(report: Report, text: Text) -> str:
    if not report.steps:
        return ""
    legend = "".join(
        f'<li><i class="swatch {name}"></i> {word}</li>'
        for name, word in (
            ("changed", "changed"), ("ok", "unchanged"), ("partial", "some nodes failed"), ("failed", "failed"),
            ("cancelled", "cancelled"), ("wait", "waiting for other nodes"), ("path", "critical path"),
        )
    )  # fmt: skip
    body = timeline.axis(report) + timeline.outages(report) + "".join(timeline.steps(report, text))
    return sections.section("Timeline of steps", f'<ul class="legend">{legend}</ul><div class="chart">{body}</div>')


def _nodes(report: Report, text: Text) -> str:
    if not report.nodes:
        return ""
    busy = sum(row.busy for row in report.nodes)
    lead = f"{count(len(report.nodes), 'node')}, {span(busy)} of work side by side in {span(report.length)}."
    body = timeline.axis(report) + "".join(timeline.nodes(report, text))
    return sections.section("Timeline of nodes", f'<p>{lead}</p><div class="chart">{body}</div>')
