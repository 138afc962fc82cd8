"""Local ports that lead through a node to somewhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    import asyncssh

    from yk8s_tui.backends.ssh import SshPool

LOOPBACK = "127.0.0.1"
Forward = Callable[[str, str, int], int]
"""Node, host and port -> a port on loopback; blocks, and raises `UnreachableError`."""


class Forwards:
    """The forwarded ports of one connection; they end with it."""

    def __init__(self) -> None:
        self._listeners: dict[tuple[str, int], tuple[asyncssh.SSHClientConnection, asyncssh.SSHListener]] = {}

    async def port(self, connection: asyncssh.SSHClientConnection, host: str, port: int) -> int:
        """The port on loopback that leads to `host:port`, as seen from the other end; opened once."""
        known = self._listeners.get((host, port))
        if known is not None and known[0] is connection:
            return known[1].get_port()
        listener = await connection.forward_local_port(LOOPBACK, 0, host, port)
        self._listeners[host, port] = (connection, listener)
        return listener.get_port()

    def close(self) -> None:
        """Close the ports; what goes through them ends with the connection."""
        for _, listener in self._listeners.values():
            with contextlib.suppress(OSError):
                listener.close()
        self._listeners.clear()


def blocking(pool: SshPool, loop: asyncio.AbstractEventLoop, *, timeout: float = 12) -> Forward:
    """`SshPool.forward` for other threads than the one of `loop`; `timeout` in seconds.

    Raises `TimeoutError` when the loop does not get to it.
    """
    import asyncio

    def forward(node: str, host: str, port: int) -> int:
        task = asyncio.run_coroutine_threadsafe(pool.forward(node, host, port), loop)
        try:
            return task.result(timeout)
        except TimeoutError:
            task.cancel()
            raise

    return forward
