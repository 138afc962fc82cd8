"""The state of a run: a pure reducer over its journal. No clock, no input or output."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable

from yk8s_tui.runs.events import Event
from yk8s_tui.runs.lines import log_line, result_line, retry_line
from yk8s_tui.runs.ring import Ring
from yk8s_tui.runs.times import Times
from yk8s_tui.runs.views import (
    ENDED,
    LONG_SECONDS,
    Availability,
    Failure,
    LayerState,
    Line,
    NodeState,
    Note,
    Progress,
    StepState,
    StepStatus,
)

LOG_LINES = 2_000
"""Lines kept per node."""
LOG_LINES_TOTAL = 400_000
"""Lines kept for all nodes together: with 1,000 nodes each keeps 400."""

NewLog = Callable[[str, int], Ring[Line]]
"""Makes the log of a node (of no node when the name is empty) that keeps so many lines."""


def _in_memory(_name: str, limit: int) -> Ring[Line]:
    return Ring(limit)


class RunState:
    """Everything a view of a run shows; `apply` is the only thing that changes it."""

    def __init__(self, new_log: NewLog = _in_memory) -> None:
        self.run = self.cluster = self.operation = self.by = self.host = ""
        self.tool_version = self.plan_hash = ""
        self.pid = 0
        self.check_only = False
        self.started = self.ended = 0.0
        self.last = 0.0
        """Time of the newest event."""
        self.seq = 0
        self.version = 0
        """Grows with every event: a view repaints when it has moved."""
        self.status = "starting"
        """`starting`, `running`, `paused`, `cancelling`, or the result."""
        self.exit_code: int | None = None
        self.message = self.next = ""
        self.steps: dict[str, StepState] = {}
        self.skipped: dict[str, tuple[str, str, str]] = {}
        """Steps the plan left out: id -> (layer, title, reason)."""
        self.nodes: dict[str, NodeState] = {}
        self.failures: dict[str, Failure] = {}
        """Node -> why it was set aside; empty key for a step without nodes."""
        self.notes: Ring[Note] = Ring(LOG_LINES)
        self.log = new_log("", LOG_LINES)
        """Lines that belong to no node."""
        self.consents: list[Event] = []
        self.waivers: list[Event] = []
        self.availability = Availability()
        self.tasks = 0
        self.results: dict[str, int] = {}
        """Result -> how many tasks ended so, over all nodes."""
        self._limit = LOG_LINES
        self._new_log = new_log

    def apply(self, event: Event) -> None:
        """Take one event; unknown types count but change nothing."""
        self.version += 1
        self.seq = event.get("seq", self.seq)
        self.last = event.get("t", self.last)
        handler = _HANDLERS.get(event["type"])
        if handler is not None:
            handler(self, event)

    def apply_all(self, events: Iterable[Event]) -> RunState:
        """Take many events; returns itself."""
        for event in events:
            self.apply(event)
        return self

    def copy(self, *, nodes: bool = True) -> RunState:
        """A snapshot that later events do not touch; logs share their lines. It has no nodes if so wished."""
        other = copy.copy(self)
        other.steps = {key: step.copy() for key, step in self.steps.items()}
        other.nodes = {key: node.copy() for key, node in self.nodes.items()} if nodes else {}
        other.skipped = dict(self.skipped)
        other.failures = dict(self.failures)
        other.results = dict(self.results)
        other.consents, other.waivers = list(self.consents), list(self.waivers)
        other.notes, other.log = self.notes.copy(), self.log.copy()
        other.availability = copy.copy(self.availability)
        return other

    @property
    def finished(self) -> bool:
        """Whether the journal has its end."""
        return self.exit_code is not None

    @property
    def layers(self) -> tuple[LayerState, ...]:
        """The layers of the plan, in its order."""
        grouped: dict[str, list[StepState]] = {}
        for step in self.steps.values():
            grouped.setdefault(step.layer, []).append(step)
        return tuple(_layer(key, steps, self.last) for key, steps in grouped.items())

    @property
    def steps_done(self) -> int:
        """Steps that have ended."""
        return sum(1 for step in self.steps.values() if step.status in ENDED)

    def elapsed(self, now: float) -> float:
        """Seconds since the start, or from start to end."""
        if not self.started:
            return 0.0
        return max(0.0, (self.ended or now) - self.started)

    def fraction(self, now: float) -> float:
        """How much is done, 0 to 1, weighed by the estimates where there are any."""
        known = [step.estimate for step in self.steps.values() if step.estimate > 0]
        usual = sum(known) / len(known) if known else 1.0
        total = done = 0.0
        for step in self.steps.values():
            weight = step.estimate or usual
            total += weight
            if step.ended:
                done += weight
            elif step.status == "running" and step.estimate > 0:
                done += min(now - step.started, 0.9 * weight)
        return done / total if total else float(self.finished)

    def _node(self, name: str) -> NodeState:
        node = self.nodes.get(name)
        if node is None:
            log = self._new_log(name, self._limit)
            node = self.nodes[name] = NodeState(name=name, roles=(), address="", log=log)
        return node

    def _run_started(self, event: Event) -> None:
        for key in ("run", "cluster", "operation", "by", "host", "tool_version", "plan_hash"):
            setattr(self, key, event.get(key, ""))
        self.pid = event.get("pid", 0)
        self.check_only = event.get("check_only", False)
        self.started = event["t"]
        self.status = "running"
        nodes = event.get("nodes", ())
        self._limit = min(LOG_LINES, max(100, LOG_LINES_TOTAL // max(1, len(nodes))))
        for entry in nodes:
            node = self._node(entry["name"])
            node.roles, node.address = tuple(entry.get("roles", ())), entry.get("address", "")
        for entry in event.get("steps", ()):
            step = StepState(
                id=entry["id"],
                layer=entry["layer"],
                title=entry.get("title", entry["id"]),
                nodes=tuple(entry.get("nodes", ())),
                needs=tuple(entry.get("needs", ())),
                always=entry.get("always", False),
                estimate=entry.get("estimate_seconds", 0.0),
            )
            self.steps[step.id] = step
            for name in step.nodes:
                self._node(name).pending += 1
        for entry in event.get("skipped", ()):
            self.skipped[entry["id"]] = (
                entry["layer"],
                entry.get("title", entry["id"]),
                entry.get("reason", ""),
            )

    def _step(self, event: Event) -> StepState:
        key = event["step"]
        step = self.steps.get(key)
        if step is None:
            nodes = tuple(event.get("nodes") or ())
            step = self.steps[key] = StepState(id=key, layer=key.partition(".")[0], title=key, nodes=nodes)
        return step

    def _step_started(self, event: Event) -> None:
        step = self._step(event)
        # Copies share what an ended step held, and a step may begin again.
        step.doing, step.took, step.long = {}, {}, {}
        step.status, step.started = "running", event["t"]
        step.running_on = tuple(event.get("nodes", step.nodes))
        for name in step.running_on:
            node = self._node(name)
            node.active += 1
            node.step, node.since = step.id, event["t"]
            node.settle(event["t"])

    def _step_finished(self, event: Event) -> None:
        step = self._step(event)
        running_on, step.running_on = set(step.running_on), ()
        step.status, step.seconds = event["result"], event.get("seconds", 0.0)
        step.reason, step.task = event.get("reason", ""), ""
        step.results = event.get("nodes") or {}
        step.doing, step.took, step.long = {}, {}, {}
        for name in step.nodes:
            node = self._node(name)
            node.pending = max(0, node.pending - 1)
            result = step.results.get(name)
            if name in running_on:
                node.active = max(0, node.active - 1)
            if step.status in ("ok", "changed") or result in ("ok", "changed"):
                node.missed -= {step.id}
            else:
                node.missed |= {step.id}
            if result is not None:
                _take_result(node, result)
            node.settle(event["t"])

    def _task_started(self, event: Event) -> None:
        step = self._step(event)
        step.task = event["task"]
        step.tasks += 1
        self.tasks += 1

    def _node_task(self, event: Event) -> None:
        node = self.nodes.get(event["node"]) or self._node(event["node"])
        node.step, node.task, node.since = event["step"], event["task"], event["t"]
        node.progress = None
        if node.status != "set aside":
            node.status = "running"
        step = self.steps.get(event["step"])
        if step is not None and not step.ended:
            step.doing[event["node"]] = (event["task"], event["t"])

    def _node_result(self, event: Event) -> None:
        node = self.nodes.get(event["node"]) or self._node(event["node"])
        result, t = event["result"], event["t"]
        node.last_result, node.progress = result, None
        self.results[result] = self.results.get(result, 0) + 1
        if (step := self.steps.get(event["step"])) is not None:
            _take_time(step, event)
        if result == "ok":
            node.ok += 1
        elif result == "changed":
            node.changed += 1
            node.last_change = t
        elif result in ("failed", "unreachable"):
            node.failed += 1
            if node.status != "set aside":
                node.status = result
        elif result == "skipped":
            node.skipped += 1
            return
        node.log.append(result_line(event))

    def _retry(self, event: Event) -> None:
        node = self._node(event["node"])
        node.retries += 1
        node.log.append(retry_line(event))

    def _progress(self, event: Event) -> None:
        node = self._node(event["node"])
        node.progress = Progress(event["done"], event["total"], event.get("unit", ""), event.get("text", ""))

    def _log(self, event: Event) -> None:
        name = event.get("node")
        (self._node(name).log if name else self.log).append(log_line(event))

    def _set_aside(self, event: Event) -> None:
        name = event["node"]
        self.failures[name] = Failure(
            event["t"],
            name,
            event.get("step", ""),
            event.get("task", ""),
            event.get("reason", ""),
            event.get("evidence", ""),
            event.get("hint", ""),
        )
        if name:
            node = self._node(name)
            node.status, node.since, node.reason = "set aside", event["t"], event.get("reason", "")

    def _control(self, event: Event) -> None:
        after = {"cancel": "cancelling", "pause": "paused", "continue": "running"}.get(event["action"])
        if after and not self.finished and self.status != "cancelling":
            self.status = after
        self.notes.append(Note(event["t"], "info", f"{event['action']} asked for by {event.get('by', 'somebody')}"))

    def _consent(self, event: Event) -> None:
        self.consents.append(event)

    def _waiver(self, event: Event) -> None:
        self.waivers.append(event)

    def _availability(self, event: Event) -> None:
        state, t = self.availability, event["t"]
        state.samples += 1
        state.last_ok = bool(event["ok"])
        if state.last_ok:
            if state.gap_since:
                state.longest_gap = max(state.longest_gap, t - state.gap_since)
                state.gap_since = 0.0
            return
        state.failed += 1
        state.last_error = event.get("error", "")
        state.gap_since = state.gap_since or t

    def _note(self, event: Event) -> None:
        self.notes.append(Note(event["t"], event.get("level", "info"), event["text"]))

    def _run_finished(self, event: Event) -> None:
        self.ended = event["t"]
        self.status, self.exit_code = event["result"], event["exit_code"]
        self.message, self.next = event.get("message", ""), event.get("next", "")


def _take_result(node: NodeState, result: str) -> None:
    """A failed task that was rescued left the node marked; the step's own result is what counts."""
    if node.status == "set aside":
        return
    if result in ("failed", "unreachable"):
        node.status = "failed" if result == "failed" else "unreachable"
    elif node.status in ("failed", "unreachable"):
        node.status = "running"


