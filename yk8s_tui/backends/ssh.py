"""SSH to the nodes: one connection each, opened on demand, reused, and never to an unknown host key."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from yk8s_tui.backends.ssh_forward import Forwards
from yk8s_tui.backends.ssh_process import (
    MARKER,
    CommandTimeoutError,
    Completed,
    End,
    Feed,
    HostKeyError,
    SudoRefusedError,
    execute,
    shell_line,
)
from yk8s_tui.models.nodes import Inventory, Node

if TYPE_CHECKING:
    import asyncssh

    from yk8s_tui.backends.ssh_connect import Connector
    from yk8s_tui.backends.ssh_follow import Following

SESSIONS_PER_NODE = 6
"""Commands at once over one connection; sshd refuses more than MaxSessions, 10 by default."""

CONNECTS_AT_ONCE = 64
"""Handshakes at once; each costs this machine some 10 ms of CPU."""

WITHOUT_PASSWORD = "sudo -k -n --"
WITH_PASSWORD = "sudo -k -S -p '' --"
"""`-k` asks every time, so that the password that is sent is always read by sudo and never by the command."""

__all__ = ["CommandTimeoutError", "Completed", "HostKeyError", "SshPool", "SudoRefusedError"]


Recorder = Callable[[str, str], None]
"""Hears of each command: node, command."""


def _nobody(_node: str, _command: str) -> None:
    return


class SshPool:
    """Connections to the nodes of an inventory; use it as an async context manager.

    Host keys are checked against `known_hosts`; a node whose key is not there, or is another one, is
    unreachable. Passwords for sudo come from `secrets_dir` and travel on stdin only. Every command has
    `environment` in its own; it is visible to all users of the host, so nothing secret may be in it. `recorder`
    hears of every command, before it is run.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        known_hosts: Path,
        secrets_dir: Path,
        connect_timeout: float = 10,
        environment: Mapping[str, str] | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.inventory = inventory
        self.known_hosts = known_hosts
        self.secrets_dir = secrets_dir
        self.connect_timeout = connect_timeout
        self.environment = dict(environment or {})
        self._recorder = recorder or _nobody
        self._links: dict[str, _Link] = {}
        self._connector: Connector | None = None

    async def __aenter__(self) -> SshPool:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; the pool can be used again afterwards."""
        links, self._links = list(self._links.values()), {}
        await asyncio.gather(*(link.close() for link in links))
        if self._connector:
            await self._connector.close()
            self._connector = None

    async def run(
        self,
        node_name: str,
        command: str,
        *,
        input: bytes | None = None,  # noqa: A002
        sudo: bool = True,
        timeout: float | None = 60,
    ) -> Completed:
        """Run a shell command on a node, as root unless `sudo` is False; `timeout` in seconds.

        A non-zero exit is an answer, not an error. Raises `UnreachableError` when the node cannot be
        reached, is not who it should be, or goes away; `CommandTimeoutError` when time is up.
        """
        return await self._link(node_name).run(command, of_bytes(input or b""), sudo=sudo, timeout=timeout)

    async def run_fed(self, node_name: str, command: str, feed: Feed, *, timeout: float | None = 60) -> Completed:
        """Like `run` as root, with input that comes bit by bit; the command sees its end when `feed` ends."""
        return await self._link(node_name).run(command, feed, sudo=True, timeout=timeout)

    async def send(
        self, node_name: str, command: str, files: AsyncIterator[Path], *, progress: Callable[[int], None]
    ) -> Completed:
        """Run a command as root with the content of files, one after the other, on its stdin; without a time limit.

        `progress` gets the bytes sent so far. Raises `UnreachableError`, and what `files` raises: the command sees
        the end of its input then.
        """
        return await self._link(node_name).send(command, files, progress)

    @contextlib.asynccontextmanager
    async def follow(self, node_name: str, command: str, first: bytes = b"") -> AsyncIterator[Following]:
        """Run a command as root that goes on; `first` is its first input, and its input stays open.

        What is given has `lines(silence)` and `write(data)`. When it is left, the command's input ends, and
        a command that does not end with it is ended. When the host has gone silent its connection is
        dropped, and the next use opens another. Raises `UnreachableError` when the host cannot be reached.
        """
        async with self._link(node_name).follow(command, first) as following:
            yield following

    async def forward(self, node_name: str, host: str, port: int) -> int:
        """A port on loopback that leads to `host:port` as seen from a node, for as long as its connection lives.

        Nothing is run on the node. Raises `UnreachableError` when the node cannot be reached; call it again
        when the way is broken.
        """
        return await self._link(node_name).forward(host, port)

    def _link(self, name: str) -> _Link:
        if name not in self._links:
            if self._connector is None:
                from yk8s_tui.backends.ssh_connect import Connector

                self._connector = Connector(self.known_hosts, self.secrets_dir, self.connect_timeout, CONNECTS_AT_ONCE)
            self._links[name] = _Link(
                self.inventory.node(name), self._connector, self.secrets_dir, self.environment, self._recorder
            )
        return self._links[name]


class _Link:
    """The one connection to a node, and how root is reached on it."""

    def __init__(
        self,
        node: Node,
        connector: Connector,
        secrets_dir: Path,
        environment: Mapping[str, str],
        recorder: Recorder,
    ) -> None:
        self.node = node
        self.recorder = recorder
        self.environment = environment
        self.connector = connector
        self.secrets_dir = secrets_dir
        self.connection: asyncssh.SSHClientConnection | None = None
        self.forwards = Forwards()
        self.sudo_known = node.ssh_user == "root"
        self._root = ""
        self._password = ""
        self.opening = asyncio.Lock()
        self.sessions = asyncio.Semaphore(SESSIONS_PER_NODE)
        self.endings = asyncio.Semaphore(1)

    async def close(self) -> None:
        self.forwards.close()
        if self.connection:
            from yk8s_tui.backends.ssh_connect import close_connection

            await close_connection(self.connection)
            self.connection = None

    async def run(self, command: str, feed: Feed, *, sudo: bool, timeout: float | None) -> Completed:
        connection = await self._open(sudo)
        return await self._execute(connection, MARKER + command, feed, timeout, self._root if sudo else "")

    @contextlib.asynccontextmanager
    async def follow(self, command: str, first: bytes) -> AsyncIterator[Following]:
        from yk8s_tui.backends.ssh_follow import FollowEndedError, SilentHostError, follow

        connection = await self._open(True)
        line, feed = self._prepared(MARKER + command, of_bytes(first), self._root)
        given = b"".join([chunk async for chunk in feed])
        timeout, name, end = self.connector.timeout, self.node.name, self._ending(connection)
        async with self.sessions, self.connector.explained(self.node):
            try:
                async with follow(connection, name, line, given, timeout=timeout, end=end) as following:
                    yield following
            except SilentHostError:
                connection.abort()
                raise
            except FollowEndedError:
                if connection.is_closed():
                    raise ConnectionResetError(errno.ECONNRESET, "closed") from None
                raise

    async def send(self, command: str, files: AsyncIterator[Path], progress: Callable[[int], None]) -> Completed:
        from yk8s_tui.backends import ssh_bulk

        connection = await self._open(True)
        line, _ = self._prepared(MARKER + command, of_bytes(b""), self._root)
        connector, password = self.connector, f"{self._password}\n" if self._root == WITH_PASSWORD else ""
        words = ssh_bulk.client(self.node, connector.repository, connector.known_hosts, line)
        where = f"{self.node.name} ({self.node.host})"
        ending = self._ending(connection)
        return await ssh_bulk.pour(words, password.encode(), files, where=where, progress=progress, end=ending)

    async def forward(self, host: str, port: int) -> int:
        connection = await self._open(sudo=False)
        async with self.connector.explained(self.node):
            return await self.forwards.port(connection, host, port)

    async def _open(self, sudo: bool) -> asyncssh.SSHClientConnection:
        async with self.opening:
            if self.connection is None or self.connection.is_closed():
                self.connection = await self.connector.connect(self.node)
            if sudo and not self.sudo_known:
                await self._learn_sudo(self.connection)
            return self.connection

    async def _learn_sudo(self, connection: asyncssh.SSHClientConnection) -> None:
        """Find out once whether sudo wants a password: sent unasked, the command would read it."""
        told = await self._execute(connection, "true", of_bytes(b""), 30, WITHOUT_PASSWORD)
        self._root = WITHOUT_PASSWORD
        if not told.ok:
            self._password = self._sudo_password(told)
            self._root = WITH_PASSWORD
            told = await self._execute(connection, "true", of_bytes(b""), 30, WITH_PASSWORD)
            if not told.ok:
                raise self._refused(told, "put the right password into the secret and try again")
        self.sudo_known = True

    def _sudo_password(self, told: Completed) -> str:
        named = self.node.sudo_password_secret
        if not named:
            hint = 'allow it without a password, or set sudo = "password" for this node and store one'
            raise self._refused(told, hint)
        for name in (named, "sudo/default"):
            path = self.secrets_dir / name
            if path.is_file():
                return path.read_text(encoding="utf-8").rstrip("\n")
        raise self._refused(told, f"store the password as secrets/{named} (or secrets/sudo/default)")

    def _refused(self, told: Completed, hint: str) -> SudoRefusedError:
        where = f"{self.node.name} ({self.node.host})"
        what = f"sudo refuses the user {self.node.ssh_user}"
        return SudoRefusedError(what, where=where, why=told.error_text, hint=hint)

    async def _execute(
        self,
        connection: asyncssh.SSHClientConnection,
        command: str,
        feed: Feed,
        timeout: float | None,
        root: str,
    ) -> Completed:
        end = self._ending(connection, root)
        line, fed = self._prepared(command, feed, root)
        async with self.sessions, self.connector.explained(self.node):
            try:
                done = await execute(connection, line, fed, timeout=timeout, end=end)
            except TimeoutError:
                what = f"a command did not end within {timeout:g} s"
                why = command.removeprefix(MARKER)[:200]
                raise CommandTimeoutError(what, where=self.node.name, why=why) from None
            if done.exit == -1 and connection.is_closed():
                raise ConnectionResetError(errno.ECONNRESET, "closed")
        return done

    def _ending(self, connection: asyncssh.SSHClientConnection, root: str | None = None) -> End:
        """What runs the shell command that ends another one."""
        become = self._root if root is None else root

        async def end(ending: str) -> None:
            async with self.endings:
                await execute(connection, *self._prepared(ending, of_bytes(b""), become), timeout=None, end=end)

        return end

    def _prepared(self, command: str, feed: Feed, root: str) -> tuple[str, Feed]:
        self.recorder(self.node.name, command.removeprefix(MARKER))
        line = shell_line(command, root, self.environment)
        prefix = f"{self._password}\n".encode() if root == WITH_PASSWORD else b""
        return line, chained(prefix, feed)


async def of_bytes(data: bytes) -> Feed:
    """The input of a command from memory."""
    yield data


async def chained(first: bytes, rest: Feed) -> Feed:
    """`first`, then the rest."""
    if first:
        yield first
    async for chunk in rest:
        yield chunk
