"""`validate` and `schema`: the configuration and everything that can stand in it."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from yk8s_tui.commands.common import cluster_directory, print_json
from yk8s_tui.errors import ExitCode

if TYPE_CHECKING:
    from yk8s_tui.models.problems import Problem
    from yk8s_tui.repository.repository import Repository


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `validate` and `schema`."""
    validate = commands.add_parser("validate", help="check the configuration: every problem at once")
    validate.add_argument("--json", action="store_true", help="problems and summary as JSON on stdout")
    validate.set_defaults(run=_validate)
    schema = commands.add_parser("schema", help="the JSON schema of the configuration")
    schema.add_argument("--markdown", action="store_true", help="the reference of all keys instead")
    schema.set_defaults(run=_schema)


def _schema(args: argparse.Namespace) -> int:
    from yk8s_tui.repository import reference

    if args.markdown:
        sys.stdout.write(reference.markdown())
    else:
        json.dump(reference.json_schema(), sys.stdout, indent=2, sort_keys=True, default=str)
        print()
    return ExitCode.DONE


def _validate(args: argparse.Namespace) -> int:
    from yk8s_tui.models.problems import InvalidConfig
    from yk8s_tui.models.summary import summarize
    from yk8s_tui.repository.hygiene import secret_problems
    from yk8s_tui.repository.recent import remember
    from yk8s_tui.repository.repository import Repository

    repository = Repository(cluster_directory(args))
    reading = repository.examine()
    problems = reading.problems + secret_problems(repository.root)
    summary = summarize(reading.config) if reading.config else {}
    remember(repository.root)
    if args.json:
        print_json(_as_json(repository, problems, summary))
        return ExitCode.DONE if reading.config else ExitCode.CONFIG
    if repository.migrated_from is not None:
        print(f"migrated from schema version {repository.migrated_from}; the old file is kept beside it as a .bak")
    if reading.config is None:
        raise InvalidConfig(problems, where=str(repository.config_path))
    for problem in problems:
        _warn(problem, repository)
    counted = f" ({len(problems)} warning{'s' if len(problems) > 1 else ''})" if problems else ""
    print(f"ok: {repository.config_path} is valid{counted}")
    for title, text in summary.items():
        print(f"  {title:<11} {text}")
    return ExitCode.DONE


def _warn(problem: Problem, repository: Repository) -> None:
    line = f":{problem.line}" if problem.line else ""
    value = f" = {problem.value}" if problem.value else ""
    where = f"{repository.config_path}{line}"
    print(f"{where}: warning: {problem.key}{value}: {problem.message}", file=sys.stderr)
    if problem.remedy:
        print(f"  what to do: {problem.remedy}", file=sys.stderr)


def _as_json(repository: Repository, problems: tuple[Problem, ...], summary: dict[str, str]) -> dict[str, Any]:
    return {
        "file": str(repository.config_path),
        "ok": not any(p.severity == "error" for p in problems),
        "problems": [p.model_dump() for p in problems],
        "summary": summary,
        "migrated_from": repository.migrated_from,
    }
