"""`import`: a cluster repository from one of yaook/k8s (v3 to v8)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yk8s_tui.commands.common import print_json
from yk8s_tui.errors import ExitCode

if TYPE_CHECKING:
    from yk8s_tui.models.problems import Problem
    from yk8s_tui.repository.importing import Import
    from yk8s_tui.repository.importing_report import Entry
    from yk8s_tui.repository.importing_source import Source

GROUPS = (("mapped", "mapped"), ("not_mapped", "not mapped"), ("unknown", "unknown"), ("to_decide", "to decide"))
"""States and their headings; what needs the operator comes last, where it is seen."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `import`."""
    parser = commands.add_parser("import", help="make a cluster repository from one of yaook/k8s (v3 to v8)")
    parser.add_argument("source", metavar="PATH", type=Path, help="cluster repository of yaook/k8s; it is only read")
    parser.add_argument("--into", metavar="DIR", type=Path, required=True, help="where to make ours; must not exist")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="decide a key of our configuration, for example kubernetes.version=1.36.3; wins over what is there",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would become of each key")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=_import)


def _import(args: argparse.Namespace) -> int:
    from yk8s_tui.commands.init import parse_settings
    from yk8s_tui.layers import wireguard_ipam
    from yk8s_tui.repository.importing import translate, write
    from yk8s_tui.repository.importing_source import read_source, refuse_target
    from yk8s_tui.repository.recent import remember

    given = parse_settings(args.settings)
    source = read_source(args.source)
    target = refuse_target(args.into, args.source)
    nodes, problems = _machines(source)
    plan = translate(source, nodes=nodes, problems=problems, given=given)
    if not args.dry_run:
        repository = write(target, plan)
        if plan.addresses:
            wireguard_ipam.save(repository.root, plan.addresses)
        remember(repository.root)
    if args.json:
        print_json(as_json(source, plan, target, written=not args.dry_run))
    else:
        print("\n".join(lines(source, plan, target, written=not args.dry_run)))
    return ExitCode.DONE


def _machines(source: Source) -> tuple[Sequence[Any], Sequence[Problem]]:
    """The machines of the hosts file; this machine is listed there, too, and is none of them."""
    from yk8s_tui.backends.node_sources import parse_nodes
    from yk8s_tui.commands.baremetal import resolve

    if source.harbour != "baremetal" or not source.hosts:
        return (), ()
    parsed = parse_nodes(source.hosts, resolve=lambda name: None if name == "localhost" else resolve(name))
    nodes = [n for n in parsed.nodes if n.name != "localhost"]
    return nodes, [p for p in parsed.problems if p.key.partition(".")[0] != "localhost"]


def as_json(source: Source, plan: Import, target: Path, *, written: bool) -> dict[str, Any]:
    """The report as data; the layout is stable."""
    fields = {"key", "value", "our_key", "our_value", "reason", "is_secret", "is_default"}
    groups = {
        state: [e.model_dump(mode="json", include=fields) for e in plan.entries if e.state == state]
        for state, _ in GROUPS
    }
    return {
        "format": 1,
        "source": str(source.root),
        "release": source.release,
        "directory": str(target),
        "written": written,
        "name": plan.name,
        "harbour": plan.harbour,
        "valid": not plan.open,
        "warnings": [p.model_dump(mode="json") for p in plan.warnings],
        **groups,
    }


def lines(source: Source, plan: Import, target: Path, *, written: bool) -> Iterator[str]:
    """The report as text."""
    yield f"{source.root} (yaook/k8s {source.release}, {plan.harbour})"
    for state, heading in GROUPS:
        entries = [e for e in plan.entries if e.state == state]
        if entries:
            yield from ("", f"{heading} ({len(entries)})")
            for entry in entries:
                yield from _entry(entry)
    if plan.warnings:
        yield from ("", f"warnings ({len(plan.warnings)})")
        for problem in plan.warnings:
            yield f"  {problem.key}: {problem.message}"
            yield from ([f"      {problem.remedy}"] if problem.remedy else [])
    yield ""
    counts = ", ".join(f"{sum(e.state == s for e in plan.entries)} {h}" for s, h in GROUPS)
    yield f"{counts}; the configuration is {'valid' if not plan.open else 'not valid until that is decided'}"
    yield f"made the cluster repository {target} ({plan.harbour}, {plan.name})" if written else "nothing was written"
    if written:
        yield f"next: cd {target}, decide what is listed above in config/config.toml, then yk8s-tui validate"


def _entry(entry: Entry) -> Iterator[str]:
    from yk8s_tui.models.validation import show

    value = entry.value if entry.is_secret else show(entry.value)
    head = f"  {entry.key}" + (f" = {value}" if entry.value is not None else "")
    head += " (their default)" if entry.is_default else ""
    if entry.state == "mapped":
        head += f" -> {entry.our_key} = {show(entry.our_value)}"
    elif entry.state == "to_decide" and entry.our_key:
        head += f" -> {entry.our_key}"
    yield head
    if entry.reason:
        yield f"      {entry.reason}"
