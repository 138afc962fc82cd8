"""Answers: a plain nested dictionary in the shape of `config.toml`, read and written by dotted key."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from yk8s_tui.models import keys
from yk8s_tui.models.problems import Problem

UNSET = object()


@cache
def defaults() -> dict[str, Any]:
    """What every key is when it is not answered."""
    from yk8s_tui.models.config import Cluster, Config

    config = Config(cluster=Cluster(name="x", harbour="lab"))
    data = config.model_dump(mode="json")
    data["cluster"] = {"name": "", "harbour": ""}
    return data


@cache
def help_for(key: str) -> str:
    """The docstring of the field in the models: the same help as in the generated reference."""
    from yk8s_tui.models.config import Config
    from yk8s_tui.models.validation import model_at

    *parents, last = keys.split(key)
    section = model_at(parents, Config)
    field = section.model_fields.get(str(last)) if section else None
    return " ".join((field.description or "").replace("`", "").split()) if field else ""


def find(data: Any, key: str) -> Any:
    """The value at a dotted key, or `UNSET`."""
    for part in keys.split(key):
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return UNSET
    return data


def read(answers: Mapping[str, Any], key: str) -> Any:
    """The answer, or the default."""
    value = find(answers, key)
    if value is UNSET:
        value = find(defaults(), key)
    return None if value is UNSET else value


def write(answers: dict[str, Any], key: str, value: Any) -> None:
    """Set an answer; an answer that is the default is left out, None removes it."""
    if value is None or value == find(defaults(), key):
        remove(answers, key)
        return
    path = keys.split(key)
    place: Any = answers
    for part, following in itertools.pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(part, int):
            while len(place) <= part:
                place.append({})
        elif part not in place:
            place[part] = empty
        place = place[part]
    last = path[-1]
    if isinstance(last, int):
        while len(place) <= last:
            place.append(None)
    place[last] = value


def remove(answers: dict[str, Any], key: str) -> None:
    """Take an answer back, and the tables that are empty then."""
    path = keys.split(key)
    chain: list[tuple[Any, Any]] = []
    place: Any = answers
    for part in path:
        chain.append((place, part))
        try:
            place = place[part]
        except (KeyError, IndexError, TypeError):
            return
    container, part = chain.pop()
    if isinstance(container, dict):
        del container[part]
    for container, part in reversed(chain):
        if container[part] not in ({}, [{}]):
            return
        if isinstance(container, dict):
            del container[part]


def leaves(data: Mapping[str, Any], prefix: keys.Path = ()) -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every answer; lists and free tables are values."""
    for name, value in data.items():
        path = (*prefix, name)
        if isinstance(value, Mapping) and value and isinstance(find(defaults(), keys.join(path)), Mapping):
            yield from leaves(value, path)
        else:
            yield keys.join(path), value


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key -> new value, for every key that differs; None for a key that is to be removed."""
    old, new = dict(leaves(before)), dict(leaves(after))
    changed = {key: value for key, value in new.items() if old.get(key, UNSET) != value}
    return changed | dict.fromkeys(old.keys() - new.keys())


def configuration(answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers that belong into `config.toml`: all but the wizard's own."""
    return {name: value for name, value in answers.items() if name != "wizard"}


_FIRST = (
    Problem(key="cluster.name", message="the cluster needs a name", remedy="for example berlin-1"),
    Problem(key="cluster.harbour", message="it is not decided where the nodes come from", remedy="choose one"),
)
"""The answers without which there is no configuration at all."""


def check(answers: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Every problem of an answer set that may be incomplete.

    A key that is wrong by itself hides nothing: it is left out and the rest is checked again, so that
    contradictions between other answers are seen at once.
    """
    from datetime import date

    from yk8s_tui.models import validation

    data = copy.deepcopy(configuration(answers))
    found = [problem for problem in _FIRST if not read(answers, problem.key)]
    _without(data, found)
    for _attempt in range(4):
        config, problems = validation.check(data, today=date.today())
        known = {(f.key, f.message) for f in found}
        new = [p for p in problems if (p.key, p.message) not in known]
        found += new
        errors = [p for p in new if p.severity == "error"]
        if config is not None or not errors:
            break
        _without(data, errors)
    return tuple(sorted(found, key=lambda p: p.severity))


_STAND_INS = {"cluster.name": "unnamed", "cluster.harbour": "lab"}


def _without(data: dict[str, Any], problems: list[Problem]) -> None:
    for problem in problems:
        if problem.key in _STAND_INS:
            data.setdefault("cluster", {})[problem.key.split(".")[1]] = _STAND_INS[problem.key]
        elif problem.key:
            remove(data, problem.key)
