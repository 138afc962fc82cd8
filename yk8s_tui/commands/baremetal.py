"""`yk8s-tui baremetal`: read nodes from a list, look at host keys, and pin them."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yk8s_tui.commands.common import ask, cluster_directory, print_json
from yk8s_tui.errors import ConsentError, ExitCode, UnreachableError, UsageError

if TYPE_CHECKING:
    from yk8s_tui.backends.baremetal import BareMetalHarbour
    from yk8s_tui.backends.hostkeys import ScannedHost
    from yk8s_tui.backends.node_sources import ParsedNodes
    from yk8s_tui.models.config import Config
    from yk8s_tui.models.harbours import BareMetalNode
    from yk8s_tui.repository.repository import Repository


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `baremetal` with its sub-commands."""
    parser = commands.add_parser("baremetal", help="machines that exist already: import, host keys")
    parser.set_defaults(run=lambda args: parser.error("choose one of scan, pin, import"))
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    scan = actions.add_parser("scan", help="show the host keys of all machines")
    scan.add_argument("--json", action="store_true", help="as JSON")
    scan.set_defaults(run=run_scan)
    pin = actions.add_parser("pin", help="pin host keys, after you have compared them")
    pin.add_argument("nodes", nargs="*", metavar="NODE", help="only these; all by default")
    pin.add_argument("--yes", action="store_true", help="the fingerprints were compared: pin without asking")
    pin.add_argument(
        "--replace",
        action="append",
        default=[],
        metavar="NODE",
        help="pin anew although another key is pinned",
    )
    pin.set_defaults(run=run_pin)
    reading = actions.add_parser("import", help="take nodes over from a table, inventory or SSH configuration")
    reading.add_argument("file", metavar="FILE", help="the list; - reads standard input")
    reading.add_argument("--dry-run", action="store_true", help="only show what was understood")
    reading.add_argument("--json", action="store_true", help="what was understood, as JSON")
    reading.set_defaults(run=run_import)


def run_scan(args: argparse.Namespace) -> int:
    """Show every fingerprint; exit 5 when a host does not answer or shows another key than the pinned one."""
    harbour, config = _open(args)
    found = asyncio.run(harbour.scan(config))
    if args.json:
        print_json({"hosts": [host.model_dump(mode="json") for host in found.values()]})
    else:
        print("\n".join(scan_lines(found)))
    bad = any(host.state in ("unreachable", "changed") for host in found.values())
    return ExitCode.UNREACHABLE if bad else ExitCode.DONE


def run_pin(args: argparse.Namespace) -> int:
    """Show what would be pinned, ask, and pin; hosts behind jump hosts follow when those are pinned."""
    from yk8s_tui.backends.hostkeys import plan_pins
    from yk8s_tui.repository.atomic import write_atomic

    harbour, config = _open(args)
    known_hosts = harbour.repository.known_hosts
    unknown = sorted({*args.nodes, *args.replace} - {n.name for n in config.harbour.baremetal.nodes})
    chosen = {*args.nodes, *args.replace}
    found: dict[str, ScannedHost] = {}
    while True:
        found = asyncio.run(harbour.scan(config))
        unknown = [name for name in unknown if name not in found]
        if unknown:
            raise UsageError(f"no machine is called {', '.join(unknown)}")
        hosts = [h for h in found.values() if not chosen or h.name in chosen or h.name.startswith("jump host")]
        plan = plan_pins(known_hosts, hosts, replace=args.replace)
        if not plan.new and not plan.replaced:
            break
        print("\n".join(scan_lines({h.name: h for h in hosts if h.name in (*plan.new, *plan.replaced)})))
        _confirm(args.yes)
        write_atomic(known_hosts, plan.text)
        print(f"pinned: {', '.join((*plan.new, *plan.replaced))}")
    silent = [h for h in hosts if h.state == "unreachable"]
    if silent:
        names = ", ".join(h.name for h in silent)
        raise UnreachableError(f"no host key from {names}", why="\n".join(h.error for h in silent))
    print(f"every host key is pinned in {known_hosts}")
    return ExitCode.DONE


def run_import(args: argparse.Namespace) -> int:
    """Merge nodes into the configuration by name; nodes that are not in the list stay."""
    from yk8s_tui.backends.node_sources import parse_nodes
    from yk8s_tui.repository.repository import Repository

    parsed = parse_nodes(_list_text(args.file), resolve=resolve)
    if args.json:
        print_json(parsed.model_dump(mode="json"))
    else:
        print("\n".join(parsed_lines(parsed)))
    if parsed.errors or not parsed.nodes:
        what = f"{len(parsed.errors)} entries cannot be used" if parsed.errors else "there are no nodes in it"
        raise UsageError(what, where=args.file, hint="correct the list; nothing was written")
    if args.dry_run:
        return ExitCode.DONE
    repository = Repository(cluster_directory(args))
    old = _present(repository)
    nodes, changes = merge(old, parsed.nodes)
    left = _write(repository, nodes) if changes else []
    if not args.json:
        print("\n".join([*changes, *left]) if changes else "the configuration has them all already")
    return ExitCode.DONE


