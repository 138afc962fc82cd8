"""`init`: a new cluster repository."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yk8s_tui.errors import ExitCode, UsageError


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `init`."""
    parser = commands.add_parser("init", help="make a cluster repository")
    parser.add_argument("directory", metavar="DIR", type=Path, help="where to make it")
    parser.add_argument(
        "--harbour", required=True, choices=("lab", "baremetal", "openstack"), help="where nodes come from"
    )
    parser.add_argument("--name", help="name of the cluster (default: name of the directory)")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set a key of the configuration, for example kubernetes.version=1.36.3 or harbour.lab.workers=3; "
        "values are written as in TOML, text may go without quotes",
    )
    parser.set_defaults(run=_init)


def _init(args: argparse.Namespace) -> int:
    from yk8s_tui.models.types import suggest_name
    from yk8s_tui.repository.create import create
    from yk8s_tui.repository.recent import remember

    directory: Path = args.directory.expanduser().absolute()
    name = args.name if args.name is not None else suggest_name(directory.name) or "cluster"
    repository = create(directory, args.harbour, name, parse_settings(args.settings))
    remember(repository.root)
    print(f"made the cluster repository {repository.root} ({args.harbour}, {name})")
    for problem in repository.problems():
        print(f"still to do: {problem.key}: {problem.message}; {problem.remedy}")
    print(f"next: cd {directory}, edit config/config.toml, then yk8s-tui validate and yk8s-tui plan")
    return ExitCode.DONE


def parse_settings(given: Sequence[str]) -> dict[str, Any]:
    """`key=value` pairs as data; raises `UsageError`."""
    settings: dict[str, Any] = {}
    for pair in given:
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {pair}: an `=` is missing", hint="for example --set harbour.lab.workers=3")
        settings[key.strip()] = _value(key.strip(), text.strip())
    return settings


def _value(key: str, text: str) -> Any:
    """A TOML value, else text; what belongs into a text key stays text (a version such as 1.36)."""
    import tomllib

    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return text if not isinstance(value, str) and _is_text(key) else value


def _is_text(key: str) -> bool:
    from yk8s_tui.models.validation import model_at
    from yk8s_tui.repository.editing import path_of

    *parents, last = path_of(key)
    section = model_at(parents)
    field = section.model_fields.get(str(last)) if section else None
    return field is not None and field.annotation is str
