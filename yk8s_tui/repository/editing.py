"""Changing keys of a TOML text while comments, order and layout stay.

`tomlkit` does the editing; what it wrote is then read again and compared with what was wanted, so that
nothing else in the file can change by accident.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, InlineTable, Table

from yk8s_tui.errors import ConfigError, UsageError, Yk8sError
from yk8s_tui.models import keys
from yk8s_tui.repository.lines import layout
from yk8s_tui.repository.placing import beside_comment, inline, is_table, new_table, with_new_tables


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
        set_value(wanted, key, plain(value))
    for key, value in changes.items():
        text = _placed(text, key, plain(value))
    try:
        document = tomlkit.parse(text)
        for key, value in changes.items():
            set_value(document, key, plain(value))
        result = tomlkit.dumps(document)
        written = tomllib.loads(result)
    except (TOMLKitError, tomllib.TOMLDecodeError) as error:
        raise _cannot(where, changes, str(error)) from error
    removed = [keys.split(key) for key, value in changes.items() if value is None]
    if _without_emptied(written, removed) != _without_emptied(wanted, removed):
        raise _cannot(where, changes, "other keys would change with it")
    return result


def _without_emptied(data: dict[str, Any], removed: Sequence[keys.Path]) -> dict[str, Any]:
    """Without the tables that a removal has emptied: TOML cannot always keep them, and they mean nothing."""
    data = copy.deepcopy(data)
    for path in removed:
        for length in range(len(path) - 1, 0, -1):
            *parents, last = path[:length]
            owner: Any = data
            for part in parents:
                owner = owner.get(part, {}) if isinstance(owner, dict) else owner[part]
            if isinstance(owner, dict) and owner.get(last) == {}:
                del owner[last]
    return data


def rename(text: str, path: keys.Path, name: str) -> str:
    """The text with the last part of a key renamed in its place; unchanged when the key is not there."""
    line = layout(text).lines.get(path)
    if line is None:
        return text
    lines = text.split("\n")
    old = re.escape(str(path[-1]))
    lines[line - 1] = re.sub(rf'(?<![\w-])["\']?{old}["\']?(?=\s*[=.\]])', name, lines[line - 1], count=1)
    return "\n".join(lines)


def plain(value: Any) -> Any:
    """Plain TOML data of a value: tuples become lists, addresses and networks text."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)) or hasattr(value, "isoformat"):
        return value
    return str(value)


def set_value(data: Any, key: str, value: Any) -> None:
    """Set a dotted key in plain data or in a TOML document; None removes it. Raises `UsageError`."""
    *parents, last = path_of(key)
    path = (*parents, last)
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
    elif last not in data or not _merge(data[last], value):
        data[last] = _item(data, value)


def path_of(key: str) -> keys.Path:
    """The path of a dotted key; raises `UsageError` when it is not one."""
    try:
        return keys.split(key)
    except ValueError as error:
        raise UsageError(
            str(error), hint="for example kubernetes.version or harbour.baremetal.nodes[0].labels"
        ) from None


def _cannot(where: str, changes: Mapping[str, Any], why: str) -> Yk8sError:
    return Yk8sError(
        f"cannot be changed by the tool: {', '.join(changes)}", where=where, why=why, hint="make this change by hand"
    )


def _placed(text: str, key: str, value: Any) -> str:
    """The text with a place for a new key, where the operator looks for it; tables are written at once."""
    path = keys.split(key)
    if value is None or path in layout(text).lines:
        return text
    wanted = tomllib.loads(text)
    set_value(wanted, key, value)
    if not is_table(value):
        if len(path) == 1 or path[:-1] in layout(text).lines:
            return beside_comment(text, path)
        path, value = path[:-1], {str(path[-1]): value}
    try:
        placed = with_new_tables(text, path, value)
        return placed if tomllib.loads(placed) == wanted else text
    except (TOMLKitError, tomllib.TOMLDecodeError):
        return text


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
        data[part] = [] if isinstance(then, int) else _item(data, {})
    return data[part]


def _set_item(data: Any, place: int, value: Any, key: str) -> None:
    if not isinstance(data, MutableSequence) or place > len(data):
        raise UsageError(f"{key}: there is no entry {place}")
    if value is None:
        if place < len(data):
            del data[place]
    elif place == len(data):
        data.append(_entry(data, value))
    elif not _merge(data[place], value):
        data[place] = _entry(data, value)


def _item(parent: Any, value: Any) -> Any:
    """The value as its parent wants it: a TOML item for a TOML document, a copy for plain data."""
    if isinstance(parent, InlineTable) and is_table(value):
        return inline(value)
    if isinstance(parent, (Table, tomlkit.TOMLDocument)) and isinstance(value, Mapping):
        return new_table(value)
    return copy.deepcopy(value)


def _entry(parent: Any, value: Any) -> Any:
    if isinstance(parent, AoT) and isinstance(value, Mapping):
        return new_table(value)
    if isinstance(parent, tomlkit.items.Array):
        return inline(value)
    return copy.deepcopy(value)


def _merge(old: Any, new: Any) -> bool:
    """Change a table or a list of tables in place, so that the comments inside stay; False when it cannot be."""
    if isinstance(old, MutableMapping) and isinstance(new, Mapping):
        if not new and isinstance(old, Table) and old.is_super_table():
            return False  # it has no header of its own, and would go with the last of its tables
        for key in [k for k in old if k not in new]:
            del old[key]
        for key, value in new.items():
            if key not in old or (_unwrap(old[key]) != value and not _merge(old[key], value)):
                old[key] = _item(old, value)
        return True
    if isinstance(old, MutableSequence) and isinstance(new, list):
        return _merge_lists(old, new)
    return False


def _merge_lists(old: MutableSequence[Any], new: list[Any]) -> bool:
    if not is_table(new) or not all(isinstance(v, MutableMapping) for v in old):
        return False
    identities = [_identity(v) for v in new]
    for place in reversed(range(len(old))):
        if _identity(_unwrap(old[place])) not in identities:
            del old[place]
    if [_identity(_unwrap(v)) for v in old] != identities[: len(old)]:
        return False
    for place, value in enumerate(new):
        if place >= len(old):
            old.append(_entry(old, value))
        elif _unwrap(old[place]) != value:
            _merge(old[place], value)
    return True


def _identity(entry: Any) -> Any:
    """What tells one entry of a list of tables from another: its name or port, else all of it."""
    for key in ("name", "registry", "port"):
        if key in entry:
            return (key, entry[key], entry.get("protocol"))
    return repr(entry)


def _unwrap(value: Any) -> Any:
    return value.unwrap() if hasattr(value, "unwrap") else value
