"""Checking an answer set: every problem at once, each in the operator's language."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from yk8s_tui.models import keys
from yk8s_tui.models.config import Config
from yk8s_tui.models.crosschecks import cross_check
from yk8s_tui.models.problems import Problem

STAND_INS = {"name": "unnamed", "harbour": "lab"}
"""For the two keys without a default, while other keys are checked."""
MOST_ATTEMPTS = 4
"""Leaving a key out can make another one wrong; that ends after a few rounds, or the rest stays unchecked."""

_SECRET = re.compile(r"passw|secret|token|private", re.IGNORECASE)
_TYPES = {
    "string_type": ("must be text", 'in quotes: "…"'),
    "int_type": ("must be a whole number", "digits without quotes"),
    "int_parsing": ("must be a whole number", "digits without quotes"),
    "int_from_float": ("must be a whole number", "digits without a fraction"),
    "float_type": ("must be a number", "digits without quotes"),
    "bool_type": ("must be true or false", "true or false, in lower case and without quotes"),
    "tuple_type": ("must be a list", "in brackets: [ … ]"),
    "list_type": ("must be a list", "in brackets: [ … ]"),
    "dict_type": ("must be a table", "key = value pairs under a header of their own"),
    "model_type": ("must be a table", "key = value pairs under a header of their own"),
    "finite_number": ("must be a finite number", ""),
}
_BOUNDS = {
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "greater_than": ("gt", "must be more than {}"),
    "less_than": ("lt", "must be less than {}"),
}


def check(data: Mapping[str, Any], *, today: date | None = None) -> tuple[Config | None, tuple[Problem, ...]]:
    """The configuration, when there is no error, and every problem (errors first, then warnings).

    `data` is plain TOML or JSON data. Without `today` the support ends of versions are not looked at.
    A key that is wrong by itself hides nothing: what does not depend on it is checked all the same.
    """
    wanted = _jsonable(data)
    config, found, wrong = _parse(wanted)
    for _attempt in range(MOST_ATTEMPTS):
        if config is not None:
            break
        _leave_out(wanted, wrong)
        config, _, more = _parse(wanted)
        wrong = wrong + more
    if config is not None:
        found += cross_check(config, today=today, unknown=[keys.join(path) for path in wrong])
    errors = tuple(p for p in found if p.severity == "error")
    warnings = tuple(p for p in found if p.severity == "warning")
    return (None if errors else config), errors + warnings


def _parse(data: Mapping[str, Any]) -> tuple[Config | None, tuple[Problem, ...], tuple[keys.Path, ...]]:
    """The configuration, the problems of single keys, and the paths of these."""
    try:
        return Config.model_validate_json(json.dumps(data), strict=True), (), ()
    except ValidationError as error:
        paths = tuple(_path(d) for d in error.errors(include_url=False))
        return None, tuple(_translate(error, data)), paths


def _leave_out(data: dict[str, Any], wrong: Sequence[keys.Path]) -> None:
    """Take wrong keys out, so that they have their defaults; what must be there gets a stand-in."""
    for path in sorted(wrong, key=_depth_and_place, reverse=True):
        *parents, last = path
        owner = _value_at(data, tuple(parents))
        if isinstance(owner, dict) and last in owner:
            del owner[str(last)]
        elif isinstance(owner, list) and isinstance(last, int) and last < len(owner):
            del owner[last]
        elif parents and isinstance(owner, dict):
            _leave_out(data, [tuple(parents)])
    cluster = data.setdefault("cluster", {})
    if isinstance(cluster, dict):
        for name, value in STAND_INS.items():
            cluster.setdefault(name, value)


def _depth_and_place(path: keys.Path) -> tuple[int, tuple[str, ...]]:
    """Later entries of a list go first, so that the places of the others stay."""
    return len(path), tuple(f"{p:09}" if isinstance(p, int) else p for p in path)


def show(value: object, *, limit: int = 60) -> str:
    """A value as one would write it in TOML, shortened."""
    text = value if isinstance(value, date) else json.dumps(_jsonable(value), ensure_ascii=False, default=str)
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def nearest(name: str, known: Sequence[str]) -> str:
    """The known name that looks most like it, or ""."""
    by_form = {re.sub(r"[-_ ]", "", k).lower(): k for k in known}
    same = by_form.get(re.sub(r"[-_ ]", "", name).lower())
    return same or next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.6)), "")


def model_at(path: Sequence[str | int], root: type[BaseModel] = Config) -> type[BaseModel] | None:
    """The section that a path leads to; None inside free tables and for plain values."""
    found: type[BaseModel] = root
    for part in path:
        if isinstance(part, int):
            continue
        field = found.model_fields.get(part)
        inner = next(_models_in(field.annotation), None) if field else None
        if inner is None:
            return None
        found = inner
    return found


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _translate(error: ValidationError, data: Mapping[str, Any]) -> Iterator[Problem]:
    details = error.errors(include_url=False)
    for detail in details:
        if _is_said_already(detail, details):
            continue
        path = _path(detail)
        message, remedy = _words(detail, path)
        value = "" if detail["type"] == "missing" else _visible(path, _value_at(data, path))
        yield Problem(key=keys.join(path), message=message, remedy=remedy, value=value)


def _path(detail: ErrorDetails) -> keys.Path:
    return tuple(p for p in detail["loc"] if p != "[key]")


def _is_said_already(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """A misspelled key explains the missing one, and a wrong entry the list that is too short."""
    path = detail["loc"]
    if detail["type"] == "too_short":
        return any(d["loc"][: len(path)] == path and d is not detail for d in details)
    if detail["type"] != "missing":
        return False
    strangers = (d["loc"] for d in details if d["type"] == "extra_forbidden" and d["loc"][:-1] == path[:-1])
    section = model_at(path[:-1])
    known = list(section.model_fields) if section else []
    return any(nearest(str(stranger[-1]), known) == path[-1] for stranger in strangers)


def _words(detail: ErrorDetails, path: keys.Path) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "yk8s":
        return detail["msg"], str(context.get("remedy", ""))
    if kind == "missing":
        return _missing(path)
    if kind == "extra_forbidden":
        return _unknown(path)
    if kind == "literal_error":
        return _choice(str(context.get("expected", "")), detail["input"])
    if kind in _BOUNDS:
        bound, text = _BOUNDS[kind]
        return text.format(context[bound]), ""
    if kind == "too_short":
        return f"needs at least {context['min_length']} entry", ""
    if kind in _TYPES:
        message, remedy = _TYPES[kind]
        return message, _quoted(detail["input"]) if kind == "string_type" else remedy
    return detail["msg"].removeprefix("Value error, "), ""


def _quoted(value: object) -> str:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f'in quotes: "{value}"' if plain else 'text in quotes: "…"'


def _missing(path: keys.Path) -> tuple[str, str]:
    *parents, last = path
    table = keys.join(parents)
    section = model_at(parents)
    field = section.model_fields.get(str(last)) if section else None
    help_text = (field.description or "").splitlines()[0] if field and field.description else ""
    if next(_models_in(field.annotation), None) if field else None:
        return "is missing", f"add the table [{keys.join(path)}]"
    place = f"in [{table}]" if table else "at the top of the file"
    return "is missing", f"add `{last} = …` {place}" + (f": {help_text[0].lower()}{help_text[1:]}" if help_text else "")


def _unknown(path: keys.Path) -> tuple[str, str]:
    *parents, last = path
    section = model_at(parents)
    known = list(section.model_fields) if section else []
    like = nearest(str(last), known)
    if like:
        return "is not a known key", f"did you mean `{like}`?"
    place = f"[{keys.join(parents)}]" if parents else "the top of the file"
    return "is not a known key", f"known in {place}: {', '.join(known)}"


def _choice(expected: str, value: object) -> tuple[str, str]:
    choices = re.findall(r"'([^']*)'", expected) or [expected]
    like = nearest(str(value), choices) if isinstance(value, str) else ""
    shown = ", ".join(f'"{c}"' for c in choices) if "'" in expected else expected
    message = f"must be {'one of ' if len(choices) > 1 else ''}{shown}"
    return message, f'did you mean "{like}"?' if like else ""


def _value_at(data: Any, path: keys.Path) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return ""
    return data


def _visible(path: keys.Path, value: object) -> str:
    if value == "" and not path:
        return ""
    if any(isinstance(p, str) and _SECRET.search(p) for p in path[-1:]):
        return "(hidden)"
    if isinstance(value, Mapping):
        return ""
    return show(value)


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(v) for v in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return str(value)
