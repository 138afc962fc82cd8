"""Turns events of ansible-runner into events of the journal, and remembers how each node fared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from yk8s_tui.runs.hints import hint_for
from yk8s_tui.runs.outcome import Trouble

MESSAGE_CHARACTERS = 500
"""Longest message of a result in the journal; everything is in the log of the step."""
EVIDENCE_LINES = 20
LOG_LINES_PER_RESULT = 200
NOTHING = "(traceback unavailable)"
"""What Ansible gives as `exception` of a failure that has none."""
CENSORED = "the output of this task is not shown because it may hold secrets"

Write = Callable[..., object]


@dataclass
class Translator:
    """One execution of a playbook; `feed` takes its events in order."""

    step: str
    write: Write
    troubles: dict[str, Trouble] = field(default_factory=dict)
    stats: dict[str, Any] | None = None
    """Ansible's own count at the end; None when the playbook did not get there."""
    changed: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    """Nodes on which at least one task began."""
    output: list[str] = field(default_factory=list)
    """What Ansible said outside of tasks: warnings and errors; bounded."""
    events: int = 0
    """Events of plays and tasks; none means that the playbook never began."""

    def feed(self, event: Mapping[str, Any]) -> None:
        """Translate one event."""
        kind = event.get("event", "")
        if kind in ("verbose", "warning", "error", "system_warning"):
            self._said(event)
            return
        data = event.get("event_data") or {}
        self.events += 1
        if kind == "playbook_on_task_start":
            self.write("task_started", step=self.step, task=_task(data))
        elif kind == "runner_on_start":
            self.seen.add(data["host"])
            self.write("node_task", step=self.step, node=data["host"], task=_task(data))
        elif kind in ("runner_on_ok", "runner_on_failed", "runner_on_skipped", "runner_on_unreachable"):
            self._result(kind.removeprefix("runner_on_"), data)
        elif kind == "runner_item_on_failed":
            self._item(data)
        elif kind == "runner_retry":
            self._retried(data)
        elif kind == "playbook_on_stats":
            self.stats = dict(data)

    def outcome(self, node: str) -> str:
        """`ok`, `changed`, `failed` or `unreachable`, by Ansible's own count: rescued and ignored failures are none."""
        stats = self.stats or {}
        if stats.get("dark", {}).get(node):
            return "unreachable"
        if stats.get("failures", {}).get(node):
            return "failed"
        if self.stats is None:
            trouble = self.troubles.get(node)
            return "unreachable" if trouble and trouble.unreachable else "failed"
        return "changed" if node in self.changed or stats.get("changed", {}).get(node) else "ok"

    def _said(self, event: Mapping[str, Any]) -> None:
        for line in str(event.get("stdout", "")).splitlines():
            if line.strip() and len(self.output) < 500:
                self.output.append(line.rstrip())

    def _result(self, kind: str, data: Mapping[str, Any]) -> None:
        res = data.get("res")
        res = res if isinstance(res, dict) else {}
        node, task = data["host"], _task(data)
        result = kind
        if kind == "ok" and res.get("changed"):
            result = "changed"
            self.changed.add(node)
        elif kind == "failed" and data.get("ignore_errors"):
            result = "ignored"
        failed = result in ("failed", "unreachable")
        message = reason_of(res) if failed or result == "ignored" else _short(res.get("msg"))
        self.write(
            "node_result",
            step=self.step,
            node=node,
            task=task,
            result=result,
            seconds=round(float(data.get("duration") or 0.0), 3),
            message=message[:MESSAGE_CHARACTERS],
        )
        evidence = evidence_of(res)
        if failed:
            hint = str(res.get("hint") or "") or hint_for(message, evidence)
            self.troubles[node] = Trouble(task, message, evidence, hint, result == "unreachable")
        lines = evidence.splitlines() if failed or result == "ignored" else _telling(res)
        for line in lines[:LOG_LINES_PER_RESULT]:
            self.write("log", step=self.step, node=node, text=line)

    def _item(self, data: Mapping[str, Any]) -> None:
        res = data.get("res")
        if isinstance(res, dict) and not data.get("ignore_errors"):
            self.write("log", step=self.step, node=data["host"], text=reason_of(res)[:MESSAGE_CHARACTERS])

    def _retried(self, data: Mapping[str, Any]) -> None:
        res = data.get("res") or {}
        attempt, of = int(res.get("attempts", 0)), int(res.get("retries", 1)) - 1
        self.write("retry", step=self.step, node=data["host"], task=_task(data), attempt=attempt, of=of)


def reason_of(res: Mapping[str, Any]) -> str:
    """Why a task failed, in one or a few lines."""
    if "censored" in res:
        return CENSORED
    text = _short(res.get("msg"))
    inner = [r for r in res.get("results") or () if isinstance(r, dict) and (r.get("failed") or r.get("unreachable"))]
    if inner and (not text or text.startswith("One or more items")):
        return reason_of(inner[0])
    if text in ("", "non-zero return code", "MODULE FAILURE"):
        lines = [line for key in ("stderr", "module_stderr", "stdout") for line in _text(res.get(key)).splitlines()]
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        code = f"exit code {res['rc']}" if res.get("rc") is not None else ""
        return ": ".join(part for part in (code, last) if part) or text or "the task failed and gave no reason"
    return text


def evidence_of(res: Mapping[str, Any]) -> str:
    """The last lines of what the failing command said."""
    if "censored" in res:
        return ""
    keys = ("stdout", "stderr", "module_stdout", "module_stderr", "exception")
    lines = [line.rstrip() for key in keys for line in _text(res.get(key)).splitlines()]
    lines = [line for line in lines if line.strip() not in ("", NOTHING)]
    return "\n".join(lines[-EVIDENCE_LINES:])


def _telling(res: Mapping[str, Any]) -> list[str]:
    """Lines of a good result that an operator may want to read: what was changed."""
    if "censored" in res:
        return []
    found: list[str] = []
    diffs = res.get("diff") or ()
    for diff in diffs if isinstance(diffs, list) else [diffs]:
        if isinstance(diff, dict):
            found += _text(diff.get("prepared")).splitlines()
    found += [f"changed {path}" for path in res.get("changed_paths") or () if not diffs]
    return found


def _task(data: Mapping[str, Any]) -> str:
    name = str(data.get("task") or data.get("task_action") or "")
    role = str(data.get("role") or "")
    return f"{role} : {name}" if role and not name.startswith(f"{role} :") else name


def _short(value: object) -> str:
    text = "\n".join(line.rstrip() for line in _text(value).strip().splitlines())
    return text.removeprefix("Task failed: ").removeprefix("Action failed: ")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "\n".join(str(item) for item in value)
    return "" if value is None else str(value)
