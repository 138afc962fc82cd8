"""Parsing and error reporting that every command shares."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from yk8s_tui import __version__
from yk8s_tui.errors import CancelledError, ExitCode, Yk8sError


class CommandModule(Protocol):
    """What a module of this package offers."""

    def register(self, commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add its sub-commands; each sets `run=function(args) -> int`."""


class Parser(argparse.ArgumentParser):
    """An argument parser that is never abbreviated, so that new options break no script."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)


def build_parser(modules: Sequence[str]) -> argparse.ArgumentParser:
    """The parser with every command."""
    parser = Parser(
        prog="yk8s-tui",
        description="From bare machines to a running Kubernetes cluster. "
        "Without a command it opens the terminal interface.",
    )
    parser.add_argument(
        "--cluster",
        metavar="DIR",
        help="cluster repository; else $YK8S_CLUSTER, else the nearest parent with config/config.toml",
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.add_argument("--version", action="version", version=f"yk8s-tui {__version__}")
    commands: argparse._SubParsersAction[argparse.ArgumentParser] = parser.add_subparsers(
        dest="command", metavar="COMMAND", parser_class=Parser
    )
    for name in modules:
        module: CommandModule = importlib.import_module(f"yk8s_tui.commands.{name}")
        module.register(commands)
    return parser


def dispatch(arguments: Sequence[str], modules: Sequence[str]) -> int:
    """Parse, run, and report; returns an `ExitCode`."""
    args = build_parser(modules).parse_args(arguments)
    try:
        if args.command is None:
            from yk8s_tui.app import run_app

            return run_app(cluster=args.cluster)
        code: int = args.run(args)
    except Yk8sError as error:
        report(error)
        code = error.exit_code
        if args.debug:
            traceback.print_exc()
    except KeyboardInterrupt:
        print("cancelled", file=sys.stderr)
        code = ExitCode.CANCELLED
    except BrokenPipeError:
        raise
    except OSError as error:
        report(Yk8sError(error.strerror or str(error), where=str(error.filename or "")))
        code = ExitCode.FAILED
        if args.debug:
            traceback.print_exc()
    except Exception as error:
        report(
            Yk8sError(
                f"internal error: {type(error).__name__}: {error}",
                hint="run again with --debug and report what it shows",
            )
        )
        code = ExitCode.FAILED
        if args.debug:
            traceback.print_exc()
    return int(code)


def report(error: Yk8sError) -> None:
    """Write an error on stderr: what, where, why, and what to do."""
    problems = getattr(error, "problems", ())
    for problem in problems:
        line = f":{problem.line}" if problem.line else ""
        value = f" = {problem.value}" if problem.value else ""
        print(
            f"{error.where}{line}: {problem.severity}: {problem.key}{value}: {problem.message}",
            file=sys.stderr,
        )
        if problem.remedy:
            print(f"  what to do: {problem.remedy}", file=sys.stderr)
    print(f"yk8s-tui: {error}", file=sys.stderr)


FORMAT = 1
"""Of what `--json` prints: keys are added without a new number, but none is removed or gets another meaning."""


def print_json(value: Mapping[str, Any]) -> None:
    """Write stable JSON on stdout, with its format; docs/reference/json.md describes it."""
    json.dump({"format": FORMAT, **value}, sys.stdout, indent=2, sort_keys=True, default=str)
    print()


def ask(question: str) -> str:
    """What the operator answers; the end of input (Ctrl-D) cancels."""
    print(question, end="", file=sys.stderr, flush=True)
    try:
        return input()
    except EOFError:
        print(file=sys.stderr)
        raise CancelledError("nothing was changed") from None


def cluster_directory(args: argparse.Namespace) -> Path:
    """The cluster repository that was named, or found; raises `ConfigError` when there is none."""
    from yk8s_tui.repository.repository import find_repository

    return find_repository(args.cluster or os.environ.get("YK8S_CLUSTER"))


def warn_when_busy(root: Path) -> None:
    """Say on stderr that a run is at work, when one is: what the hosts say now changes with it."""
    from yk8s_tui.repository.lock import holder

    if held := holder(root):
        print(f"yk8s-tui: {held} is at work; what the hosts say now changes with it", file=sys.stderr)
