"""`yk8s-tui lab`: start, stop, list and enter the lab hosts of a cluster repository."""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.commands.common import cluster_directory, print_json
from yk8s_tui.errors import ConfigError, ConsentError, ExitCode, UsageError, Yk8sError

if TYPE_CHECKING:
    from yk8s_tui.backends.base import HarbourEvent
    from yk8s_tui.backends.lab import LabHarbour
    from yk8s_tui.models.config import Config


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `lab` with its sub-commands."""
    lab = commands.add_parser("lab", help="lab hosts on this machine: up, down, list, exec, prune")
    actions = lab.add_subparsers(dest="action", required=True, metavar="ACTION")
    up = actions.add_parser("up", help="make what is missing and start it; waits until SSH answers")
    up.add_argument("--node", action="append", default=[], metavar="NAME", help="only this host; may be repeated")
    up.set_defaults(run=run_up)
    down = actions.add_parser("down", help="shut down; what is on the hosts stays")
    down.add_argument("--node", action="append", default=[], metavar="NAME", help="only this host; may be repeated")
    down.set_defaults(run=run_down)
    listing = actions.add_parser("list", help="hosts with address, roles, state and memory")
    listing.add_argument("--json", action="store_true", help="machine-readable")
    listing.set_defaults(run=run_list)
    execute = actions.add_parser("exec", help="run a command as root in a host: lab exec NODE -- CMD")
    execute.add_argument("node", metavar="NODE")
    execute.add_argument("words", nargs=argparse.REMAINDER, metavar="-- CMD")
    execute.set_defaults(run=run_exec)
    prune = actions.add_parser("prune", help="remove labs whose cluster repository is gone")
    prune.add_argument("--confirm", action="append", default=[], metavar="TAG", help="the lab's tag, as consent")
    prune.set_defaults(run=run_prune)


def _open(args: argparse.Namespace) -> tuple[LabHarbour, Config]:
    """The lab and its configuration, which has to be valid."""
    from yk8s_tui.repository.repository import Repository

    root = cluster_directory(args)
    config = Repository(root).load()
    return _lab(root, config), config


def _open_existing(args: argparse.Namespace) -> tuple[LabHarbour, Config | None]:
    """The lab for what needs no configuration; that is None when it is invalid, which is said."""
    from yk8s_tui.backends.registry import config_for_removal

    root = cluster_directory(args)
    config, note = config_for_removal(root)
    if note:
        print(f"yk8s-tui: {note}", file=sys.stderr)
    return _lab(root, config), None if note else config


def _lab(root: Path, config: Config) -> LabHarbour:
    from yk8s_tui.backends.lab import LabHarbour

    if config.cluster.harbour != "lab":
        raise ConfigError(
            f"this cluster's harbour is {config.cluster.harbour}, not lab",
            where=str(root),
            hint="a lab is made with `yk8s-tui init DIR --harbour lab`",
        )
    return LabHarbour(root)


async def _show(events: AsyncIterator[HarbourEvent]) -> None:
    symbols = {"started": "·", "done": "✓", "failed": "✗", "note": "i"}
    async for event in events:
        if event.state != "started":
            print(f"{symbols[event.state]} {event.resource}: {event.text}", flush=True)


def _known(names: list[str], there: tuple[str, ...]) -> None:
    for name in names:
        if name not in there:
            raise UsageError(f"there is no host {name!r}", hint=f"the hosts are {', '.join(there) or 'none yet'}")


def run_up(args: argparse.Namespace) -> int:
    """Make and start hosts; hosts that the configuration no longer has are left alone."""
    from yk8s_tui.backends.lab_checks import require_machine
    from yk8s_tui.repository.lock import cluster_lock

    harbour, config = _open(args)

    async def up() -> None:
        await require_machine(config)
        plan = await harbour.plan(config)
        inventory = await harbour.inventory(config)
        _known(args.node, inventory.names)
        refused = [c for c in plan.effective if c.destroys and c.action == "change"]
        if refused:
            change = refused[0]
            raise Yk8sError(
                f"{change.name}: {change.reason}",
                why=f"this would destroy {change.destroys}",
                hint="undo the change in config/config.toml, or let the host be made again with "
                f"`yk8s-tui apply --confirm {config.cluster.name}`",
            )
        wanted = [c for c in plan.changes if not args.node or c.name in args.node]
        await _show(harbour.apply(plan.model_copy(update={"changes": tuple(wanted)}), config))
        running = [c.name for c in plan.changes if c.action == "keep" and c.name in inventory.names]
        if running and not args.node:
            print(f"already running: {', '.join(running)}")
        for change in plan.left:
            print(f"i {change.name}: {change.reason}")

    with cluster_lock(harbour.root, "lab up"):
        asyncio.run(up())
    return ExitCode.DONE


def run_down(args: argparse.Namespace) -> int:
    """Shut hosts down; not under a run that is at work on them."""
    from yk8s_tui.repository.lock import cluster_lock

    harbour, _ = _open_existing(args)
    _known(args.node, tuple(host.name for host in harbour.state.hosts()))
    with cluster_lock(harbour.root, "lab down"):
        asyncio.run(_show(harbour.down(args.node)))
    return ExitCode.DONE


def run_list(args: argparse.Namespace) -> int:
    """List the hosts; also those that the configuration no longer has, and without a valid one those that exist."""
    from yk8s_tui.backends.lab_listing import describe

    harbour, config = _open_existing(args)
    rows = describe(harbour.state, config)
    if args.json:
        print_json({"hosts": rows})
        return ExitCode.DONE
    table = [("NAME", "ADDRESS", "ROLES", "STATE", "MEMORY")]
    for row in rows:
        memory = f"{row['memory_mb']} MiB" if row["pid"] else "-"
        table.append((row["name"], row["address"], ",".join(row["roles"]) or "-", row["state"], memory))
    widths = [max(len(line[column]) for line in table) for column in range(5)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return ExitCode.DONE


def run_exec(args: argparse.Namespace) -> int:
    """Run a command in a host, with its exit code (128 + signal number when a signal ended it)."""
    from yk8s_tui.backends.lab_names import lab_inventory

    harbour, config = _open_existing(args)
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise UsageError("no command given", hint="yk8s-tui lab exec NODE -- CMD")
    made = tuple(host.name for host in harbour.state.hosts())
    if config is not None and args.node not in made and args.node in lab_inventory(config, harbour.root).names:
        raise UsageError(f"the host {args.node} is not made yet", hint="`yk8s-tui lab up` makes and starts it")
    _known([args.node], made)
    sys.stdout.flush()
    code = subprocess.call(harbour.host(args.node).command(words))
    return 128 - code if code < 0 else code


def run_prune(args: argparse.Namespace) -> int:
    """Remove labs that no cluster repository knows any more; each needs its tag as consent."""
    from yk8s_tui.backends.lab import orphans, remove_orphan

    left = []
    for state in orphans():
        names = ", ".join(host.name for host in state.hosts()) or "no hosts"
        if state.tag in args.confirm:
            asyncio.run(remove_orphan(state))
            print(f"✓ {state.tag} of {state.root} removed")
        else:
            left.append(state.tag)
            print(f"! {state.tag} of {state.root} (gone): {names}")
    if left:
        raise ConsentError(
            "these hosts and everything on them would be lost; nothing of them was removed",
            hint=f"yk8s-tui lab prune --confirm {left[0]}",
        )
    return ExitCode.DONE
