"""The command line: finds the command, runs it, and turns errors into exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

COMMANDS = (
    "init",
    "import_",
    "config",
    "plan",
    "preflight",
    "apply",
    "runs",
    "status",
    "lab",
    "baremetal",
    "vpn",
    "kubeconfig",
    "bundle",
    "destroy",
)
"""Modules of `yk8s_tui.commands`, in the order of the help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code and never lets a traceback out (but for `--debug`)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:
        from yk8s_tui import __version__

        print(f"yk8s-tui {__version__}")
        return 0
    from yk8s_tui.commands.common import dispatch

    try:
        return dispatch(given, COMMANDS)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
