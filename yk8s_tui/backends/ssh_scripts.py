"""Python scripts of ours that run on hosts: sent on standard input, nothing is left behind."""

from __future__ import annotations

import json
import shlex
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from yk8s_tui.errors import Yk8sError
from yk8s_tui.paths import assets

if TYPE_CHECKING:
    from yk8s_tui.backends.ssh import SshPool

BOOTSTRAP = """\
import sys, types
for name, text in {sources!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name + ".py", "exec"), module.__dict__)
sys.modules[{main!r}].main(sys.argv[1:])
"""


class HostScriptError(Yk8sError):
    """A script of ours did not run on a host, or broke there."""


def program(*files: str) -> bytes:
    """One text for `python3 -` out of files of the assets folder; the `main(arguments)` of the last one runs.

    The files are modules to one another, by their names without folder, in the order given.
    """
    sources = {(assets() / file).stem: (assets() / file).read_text(encoding="utf-8") for file in files}
    return BOOTSTRAP.format(sources=sources, main=list(sources)[-1]).encode()


async def ask(
    ssh: SshPool,
    node: str,
    script: bytes,
    arguments: Iterable[str] | Mapping[str, Any],
    *,
    timeout: float,
) -> Any:
    """Run a script as root on a host and return the JSON it writes; a mapping arrives as one JSON argument.

    Raises `UnreachableError` when the host cannot be reached, `HostScriptError` when Python is missing or
    the script broke.
    """
    words = [json.dumps(arguments)] if isinstance(arguments, Mapping) else list(arguments)
    done = await ssh.run(node, shlex.join(["python3", "-", *words]), input=script, timeout=timeout)
    if done.exit == 127:
        hint = "install it: apt-get install python3"
        raise HostScriptError("python3 is missing on the host", where=node, hint=hint)
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise HostScriptError("the host gave no answer", where=node, why=done.error_text) from error


async def ask_fed(
    ssh: SshPool,
    node: str,
    script: bytes,
    arguments: Mapping[str, Any],
    feed: AsyncIterator[bytes],
    *,
    timeout: float,
) -> Any:
    """Like `ask`, for a script that reads its standard input while it runs: it gets what `feed` gives."""

    async def fed() -> AsyncIterator[bytes]:
        yield script
        async for chunk in feed:
            yield chunk

    done = await ssh.run_fed(node, fed_command(script, arguments), fed(), timeout=timeout)
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise HostScriptError("the host gave no answer", where=node, why=done.error_text) from error


def fed_command(script: bytes, arguments: Mapping[str, Any]) -> str:
    """The command for a script that comes first on standard input and reads on there."""
    reader = "import sys; exec(sys.stdin.buffer.read(int(sys.argv.pop(1))))"
    return shlex.join(["python3", "-c", reader, str(len(script)), json.dumps(arguments)])
