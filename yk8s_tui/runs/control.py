"""Control of a run from outside: a unix socket in its directory, one JSON object a line.

Request: `{"action": "cancel|pause|continue|ping", "by": "user@host"}`; answer: `{"ok": true, "status": …}`
or `{"ok": false, "error": …}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from yk8s_tui.errors import Yk8sError

Action = Literal["cancel", "pause", "continue", "ping"]
ACTIONS = ("cancel", "pause", "continue", "ping")
SOCKET = "control.sock"
REQUEST_BYTES = 4096
"""Longest request; more is not read."""
ANSWER_SECONDS = 5.0


class ControlError(Yk8sError):
    """The engine of a run does not take requests."""


class ControlServer:
    """Listens in the run directory; `handle(action, by)` returns the status that follows."""

    def __init__(self, run_directory: Path, handle: Callable[[str, str], str]) -> None:
        self.path = run_directory / SOCKET
        self._handle = handle
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Bind the socket (0600); one that a dead engine left is replaced."""
        with _directory(self.path.parent) as through:
            (through / SOCKET).unlink(missing_ok=True)
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            before = os.umask(0o177)
            try:
                listening.bind(str(through / SOCKET))
            finally:
                os.umask(before)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening)

    async def close(self) -> None:
        """Take no more requests and remove the socket."""
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.LimitOverrunError, ValueError):
            while line := await reader.readline():
                if len(line) > REQUEST_BYTES:
                    break
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            action, by = request["action"], str(request.get("by") or "somebody")
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"ok": False, "error": "not a request"}
        if action not in ACTIONS:
            return {"ok": False, "error": f"no action {action!r}; there are {', '.join(ACTIONS)}"}
        return {"ok": True, "status": self._handle(action, by)}


def request(run_directory: Path, action: Action, *, by: str) -> str:
    """Send one request and return the status that follows; raises `ControlError` when nobody listens."""
    try:
        with _directory(run_directory) as through, socket.socket(socket.AF_UNIX) as link:
            link.settimeout(ANSWER_SECONDS)
            link.connect(str(through / SOCKET))
            link.sendall(json.dumps({"action": action, "by": by}).encode() + b"\n")
            answer = json.loads(link.makefile("rb").readline() or b"{}")
    except (OSError, ValueError) as error:
        raise ControlError(
            "the engine of this run does not answer",
            where=run_directory.name,
            why=str(error),
            hint="`yk8s-tui runs list` shows whether it is still running",
        ) from error
    if not answer.get("ok"):
        raise ControlError(f"the request was refused: {answer.get('error', 'no answer')}", where=run_directory.name)
    return str(answer["status"])


@contextlib.contextmanager
def _directory(path: Path) -> Any:
    """A short path to a directory however long its own is: socket addresses end at 108 bytes."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
