"""Runs the preflight checks of a cluster over SSH."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping

from yk8s_tui import paths
from yk8s_tui.backends.base import Harbour, HarbourFinding
from yk8s_tui.backends.registry import harbour_for
from yk8s_tui.backends.ssh import SshPool
from yk8s_tui.errors import UsageError
from yk8s_tui.models.config import Config
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
    async with SshPool(inventory, known_hosts=repository.known_hosts, secrets_dir=repository.secrets_dir) as ssh:
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


async def check_everything(
    repository: Repository,
    *,
    nodes: Collection[str] = (),
    only: Collection[str] = (),
    waivers: Mapping[str, str] | None = None,
) -> AsyncIterator[Finding]:
    """The harbour's own findings, then those of the machines that are there.

    Machines that are not made or not started are one finding, and are not asked over SSH. The harbour's
    findings are left out when checks are named. Raises `UsageError` when there are no nodes, or not these.
    """
    config = repository.load()
    harbour = harbour_for(config, repository.root)
    if not only:
        for found in await harbour.preflight(config):
            yield _as_finding(harbour, found)
    inventory = await harbour.inventory(config)
    if not inventory.nodes:
        raise UsageError("there are no nodes to check", where=str(repository.config_path))
    if unknown := sorted(set(nodes) - set(inventory.names)):
        raise UsageError(f"no node is called {', '.join(unknown)}", hint=f"there are {', '.join(inventory.names)}")
    wanted = [name for name in inventory.names if not nodes or name in nodes]
    absent = await _absent(harbour, config)
    if missing := [name for name in wanted if name in absent]:
        yield _not_there(harbour, {name: absent[name] for name in missing})
    there = inventory.only([name for name in inventory.names if name not in absent])
    if any(name in there.names for name in wanted):
        chosen = [name for name in wanted if name in there.names]
        async for finding in check_hosts(repository, there, nodes=chosen, only=only, waivers=waivers):
            yield finding


async def _absent(harbour: Harbour, config: Config) -> dict[str, str]:
    """Machine -> why it is not there, of those that the harbour would have to make or start."""
    plan = await harbour.plan(config)
    return {change.name: change.reason for change in plan.effective if change.action in ("create", "start")}


def _not_there(harbour: Harbour, absent: Mapping[str, str]) -> Finding:
    return Finding(
        id=f"{harbour.name}.machines",
        verdict="fail",
        title="machines",
        measured="; ".join(f"{name} {reason}" for name, reason in absent.items()),
        limit="made and running",
        text=f"{len(absent)} {'is' if len(absent) == 1 else 'are'} not there, and not checked",
        remedy="`yk8s-tui lab up` makes and starts lab hosts; `yk8s-tui apply` does so, too",
    )


def _as_finding(harbour: Harbour, found: HarbourFinding) -> Finding:
    return Finding(
        id=found.id,
        verdict=found.verdict,
        title=f"{harbour.name} harbour",
        text=found.text,
        remedy=found.remedy if found.verdict != "pass" else "",
        severity="warn" if found.verdict == "warn" else "block",
    )
