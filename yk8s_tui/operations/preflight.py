"""Runs the preflight checks of a cluster over SSH."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping

from yk8s_tui import paths
from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.models.nodes import Inventory
from yk8s_tui.preflight import CheckContext, Finding, run_checks
from yk8s_tui.repository.repository import Repository


async def check_hosts(
    repository: Repository,
    inventory: Inventory,
    *,
    nodes: Collection[str] = (),
    only: Collection[str] = (),
    waivers: Mapping[str, str] | None = None,
) -> AsyncIterator[Finding]:
    """Every finding as it comes; `nodes` and `only` (check ids) narrow the checks."""
    config = repository.load()
    async with SshPool(
        inventory, known_hosts=repository.known_hosts, secrets_dir=repository.secrets_dir
    ) as ssh:
        context = CheckContext(
            config=config,
            inventory=inventory,
            ssh=ssh,
            bundle_dir=paths.bundle_home(),
            repository=repository.root,
            waivers=dict(waivers or {}),
        )
        async for finding in run_checks(context, only=only, nodes=nodes):
            yield finding
