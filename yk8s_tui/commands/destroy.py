"""`yk8s-tui destroy`: remove what the harbour created, with a typed consent."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from yk8s_tui.commands.common import cluster_directory
from yk8s_tui.errors import ConsentError, ExitCode

if TYPE_CHECKING:
    from yk8s_tui.repository.repository import Repository


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `destroy`."""
    destroy = commands.add_parser(
        "destroy", help="remove the machines that the harbour created, and everything on them"
    )
    destroy.add_argument("--confirm", metavar="CLUSTER", help="the cluster's name, as consent")
    destroy.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Remove every resource of the harbour; the configuration stays."""
    from yk8s_tui.repository.lock import cluster_lock
    from yk8s_tui.repository.repository import Repository

    repository = Repository(cluster_directory(args))
    with cluster_lock(repository.root, "destroy"):
        return asyncio.run(_destroy(repository, args.confirm))


async def _destroy(repository: Repository, confirmed: str | None) -> int:
    from yk8s_tui.backends.registry import config_for_removal, harbour_for

    config, note = config_for_removal(repository.root)
    if note:
        print(f"yk8s-tui: {note}", file=sys.stderr)
    harbour = harbour_for(config, repository.root)
    plan = await harbour.destroy_plan(config)
    if not plan.effective:
        print(f"the {harbour.name} harbour has created nothing that could be removed")
        return ExitCode.DONE
    for change in plan.effective:
        print(f"! {change.kind} {change.name}: {change.destroys or change.reason}")
    if confirmed != config.cluster.name:
        raise ConsentError(
            "destroying needs the cluster's name; nothing was removed",
            hint=f"yk8s-tui destroy --confirm {config.cluster.name}",
        )
    failed = False
    async for event in harbour.destroy(plan, config):
        if event.state == "started":
            continue
        print(f"{'✗' if event.state == 'failed' else '✓'} {event.resource} {event.text}".rstrip(), flush=True)
        failed = failed or event.state == "failed"
    return ExitCode.FAILED if failed else ExitCode.DONE