def _take_time(step: StepState, event: Event) -> None:
    """What a task took on a node; actions do not say it, and there it is the time since they named the task."""
    if step.ended:
        return
    name, task, t = event["node"], event["task"], event["t"]
    _, since = step.doing.pop(name, ("", t))
    if event["result"] != "skipped":
        seconds = event.get("seconds") or max(0.0, t - since)
        times = step.took.get(task)
        if times is None:
            times = step.took[task] = Times()
        times.add(seconds)
        if seconds >= LONG_SECONDS:
            step.long.setdefault(name, {})[task] = seconds


def _layer(key: str, steps: list[StepState], last: float) -> LayerState:
    done = sum(1 for step in steps if step.ended)
    started = min((step.started for step in steps if step.started), default=0.0)
    end = max((step.started + step.seconds for step in steps if step.started), default=0.0)
    if done < len(steps):
        end = last
    return LayerState(
        id=key,
        status=_layer_status(steps, done),
        done=done,
        total=len(steps),
        started=started,
        seconds=max(0.0, end - started) if started else 0.0,
    )


def _layer_status(steps: list[StepState], done: int) -> StepStatus:
    found = {step.status for step in steps}
    if "failed" in found:
        return "failed"
    if done < len(steps):
        return "running" if found - {"waiting"} else "waiting"
    for status in ("cancelled", "partial", "skipped", "changed"):
        if status in found:
            return status
    return "ok"


_HANDLERS: dict[str, Callable[[RunState, Event], None]] = {
    "run_started": RunState._run_started,
    "step_started": RunState._step_started,
    "step_finished": RunState._step_finished,
    "task_started": RunState._task_started,
    "node_task": RunState._node_task,
    "node_result": RunState._node_result,
    "retry": RunState._retry,
    "progress": RunState._progress,
    "log": RunState._log,
    "node_set_aside": RunState._set_aside,
    "control": RunState._control,
    "consent": RunState._consent,
    "waiver": RunState._waiver,
    "availability": RunState._availability,
    "note": RunState._note,
    "run_finished": RunState._run_finished,
}
