"""The vocabulary of a run: one JSON object a line, described in docs/architecture.md."""

from __future__ import annotations

import json
from typing import Any

from yk8s_tui.errors import Yk8sError

SCHEMA_VERSION = 1
"""Version of the event layout; readers refuse newer ones."""

Event = dict[str, Any]
"""`v`, `seq`, `t` (seconds since 1970), `type`, and the fields of that type."""

TYPES = frozenset(
    {
        "run_started",
        "step_started",
        "step_finished",
        "task_started",
        "node_task",
        "node_result",
        "retry",
        "progress",
        "log",
        "node_set_aside",
        "control",
        "consent",
        "waiver",
        "availability",
        "note",
        "run_finished",
    }
)
"""Every event type there is."""

SYNCED = frozenset(
    {
        "run_started",
        "step_started",
        "step_finished",
        "node_set_aside",
        "control",
        "consent",
        "waiver",
        "run_finished",
    }
)
"""Types that are on the disk (fsync) before the engine goes on: intents, results, and what people decided."""


class JournalError(Yk8sError):
    """The journal cannot be read or written."""


def encode(event: Event) -> bytes:
    """One line of the journal, with its newline."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"


def decode_lines(lines: list[str]) -> tuple[list[Event], int]:
    """The events of complete lines, and how many lines were damaged.

    All lines are parsed in one call, which is twice as fast as one call a line; only when that fails
    are they looked at one by one.
    """
    try:
        events = json.loads("[" + ",".join(lines) + "]")
    except ValueError:
        return _decode_singly(lines)
    if len(events) != len(lines) or any(type(event) is not dict for event in events):
        return _decode_singly(lines)
    _refuse_newer(events)
    return events, 0


def _decode_singly(lines: list[str]) -> tuple[list[Event], int]:
    events: list[Event] = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            events.append(event)
    _refuse_newer(events)
    return events, len(lines) - len(events)


def _refuse_newer(events: list[Event]) -> None:
    if events and events[0].get("v", 1) > SCHEMA_VERSION:
        raise JournalError(
            f"the journal has layout {events[0]['v']}; this version reads up to {SCHEMA_VERSION}",
            hint="use the version of yk8s-tui that wrote it, or a newer one",
        )
