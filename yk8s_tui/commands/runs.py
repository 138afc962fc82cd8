"""`yk8s-tui runs`: history, attach, cancel, report; replay and comparison are in modules of their own."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from yk8s_tui.commands import compare, replay
from yk8s_tui.commands.common import cluster_directory, print_json
from yk8s_tui.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from yk8s_tui.runs.events import Event
    from yk8s_tui.runs.start import RunSummary
    from yk8s_tui.runs.state import RunState


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `runs` with its sub-commands."""
    runs = commands.add_parser("runs", help="what was run, and what is running")
    parts = runs.add_subparsers(dest="runs_command", metavar="ACTION", required=True)
    listing = parts.add_parser("list", help="all runs, newest last")
    listing.add_argument("--json", action="store_true", help="stable JSON on stdout")
    listing.set_defaults(run=list_command)
    show = parts.add_parser("show", help="steps, nodes and failures of a run")
    show.add_argument("id", nargs="?", default="", metavar="ID", help="id, its beginning, or number; else the newest")
    show.add_argument("--json", action="store_true", help="stable JSON on stdout")
    show.set_defaults(run=show_command)
    attach = parts.add_parser("attach", help="follow a run; ctrl-c stops following, not the run")
    attach.add_argument("id", nargs="?", default="", metavar="ID", help="else the one that is running")
    attach.add_argument("--plain", action="store_true", help="progress lines instead of the run screen")
    attach.add_argument("--verbose", action="store_true", help="plain lines for every task on every node")
    attach.set_defaults(run=attach_command)
    cancel = parts.add_parser("cancel", help="end a run: its steps are ended in order, here and on the hosts")
    cancel.add_argument("id", nargs="?", default="", metavar="ID", help="else the one that is running")
    cancel.set_defaults(run=cancel_command)
    replay.register(parts)
    compare.register(parts)
    _register_report(parts)


