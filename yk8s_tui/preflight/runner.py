"""Runs checks: measures all hosts at once, judges, and yields findings as they come."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from dataclasses import replace

from yk8s_tui.backends.ssh import HostKeyError, SudoRefusedError
from yk8s_tui.errors import UsageError, Yk8sError
from yk8s_tui.models.nodes import Node
from yk8s_tui.preflight.checks import BY_ID, checks_for
from yk8s_tui.preflight.measuring import measure, measure_operator, measure_pairs
from yk8s_tui.preflight.model import (
    Check,
    CheckContext,
    Finding,
    Measured,
    Subject,
    Verdict,
    bad,
    finding,
    good,
)

SSH_ORDER = ("ssh.reachable", "ssh.host-key", "ssh.sudo")


async def run_checks(
    context: CheckContext, *, only: Collection[str] = (), nodes: Collection[str] = ()
) -> AsyncIterator[Finding]:
    """Every finding as soon as it is known: the operator's machine, each host, all hosts together, pairs.

    `only` names check ids, `nodes` the nodes that findings are wanted for (the others are asked only for
    what uniqueness and pairs need). A host that cannot be used yields one failing `ssh.…` and nothing
    more. Raises `UsageError` for ids and nodes that do not exist.
    """
    checks = select(context, only)
    chosen = _chosen(context, nodes)
    subject = Subject(config=context.config, inventory=context.inventory, measured={}, chosen=chosen)
    if any(check.scope == "operator" or check.id == "artifacts.bundle" for check in checks):
        subject = replace(subject, operator=await asyncio.to_thread(measure_operator, context))
        for found in judge_together(_of(checks, "operator"), subject, context):
            yield found
    measured: dict[str, Measured] = {}
    tasks = {
        asyncio.ensure_future(_ask(context, node, needed(checks, node, node in chosen))): node
        for node in context.inventory.nodes
        if node in chosen or any(check.scope in ("cluster", "pair") for check in checks)
    }
    try:
        async for node, told in _as_completed(tasks):
            if not isinstance(told, Yk8sError):
                measured[node.name] = told
            if node in chosen:
                subject = replace(subject, measured=dict(measured))
                for found in _host_findings(checks, node, told, subject, context):
                    yield found
    finally:
        for task in tasks:
            task.cancel()
    subject = replace(subject, measured=measured)
    for found in judge_together(_of(checks, "cluster"), subject, context):
        yield found
    paired = _of(checks, "pair")
    if paired and len(measured) > 1:
        names = frozenset(node.name for node in chosen)
        subject = replace(subject, pairs=await measure_pairs(context, measured, names))
        for found in judge_together(paired, subject, context):
            yield found


def select(context: CheckContext, only: Collection[str]) -> tuple[Check, ...]:
    """The checks that were asked for; raises `UsageError` with the nearest id for unknown ones."""
    for name in only:
        if name not in BY_ID:
            near = difflib.get_close_matches(name, BY_ID, n=1)
            hint = f"did you mean {near[0]}?" if near else "`yk8s-tui preflight --list` shows them"
            raise UsageError(f"there is no check {name!r}", hint=hint)
    return tuple(check for check in checks_for(context.config) if not only or check.id in only)


def needed(checks: Iterable[Check], node: Node, chosen: bool) -> frozenset[str]:
    """The measurements that the checks need from one node."""
    names: set[str] = set()
    for check in checks:
        if check.scope in ("cluster", "pair") or (chosen and check.scope == "host" and check.applies(node)):
            names |= set(check.needs)
    if not node.is_frontend:
        names -= {"vrrp", "macs"}
    return frozenset(names)


def judge_host(check: Check, node: Node, measured: Measured, subject: Subject) -> Verdict:
    """The verdict of one check on one host; what could not be measured fails."""
    if broken := _broken(check, measured):
        return bad("not measured", "", f"could not be measured: {broken}")
    assert check.host is not None
    return check.host(node, measured, subject)


def judge_together(checks: Iterable[Check], subject: Subject, context: CheckContext) -> Iterator[Finding]:
    """The findings of checks over all hosts; hosts that could not be measured fail on their own."""
    for check in checks:
        if check.cluster is None:
            continue
        broken = {name: why for name, m in subject.measured.items() if (why := _broken(check, m))}
        whole = {name: m for name, m in subject.measured.items() if name not in broken}
        for verdict in check.cluster(replace(subject, measured=whole)):
            yield finding(check, verdict, context.waivers)
        for node in subject.chosen:
            if node.name in broken:
                verdict = bad("not measured", "", f"could not be measured: {broken[node.name]}")
                yield finding(check, verdict, context.waivers, node.name)


def _broken(check: Check, measured: Measured) -> str:
    for name in check.needs:
        value = measured.get(name)
        if isinstance(value, dict) and set(value) == {"error"}:
            return f"{name}: {value['error']}"
    return ""


def _host_findings(
    checks: tuple[Check, ...], node: Node, told: Measured | Yk8sError, subject: Subject, context: CheckContext
) -> Iterator[Finding]:
    wanted = {check.id for check in checks}
    for check_id, verdict in ssh_verdicts(node, told):
        if verdict.verdict is None or check_id in wanted:
            yield finding(BY_ID[check_id], verdict, context.waivers, node.name)
    if isinstance(told, Yk8sError):
        return
    for check in _of(checks, "host"):
        if check.host is not None and check.applies(node):
            yield finding(check, judge_host(check, node, told, subject), context.waivers, node.name)


def ssh_verdicts(node: Node, told: Measured | Yk8sError) -> Iterator[tuple[str, Verdict]]:
    """What the attempt to connect says: up to the first thing that failed."""
    failed = ""
    if isinstance(told, Yk8sError):
        failed = "ssh.reachable"
        if isinstance(told, HostKeyError):
            failed = "ssh.host-key"
        elif isinstance(told, SudoRefusedError):
            failed = "ssh.sudo"
    how = "root" if node.ssh_user == "root" else f"{node.ssh_user}, sudo"
    right = {
        "ssh.reachable": good(f"{node.host} port {node.ssh_port}", "answers"),
        "ssh.host-key": good("as pinned", "the pinned key"),
        "ssh.sudo": good(how, "root"),
    }
    for check_id in ("ssh.host-key", "ssh.reachable", "ssh.sudo") if failed == "ssh.host-key" else SSH_ORDER:
        if check_id == failed:
            assert isinstance(told, Yk8sError)
            limit = right[check_id].limit
            yield check_id, bad(told.why.partition("\n")[0] or told.what, limit, told.what, told.hint)
            return
        yield check_id, right[check_id]


def _chosen(context: CheckContext, names: Collection[str]) -> tuple[Node, ...]:
    unknown = sorted(set(names) - set(context.inventory.names))
    if unknown:
        have = ", ".join(context.inventory.names)
        raise UsageError(f"no node is called {', '.join(unknown)}", hint=f"there are {have}")
    return tuple(node for node in context.inventory.nodes if not names or node.name in names)


def _of(checks: Iterable[Check], scope: str) -> tuple[Check, ...]:
    return tuple(check for check in checks if check.scope == scope)


async def _ask(context: CheckContext, node: Node, names: Collection[str]) -> Measured | Yk8sError:
    try:
        return await measure(context, node, names)
    except Yk8sError as error:
        return error


async def _as_completed(
    tasks: dict[asyncio.Task[Measured | Yk8sError], Node],
) -> AsyncIterator[tuple[Node, Measured | Yk8sError]]:
    waiting = set(tasks)
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            yield tasks[task], task.result()
