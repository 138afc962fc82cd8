"""Older layouts of `config.toml`: brought up to date with their comments, and a backup beside them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from yk8s_tui.models.config import SCHEMA_VERSION
from yk8s_tui.models.problems import Problem
from yk8s_tui.repository.editing import edit, rename
from yk8s_tui.repository.lines import layout

Change = Callable[[str, Mapping[str, Any]], str]
"""Text and plain data of one version -> text of the next; the version number is written by the caller."""


@dataclass(frozen=True)
class Migrated:
    """A text that is up to date, and how it came to be."""

    text: str
    came_from: int
    """The version it had; `SCHEMA_VERSION` when there was nothing to do."""


def schema_version(data: Mapping[str, Any]) -> int:
    """The version a file has; files of the time before versions were counted are known by their `provider`."""
    given = data.get("schema_version")
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    cluster = data.get("cluster")
    is_old = given is None and isinstance(cluster, Mapping) and "provider" in cluster and "harbour" not in cluster
    return 0 if is_old else SCHEMA_VERSION


def migrate(text: str, *, where: str) -> Migrated:
    """Bring a text to the present version; text that is not TOML, or newer, is left as it is."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return Migrated(text, SCHEMA_VERSION)
    came_from = schema_version(data)
    if came_from not in CHANGES:
        return Migrated(text, SCHEMA_VERSION)
    for version in range(came_from, SCHEMA_VERSION):
        text = CHANGES[version](text, tomllib.loads(text))
        text = _with_version(text, version + 1, where)
    return Migrated(text, came_from)


def too_new(data: Mapping[str, Any], text: str) -> Problem | None:
    """The one problem of a file that a later release has written."""
    version = schema_version(data)
    if version <= SCHEMA_VERSION:
        return None
    return Problem(
        key="schema_version",
        value=str(version),
        line=layout(text).line_of(("schema_version",)),
        message=f"was written by a newer release; this one knows versions up to {SCHEMA_VERSION}",
        remedy="use the release that wrote it, or a newer one; nothing was changed",
    )


def _with_version(text: str, version: int, where: str) -> str:
    if ("schema_version",) in layout(text).lines:
        return edit(text, {"schema_version": version}, where=where)
    end = "\r\n" if "\r\n" in text else "\n"
    return f"schema_version = {version}{end}{text}"


def _from_0(text: str, data: Mapping[str, Any]) -> str:
    """`provider` became `harbour`, and the networks of Kubernetes are called by their usual names."""
    changes: dict[str, Any] = {}
    if data.get("cluster", {}).get("provider") in {"bare-metal", "bare_metal", "metal"}:
        changes["cluster.harbour"] = "baremetal"
    text = rename(text, ("cluster", "provider"), "harbour")
    for old, new in (("pod_subnet", "pod_cidr"), ("service_subnet", "service_cidr")):
        text = rename(text, ("kubernetes", old), new)
    return edit(text, changes, where="config.toml") if changes else text


CHANGES: dict[int, Change] = {0: _from_0}
"""Version -> the change that leads to the next one."""
