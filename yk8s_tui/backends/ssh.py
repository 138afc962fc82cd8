"""SSH to the nodes: one connection each, opened on demand, reused, and never to an unknown host key."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from yk8s_tui.errors import UnreachableError, Yk8sError
from yk8s_tui.models.nodes import Inventory, Node

if TYPE_CHECKING:
    import asyncssh

    from yk8s_tui.backends.ssh_connect import Connector

SESSIONS_PER_NODE = 8
"""Commands at once over one connection; sshd refuses more than MaxSessions, 10 by default."""

CONNECTS_AT_ONCE = 64
"""Handshakes at once; each costs this machine some 10 ms of CPU."""

CHUNK = 256 * 1024
"""Bytes sent between two reports of progress."""


@dataclass(frozen=True)
class Completed:
    """What a command left behind."""

    exit: int
    """Exit status; 128 + signal number when a signal ended it, -1 when the host did not say."""
    stdout: bytes
    stderr: bytes

    @property
    def ok(self) -> bool:
        """Whether it exited with 0."""
        return self.exit == 0

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode(errors="replace")

    @property
    def error_text(self) -> str:
        """The last lines of standard error (else of standard output), for messages."""
        told = (self.stderr.strip() or self.stdout.strip()).decode(errors="replace")
        return "\n".join(told.splitlines()[-5:])


class CommandTimeoutError(Yk8sError):
    """A command on a node did not end in time; it was told to."""


class SudoRefusedError(UnreachableError):
    """The login works, but sudo refuses: the host cannot be used."""


class SshPool:
    """Connections to the nodes of an inventory; use it as an async context manager.

    Host keys are checked against `known_hosts`; a node whose key is not there, or is another one, is
    unreachable. Passwords for sudo come from `secrets_dir` and travel on stdin only.
    """

    def __init__(
        self, inventory: Inventory, *, known_hosts: Path, secrets_dir: Path, connect_timeout: float = 10
    ) -> None:
        self.inventory = inventory
        self.known_hosts = known_hosts
        self.secrets_dir = secrets_dir
        self.connect_timeout = connect_timeout
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
        return await self._link(node_name).run(command, input or b"", sudo=sudo, timeout=timeout)

    async def put(
        self,
        node: str,
        local: Path,
        remote: str,
        *,
        mode: int,
        sha256: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> bool:
        """Send a file, atomically; returns False when the node has it already (then nothing is sent).

        `progress` gets bytes sent and bytes in all. Raises `Yk8sError` when what arrived is not what
        was sent, or not what `sha256` says.
        """
        from yk8s_tui.backends.ssh_files import send

        return await send(self, node, local, remote, mode=mode, sha256=sha256, progress=progress)

    async def stream(
        self, node_name: str, command: str, local: Path, *, progress: Callable[[int], None]
    ) -> Completed:
        """Run a command as root with a file on its stdin; `progress` gets the bytes sent so far."""
        return await self._link(node_name).stream(command, local, progress)

    def _link(self, name: str) -> _Link:
        if name not in self._links:
            if self._connector is None:
                from yk8s_tui.backends.ssh_connect import Connector

                self._connector = Connector(
                    self.known_hosts, self.secrets_dir, self.connect_timeout, CONNECTS_AT_ONCE
                )
            self._links[name] = _Link(self.inventory.node(name), self._connector, self.secrets_dir)
        return self._links[name]


class _Link:
    """The one connection to a node, and how root is reached on it."""

    def __init__(self, node: Node, connector: Connector, secrets_dir: Path) -> None:
        self.node = node
        self.connector = connector
        self.secrets_dir = secrets_dir
        self.connection: asyncssh.SSHClientConnection | None = None
        self.password: str | None = None
        self.sudo_known = node.ssh_user == "root"
        self.opening = asyncio.Lock()
        self.sessions = asyncio.Semaphore(SESSIONS_PER_NODE)

    async def close(self) -> None:
        if self.connection:
            self.connection.close()
            await self.connection.wait_closed()
            self.connection = None

    async def run(self, command: str, data: bytes, *, sudo: bool, timeout: float | None) -> Completed:
        connection = await self._open(sudo)
        line, prefix = self._as_root(command) if sudo else (command, b"")
        return await self._execute(connection, line, prefix + data, timeout)

    async def stream(self, command: str, local: Path, progress: Callable[[int], None]) -> Completed:
        connection = await self._open(sudo=True)
        line, prefix = self._as_root(command)
        async with self.sessions, self.connector.explained(self.node):
            process = await connection.create_process(line, encoding=None)
            collected = asyncio.gather(process.stdout.read(), process.stderr.read())
            sent = 0
            try:
                process.stdin.write(prefix)
                with local.open("rb") as source:
                    while chunk := await asyncio.to_thread(source.read, CHUNK):
                        process.stdin.write(chunk)
                        await process.stdin.drain()
                        sent += len(chunk)
                        progress(sent)
                process.stdin.write_eof()
            except (BrokenPipeError, ConnectionResetError):
                pass  # it ended early: its exit status and stderr say why
            except BaseException:
                process.close()
                collected.cancel()
                raise
            out, err = await collected
            await process.wait_closed()
        return Completed(_status(process.exit_status, process.returncode), bytes(out), bytes(err))

    async def _open(self, sudo: bool) -> asyncssh.SSHClientConnection:
        async with self.opening:
            if self.connection is None or self.connection.is_closed():
                self.connection = await self.connector.connect(self.node)
            if sudo and not self.sudo_known:
                await self._learn_sudo(self.connection)
            return self.connection

    async def _learn_sudo(self, connection: asyncssh.SSHClientConnection) -> None:
        """Find out once whether sudo wants a password: sent unasked, the command would read it."""
        told = await self._execute(connection, "sudo -k -n true", b"", 30)
        if not told.ok:
            self.password = self._sudo_password(told)
            told = await self._execute(
                connection, "sudo -k -S -p '' true", self.password.encode() + b"\n", 30
            )
            if not told.ok:
                self.password = None
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

    def _as_root(self, command: str) -> tuple[str, bytes]:
        if self.node.ssh_user == "root":
            return command, b""
        wrapped = f"sh -c {shlex.quote(command)}"
        if self.password is None:
            return f"sudo -n -- {wrapped}", b""
        return f"sudo -k -S -p '' -- {wrapped}", self.password.encode() + b"\n"

    async def _execute(
        self, connection: asyncssh.SSHClientConnection, line: str, data: bytes, timeout: float | None
    ) -> Completed:
        async with self.sessions, self.connector.explained(self.node):
            process = await connection.create_process(line, encoding=None)
            try:
                async with asyncio.timeout(timeout):
                    out, err = await process.communicate(data)
            except TimeoutError:
                raise CommandTimeoutError(
                    f"a command did not end within {timeout:g} s",
                    where=self.node.name,
                    why=line[:200],
                ) from None
            finally:
                if process.exit_status is None:
                    process.terminate()
                process.close()
        return Completed(
            _status(process.exit_status, process.returncode), bytes(out or b""), bytes(err or b"")
        )


def _status(exit_status: int | None, returncode: int | None) -> int:
    if exit_status is not None and exit_status >= 0:
        return exit_status
    return 128 - returncode if returncode is not None and returncode < 0 else -1