def _register_report(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    report = parts.add_parser("report", help="the story of a run as one HTML file that needs no network")
    report.add_argument("id", nargs="?", default="", metavar="ID", help="id, its beginning, or number; else the newest")
    report.add_argument("--output", metavar="FILE", type=Path, help="else runs/<id>/report.html")
    report.set_defaults(run=report_command)


def list_command(args: argparse.Namespace) -> int:
    """All runs of the cluster."""
    from yk8s_tui.runs.start import list_runs

    runs = list_runs(cluster_directory(args))
    if args.json:
        print_json({"runs": [asdict(run) for run in runs]})
        return ExitCode.DONE
    if not runs:
        print("no runs yet")
    for run in runs:
        print(_line(run))
    return ExitCode.DONE


def show_command(args: argparse.Namespace) -> int:
    """Steps, nodes and failures of one run."""
    root = cluster_directory(args)
    run, state = _load(root, args.id)
    if args.json:
        print_run(root, run.id)
    else:
        print("\n".join([_line(run), *_description(state), *_ending(root, run)]))
    return ExitCode.DONE


def attach_command(args: argparse.Namespace) -> int:
    """Follow a run to its end; the exit code is the run's."""
    root = cluster_directory(args)
    run = _running(root) if not args.id else _find(root, args.id)
    if sys.stdout.isatty() and sys.stdin.isatty() and not args.plain:
        from yk8s_tui.app import run_app

        run_app(cluster=str(root), attach=run.id)
        return print_result(root, run.id)
    return follow_plain(root, run.id, verbose=args.verbose)


def cancel_command(args: argparse.Namespace) -> int:
    """Ask the engine of a run to end it, and wait until it has; exit code 8 when it was cancelled."""
    from yk8s_tui.commands.apply import operator
    from yk8s_tui.runs.control import request
    from yk8s_tui.runs.start import run_directory

    root = cluster_directory(args)
    run = _find(root, args.id) if args.id else _running(root)
    if not run.is_running:
        raise UsageError(f"run {run.id} is not running; it is {run.result}")
    request(run_directory(root, run.id), "cancel", by=operator())
    print(f"cancelling run {run.id}", flush=True)
    return follow_plain(root, run.id, quiet_until="cancel")


def report_command(args: argparse.Namespace) -> int:
    """Write the report of a run, and print where it is."""
    from yk8s_tui.runs.report.write import write_report

    root = cluster_directory(args)
    print(write_report(root, _find(root, args.id), args.output))
    return ExitCode.DONE


def print_run(root: Path, run_id: str) -> None:
    """A run as JSON on stdout: how it stands or ended, its steps, nodes and failures."""
    print_json(_as_json(*_load(root, run_id)))


def follow_plain(
    root: Path, run_id: str, *, verbose: bool = False, quiet_until: str = "", stream: TextIO | None = None
) -> int:
    """Print a run as lines (to stdout, or to `stream`) until it ends; returns its exit code.

    With `quiet_until` nothing is printed before the control request of that name.
    """
    from yk8s_tui.runs.alive import engine_alive
    from yk8s_tui.runs.estimates import known_at_start
    from yk8s_tui.runs.journal import JournalReader
    from yk8s_tui.runs.plain import PlainView
    from yk8s_tui.runs.start import run_directory

    directory = run_directory(root, run_id)
    view = PlainView(verbose=verbose, durations=known_at_start(directory))
    reader = JournalReader(directory / "journal.jsonl")
    quiet = bool(quiet_until)
    for batch in reader.follow_blocking(alive=lambda: engine_alive(directory)):
        for event in batch:
            quiet = quiet and not _is_control(event, quiet_until)
            lines = view.lines(event)
            if not quiet:
                _print(lines, stream)
    if not view.state.finished:
        return _interrupted(root, run_id, stream)
    return int(view.state.exit_code or 0)


def print_result(root: Path, run_id: str) -> int:
    """Say how a run stands, without following it; its exit code, 0 while it is running."""
    run = _find(root, run_id)
    print(_line(run))
    if run.is_running:
        print(f"it goes on; `yk8s-tui runs attach {run.id}` follows it")
        return ExitCode.DONE
    if run.result == "interrupted":
        return _interrupted(root, run_id)
    if run.next:
        print(f"next: {run.next}")
    return run.exit_code if run.exit_code is not None else ExitCode.FAILED


def _interrupted(root: Path, run_id: str, stream: TextIO | None = None) -> int:
    run = _find(root, run_id)
    if run.exit_code is not None:
        _print([f"{run.result}: {run.message}"], stream)
        return run.exit_code
    _print(_ending(root, run), stream)
    return ExitCode.PARTIAL


def _find(root: Path, named: str) -> RunSummary:
    from yk8s_tui.runs.start import find_run

    return find_run(root, named)


def _running(root: Path) -> RunSummary:
    from yk8s_tui.runs.start import list_runs

    running = [run for run in list_runs(root) if run.is_running]
    if not running:
        raise UsageError("no run is under way", hint="`yk8s-tui runs list` shows the runs there are")
    return running[-1]


def _load(root: Path, named: str) -> tuple[RunSummary, RunState]:
    from yk8s_tui.runs.journal import JournalReader
    from yk8s_tui.runs.start import run_directory
    from yk8s_tui.runs.state import RunState

    run, state = _find(root, named), RunState()
    for batch in JournalReader(run_directory(root, run.id) / "journal.jsonl").batches():
        state.apply_all(batch)
    return run, state


def _line(run: RunSummary) -> str:
    when = datetime.fromtimestamp(run.started).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    text = f"#{run.number:<4} {run.id}  {run.operation:<12} {run.result:<11} {when}  {run.seconds:8.1f} s  {run.by}"
    return f"{text}  {run.message}".rstrip()


def _description(state: RunState) -> list[str]:
    lines, layer = [], ""
    for step in state.steps.values():
        if step.layer != layer:
            layer = step.layer
            lines.append(layer)
        seconds = f"{step.seconds:.1f} s" if step.seconds else ""
        reason = f": {step.reason}" if step.reason else ""
        lines.append(f"  {step.status:<10} {step.title:<48} {seconds:>9}{reason}".rstrip())
    if state.nodes:
        lines.append("nodes")
    for node in state.nodes.values():
        counts = f"ok {node.ok}, changed {node.changed}, failed {node.failed}, skipped {node.skipped}"
        lines.append(f"  {node.status:<12} {node.name:<24} {counts}")
    for failure in state.failures.values():
        lines.append(f"failed: {failure.node or failure.step}: {failure.task}: {failure.reason}")
        lines += [f"  {line}" for line in failure.evidence.splitlines()]
        lines.append(f"  what to do: {failure.hint}")
    lines += [f"consent of {event['by']}: {event['text']} ({event['step']})" for event in state.consents]
    for event in state.waivers:
        where = f"{event['check']}@{event['node']}" if event.get("node") else event["check"]
        lines.append(f"waived by {event['by']}: {where}: {event['reason']}")
    lines += [f"{note.level}: {note.text}" for note in state.notes]
    if state.next:
        lines.append(f"next: {state.next}")
    return lines


def _ending(root: Path, run: RunSummary) -> list[str]:
    """What is known of a run whose engine died."""
    if run.result != "interrupted":
        return []
    from yk8s_tui.runs.resume import examine

    found = examine(root, run)
    lines = [f"run {run.id} was interrupted: its engine is gone"]
    lines.append(f"  done: {', '.join(found.of('done')) or 'nothing'}")
    for step in found.of("unknown"):
        lines.append(f"  unknown: {step} was at work on {', '.join(found.nodes.get(step, ()))}")
    lines.append(f"  not done: {', '.join(found.of('not done')) or 'nothing'}")
    lines.append("next: `yk8s-tui apply` looks at the hosts and goes on from there")
    return lines


def _as_json(run: RunSummary, state: RunState) -> dict[str, Any]:
    steps = [
        {
            "id": s.id,
            "layer": s.layer,
            "title": s.title,
            "status": s.status,
            "seconds": s.seconds,
            "reason": s.reason,
            "nodes": s.results,
        }
        for s in state.steps.values()
    ]
    nodes = [
        {
            "name": n.name,
            "status": n.status,
            "ok": n.ok,
            "changed": n.changed,
            "failed": n.failed,
            "skipped": n.skipped,
            "reason": n.reason,
        }
        for n in state.nodes.values()
    ]
    failures = [failure._asdict() for failure in state.failures.values()]
    consents = [{key: event.get(key, "") for key in ("step", "text", "by")} for event in state.consents]
    waivers = [{key: event.get(key, "") for key in ("check", "node", "reason", "by")} for event in state.waivers]
    return asdict(run) | {
        "cluster": state.cluster,
        "steps": steps,
        "nodes": nodes,
        "failures": failures,
        "consents": consents,
        "waivers": waivers,
    }


def _is_control(event: Event, action: str) -> bool:
    return bool(event["type"] == "control" and event.get("action") == action)


def _print(lines: list[str], stream: TextIO | None = None) -> None:
    if lines:
        print("\n".join(lines), file=stream, flush=True)
