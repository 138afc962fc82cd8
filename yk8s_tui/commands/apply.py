"""`yk8s-tui apply`: make the hosts what the configuration says."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.commands.common import cluster_directory
from yk8s_tui.commands.plan import add_selection, plan_lines
from yk8s_tui.errors import ExitCode, PreflightError, UnreachableError, UsageError

if TYPE_CHECKING:
    from yk8s_tui.models.plan import Plan
    from yk8s_tui.repository.repository import Repository


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `apply`."""
    apply = commands.add_parser("apply", help="make the hosts what the configuration says")
    add_selection(apply)
    apply.add_argument("--check", action="store_true", help="Ansible's check mode: nothing is changed")
    apply.add_argument(
        "--plan", metavar="FILE", type=Path, help="refuse unless this saved plan is what would run now"
    )
    apply.add_argument(
        "--detach", action="store_true", help="return when the run has started; `runs attach` follows it"
    )
    apply.add_argument("--plain", action="store_true", help="progress lines instead of the run screen")
    apply.add_argument(
        "--waive",
        action="append",
        default=[],
        metavar="ID[@NODE]=REASON",
        help="accept a failing check; the reason is recorded",
    )
    apply.add_argument(
        "--confirm", metavar="CLUSTER", help="the cluster's name, as consent to what the plan destroys"
    )
    apply.add_argument("--yes", action="store_true", help="do not ask; never stands for a consent")
    apply.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Harbour, plan, preflight, run; the exit code is the run's."""
    from yk8s_tui.repository.repository import Repository

    repository = Repository(cluster_directory(args))
    return apply_repository(repository, args)


def apply_repository(repository: Repository, args: argparse.Namespace) -> int:
    """The whole way of an apply for one repository."""
    from yk8s_tui.operations import apply as operation
    from yk8s_tui.operations.plan import make_plan

    waivers = parse_waivers(args.waive)
    asyncio.run(_harbour(repository))
    plan = asyncio.run(
        make_plan(repository, layers=args.layer, limit=args.limit, full=args.full, check_only=args.check)
    )
    if args.plan:
        operation.refuse_when_moved(_saved(args.plan), plan)
    consents = operation.require_consents(plan, args.confirm)
    screen = sys.stdout.isatty() and sys.stdin.isatty() and not args.plain and not args.detach
    if plan.changing:
        print("\n".join(plan_lines(plan)))
        if not args.yes and not args.check:
            _ask()
        used = asyncio.run(_preflight(repository, plan, waivers))
    else:
        used = {}
    run_id = operation.start(repository, plan, by=operator(), consents=consents, waivers=used)
    if args.detach:
        print(run_id)
        return ExitCode.DONE
    return _follow(repository, run_id, screen=screen)


def operator() -> str:
    """Who is doing this: user@host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def parse_waivers(given: list[str]) -> dict[str, str]:
    """`id[@node]=reason` -> mapping; a waiver without a reason is refused."""
    waivers = {}
    for item in given:
        check, _, reason = item.partition("=")
        if not reason.strip():
            raise UsageError(
                f"--waive {item}: a reason is missing",
                hint="write --waive CHECK@NODE='why this is acceptable'",
            )
        waivers[check.strip()] = reason.strip()
    return waivers


async def _harbour(repository: Repository) -> None:
    from yk8s_tui.operations.apply import ensure_harbour

    async for event in ensure_harbour(repository):
        mark = {"started": "●", "done": "✓", "failed": "✗", "note": "!"}[event.state]
        text = f"is being set up ({event.text})" if event.state == "started" and event.text else event.text
        print(f"{mark} {event.resource} {text}".rstrip(), flush=True)


async def _preflight(repository: Repository, plan: Plan, waivers: dict[str, str]) -> dict[str, str]:
    """Check the hosts that would be touched; returns the waivers that were used."""
    from yk8s_tui.commands.preflight import finding_lines
    from yk8s_tui.operations.preflight import check_hosts

    nodes = {node for planned in plan.changing for node in planned.nodes}
    findings = [
        finding async for finding in check_hosts(repository, plan.inventory, nodes=nodes, waivers=waivers)
    ]
    failed = [f for f in findings if f.verdict == "fail"]
    passed = sum(f.verdict == "pass" for f in findings)
    print("\n".join(finding_lines([f for f in findings if f.verdict not in ("pass", "skip")])))
    print(f"checks: {passed} pass, {len(failed)} fail")
    unreachable = sorted({f.node for f in failed if f.id.startswith("ssh.")})
    if unreachable:
        raise UnreachableError(
            f"{', '.join(unreachable)} cannot be reached as they should be",
            hint="mend what the checks above say, or leave these nodes out with --limit for the others",
        )
    if failed:
        raise PreflightError(
            f"{len(failed)} checks fail; nothing was changed",
            hint="mend what they say, or accept one with --waive ID@NODE=REASON",
        )
    return {
        key: reason
        for key, reason in waivers.items()
        if any(_used(key, f.id, f.node) for f in findings if f.verdict == "waived")
    }


def _used(key: str, check: str, node: str) -> bool:
    return key in (check, f"{check}@{node}")


def _saved(path: Path) -> Plan:
    from pydantic import ValidationError

    from yk8s_tui.models.plan import Plan

    try:
        return Plan.model_validate_json(path.read_text())
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise UsageError(
            "is not a saved plan",
            where=str(path),
            why=str(error).splitlines()[0],
            hint="make one with `yk8s-tui plan --out FILE`",
        ) from error


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", hint="give --yes to apply without asking")
    from yk8s_tui.errors import CancelledError

    if input("Apply this plan? [y/N] ").strip().lower() not in ("y", "yes"):
        raise CancelledError("nothing was changed")


def _follow(repository: Repository, run_id: str, *, screen: bool) -> int:
    if screen:
        from yk8s_tui.app import run_app

        run_app(cluster=str(repository.root), attach=run_id)
    from yk8s_tui.commands.runs import follow_plain, print_result

    return print_result(repository.root, run_id) if screen else follow_plain(repository.root, run_id)