def _list_text(file: str) -> str:
    """The text of the list; `-` is standard input. Raises `UsageError` when there is no text to be had."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = "save it as UTF-8 text; a spreadsheet has to be exported as CSV"
        raise UsageError("is not UTF-8 text", where=file, why=f"byte {error.start} is no text", hint=hint) from error
    except OSError as error:
        hint = "name a CSV, an Ansible inventory or an SSH configuration; - reads standard input"
        raise UsageError("cannot be read", where=file, why=error.strerror or str(error), hint=hint) from error


def merge(
    old: tuple[BareMetalNode, ...], new: tuple[BareMetalNode, ...]
) -> tuple[tuple[BareMetalNode, ...], list[str]]:
    """The nodes afterwards, and one line for each that is added or changed."""
    known = {node.name: node for node in old}
    changes = []
    for node in new:
        if node.name not in known:
            changes.append(f"+ {node.name} {node.address} {' '.join(node.roles)}")
            known[node.name] = node
            continue
        given = node.model_dump(exclude_defaults=True)
        merged = known[node.name].model_copy(update={key: getattr(node, key) for key in given})
        if merged != known[node.name]:
            before, after = known[node.name].model_dump(mode="json"), merged.model_dump(mode="json")
            told = ", ".join(f"{key} {before[key]} -> {after[key]}" for key in after if before[key] != after[key])
            changes.append(f"~ {node.name} {told}")
            known[node.name] = merged
    return tuple(known.values()), changes


def resolve(name: str) -> str | None:
    """The address of a host name as this machine resolves it; IPv4 first."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    ordered = sorted(found, key=lambda entry: entry[0] != socket.AF_INET)
    return str(ordered[0][4][0]) if ordered else None


def scan_lines(found: dict[str, ScannedHost]) -> list[str]:
    """One block a host: its state and every fingerprint."""
    marks = {"new": "+", "pinned": "=", "changed": "!", "unreachable": "x"}
    lines = []
    for host in found.values():
        lines.append(f"{marks[host.state]} {host.name}  {host.host}:{host.port}  {host.state}")
        lines += [f"    {key.algorithm:<20} {key.fingerprint}" for key in host.keys]
        if host.state == "changed":
            lines += [f"    pinned               {fingerprint}" for fingerprint in host.pinned]
        lines += [f"    {line}" for line in host.error.splitlines()]
    return lines


def parsed_lines(parsed: ParsedNodes) -> list[str]:
    """The nodes that were understood, then the problems."""
    lines = [f"read as {parsed.kind}: {len(parsed.nodes)} nodes"]
    for node in parsed.nodes:
        more = f" jump {node.jump}" if node.jump else ""
        where = f"{node.ssh_user}@{node.ssh_address or node.address}:{node.ssh_port}{more}"
        lines.append(f"  {node.name:<20} {node.address!s:<16} {'+'.join(node.roles):<24} {where}")
    for p in parsed.problems:
        value = f" ({p.value})" if p.value else ""
        remedy = f"; {p.remedy}" if p.remedy else ""
        lines.append(f"  line {p.line}: {p.severity}: {p.key} {p.message}{value}{remedy}")
    return lines


def _open(args: argparse.Namespace) -> tuple[BareMetalHarbour, Config]:
    from yk8s_tui.backends.baremetal import BareMetalHarbour
    from yk8s_tui.repository.repository import Repository

    root = cluster_directory(args)
    config = Repository(root).load()
    if config.cluster.harbour != "baremetal":
        raise UsageError(
            f"this cluster's machines come from the harbour {config.cluster.harbour}",
            hint="host keys are pinned by hand with the harbour baremetal only",
        )
    return BareMetalHarbour(root), config


def _confirm(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConsentError(
            "host keys are pinned only after somebody has compared them",
            hint="compare the fingerprints above with those on the consoles, then repeat with --yes",
        )
    print("Compare these fingerprints with what the machines' consoles show (ssh-keygen -lf FILE.pub).")
    if ask("Pin them? Type yes: ").strip().lower() != "yes":
        raise ConsentError("nothing was pinned")


def _write(repository: Repository, nodes: tuple[BareMetalNode, ...]) -> list[str]:
    """Write the nodes; what is wrong elsewhere does not keep them out, and comes back as lines.

    With the first nodes other keys become due, for example the VIP of two frontends.
    """
    from yk8s_tui.models.problems import InvalidConfig
    from yk8s_tui.repository.editing import edit

    changes = {"harbour.baremetal.nodes": [_as_written(node) for node in nodes]}
    try:
        repository.update(changes)
    except InvalidConfig as error:
        due = [problem for problem in error.problems if problem.severity == "error"]
        if any(problem.key.startswith("harbour.baremetal") for problem in due):
            raise
        where = str(repository.config_path)
        repository.write_config(edit(repository.config_text(), changes, where=where))
        return [f"still to do: {p.key}: {p.message}" + (f"; {p.remedy}" if p.remedy else "") for p in due]
    return []


def _present(repository: Repository) -> tuple[BareMetalNode, ...]:
    """The nodes of a configuration that need not be complete yet: without nodes it is not."""
    import tomllib

    from pydantic import ValidationError

    from yk8s_tui.models.harbours import BareMetalNode

    try:
        content = tomllib.loads(repository.config_text())
        nodes = content.get("harbour", {}).get("baremetal", {}).get("nodes", [])
        return tuple(BareMetalNode.model_validate(node) for node in nodes)
    except (tomllib.TOMLDecodeError, AttributeError, ValidationError):
        return repository.load().harbour.baremetal.nodes


def _as_written(node: BareMetalNode) -> dict[str, Any]:
    return node.model_dump(mode="json", exclude_defaults=True)
