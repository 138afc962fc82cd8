"""Changing keys of a TOML text while comments, order and layout stay."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping, MutableMapping, MutableSequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from yk8s_tui.errors import ConfigError, UsageError, Yk8sError
from yk8s_tui.models import keys


def edit(text: str, changes: Mapping[str, Any], *, where: str) -> str:
    """The text with dotted key -> value applied; None removes a key.

    Raises `ConfigError` when the text is not TOML, `UsageError` for a key that leads nowhere, and
    `Yk8sError` when the change cannot be written without touching something else.
    """
    try:
        wanted = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("is not TOML", where=where, why=str(error), hint="`yk8s-tui validate` says more") from None
    for key, value in changes.items():
        _set(wanted, _path(key), _plain(value), key)
    try:
        document = tomlkit.parse(text)
        for key, value in changes.items():
            _set(document, _path(key), value, key)
        result = tomlkit.dumps(document)
        written = tomllib.loads(result)
    except (TOMLKitError, tomllib.TOMLDecodeError) as error:
        raise _cannot(where, changes, str(error)) from error
    if written != wanted:
        raise _cannot(where, changes, "other keys would change with it")
    return result


def _cannot(where: str, changes: Mapping[str, Any], why: str) -> Yk8sError:
    return Yk8sError(
        f"cannot be changed by the tool: {', '.join(changes)}",
        where=where,
        why=why,
        hint="make this change by hand",
    )


def _path(key: str) -> keys.Path:
    try:
        return keys.split(key)
    except ValueError as error:
        raise UsageError(
            str(error), hint="for example kubernetes.version or harbour.baremetal.nodes[0].labels"
        ) from None


def _set(data: Any, path: keys.Path, value: Any, key: str) -> None:
    *parents, last = path
    for number, part in enumerate(parents):
        data = _step(data, part, key, create=value is not None, then=path[number + 1])
        if data is None:
            return
    if isinstance(last, int):
        _set_item(data, last, value, key)
    elif not isinstance(data, MutableMapping):
        raise UsageError(f"{key} is not a key: what stands above it is not a table")
    elif value is None:
        data.pop(last, None)
    else:
        data[last] = copy.deepcopy(value)


def _step(data: Any, part: str | int, key: str, *, create: bool, then: str | int) -> Any:
    if isinstance(part, int):
        if isinstance(data, MutableSequence) and part < len(data):
            return data[part]
        raise UsageError(f"{key}: there is no entry {part}")
    if not isinstance(data, MutableMapping):
        raise UsageError(f"{key} is not a key: what stands above {part} is not a table")
    if part not in data:
        if not create:
            return None
        data[part] = [] if isinstance(then, int) else _new_table(data)
    return data[part]


def _new_table(parent: Any) -> Any:
    if isinstance(parent, (Table, tomlkit.TOMLDocument)):
        return tomlkit.table(is_super_table=False)
    return {}


def _set_item(data: Any, place: int, value: Any, key: str) -> None:
    if not isinstance(data, MutableSequence) or place > len(data):
        raise UsageError(f"{key}: there is no entry {place}")
    if value is None:
        if place < len(data):
            del data[place]
    elif place == len(data):
        data.append(copy.deepcopy(value))
    else:
        data[place] = copy.deepcopy(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value
