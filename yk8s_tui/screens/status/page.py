"""What a page of the status view is: a table over the status, described as data."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from yk8s_tui.status.model import ClusterStatus
from yk8s_tui.widgets.symbols import State

Key = Hashable
Gathered = TypeVar("Gathered")


class Row(NamedTuple):
    """One line of a table."""

    state: State
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    title: str
    width: int
    """Characters at least; columns with `flexible` share what is left."""
    order: Callable[[ClusterStatus, Any], Any] | None = None
    """What the rows are sorted by; without it they cannot be sorted by this column."""
    right: bool = False
    flexible: bool = False


@dataclass(frozen=True)
class Page:
    """One table of the status view."""

    id: str
    title: str
    tab: str
    """A short title."""
    columns: tuple[Column, ...]
    keys: Callable[[ClusterStatus], Iterable[Any]]
    rank: Callable[[ClusterStatus, Any], Any]
    """The order at first: trouble first."""
    row: Callable[[ClusterStatus, Any, float], Row]
    """Computed for visible rows only; the last argument is the time now."""
    detail: Callable[[ClusterStatus, Any, float], list[str]]
    """Everything that is known about a row, as plain lines."""
    empty: str
    """What an empty table means."""


def per_revision(gather: Callable[[ClusterStatus], Gathered]) -> Callable[[ClusterStatus], Gathered]:
    """Gather once for each revision of a status: rows and their order ask for it again and again."""
    known: list[tuple[ClusterStatus, int, Gathered]] = []

    def gathered(status: ClusterStatus) -> Gathered:
        if not known or known[0][0] is not status or known[0][1] != status.revision:
            known[:] = [(status, status.revision, gather(status))]
        return known[0][2]

    return gathered
