"""Drives the graph of steps: begins what may begin, side by side, and takes down what came of it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

from yk8s_tui.errors import Yk8sError
from yk8s_tui.models.plan import Playbook, Step
from yk8s_tui.repository.state import record_step
from yk8s_tui.runs.actions import run_action
from yk8s_tui.runs.graph import Graph, Ready
from yk8s_tui.runs.outcome import Outcome, Trouble
from yk8s_tui.runs.playbooks import run_playbook
from yk8s_tui.runs.surroundings import Surroundings

ACTIONS_AT_ONCE = 16


def playbooks_at_once() -> int:
    """`$YK8S_PLAYBOOKS_AT_ONCE`, else two for each core."""
    named = os.environ.get("YK8S_PLAYBOOKS_AT_ONCE", "")
    return max(1, int(named)) if named.isdigit() else 2 * (os.cpu_count() or 2)


class Scheduler:
    """Runs the steps of one graph; `cancel`, `pause` and `go_on` may be called at any time from its loop."""

    def __init__(self, around: Surroundings, graph: Graph, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.around = around
        self.graph = graph
        self.paused = False
        self.cancelled = False
        self.interrupted: dict[str, tuple[str, ...]] = {}
        """Cancelled step -> the nodes it was at work on."""
        self.seconds: dict[str, float] = {}
        """What steps took that succeeded."""
        self.results: dict[str, dict[str, str]] = {}
        """Step that succeeded -> result of each of its nodes."""
        self._clock = clock
        self._limit = playbooks_at_once()
        self._moved = asyncio.Event()
        self._tasks: dict[asyncio.Task[Outcome], tuple[Ready, float]] = {}

    def cancel(self) -> None:
        """End what runs, begin nothing more."""
        if not self.cancelled:
            self.cancelled = True
            for task in self._tasks:
                task.cancel()
            self._moved.set()

    def pause(self) -> None:
        """Begin nothing more until `go_on`; what runs goes on."""
        self.paused = True

    def go_on(self) -> None:
        """End a pause."""
        self.paused = False
        self._moved.set()

    async def run(self) -> None:
        """Until every step has a result."""
        try:
            while True:
                self._leave_blocked()
                if self.cancelled:
                    self._leave_rest()
                elif not self.paused:
                    self._begin_ready()
                if self.graph.ended:
                    return
                await self._wait()
        finally:
            await self._end_tasks()

    async def _end_tasks(self) -> None:
        """Nothing runs on when the scheduler itself breaks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _wait(self) -> None:
        self._moved.clear()
        moved = asyncio.ensure_future(self._moved.wait())
        done, _ = await asyncio.wait({moved, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        moved.cancel()
        for task in done:
            if task is not moved:
                self._finish(task)  # type: ignore[arg-type]

    def _begin_ready(self) -> None:
        for ready in self.graph.ready():
            if self._is_full(ready):
                continue
            step = ready.planned.step
            self.graph.begin(step.id)
            self.around.write("step_started", step=step.id, nodes=list(ready.nodes), digest=step.digest)
            execute = run_playbook if isinstance(step.run, Playbook) else run_action
            task = asyncio.ensure_future(_guarded(execute(self.around, step, ready.nodes), step.title))
            self._tasks[task] = (ready, self._clock())

    def _is_full(self, ready: Ready) -> bool:
        kind = ready.planned.step.run.kind
        running = sum(1 for other, _ in self._tasks.values() if other.planned.step.run.kind == kind)
        return running >= (self._limit if kind == "playbook" else ACTIONS_AT_ONCE)

    def _leave_blocked(self) -> None:
        while blocked := self.graph.blocked():
            for found in blocked:
                self._leave(found.planned.step.id, "skipped", found.reason)

    def _leave_rest(self) -> None:
        for planned in self.graph.waiting:
            self._leave(planned.step.id, "cancelled", "the run was cancelled before it began")

    def _leave(self, step: str, result: Any, reason: str) -> None:
        self.graph.leave(step, result)
        self.around.write("step_finished", step=step, result=result, seconds=0.0, nodes={}, reason=reason)

    def _finish(self, task: asyncio.Task[Outcome]) -> None:
        ready, began = self._tasks.pop(task)
        step, seconds = ready.planned.step, self._clock() - began
        outcome = Outcome(cancelled=True) if task.cancelled() else task.result()
        if outcome.cancelled:
            self.interrupted[step.id] = ready.nodes
        for node, trouble in outcome.bad.items():
            if not outcome.cancelled:
                self._set_aside(node, step.id, trouble)
        if outcome.error and not outcome.cancelled:
            self._set_aside("", step.id, outcome.error)
        nodes = {} if outcome.cancelled else outcome.nodes
        result = self.graph.finish(step.id, nodes, cancelled=outcome.cancelled, error=outcome.error is not None)
        if not self.around.plan.check_only and nodes:
            self._record(step, nodes)
        if result in ("ok", "changed", "partial"):
            self.seconds[step.id], self.results[step.id] = seconds, outcome.nodes
        reason = outcome.error.reason if outcome.error else ""
        if outcome.cancelled:
            reason = "cancelled while it ran"
        self.around.write(
            "step_finished",
            step=step.id,
            result=result,
            seconds=round(seconds, 3),
            nodes=outcome.nodes,
            reason=reason,
        )

    def _record(self, step: Step, nodes: dict[str, str]) -> None:
        """What the hosts say themselves counts more, so a failure here is told and nothing else."""
        try:
            record_step(self.around.repository.root, step.id, nodes, digest=step.digest, run=self.around.run)
        except Yk8sError as error:
            self.around.write("note", text=str(error), level="error")

    def _set_aside(self, node: str, step: str, trouble: Trouble) -> None:
        self.around.write(
            "node_set_aside",
            node=node,
            step=step,
            task=trouble.task,
            reason=trouble.reason,
            evidence=trouble.evidence,
            hint=trouble.hint,
        )


async def _guarded(work: Any, title: str) -> Outcome:
    """An error of ours in one step must not take the others along."""
    try:
        outcome: Outcome = await work
    except Exception as error:
        if isinstance(error, Yk8sError):
            return Outcome(error=Trouble(title, error.what, f"{error.where} {error.why}".strip(), error.hint))
        import traceback

        evidence = "".join(traceback.format_exception(error)[-6:])
        return Outcome(error=Trouble(title, f"internal error: {type(error).__name__}: {error}", evidence))
    return outcome
