"""What the run screen says in words; pure."""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import MappingProxyType

from textual.content import Content

from yk8s_tui.runs.estimates import Durations
from yk8s_tui.runs.left import in_words, time_left
from yk8s_tui.runs.state import RunState
from yk8s_tui.runs.views import NodeState
from yk8s_tui.widgets.node_cells import COUNTED, count
from yk8s_tui.widgets.symbols import COLOURS, State, duration, symbol

NOTHING_LEARNT = Durations()
NO_LAMPS: Mapping[str, str] = MappingProxyType({})
_RUN_STATES: dict[str, State] = {
    "starting": "waiting",
    "running": "running",
    "paused": "paused",
    "cancelling": "warning",
    "done": "ok",
    "failed": "failed",
    "cancelled": "paused",
    "partial": "warning",
}


def state_of_run(status: str) -> State:
    """The symbol's state for a whole run."""
    return _RUN_STATES.get(status, "unknown")


def heading(state: RunState, now: float, *, gone: bool, durations: Durations = NOTHING_LEARNT) -> str:
    """Symbol, status, elapsed, left, and who started it."""
    if gone:
        return f"{symbol('unknown')} the engine is gone {symbol('dot')} {duration(state.elapsed(state.last))}"
    parts = [f"{symbol(state_of_run(state.status))} {state.status} {duration(state.elapsed(now))}"]
    if left := in_words(time_left(state, durations, now)):
        parts.append(left.replace("–", symbol("dash")))
    if state.by:
        parts.append(state.by.partition("@")[0])
    return f" {symbol('dot')} ".join(parts)


def counts(state: RunState, shown: int, words: str, slow: Container[str] = ()) -> Content:
    """How many nodes are in each state; always of all nodes, filter or not."""
    found = count(state.nodes.values(), slow)
    parts: list[Content | str] = [Content.styled(f" nodes {len(state.nodes)}  ", "bold")]
    for name in COUNTED:
        if found[name] or name in ("ok", "failed"):
            parts.append(
                Content.assemble(
                    (f"{symbol(name)} {found[name]}  ", COLOURS[name] if found[name] else "$foreground-muted")
                )
            )
    if words:
        parts.append(Content.styled(f" filter {words!r}: {shown} shown", "$text-warning"))
    if state.availability.samples:
        parts.append(availability(state))
    return Content.assemble(*parts)


def availability(state: RunState) -> Content:
    """The API through its address: share of good samples, longest gap."""
    seen = state.availability
    share = 100 * (seen.samples - seen.failed) / seen.samples
    gap = f"  gap {seen.longest_gap:.1f} s" if seen.longest_gap else ""
    colour = "$text-success" if seen.last_ok else "$text-error"
    word = "" if seen.last_ok else f"  now: {seen.last_error}"
    return Content.assemble((f" API {share:.3f} %{gap}{word}", colour))


def remark(state: RunState, *, gone: bool, slow: Mapping[str, str] = NO_LAMPS) -> Content:
    """The sentence below the grid: the result, or what happened last."""
    if gone:
        text = "The process of this run has ended without a word. A new plan looks at the hosts and goes on from there."
        return Content.styled(f"{symbol('unknown')} {text}", "$text-warning")
    if state.finished:
        kind = state_of_run(state.status)
        text = ". ".join(part.rstrip(".") for part in (state.message, state.next) if part) or state.status
        return Content.assemble((f"{symbol(kind)} ", COLOURS[kind]), text)
    if state.failures:
        names = [name for name in state.failures if name]
        listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        return Content.assemble(
            (f"{symbol('failed')} ", "$text-error"),
            f"{listed or 'A step'} set aside; the others go on. F shows why.",
        )
    if slow:
        listed = ", ".join(f"{name} {words}" for name, words in list(slow.items())[:4])
        more = f" and {len(slow) - 4} more" if len(slow) > 4 else ""
        return Content.assemble((f"{symbol('warning')} ", "$text-warning"), f"{listed}{more}")
    if len(state.notes):
        return Content(state.notes[-1].text.partition("\n")[0])
    return Content("")


def node_detail(node: NodeState, state: RunState, now: float, width: int, slow: str = "") -> Content:
    """The node under the cursor, for the dense grid."""
    failure = state.failures.get(node.name)
    head = Content.assemble((f"{node.name} ", "bold"), (f"{node.address}  {' '.join(node.roles)}", "$foreground-muted"))
    lines = [head]
    if failure is not None:
        lines.append(Content.styled(f"{failure.task or failure.step}: {failure.reason}", "$text-error"))
        lines += [Content(line) for line in failure.evidence.strip().splitlines()[:2]]
        if failure.hint:
            lines.append(Content.styled(failure.hint, "$text-accent"))
        return Content("\n").join(lines)
    doing = f"{node.task or node.step or node.status} {duration(now - node.since) if node.task else ''}"
    lines.append(Content(doing) if not slow else Content.assemble(f"{doing}  ", (slow, "$text-warning")))
    lines += [Content(line.text.partition("\n")[0][:width]) for line in node.log.last(2)]
    return Content("\n").join(lines)
