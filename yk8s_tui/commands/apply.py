"""`yk8s-tui apply`: make the hosts what the configuration says."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.commands.common import ask, cluster_directory
from yk8s_tui.commands.plan import add_selection, plan_lines, scope_of
from yk8s_tui.errors import CancelledError, ExitCode, PreflightError, UnreachableError, UsageError

if TYPE_CHECKING:
    from yk8s_tui.models.plan import Plan
    from yk8s_tui.operations.apply import Consents, HarbourWork
    from yk8s_tui.repository.repository import Repository


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `apply`."""
    apply = commands.add_parser("apply", help="make the hosts what the configuration says")
    add_selection(apply)
    apply.add_argument(
        "--check", action="store_true", help="Ansible's check mode: nothing is changed, no machine started"
    )
    apply.add_argument("--plan", metavar="FILE", type=Path, help="refuse unless this saved plan is what would run now")
    apply.add_argument(
        "--detach",
        action="store_true",
        help="return when the run has started, and print its id; `runs attach` follows it",
    )
    apply.add_argument("--json", action="store_true", help="the result as JSON on stdout; everything else on stderr")
    apply.add_argument("--plain", action="store_true", help="progress lines instead of the run screen")
    apply.add_argument(
        "--waive",
        action="append",
        default=[],
        metavar="ID[@NODE]=REASON",
        help="accept a failing check; the reason is recorded",
    )
    apply.add_argument("--confirm", metavar="CLUSTER", help="the cluster's name, as consent to what is destroyed")
    apply.add_argument("--yes", action="store_true", help="do not ask; never stands for a consent")
    apply.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Harbour, plan, preflight, run; the exit code is the run's."""
    from yk8s_tui.repository.repository import Repository

    repository = Repository(cluster_directory(args))
    return apply_repository(repository, args)


def apply_repository(repository: Repository, args: argparse.Namespace) -> int:
    """The whole way of an apply for one repository."""
    from yk8s_tui.commands.preflight import parse_waivers
    from yk8s_tui.models.plan import WHOLE
    from yk8s_tui.operations import apply as operation
    from yk8s_tui.operations.plan import make_plan
    from yk8s_tui.repository.lock import refuse_when_held

    waivers = parse_waivers(args.waive)
    saved = _saved(args.plan) if args.plan else None
    refuse_when_held(repository.root)
    granted = _machines(repository, args, saved)
    scope = scope_of(args)
    if saved is not None and scope == WHOLE:
        scope = saved.scope
    plan = asyncio.run(make_plan(repository, scope, check_only=args.check))
    if saved is not None:
        operation.refuse_when_moved(saved, plan)
    if plan.changing:
        _say(args, plan_lines(plan))
    consents = operation.require_consents(plan, args.confirm)
    used = {}
    if plan.changing:
        if not args.yes and not args.check:
            _ask("Apply this plan? [y/N] ")
        used = asyncio.run(_preflight(repository, plan, waivers, args))
    run_id = operation.start(repository, plan, by=operator(), consents=(*granted, *consents), waivers=used)
    return _result(repository, run_id, args)


def _say(args: argparse.Namespace, lines: Iterable[str]) -> None:
    """Write lines for the operator: on stderr when stdout is for programs."""
    for line in lines:
        print(line, file=sys.stderr if args.detach or args.json else sys.stdout, flush=True)


def _machines(repository: Repository, args: argparse.Namespace, saved: Plan | None) -> Consents:
    """Make and start the machines that are not there, after having shown and asked; the consents given for it."""
    from yk8s_tui.operations.apply import look_at_harbour, refuse_when_outdated

    work = asyncio.run(look_at_harbour(repository))
    if args.check and work.plan.effective:
        raise PreflightError(
            "--check changes nothing, and these machines are not as configured",
            why="\n".join(work.lines),
            hint="apply without --check makes and starts them; afterwards --check can look at them",
        )
    if not work.plan.effective:
        asyncio.run(_bring_up(work, args))
        return ()
    if saved is not None:
        refuse_when_outdated(saved, work.config)
    _say(args, [f"{work.config.cluster.name} · machines first, then the plan", *work.lines])
    consents = work.consents(args.confirm)
    if not args.yes:
        _ask("Make and start these machines? [y/N] ")
    asyncio.run(_bring_up(work, args))
    return consents


async def _bring_up(work: HarbourWork, args: argparse.Namespace) -> None:
    marks = {"started": "●", "done": "✓", "failed": "✗", "note": "!"}
    async for event in work.do():
        text = f"is being set up ({event.text})" if event.state == "started" and event.text else event.text
        _say(args, [f"{marks[event.state]} {event.resource} {text}".rstrip()])


def operator() -> str:
    """Who is doing this: user@host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


async def _preflight(
    repository: Repository, plan: Plan, waivers: dict[str, str], args: argparse.Namespace
) -> dict[str, str]:
    """Check the hosts that would be touched; returns the waivers that were used."""
    from yk8s_tui.commands.preflight import finding_lines
    from yk8s_tui.operations.preflight import check_hosts

    nodes = {node for planned in plan.changing for node in planned.nodes}
    findings = [finding async for finding in check_hosts(repository, plan.inventory, nodes=nodes, waivers=waivers)]
    failed = [f for f in findings if f.verdict == "fail"]
    passed = sum(f.verdict == "pass" for f in findings)
    _say(args, finding_lines([f for f in findings if f.verdict != "pass"]))
    _say(args, [f"checks: {passed} pass, {len(failed)} fail"])
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
    """A plan from `plan --out`, or from `plan --json`, which says a little more."""
    from pydantic import ValidationError

    from yk8s_tui.models.plan import Plan

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            content = {key: value for key, value in content.items() if key not in ("format", "hash")}
        return Plan.model_validate(content)
    except (OSError, ValueError, ValidationError) as error:
        raise UsageError(
            "is not a saved plan",
            where=str(path),
            why=str(error).splitlines()[0],
            hint="make one with `yk8s-tui plan --out FILE`",
        ) from error


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", hint="give --yes to apply without asking")
    if ask(question).strip().lower() not in ("y", "yes"):
        raise CancelledError("nothing was changed")


def _result(repository: Repository, run_id: str, args: argparse.Namespace) -> int:
    """Follow the run, on the screen or in lines, and say how it ended; the exit code is the run's."""
    from yk8s_tui.commands import runs

    code: int = ExitCode.DONE
    if args.detach:
        if not args.json:
            print(run_id)
    elif args.json:
        code = runs.follow_plain(repository.root, run_id, stream=sys.stderr)
    elif sys.stdout.isatty() and sys.stdin.isatty() and not args.plain:
        from yk8s_tui.app import run_app

        run_app(cluster=str(repository.root), attach=run_id)
        code = runs.print_result(repository.root, run_id)
    else:
        code = runs.follow_plain(repository.root, run_id)
    if args.json:
        runs.print_run(repository.root, run_id)
    return code
