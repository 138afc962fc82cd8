"""`yk8s-tui runs replay`: a run again, on the run screen or as lines."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

from yk8s_tui.commands.common import cluster_directory
from yk8s_tui.errors import ExitCode, UsageError

LONGEST_PAUSE = 5.0
"""Seconds that lines wait at most between two events."""


def register(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `replay` to the actions of `runs`."""
    replay = parts.add_parser("replay", help="show a run again as it went: play, pause, go to any event")
    replay.add_argument("id", metavar="ID", help="id, its beginning, or number")
    replay.add_argument("--speed", type=float, default=10.0, metavar="N", help="times as fast as it was [10]")
    replay.add_argument("--at", type=int, metavar="N", help="stand still at event N; with --plain, begin there")
    replay.add_argument("--plain", action="store_true", help="progress lines instead of the run screen")
    replay.add_argument("--verbose", action="store_true", help="plain lines for every task on every node")
    replay.set_defaults(run=replay_command)


def replay_command(args: argparse.Namespace) -> int:
    """Show a run again: on a terminal as a screen, else as lines with the pauses it had."""
    from yk8s_tui.runs.start import find_run, run_directory

    if not args.speed > 0:
        raise UsageError(f"--speed {args.speed:g} makes no sense", hint="give a number above 0")
    if args.at is not None and args.at < 1:
        raise UsageError(f"--at {args.at} makes no sense", hint="events are counted from 1")
    root = cluster_directory(args)
    run = find_run(root, args.id).id
    if args.plain or args.verbose or not (sys.stdout.isatty() and sys.stdin.isatty()):
        _lines(run_directory(root, run) / "journal.jsonl", args.speed, args.at or 1, verbose=args.verbose)
        return ExitCode.DONE
    from yk8s_tui.app import run_app
    from yk8s_tui.screens.replay_feed import Start

    return run_app(cluster=str(root), attach=run, replay=Start(args.speed, args.at))


def _lines(journal: Path, speed: float, first: int, *, verbose: bool) -> None:
    from yk8s_tui.runs.journal_index import JournalIndex
    from yk8s_tui.runs.plain import PlainView
    from yk8s_tui.runs.replay import empty_journal

    view, before, pause = PlainView(verbose=verbose), 0.0, threading.Event()
    for batch in JournalIndex(journal).batches():
        for event in batch:
            lines = view.lines(event)
            if view.state.version < first:
                continue
            if before:
                pause.wait(min(LONGEST_PAUSE, max(0.0, (event["t"] - before) / speed)))
            before = event["t"]
            if lines:
                print("\n".join(lines), flush=True)
    if not view.state.version:
        raise empty_journal(journal)
    if view.state.version < first:
        raise UsageError(f"there is no event {first}", hint=f"the journal has {view.state.version}")
