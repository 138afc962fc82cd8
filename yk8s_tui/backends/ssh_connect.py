"""Opening SSH connections with asyncssh, and saying in words why one did not open."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from yk8s_tui.backends.lab_names import KEY as LAB_KEY
from yk8s_tui.backends.ssh_process import HostKeyError
from yk8s_tui.errors import UnreachableError
from yk8s_tui.models.nodes import Node

CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
"""In order of preference; measured for 300 MB: 1.5 s of CPU with the first, 3.0 s with asyncssh's own first choice."""

KEEPALIVE_SECONDS = 5
KEEPALIVE_COUNT = 3
"""A frozen host is noticed after some 20 s."""
CLOSE_SECONDS = 2.0


@dataclass(frozen=True)
class JumpHost:
    """A machine that connections go through."""

    user: str
    host: str
    port: int = 22

    @classmethod
    def parse(cls, text: str) -> JumpHost:
        """From `[user@]host[:port]`, with an IPv6 address in brackets; `ValueError` says what is wrong."""
        user, _, rest = text.strip().rpartition("@")
        if rest.startswith("["):
            host, closed, tail = rest[1:].partition("]")
            if not closed or (tail and not tail.startswith(":")):
                raise ValueError(f"{text!r} is not [user@]host[:port]")
            port = tail[1:]
        elif rest.count(":") > 1:
            host, port = rest, ""
        else:
            host, _, port = rest.partition(":")
        if not host or (port and not port.isdigit()) or (port and not 0 < int(port) < 65536):
            raise ValueError(f"{text!r} is not [user@]host[:port]")
        return cls(user or getpass.getuser(), host, int(port or 22))


