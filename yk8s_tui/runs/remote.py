"""After a run was cut short: ends what it left on the hosts, and tells what state they are in."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yk8s_tui import paths
from yk8s_tui.errors import Yk8sError

if TYPE_CHECKING:
    from yk8s_tui.backends.ssh import SshPool

SWEEP_SECONDS = 30.0
"""What one host may take to be looked at."""


@dataclass(frozen=True)
class Swept:
    """What was found on one host."""

    node: str
    ended: tuple[str, ...] = ()
    """Commands that still ran for the run and were ended."""
    left: tuple[str, ...] = ()
    """Commands that could not be ended."""
    receipts: dict[str, str] = field(default_factory=dict)
    """Step -> `started` or `done`, of this run."""
    error: str = ""
    """Why it could not be looked at."""

    def lines(self) -> list[tuple[str, str]]:
        """(level, text) for the operator."""
        if self.error:
            return [("warning", f"{self.node}: could not look for what was left there: {self.error}")]
        found = []
        if self.ended:
            found.append(("info", f"{self.node}: ended what still ran there: {_few(self.ended)}"))
        if self.left:
            found.append(("error", f"{self.node}: still running: {_few(self.left)}"))
        begun = sorted(step for step, state in self.receipts.items() if state == "started")
        if begun:
            found.append(("warning", f"{self.node}: begun and not finished: {', '.join(begun)}; apply runs it again"))
        elif not self.left:
            found.append(("info", f"{self.node}: by its receipts nothing is half done"))
        return found


def _few(commands: tuple[str, ...]) -> str:
    distinct = list(dict.fromkeys(command or "a process" for command in commands))
    more = f" and {len(distinct) - 5} more" if len(distinct) > 5 else ""
    return "; ".join(distinct[:5]) + more


async def sweep(pool: SshPool, nodes: Iterable[str], run: str) -> list[Swept]:
    """Look at all these nodes at once, as root; a node that does not answer is an answer, too.

    `pool` is one without the mark of the run: what looks must not be found itself.
    """
    script = (paths.assets() / "sweep.py").read_bytes()
    return list(await asyncio.gather(*(_sweep(pool, node, run, script) for node in nodes)))


async def _sweep(pool: SshPool, node: str, run: str, script: bytes) -> Swept:
    try:
        command = f"python3 - {shlex.quote(run)}"
        done = await pool.run(node, command, input=script, timeout=SWEEP_SECONDS)
        if not done.ok:
            return Swept(node, error=done.error_text)
        told = json.loads(done.text)
        return Swept(node, tuple(told["ended"]), tuple(told["left"]), dict(told["receipts"]))
    except Yk8sError as error:
        return Swept(node, error=": ".join(filter(None, (error.what, error.why))))
    except (ValueError, KeyError, TypeError) as error:
        return Swept(node, error=f"its answer makes no sense: {error}")
