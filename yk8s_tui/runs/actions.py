"""Runs the Python action of a step."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.errors import UnreachableError, Yk8sError
from yk8s_tui.models.plan import Action, Step
from yk8s_tui.runs.hints import hint_for
from yk8s_tui.runs.outcome import Outcome, Trouble
from yk8s_tui.runs.surroundings import Surroundings

if TYPE_CHECKING:
    from yk8s_tui.backends.ssh import SshPool
    from yk8s_tui.layers.base import ActionContext, NodeOutcome
    from yk8s_tui.models.config import Config
    from yk8s_tui.models.nodes import Inventory

    ActionFunction = Callable[[ActionContext, Step], Awaitable[Mapping[str, NodeOutcome]]]

PACKAGE = "yk8s_tui."


class StepContext:
    """What an action may use: `layers.base.ActionContext`."""

    def __init__(self, around: Surroundings, step: Step) -> None:
        self._around = around
        self._step = step
        self._task: dict[str, str] = {}
        self.inventory: Inventory = around.plan.inventory
        self.repository: Path = around.repository.root
        self.run_id: str = around.run
        self.check_only: bool = around.plan.check_only
        """Nothing may be changed."""

    @property
    def config(self) -> Config:
        """The configuration of the cluster."""
        return self._around.config

    @property
    def ssh(self) -> SshPool:
        """Connections to the nodes, opened when they are used."""
        return self._around.pool

    def progress(self, node: str, *, done: float, total: float, unit: str, text: str) -> None:
        """Report progress of a long task on one node."""
        self._around.write("progress", step=self._step.id, node=node, done=done, total=total, unit=unit, text=text)

    def task(self, node: str, name: str) -> None:
        """Say what is being done on a node now."""
        self._task[node] = name
        self._around.write("node_task", step=self._step.id, node=node, task=name)

    def log(self, node: str, text: str) -> None:
        """Add lines to the node's log."""
        for line in text.splitlines():
            self._around.write("log", step=self._step.id, node=node, text=line)

    def secret(self, name: str) -> str:
        """A secret by name; every value handed out is redacted from the journal."""
        return self._around.secret(name)

    def save_secret(self, name: str, value: str | bytes) -> Path:
        """Write a secret file (0600) and make it known to the redactor."""
        path = self._around.secrets.put(name, value)
        self._around.redactor.add(*self._around.secrets.values())
        return path

    def last_task(self, node: str) -> str:
        """The task a node was at last."""
        return self._task.get(node, self._step.title)


async def run_action(around: Surroundings, step: Step, nodes: tuple[str, ...]) -> Outcome:
    """Run the action of a step on the nodes that are left for it."""
    narrowed = step.model_copy(update={"nodes": nodes})
    context = StepContext(around, narrowed)
    try:
        told = await _function(step)(context, narrowed)
    except asyncio.CancelledError:
        return Outcome(cancelled=True)
    except Exception as error:
        return _failed(error, nodes, context, step)
    outcome = Outcome(nodes=dict.fromkeys(nodes, "ok"))
    for name, node in told.items():
        outcome.nodes[name] = node.result
        seen = "failed" if node.result == "unreachable" else node.result
        around.write(
            "node_result",
            step=step.id,
            node=name,
            task=context.last_task(name),
            result=node.result,
            seconds=0.0,
            message=node.message,
        )
        if seen == "failed":
            hint = node.hint or hint_for(node.message)
            outcome.troubles[name] = Trouble(
                context.last_task(name), node.message, hint=hint, unreachable=node.result == "unreachable"
            )
    return outcome


def _function(step: Step) -> ActionFunction:
    assert isinstance(step.run, Action)
    module, _, name = step.run.function.partition(":")
    if not module.startswith(PACKAGE):
        raise Yk8sError(f"{step.run.function} is not an action", where=step.id)
    function: ActionFunction = getattr(importlib.import_module(module), name)
    return function


def _failed(error: Exception, nodes: tuple[str, ...], context: StepContext, step: Step) -> Outcome:
    """An exception is the fault of the node when there is only one; else of the step as a whole."""
    known = isinstance(error, Yk8sError)
    reason = error.what if isinstance(error, Yk8sError) else f"{type(error).__name__}: {error}"
    evidence = error.why if isinstance(error, Yk8sError) else ""
    hint = (error.hint if isinstance(error, Yk8sError) else "") or hint_for(reason, evidence)
    if not known:
        import traceback

        evidence = "".join(traceback.format_exception(error)[-6:])
    unreachable = isinstance(error, UnreachableError)
    if len(nodes) == 1:
        trouble = Trouble(context.last_task(nodes[0]), reason, evidence, hint, unreachable)
        return Outcome(nodes={nodes[0]: "unreachable" if unreachable else "failed"}, troubles={nodes[0]: trouble})
    return Outcome(error=Trouble(step.title, reason, evidence, hint))
