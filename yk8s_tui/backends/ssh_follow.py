"""A command that goes on, over SSH: its lines as they come, its input held open, its end when it is left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from yk8s_tui.backends.ssh_process import End, Errors, bounded, end_group, open_session
from yk8s_tui.errors import UnreachableError, Yk8sError

if TYPE_CHECKING:
    import asyncssh

LONGEST_LINE = 8 << 20
"""Bytes; a host that writes more without an end of line is not telling us anything."""

LEAVE_SECONDS = 3.0
"""How long a command may take to end by itself once its input ended."""


class SilentHostError(UnreachableError):
    """The connection is open, but nothing comes any more."""


class FollowEndedError(Yk8sError):
    """The command ended although nobody asked it to."""


class Following:
    """A command at work on a host."""

    def __init__(self, node: str, process: asyncssh.SSHClientProcess[bytes], first: bytes) -> None:
        self.node = node
        self.process = process
        self.silent = False
        self.errors = Errors()
        self._reading = asyncio.ensure_future(self.errors.collect(process.stderr))
        self.write(first)

    def write(self, data: bytes) -> None:
        """Give it input; what a command that has ended would have read is dropped."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.process.stdin.write(data)

    async def lines(self, silence: float) -> AsyncIterator[bytes]:
        """Every line it writes, without its end.

        Raises `SilentHostError` when there is none for `silence` seconds, `FollowEndedError` when the
        command ends, and whatever asyncssh raises when the connection breaks.
        """
        rest = b""
        loop = asyncio.get_running_loop()
        until = loop.time() + silence
        while True:
            try:
                async with asyncio.timeout_at(until):
                    chunk = await self.process.stdout.read(65536)
            except TimeoutError:
                self.silent = True
                what = f"no sign of life for {silence:g} s"
                why = "the connection is open and nothing comes: the host is frozen, or the network loses everything"
                raise SilentHostError(what, where=self.node, why=why, hint="look at its console") from None
            if not chunk:
                raise await self._ended()
            *whole, rest = (rest + chunk).split(b"\n")
            if whole:
                until = loop.time() + silence
            for line in whole:
                yield line
            if len(rest) > LONGEST_LINE:
                raise FollowEndedError("a line does not end", where=self.node, why=f"over {LONGEST_LINE} bytes")

    async def _ended(self) -> FollowEndedError:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._reading
        why = self.errors.text.decode(errors="replace").strip()[-500:]
        return FollowEndedError("what watches the host ended", where=self.node, why=why)

    async def leave(self, end: End) -> None:
        """End it: its input ends, and what does not go by itself is ended with its process group."""
        try:
            if self.silent or self.process.exit_status is not None:
                return
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.process.stdin.write_eof()
            try:
                async with asyncio.timeout(LEAVE_SECONDS):
                    await self.process.wait_closed()
            except TimeoutError:
                await bounded(end_group(self.errors, end))
        finally:
            self._reading.cancel()
            self.process.close()


@contextlib.asynccontextmanager
async def follow(
    connection: asyncssh.SSHClientConnection, node: str, line: str, first: bytes, *, timeout: float, end: End
) -> AsyncIterator[Following]:
    """See `SshPool.follow`; a session that does not open within `timeout` seconds raises `SilentHostError`."""
    try:
        async with asyncio.timeout(timeout):
            process = await open_session(connection, line)
    except TimeoutError:
        what = f"no session within {timeout:g} s"
        raise SilentHostError(what, where=node, why="the connection is open and nothing comes") from None
    following = Following(node, process, first)
    try:
        yield following
    finally:
        await asyncio.shield(following.leave(end))