@dataclass
class KeyWatch(asyncssh.SSHClient):
    """Refuses every key that is not pinned, and remembers which one was shown."""

    shown: list[asyncssh.SSHKey] = field(default_factory=list)

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Called for keys that are not in the known hosts only."""
        self.shown.append(key)
        return False


class Connector:
    """Opens connections; those to jump hosts are shared."""

    def __init__(self, known_hosts: Path, secrets_dir: Path, timeout: float, at_once: int) -> None:
        self.known_hosts = known_hosts
        self.repository = secrets_dir.parent
        self.timeout = timeout
        self._slots = asyncio.Semaphore(at_once)
        self._jumps: dict[tuple[str, str], asyncio.Task[asyncssh.SSHClientConnection]] = {}

    async def close(self) -> None:
        """Close the connections to jump hosts."""
        jumps, self._jumps = list(self._jumps.values()), {}
        for jump in jumps:
            if jump.done() and not jump.cancelled() and jump.exception() is None:
                await close_connection(jump.result())
            else:
                jump.cancel()

    async def connect(self, node: Node) -> asyncssh.SSHClientConnection:
        """A connection to a node; raises `UnreachableError` with the reason in words."""
        tunnel = await self.tunnel(node) if node.jump else None
        return await self._open(node.name, node.ssh_user, node.host, node.ssh_port, node.ssh_key, tunnel)

    @contextlib.asynccontextmanager
    async def explained(self, node: Node) -> AsyncIterator[None]:
        """Turn a connection that breaks while it is used into `UnreachableError`."""
        try:
            yield
        except (asyncssh.Error, OSError) as error:
            raise unreachable(f"{node.name} ({node.host})", "the connection broke", error) from error

    async def tunnel(self, node: Node) -> asyncssh.SSHClientConnection:
        """The shared connection to the jump host of a node; raises `UnreachableError`."""
        where = (node.jump, node.ssh_key)
        task = self._jumps.get(where)
        if task is None or (task.done() and self._useless(task)):
            task = asyncio.ensure_future(self._open_jump(node))
            self._jumps[where] = task
        return await asyncio.shield(task)

    @staticmethod
    def _useless(task: asyncio.Task[asyncssh.SSHClientConnection]) -> bool:
        return task.cancelled() or task.exception() is not None or task.result().is_closed()

    async def _open_jump(self, node: Node) -> asyncssh.SSHClientConnection:
        try:
            jump = JumpHost.parse(node.jump)
        except ValueError as error:
            raise UnreachableError("the jump host cannot be read", where=node.name, why=str(error)) from error
        return await self._open("jump host", jump.user, jump.host, jump.port, node.ssh_key, None)

    async def _open(
        self,
        name: str,
        user: str,
        host: str,
        port: int,
        key: str,
        tunnel: asyncssh.SSHClientConnection | None,
    ) -> asyncssh.SSHClientConnection:
        where = f"{name} ({host})" if port == 22 else f"{name} ({host} port {port})"
        watch = KeyWatch()
        async with self._slots:
            try:
                async with asyncio.timeout(self.timeout):
                    return await asyncssh.connect(
                        host,
                        port,
                        username=user,
                        tunnel=tunnel or (),
                        client_factory=lambda: watch,
                        known_hosts=self._pinned(),
                        config=None,
                        encryption_algs=CIPHERS,
                        keepalive_interval=KEEPALIVE_SECONDS,
                        keepalive_count_max=KEEPALIVE_COUNT,
                        **self._identity(key, where),
                    )
            except TimeoutError as error:
                why = f"no answer within {self.timeout:g} s"
                hint = f"is it on, and does a firewall let port {port} through?"
                raise UnreachableError("SSH does not answer", where=where, why=why, hint=hint) from error
            except asyncssh.HostKeyNotVerifiable as error:
                raise self._host_key_error(where, host, port, watch.shown) from error
            except (asyncssh.Error, OSError) as error:
                raise unreachable(where, f"SSH as {user} failed", error) from error

    def _pinned(self) -> bytes | str:
        return str(self.known_hosts) if self.known_hosts.is_file() else b""

    def _identity(self, key: str, where: str) -> dict[str, Any]:
        """Which keys are offered: the one that is named (also from the agent), else the defaults."""
        if not key:
            return {}
        path = self.repository / Path(key).expanduser()
        if not path.is_file():
            hint = "correct ssh_key of the node, or leave it empty to use the SSH agent"
            if path == self.repository.resolve() / LAB_KEY:
                hint = "`yk8s-tui lab up` makes it, with the lab hosts"
            raise UnreachableError("the SSH key is missing", where=where, why=str(path), hint=hint)
        public = path.with_name(path.name + ".pub")
        found: dict[str, Any] = {"client_keys": [str(path)], "ignore_encrypted": True}
        if public.is_file():
            found["agent_identities"] = [str(public)]
        return found

    def _host_key_error(self, where: str, host: str, port: int, shown: list[asyncssh.SSHKey]) -> HostKeyError:
        got = " ".join(key.get_fingerprint() for key in shown) or "none"
        matched = asyncssh.match_known_hosts(self._pinned(), host, host, port)
        expected = " ".join(sorted({key.get_fingerprint() for key in matched[0]}))
        if expected:
            return HostKeyError(
                "the host key changed",
                where=where,
                why=f"host key changed: expected {expected} got {got}",
                hint="if the host was reinstalled, compare the fingerprint on its console and pin it anew "
                "with `yk8s-tui baremetal pin --replace NODE`; otherwise somebody is in between",
            )
        return HostKeyError(
            "the host key is not known",
            where=where,
            why=f"it showed {got}, and none is pinned",
            hint="compare the fingerprints with `yk8s-tui baremetal scan`, then `yk8s-tui baremetal pin`",
        )


def unreachable(where: str, what: str, error: Exception) -> UnreachableError:
    """The same failure in words an operator knows."""
    hint = ""
    if isinstance(error, asyncssh.PermissionDenied):
        why = "the host refuses every key that was offered"
        hint = "is the public key in authorized_keys of that user, and the right key named in ssh_key?"
    elif isinstance(error, asyncssh.ChannelOpenError):
        why = f"the host refuses: {error.reason}"
    elif isinstance(error, asyncssh.KeyExchangeFailed):
        why = f"no common algorithm: {error.reason}"
        hint = "when the host key was renewed with another algorithm, scan and pin it anew"
    elif isinstance(error, asyncssh.ConnectionLost):
        why = "the connection was lost"
    elif isinstance(error, asyncssh.Error):
        why = error.reason
    else:
        why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    return UnreachableError(what, where=where, why=why, hint=hint)


async def close_connection(connection: asyncssh.SSHClientConnection) -> None:
    """Close a connection; one whose host no longer answers is dropped after a moment."""
    connection.close()
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()


async def fetch_host_key(
    host: str,
    port: int,
    algorithms: tuple[str, ...],
    timeout: float,
    tunnel: asyncssh.SSHClientConnection | None,
) -> dict[str, str] | None:
    """The key a server shows for these algorithms, as fields of `HostKey`; None when it has none of them."""
    where = host if port == 22 else f"{host} port {port}"
    try:
        async with asyncio.timeout(timeout):
            key = await asyncssh.get_server_host_key(
                host, port, tunnel=tunnel or (), server_host_key_algs=list(algorithms), config=None
            )
    except asyncssh.KeyExchangeFailed:
        return None
    except TimeoutError as error:
        why = f"no answer within {timeout:g} s"
        raise UnreachableError("SSH does not answer", where=where, why=why) from error
    except (asyncssh.Error, OSError) as error:
        raise unreachable(where, "the host key could not be fetched", error) from error
    if key is None:
        return None
    line = key.export_public_key("openssh").decode().split()[:2]
    return {"algorithm": line[0], "fingerprint": key.get_fingerprint(), "line": " ".join(line)}
