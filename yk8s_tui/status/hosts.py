"""What the hosts are and what was done to them: one SSH command a host, which only reads."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import ConfigDict, Field, ValidationError

from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.backends.ssh_scripts import ask, program
from yk8s_tui.errors import Yk8sError
from yk8s_tui.models.base import Section
from yk8s_tui.models.nodes import Inventory, Node

PROBE_SECONDS = 60


class Receipt(Section):
    """What a step left on a host."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    digest: str = ""
    """Of the step that ran."""
    state: str = ""
    """`started`, `done`, or `torn` when the file cannot be read: both others mean unknown."""
    run: str = ""
    """Id of the run."""
    time: float = 0.0
    """When it was written, seconds since the epoch."""
    times_run: int = 0
    """How often the step has run on this host."""


class HostState(Section):
    """What one probe of one host found."""

    reachable: bool
    error: str = ""
    """Why it could not be probed; what, why and what to do, in lines."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """See "Steps" in docs/architecture.md."""
    receipts: dict[str, Receipt] = Field(default_factory=dict)
    """Step id -> receipt."""
    drift: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Step id -> what is no longer as its receipt claims; steps without drift are left out."""


async def probe(ssh: SshPool, inventory: Inventory) -> dict[str, HostState]:
    """Probe all hosts at once; a host that cannot be probed says why, and is no error here."""
    script = await asyncio.to_thread(program, "host_facts.py", "probe.py")
    states = await asyncio.gather(*(_probe_host(ssh, node, script) for node in inventory.nodes))
    return dict(zip(inventory.names, states, strict=True))


async def _probe_host(ssh: SshPool, node: Node, script: bytes) -> HostState:
    try:
        told = await ask(ssh, node.name, script, [node.address], timeout=PROBE_SECONDS)
        return HostState(reachable=True, **told)
    except Yk8sError as error:
        return HostState(reachable=False, error=str(error))
    except (ValidationError, TypeError) as error:
        return HostState(reachable=False, error=f"{node.name}: the host's answer makes no sense: {error}")
