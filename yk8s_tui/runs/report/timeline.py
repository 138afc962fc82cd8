"""The timeline of a report: steps and nodes as bars over one axis of time, drawn as inline SVG.

Places are attributes in percent, so the page needs no style of its own for each bar, and any width does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from yk8s_tui.runs.report.data import NodeRow, Report, StepRow
from yk8s_tui.runs.report.spans import Span
from yk8s_tui.runs.report.words import Text, clock, count, kind, mark, span, ticks
from yk8s_tui.runs.views import StepState

NODES_DRAWN = 40
"""Nodes of a step (or of the run) that get a bar each; of more only those in trouble and the slowest do."""
SLOWEST_DRAWN = 10
MOST_TICKS = 5
BAR = 14
"""Height of a bar in CSS pixels."""
THIN = 6
"""Height of a bar where steps overlap on a node."""


def percent(seconds: float, report: Report) -> str:
    """A moment (or a width) as a share of the run."""
    return f"{100 * max(0.0, seconds) / report.length:.2f}".rstrip("0").rstrip(".") + "%"


def axis(report: Report) -> str:
    """The moments above the bars."""
    marks = ticks(report.length, MOST_TICKS)
    texts = []
    for at in marks:
        share = at / report.length
        anchor = "start" if share < 0.02 else "end" if share > 0.95 else "middle"
        texts.append(f'<text x="{percent(at, report)}" y="11" text-anchor="{anchor}">{clock(at)}</text>')
    return (
        f'<div class="row axis" aria-hidden="true"><span class="name"></span>'
        f'<svg class="lane">{"".join(texts)}</svg><span class="time"></span></div>'
    )


def rect(start: float, width: float, style: str, tip: str, report: Report, *, y: int = 0, height: int = BAR) -> str:
    """One bar; `tip` is safe text."""
    place = f' y="{y}"' if y else ""
    return (
        f'<rect x="{percent(start, report)}" width="{percent(width, report)}"{place} height="{height}"'
        f' class="{style}"><title>{tip}</title></rect>'
    )


def row(name: str, bars: str, time: str, style: str = "", height: int = 0) -> str:
    """A line of the timeline: name, bars, how long; all three are safe markup."""
    tall = f' height="{height}"' if height else ""
    return (
        f'<div class="row {style}"><span class="name">{name}</span><svg class="lane"{tall} role="img">{bars}</svg>'
        f'<span class="time">{time}</span></div>'
    )


def steps(report: Report, text: Text) -> Iterator[str]:
    """Every step that ran with its nodes to unfold, and those that did not, by layer."""
    layer = ""
    for found in report.steps:
        if found.step.layer != layer:
            layer = found.step.layer
            yield f'<h3 class="layer">{text(layer)}</h3>'
        yield _step(found, report, text)


def outages(report: Report) -> str:
    """The API through its address: a bar for each time it did not answer."""
    if not report.state.availability.samples:
        return ""
    bars = "".join(
        rect(a - report.started, b - a, "b failed", f"no answer for {span(b - a)}", report) for a, b in report.gaps
    )
    longest = max((b - a for a, b in report.gaps), default=0.0)
    tag = f"gap {span(longest)}" if report.gaps else "no gap"
    return row(f"API <small>{count(len(report.gaps), 'outage')}</small>", bars, tag, "api")


def nodes(report: Report, text: Text) -> Iterator[str]:
    """A line for every node with its steps; those without trouble are folded when there are many."""
    shown = [found for found in report.nodes if found.in_trouble]
    rest = [found for found in report.nodes if not found.in_trouble]
    if len(report.nodes) <= NODES_DRAWN:
        shown, rest = [*shown, *rest], []
    yield from (_node(found, report, text) for found in shown)
    if rest:
        lines = "".join(_node(found, report, text) for found in rest)
        yield f"<details><summary>{count(len(rest), 'node')} without trouble</summary>{lines}</details>"


def _step(found: StepRow, report: Report, text: Text) -> str:
    step = found.step
    tag = ' <b class="tag">critical</b>' if found.link else ""
    where = count(len(step.nodes), "node")
    name = (
        f'<i class="{kind(step.status)}">{mark(step.status)}</i> {text(step.title)} '
        f"<small>{where if step.nodes else ''}</small>{tag}"
    )
    style = f"step {'critical' if found.link else ''}"
    if not found.ran:
        return row(name, "", f'<span class="muted">{text(step.status)}</span>', style)
    length = found.end - found.start
    tip = f"{text(step.title)}: {text(step.status)}, {span(length)}, from {clock(found.start)} to {clock(found.end)}"
    bars = rect(found.start, length, f"b {kind(step.status)}", tip, report)
    if found.link:
        bars += rect(found.start, length, "path", f"on the critical path; {tip}", report, y=BAR + 1, height=3)
    line = row(name, bars, span(length), style, BAR + 4)
    if not found.spans:
        return line
    return f'<details class="of-step"><summary>{line}</summary>{_step_nodes(found, report, text)}</details>'


def _step_nodes(found: StepRow, report: Report, text: Text) -> str:
    """The nodes of one step: bars for few; of many those in trouble and the slowest, and figures for the rest."""
    spans = list(found.spans.items())
    if len(spans) <= NODES_DRAWN:
        return "".join(_in_step(name, s, report, text) for name, s in spans)
    bad = [name for name, s in spans if s.result in ("failed", "unreachable")][:NODES_DRAWN]
    slow = sorted(found.spans, key=lambda name: -found.spans[name].busy)[:SLOWEST_DRAWN]
    drawn = list(dict.fromkeys([*bad, *slow]))
    rest = [(name, s) for name, s in spans if name not in set(drawn)]
    lines = "".join(_in_step(name, found.spans[name], report, text) for name in drawn)
    figures = " ".join(f"<li>{text(name)} <b>{s.busy:.1f}</b></li>" for name, s in rest)
    return (
        f"{lines}<details><summary>{count(len(rest), 'more node')}, seconds at work</summary>"
        f'<ul class="figures">{figures}</ul></details>'
    )


def _in_step(name: str, found: Span, report: Report, text: Text) -> str:
    """One node in one step, with its tasks when they are few enough."""
    start, length = found.start - report.started, found.end - found.start
    result = found.result or "running"
    words = f"{text(name)}: {text(result)}, at work {span(found.busy)} of {span(length)}"
    bars = rect(start, length, f"wait {kind(result)}", words, report)
    if report_tasks := found.tasks:
        for task in report_tasks:
            tip = f"{text(name)}: {text(task.task)}: {text(task.result)}, {span(task.end - task.start)}"
            bars += rect(
                task.start - report.started, task.end - task.start, f"t {kind(task.result)}", tip, report
            )  # fmt: skip
    else:
        bars += rect(start, min(found.busy, length), f"b {kind(result)}", words, report)
    label = f'<i class="{kind(result)}">{mark(result)}</i> {text(name)}'
    return row(label, bars, span(found.busy), "node")


def _node(found: NodeRow, report: Report, text: Text) -> str:
    node = found.node
    lanes = list(_lanes(found.spans))
    used = 1 + max((lane for _, _, lane in lanes), default=0)
    bars = "".join(
        rect(s.start - report.started, s.end - s.start, f"b {kind(s.result or 'running')}",
             f"{text(step.title)}: {text(s.result or 'running')}, {span(s.busy)}", report,
             y=lane * (THIN + 1), height=THIN if used > 1 else BAR)
        for step, s, lane in lanes
    )  # fmt: skip
    told = [f"{node.changed} changed"] if node.changed else ["unchanged"]
    told += [f"{node.failed} failed"] if node.failed else []
    told += [count(node.retries, "retry").replace("retrys", "retries")] if node.retries else []
    name = (
        f'<i class="{kind(node.status)}">{mark(node.status)}</i> {text(node.name)} '
        f"<small>{text(' '.join(node.roles))} · {', '.join(told)}</small>"
    )
    return row(name, bars, span(found.busy), "node", max(BAR, used * (THIN + 1)))


def _lanes(spans: Iterable[tuple[StepState, Span]]) -> Iterator[tuple[StepState, Span, int]]:
    """Steps that overlap on a node are drawn one below the other."""
    free: list[float] = []
    for step, found in sorted(spans, key=lambda pair: pair[1].start):
        lane = next((i for i, end in enumerate(free) if end <= found.start + 0.01), len(free))
        if lane == len(free):
            free.append(0.0)
        free[lane] = found.end
        yield step, found, lane
