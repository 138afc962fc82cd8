"""A run as plain lines, for pipes, logs and terminals without a screen."""

from __future__ import annotations

from yk8s_tui.runs.estimates import Durations
from yk8s_tui.runs.events import Event
from yk8s_tui.runs.lamps import slow_in
from yk8s_tui.runs.left import in_words, time_left
from yk8s_tui.runs.state import RunState

MARKS = {"ok": "✓", "changed": "✓", "partial": "!", "failed": "✗", "skipped": "–", "cancelled": "–"}
"""Result of a step -> symbol."""


class PlainView:
    """Turns events into lines; keeps the state that the lines need."""

    def __init__(self, *, verbose: bool = False, durations: Durations | None = None) -> None:
        self.state = RunState()
        self.verbose = verbose
        """Also every task on every node."""
        self._durations = durations or Durations()
        self._lit: set[tuple[str, str]] = set()

    def lines(self, event: Event) -> list[str]:
        """Take one event; the lines to print for it, often none."""
        self.state.apply(event)
        handler = getattr(self, f"_{event['type']}", None)
        found: list[str] = handler(event) if handler else []
        return found

    def _at(self, event: Event) -> str:
        seconds = max(0, int(event["t"] - self.state.started))
        return f"{seconds // 60:3d}:{seconds % 60:02d}"

    def _title(self, step: str) -> str:
        found = self.state.steps.get(step)
        return f"{found.layer}: {found.title}" if found else step

    def _run_started(self, event: Event) -> list[str]:
        count, nodes = len(event.get("steps", ())), len(event.get("nodes", ()))
        estimate = sum(step.get("estimate_seconds", 0.0) for step in event.get("steps", ()))
        check = ", nothing is changed (check mode)" if event.get("check_only") else ""
        known = f", about {estimate:.0f} s of work" if estimate else ""
        return [
            f"run {event['run']}: {event['operation']} {event['cluster']}, {count} steps on {nodes} nodes{known}{check}"
        ]

    def _step_started(self, event: Event) -> list[str]:
        return [f"{self._at(event)} ● {self._title(event['step'])}  {_names(event.get('nodes', ()))}".rstrip()]

    def _step_finished(self, event: Event) -> list[str]:
        result, reason = event["result"], event.get("reason", "")
        seconds = f" in {event['seconds']:.1f} s" if event.get("seconds") else ""
        because = f": {reason}" if reason else ""
        mark = MARKS.get(result, " ")
        left = in_words(time_left(self.state, self._durations, event["t"])) if seconds else ""
        rest = f" · {left}" if left else ""
        return [f"{self._at(event)} {mark} {self._title(event['step'])}  {result}{seconds}{because}{rest}"]

    def _node_result(self, event: Event) -> list[str]:
        return [*self._lamp(event), *self._task_result(event)]

    def _lamp(self, event: Event) -> list[str]:
        """A node that turned out to be slow; told once for each step."""
        name, step = event["node"], self.state.steps.get(event["step"])
        slow = slow_in(step, name, self._durations, event["t"]) if step else None
        if slow is None or (slow.step, name) in self._lit:
            return []
        self._lit.add((slow.step, name))
        return [f"{self._at(event)} ! {name} is {slow.words} in {slow.task}"]

    def _task_result(self, event: Event) -> list[str]:
        if not self.verbose and event["result"] not in ("failed", "unreachable"):
            return []
        text = f": {event['message']}" if event.get("message") else ""
        return [f"{self._at(event)}   {event['node']} {event['result']}: {event['task']}{text}"]

    def _retry(self, event: Event) -> list[str]:
        attempt = f"attempt {event['attempt']} of {event['of']}"
        return [f"{self._at(event)}   {event['node']} {event['task']}: {attempt}"] if self.verbose else []

    def _node_set_aside(self, event: Event) -> list[str]:
        subject = f"{event['node']} is set aside" if event["node"] else f"{self._title(event['step'])} failed"
        found = [f"{self._at(event)} ✗ {subject}: {event['reason']}"]
        found += [f"         {line}" for line in event.get("evidence", "").splitlines()[-10:]]
        if event.get("hint"):
            found.append(f"         what to do: {event['hint']}")
        return found

    def _control(self, event: Event) -> list[str]:
        return [f"{self._at(event)} ! {event['action']} asked for by {event.get('by', 'somebody')}"]

    def _consent(self, event: Event) -> list[str]:
        return [f"{self._at(event)} ! consent of {event.get('by', '')}: {event['text']}"]

    def _waiver(self, event: Event) -> list[str]:
        where = f" on {event['node']}" if event.get("node") else ""
        return [f"{self._at(event)} ! check {event['check']}{where} waived: {event['reason']}"]

    def _note(self, event: Event) -> list[str]:
        mark = "!" if event.get("level") in ("warning", "error") else "·"
        return [f"{self._at(event)} {mark} {event['text']}"]

    def _run_finished(self, event: Event) -> list[str]:
        found = [f"{self._at(event)} {event['result']}: {event.get('message', '')}".rstrip(": ")]
        if event.get("next"):
            found.append(f"next: {event['next']}")
        return found


def _names(nodes: list[str] | tuple[str, ...]) -> str:
    if len(nodes) > 8:
        return f"{' '.join(nodes[:6])} and {len(nodes) - 6} more"
    return " ".join(nodes)
