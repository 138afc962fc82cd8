"""The log lines that events make: the same for the reducer, and for whoever reads a single event again."""

from __future__ import annotations

from yk8s_tui.runs.events import Event
from yk8s_tui.runs.views import Line


def result_line(event: Event) -> Line:
    """The line of a `node_result`; the reducer takes none of skipped tasks."""
    message = event.get("message")
    text = f"{event['task']}: {message}" if message else event["task"]
    return Line(event["t"], event["result"], event["step"], text, event.get("seconds", 0.0))


def retry_line(event: Event) -> Line:
    """The line of a `retry`."""
    text = f"{event['task']}: attempt {event['attempt']} of {event['of']}"
    return Line(event["t"], "retry", event["step"], text)


def log_line(event: Event) -> Line:
    """The line of a `log` event."""
    return Line(event["t"], "log", event.get("step", ""), event["text"])


def line_of(event: Event) -> Line:
    """The line of an event that makes one."""
    return {"node_result": result_line, "retry": retry_line, "log": log_line}[event["type"]](event)
