"""`yk8s-tui plan`: what would be done, before anything is."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from yk8s_tui.commands.common import cluster_directory, print_json, warn_when_busy
from yk8s_tui.errors import ExitCode

if TYPE_CHECKING:
    from yk8s_tui.models.plan import Plan, Scope
    from yk8s_tui.repository.repository import Repository


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `plan`."""
    plan = commands.add_parser("plan", help="show what would be done")
    add_selection(plan)
    plan.add_argument("--json", action="store_true", help="the whole plan as JSON")
    plan.add_argument("--diff", action="store_true", help="what changed in the configuration since the last run")
    plan.add_argument("--out", metavar="FILE", type=Path, help="save the plan, for `apply --plan FILE`")
    plan.set_defaults(run=run)


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The options that narrow a plan."""
    parser.add_argument("--layer", action="append", default=[], metavar="L", help="only this layer (repeatable)")
    parser.add_argument("--limit", action="append", default=[], metavar="NODE", help="only this node (repeatable)")
    parser.add_argument("--full", action="store_true", help="run unchanged steps, too")


def scope_of(args: argparse.Namespace) -> Scope:
    """The selection as the options say it."""
    from yk8s_tui.models.plan import Scope

    return Scope(layers=tuple(args.layer), limit=tuple(args.limit), full=args.full)


def run(args: argparse.Namespace) -> int:
    """Print the plan; it is not an error when nothing is to be done."""
    from yk8s_tui.operations.plan import make_plan
    from yk8s_tui.repository.atomic import write_atomic
    from yk8s_tui.repository.repository import Repository

    repository = Repository(cluster_directory(args))
    warn_when_busy(repository.root)
    plan = asyncio.run(make_plan(repository, scope_of(args)))
    if args.out:
        write_atomic(args.out, plan.model_dump_json(indent=2))
    if args.json:
        print_json({"hash": plan.hash, **plan.model_dump(mode="json")})
        return ExitCode.DONE
    print("\n".join(plan_lines(plan)))
    if args.diff:
        print("\n".join(configuration_diff(repository)) or "the configuration has not changed since the last run")
    return ExitCode.DONE


def plan_lines(plan: Plan) -> list[str]:
    """The plan as text: what is lost first, then machines, then layer by layer."""
    changing = plan.changing
    lines = [f"{plan.cluster} · plan {plan.hash[:8]} · {len(changing)} of {len(plan.steps)} steps to run"]
    lines += [f"! destroys: {step.destroys}" for step in plan.consents]
    if plan.machines:
        lines += ["machines first; then the steps are planned anew", *(f"  {line}" for line in plan.machines)]
    layer = ""
    for planned in plan.steps:
        if planned.step.layer != layer:
            layer = planned.step.layer
            lines.append(layer)
        mark = "○" if planned.decision == "run" else "–"
        nodes = " ".join(planned.nodes) if planned.decision == "run" else ""
        lines.append(f"  {mark} {planned.step.title}  {nodes}  ({planned.reason})".replace("    (", "  ("))
        if planned.decision == "run":
            lines += [f"      {c.symbol} {c.text}{f'  [{c.node}]' if c.node else ''}" for c in planned.step.changes]
    lines += [f"? {error}" for error in plan.unprobed.values()]
    lines += [f"missing: {m.name}; looked in {', '.join(m.looked_in)}" for m in plan.missing]
    if not plan.consents and not any(line.startswith("!") for line in plan.machines):
        lines.append("Nothing is destroyed.")
    return lines


def configuration_diff(repository: Repository) -> list[str]:
    """Unified diff from the configuration of the last run to today's."""
    import difflib

    from yk8s_tui.runs.start import list_runs, run_directory

    previous = next(
        (
            path
            for r in reversed(list_runs(repository.root))
            if (path := run_directory(repository.root, r.id) / "config.toml").is_file()
        ),
        None,
    )
    before = previous.read_text().splitlines() if previous else []
    return list(
        difflib.unified_diff(before, repository.config_text().splitlines(), "last run", "now", lineterm="", n=1)
    )
