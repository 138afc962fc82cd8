"""Writes docs/reference/command-line.md from the parser itself: `python tools/command_reference.py`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

COLUMNS = "100"
TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "command-line.md"

EXIT_CODES = """\
| code | meaning |
| --- | --- |
| 0 | done |
| 1 | failed |
| 2 | the command makes no sense as it was given |
| 3 | the configuration or the cluster repository is invalid |
| 4 | a preflight check failed |
| 5 | SSH, the API or a cloud cannot be reached, or is not who it should be |
| 6 | another run holds the cluster |
| 7 | consent missing |
| 8 | cancelled |
| 9 | partly done; `apply` goes on from there |
"""


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser and all below it, in the order of the help."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


def render() -> str:
    """The page."""
    from yk8s_tui.cli import COMMANDS
    from yk8s_tui.commands.common import build_parser

    parts = [
        "# Command line",
        "",
        "Generated from the program; `python tools/command_reference.py` writes it.",
        "Errors go to stderr and say what, where, why, and what to do; `--debug` shows tracebacks.",
        "",
        "## Exit codes",
        "",
        EXIT_CODES,
    ]
    with mock.patch.dict(os.environ, COLUMNS=COLUMNS):
        for parser in parsers(build_parser(COMMANDS)):
            parts += [f"## {parser.prog}", "", "```text", parser.format_help().strip(), "```", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(render())
