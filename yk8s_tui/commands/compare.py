"""`yk8s-tui runs compare`: two runs side by side."""

from __future__ import annotations

import argparse

from yk8s_tui.commands.common import cluster_directory, print_json
from yk8s_tui.errors import ExitCode


def register(parts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `compare` to the actions of `runs`."""
    compare = parts.add_parser("compare", help="two runs side by side: what was done, what it took, what differs")
    compare.add_argument("a", metavar="A", help="id, its beginning, or number")
    compare.add_argument("b", metavar="B", help="the other run")
    compare.add_argument("--json", action="store_true", help="stable JSON on stdout")
    compare.set_defaults(run=compare_command)


def compare_command(args: argparse.Namespace) -> int:
    """Print what differs between two runs."""
    from yk8s_tui.runs.account import read_account
    from yk8s_tui.runs.compare import compare
    from yk8s_tui.runs.compare_words import as_json, sections
    from yk8s_tui.runs.start import find_run, run_directory

    root = cluster_directory(args)
    runs = [find_run(root, named) for named in (args.a, args.b)]
    found = compare(*(read_account(run_directory(root, run.id), run) for run in runs))
    if args.json:
        print_json(as_json(found))
        return ExitCode.DONE
    for heading, lines in sections(found):
        print(heading)
        print("\n".join(f"  {line}".rstrip() for line in lines))
    return ExitCode.DONE
