"""What one node looks like: as a pane of a few lines, or as a cell of one; pure."""

from __future__ import annotations

import textwrap
from collections.abc import Container, Iterable, Sequence

from yk8s_tui.runs.views import Failure, NodeState
from yk8s_tui.widgets.symbols import State, bar, cut, duration, symbol

Part = tuple[str, str]
"""Text and the name of its style."""

_RANK: dict[State, int] = {"failed": 0, "warning": 1, "paused": 2, "running": 3, "waiting": 4, "ok": 5}
_ROLES = {"control-plane": "control plane"}
ROUTINE = "Validating arguments against arg spec"
"""Lines of Ansible's own that tell nothing; the log has them."""
COUNTED: tuple[State, ...] = ("ok", "running", "waiting", "paused", "failed", "warning")


def state_of(node: NodeState, slow: Container[str] = ()) -> State:
    """The state of a node; one that tries something again, or is among the slow ones, is a warning."""
    if node.status in ("failed", "unreachable", "set aside"):
        return "failed"
    if node.status == "running":
        if node.name in slow:
            return "warning"
        return "warning" if node.retries and len(node.log) and node.log[-1].kind == "retry" else "running"
    if node.status == "unfinished":
        return "paused"
    return "ok" if node.status == "ok" else "waiting"


def by_trouble(nodes: Iterable[NodeState], slow: Container[str] = ()) -> list[NodeState]:
    """Trouble first; nodes in the same state stay in the order of the configuration."""
    return sorted(nodes, key=lambda node: _RANK[state_of(node, slow)])


def failures_first(nodes: Iterable[NodeState]) -> list[NodeState]:
    """Failures first; all others stay where they are, so that panes do not jump."""
    return sorted(nodes, key=lambda node: state_of(node) != "failed")


def count(nodes: Iterable[NodeState], slow: Container[str] = ()) -> dict[State, int]:
    """How many nodes are in each state; the sum is the number of nodes."""
    found: dict[State, int] = dict.fromkeys(COUNTED, 0)
    for node in nodes:
        found[state_of(node, slow)] += 1
    return found


def matches(node: NodeState, words: Sequence[str], slow: Container[str] = ()) -> bool:
    """Whether every word is in the name, a role, the state, the step or the current task."""
    if not words:
        return True
    state = state_of(node, slow)
    lamp = "slow" if node.name in slow else ""
    text = f"{node.name} {' '.join(node.roles)} {state} {node.status} {node.step} {node.task} {lamp}".lower()
    return all(word in text for word in words)


def pane_title(node: NodeState, now: float, slow: str = "") -> list[Part]:
    """Name, state, and how long it has been in it; `slow` says in words that its lamp is on."""
    state = state_of(node, (node.name,) if slow else ())
    parts: list[Part] = [(node.name, "name"), (" ", ""), (symbol(state), state)]
    if node.status == "running" and node.since:
        parts.append((f" {duration(now - node.since)}", "muted"))
    return parts


def pane_lines(
    node: NodeState, failure: Failure | None, now: float, width: int, height: int, slow: str = ""
) -> list[Part]:
    """The lines inside a pane: what it is, what it does now, what went before."""
    state = state_of(node)
    if state == "failed":
        return _failed_lines(node, failure, width, height)
    lines: list[Part] = [(" ".join(_ROLES.get(r, r) for r in node.roles) or node.address, "muted")]
    lines += _doing(node, width)
    if slow and node.status == "running":
        lines.append((cut(slow, width), "warning"))
    lines.append((_counts(node), "muted"))
    for line in reversed(node.log.last(2 * max(0, height - len(lines)))):
        kind = line.kind if line.kind in ("failed", "changed") else "muted"
        text = plain_task(line.text.partition("\n")[0])
        if not text.startswith(ROUTINE):
            lines.append((cut(text, width), kind))
    return lines[:height]


def plain_task(task: str) -> str:
    """`role : task` -> `task`: panes are narrow, and the log has the role."""
    return task.partition(" : ")[2] or task


def amount(value: float, unit: str) -> tuple[str, str]:
    """A number and its unit for reading: bytes become MB."""
    if unit in ("B", "byte", "bytes"):
        return f"{value / 1e6:.0f}", "MB"
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}", unit


def _doing(node: NodeState, width: int) -> list[Part]:
    if node.status == "running":
        lines: list[Part] = [(cut(plain_task(node.task) or node.step.partition(".")[2], width), "text")]
        if node.progress is not None:
            lines.append((_progress(node, width), "running"))
        return lines
    if node.status == "ok":
        return [("done", "ok")]
    if node.status == "unfinished":
        steps = "1 step" if len(node.missed) == 1 else f"{len(node.missed)} steps"
        return [(cut(f"{steps} not done", width), "paused")]
    return [("waiting", "waiting")]


def _progress(node: NodeState, width: int) -> str:
    progress = node.progress
    assert progress is not None
    done, unit = amount(progress.done, progress.unit)
    total, unit = amount(progress.total, progress.unit) if progress.total else ("", unit)
    text = "" if progress.text in node.task else progress.text
    words = " ".join(w for w in (f"{done}/{total}" if total else done, unit, text) if w)
    room = width - len(words) - 1
    drawn = bar(progress.done, progress.total, min(room, 20)) + " " if room >= 5 and progress.total else ""
    return cut(drawn + words, width)


def _counts(node: NodeState) -> str:
    parts = [f"{node.ok + node.changed} done", f"{node.changed} changed"]
    if node.retries:
        parts.append(f"{node.retries} retries")
    return ", ".join(parts)


def _failed_lines(node: NodeState, failure: Failure | None, width: int, height: int) -> list[Part]:
    lines: list[Part] = []
    if failure is None:
        lines += [(line, "failed") for line in textwrap.wrap(node.reason or node.status, width)]
        return lines[:height]
    hint = [(line, "text") for line in textwrap.wrap(failure.hint, width)] if failure.hint else []
    free = height - len(hint)
    lines += [(line, "failed") for line in textwrap.wrap(failure.reason, width)[: max(2, free - 2)]]
    evidence = textwrap.wrap(failure.evidence.strip().partition("\n")[0], width)
    room = height - len(lines) - min(len(hint), 2)
    lines += [(line, "muted") for line in evidence[: max(0, min(room, 2), free - len(lines))]]
    return (lines + hint)[:height]
