"""`yk8s-tui preflight`: check the hosts before anything is changed."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from yk8s_tui.commands.common import cluster_directory, print_json, warn_when_busy
from yk8s_tui.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from yk8s_tui.preflight import Finding

MARKS = {"fail": "✗", "warn": "!", "waived": "~", "pass": "✓"}
ORDER = ("fail", "warn", "waived", "pass")


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `preflight`."""
    parser = commands.add_parser("preflight", help="check the hosts; changes nothing")
    parser.add_argument("--json", action="store_true", help="every finding as JSON")
    parser.add_argument("--check", action="append", default=[], metavar="ID", help="only this check (repeatable)")
    parser.add_argument("--node", action="append", default=[], metavar="NAME", help="only this node (repeatable)")
    parser.add_argument(
        "--waive",
        action="append",
        default=[],
        metavar="ID[@NODE]=REASON",
        help="accept a failing check, with the reason (repeatable)",
    )
    parser.add_argument("--list", action="store_true", help="show the checks, and check nothing")
    parser.add_argument("--all", action="store_true", help="show every check that passes, too")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check; exit 4 when something fails, 5 when a host cannot be used over SSH."""
    if args.list:
        return list_checks(as_json=args.json)
    waivers = parse_waivers(args.waive)
    findings = asyncio.run(_collect(args, waivers))
    if args.json:
        print_json({"findings": [found.model_dump(mode="json") for found in findings]})
    else:
        shown = findings if args.all else [f for f in findings if f.verdict != "pass"]
        print("\n".join([*finding_lines(shown), summary(findings)]))
    return exit_code(findings)


def exit_code(findings: Iterable[Finding]) -> int:
    """5 for hosts that cannot be used, else 4 for failures, else 0."""
    found = list(findings)
    if any(f.unreachable for f in found):
        return ExitCode.UNREACHABLE
    return ExitCode.PREFLIGHT if any(f.verdict == "fail" for f in found) else ExitCode.DONE


def finding_lines(findings: Iterable[Finding]) -> list[str]:
    """Failures first; what several nodes have in common is said once."""
    groups: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for found in findings:
        same = (found.verdict, found.id, found.limit, found.text, found.remedy, found.waived_reason)
        groups[same].append(found)
    lines = []
    for verdict in ORDER:
        for members in (m for key, m in groups.items() if key[0] == verdict):
            lines += _group_lines(members)
    return lines


def summary(findings: Iterable[Finding]) -> str:
    """How many of each verdict."""
    counts = dict.fromkeys(("pass", "warn", "fail", "waived"), 0)
    for found in findings:
        counts[found.verdict] += 1
    return "checks: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)


def list_checks(*, as_json: bool) -> int:
    """Every check with its id, severity and title."""
    from yk8s_tui.preflight.checks import ALL

    if as_json:
        print_json({"checks": [{"id": c.id, "title": c.title, "severity": c.severity, "scope": c.scope} for c in ALL]})
    else:
        for check in ALL:
            print(f"{check.id:<24} {check.severity:<6} {check.scope:<9} {check.title}")
    return ExitCode.DONE


def parse_waivers(given: Iterable[str]) -> dict[str, str]:
    """`ID[@NODE]=REASON` -> mapping; raises `UsageError` for unknown ids, unwaivable ones and empty reasons."""
    from yk8s_tui.preflight.checks import BY_ID

    waivers = {}
    for item in given:
        key, _, reason = (part.strip() for part in item.partition("="))
        check = BY_ID.get(key.partition("@")[0])
        if not reason:
            raise UsageError(f"--waive {item}: a reason is missing", hint=f"--waive {key}='why this is acceptable'")
        if check is None:
            raise UsageError(f"--waive {item}: there is no such check", hint="`yk8s-tui preflight --list`")
        if not check.waivable:
            raise UsageError(f"--waive {item}: without it nothing works, so it cannot be waived")
        waivers[key] = reason
    return waivers


def _group_lines(found_alike: list[Finding]) -> list[str]:
    members = sorted(found_alike, key=lambda found: found.node)
    first = members[0]
    nodes = " ".join(found.node for found in members if found.node)
    lines = [f"{MARKS[first.verdict]} {first.title}: {first.text or 'as it should be'}  [{first.id}]"]
    if first.verdict == "pass":
        lines[0] = f"{MARKS['pass']} {first.title}  [{first.id}]"
    if first.waived_reason:
        lines.append(f"    waived: {first.waived_reason}")
    if len({found.measured for found in members}) == 1:
        told = first.measured + (f" (limit: {first.limit})" if first.limit else "")
        lines += [f"    {text}" for text in (": ".join(part for part in (nodes, told) if part),) if text]
    else:
        lines += [f"    {found.node}: {found.measured}" for found in members]
        lines += [f"    limit: {first.limit}"] if first.limit else []
    if first.remedy and first.verdict != "pass":
        lines.append(f"    what to do: {first.remedy}")
    return lines


async def _collect(args: argparse.Namespace, waivers: dict[str, str]) -> list[Finding]:
    from yk8s_tui.operations.preflight import check_everything
    from yk8s_tui.repository.repository import Repository

    repository = Repository(cluster_directory(args))
    warn_when_busy(repository.root)
    watching = sys.stderr.isatty() and not args.json
    found = []
    async for finding in check_everything(repository, nodes=args.node, only=args.check, waivers=waivers):
        found.append(finding)
        if watching:
            print(f"\r{len(found)} checks done", end="", file=sys.stderr, flush=True)
    if watching:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return found
