"""One command over SSH: its input, its output, and its end, also when it has to be ended."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from yk8s_tui.errors import UnreachableError, Yk8sError

if TYPE_CHECKING:
    import asyncssh

MARKER = 'read -r _ _ _ _ g _ </proc/$$/stat; echo "yk8s-group $g" >&2\n'
"""Makes a command tell its process group first: sshd does not signal processes of root for us."""

GROUP = re.compile(rb"yk8s-group (\d+)\n")

END = """\
kill -TERM -{group} 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 -{group} 2>/dev/null || exit 0; sleep 0.2; done
kill -KILL -{group} 2>/dev/null
"""

OPEN_ATTEMPTS = 10
"""Over some two seconds."""

END_SECONDS = 5.0
"""How long ending a command may take before it is left to itself."""


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
    """A command on a node did not end in time, and was ended."""


class SudoRefusedError(UnreachableError):
    """The login works, but sudo refuses: the host cannot be used."""


class HostKeyError(UnreachableError):
    """The host shows a key that is not pinned, or another one than is pinned."""


Feed = AsyncIterator[bytes]
End = Callable[[str], Awaitable[None]]


def shell_line(command: str, root: str, environment: Mapping[str, str]) -> str:
    """The line that runs a shell command, by way of `root` (a sudo command; empty when not needed).

    `environment` is given by `env`, not by SSH and not by the shell: so it survives sudo and an sshd that accepts
    none, and it is in `/proc/PID/environ` of the shell itself, too.
    """
    if not root and not environment:
        return command
    words = ["env", *(f"{name}={value}" for name, value in environment.items())] if environment else []
    return " ".join(filter(None, (root or "exec", shlex.join([*words, "sh", "-c", command]))))


async def execute(
    connection: asyncssh.SSHClientConnection, line: str, feed: Feed, *, timeout: float | None, end: End
) -> Completed:
    """Run one line, give it its input, and collect what it says.

    When time is up, or the caller is cancelled, `end` is called with the shell command that ends the
    process group. Raises `TimeoutError`, and whatever asyncssh raises when the connection breaks.
    """
    process = await open_session(connection, line)
    errors = Errors()
    reading = asyncio.ensure_future(errors.collect(process.stderr))
    try:
        async with asyncio.timeout(timeout):
            out, _ = await asyncio.gather(process.stdout.read(), _send(process.stdin, feed))
            await reading
            await process.wait_closed()
    except (TimeoutError, asyncio.CancelledError):
        await bounded(end_group(errors, end))
        raise
    finally:
        reading.cancel()
        process.close()
    return Completed(_status(process.exit_status, process.returncode), bytes(out), errors.text)


async def open_session(connection: asyncssh.SSHClientConnection, line: str) -> asyncssh.SSHClientProcess[bytes]:
    """sshd counts sessions that have just ended for a moment, and then refuses new ones (MaxSessions)."""
    import asyncssh

    for attempt in range(1, OPEN_ATTEMPTS):
        try:
            return await connection.create_process(line, encoding=None)
        except asyncssh.ChannelOpenError:
            if connection.is_closed():
                raise
            await asyncio.sleep(0.05 * attempt)
    return await connection.create_process(line, encoding=None)


async def end_group(errors: Errors, end: End) -> None:
    """End a command; one that has only just begun (sudo takes its time) has yet to name its group."""
    await errors.begun.wait()
    if errors.group:
        await end(END.format(group=errors.group))


async def bounded(ending: Awaitable[None]) -> None:
    """Wait for the end of a command, but not for ever."""
    try:
        async with asyncio.timeout(END_SECONDS):
            await ending
    except (TimeoutError, Yk8sError):
        return


async def _send(stdin: asyncssh.SSHWriter[bytes], feed: Feed) -> None:
    try:
        async for chunk in feed:
            stdin.write(chunk)
            await stdin.drain()
        stdin.write_eof()
    except (BrokenPipeError, ConnectionResetError):
        return  # it ended before it had read everything; its exit status and stderr say why


class Source(Protocol):
    """Where bytes come from; none at the end."""

    async def read(self, n: int = -1, /) -> bytes:
        """At most `n` bytes."""


class Errors:
    """Standard error without the line that names the process group."""

    def __init__(self) -> None:
        self.raw = b""
        self.group = ""
        self.begun = asyncio.Event()

    async def collect(self, stream: Source) -> None:
        """Read to the end; `begun` is set when the group is known, or never will be."""
        while chunk := await stream.read(65536):
            self.raw += chunk
            if not self.group and (found := GROUP.search(self.raw)):
                self.group = found[1].decode()
                self.begun.set()
        self.begun.set()

    @property
    def text(self) -> bytes:
        """What the command itself said."""
        return GROUP.sub(b"", self.raw, count=1)


def _status(exit_status: int | None, returncode: int | None) -> int:
    if exit_status is not None and exit_status >= 0:
        return exit_status
    return 128 - returncode if returncode is not None and returncode < 0 else -1
