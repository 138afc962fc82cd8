"""What becomes of each key of a foreign repository: mapped, not mapped, to decide, or unknown; never nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel

from yk8s_tui.models import keys
from yk8s_tui.models.base import Section
from yk8s_tui.models.config import Config
from yk8s_tui.models.validation import model_at

State = Literal["mapped", "not_mapped", "to_decide", "unknown"]
HIDDEN = "(secret)"
FREE = (
    ("kubernetes", "labels"),
    ("kubernetes", "taints"),
    ("kubernetes", "kubelet"),
)
"""Tables of ours with keys of any name; they are written at once."""

NODE_NAMES = (("node-scheduling",), ("terraform", "nodes"))
"""Tables of theirs whose keys are names of nodes, which may be any words."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SECRET = re.compile(r"pass(?:w|phrase|$)|secret|token|psk|private|credential", re.IGNORECASE)
_ONLY_NAMES = re.compile(
    r"(_|-)(name|path|file|mount_point|class|addrs)$|^wg_private_key_(file|command)$", re.IGNORECASE
)
_CREDENTIALS = re.compile(r"//[^/@\s]+@|-----BEGIN [A-Z ]*PRIVATE KEY")


class Entry(Section):
    """One key of theirs and its fate."""

    key: str
    """Their dotted key; `FILE: key` outside of config.toml."""
    value: Any = None
    """Their value; secrets never appear."""
    state: State
    our_key: str = ""
    our_value: Any = None
    reason: str = ""
    """Why it is not mapped, what must be decided, or a note on how it was mapped."""
    is_secret: bool = False
    is_default: bool = False
    """Not in their file: the default of their release, which ours does not share."""


def shown(path: keys.Path, file: str = "") -> str:
    """The unique dotted name of a key of theirs."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += "." if text else ""
            text += part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False)
    return f"{file}: {text}" if file else text


def leaves(value: Any, path: keys.Path = ()) -> Iterator[tuple[keys.Path, Any]]:
    """Every value with its path; a list of plain values is one value, a list with tables is walked."""
    if isinstance(value, Mapping) and (value or not path):
        for name, inner in value.items():
            yield from leaves(inner, (*path, str(name)))
    elif isinstance(value, list) and _has_tables(value):
        for number, inner in enumerate(value):
            yield from leaves(inner, (*path, number))
    else:
        yield path, value


def _has_tables(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(_has_tables(v) for v in value))


def is_secret(path: keys.Path, value: Any) -> bool:
    """Whether a value must not be shown or copied, judged by its name and its look."""
    if _CREDENTIALS.search(str(value)):
        return True
    if not isinstance(value, (str, list, dict)) or not value or path[:1] in NODE_NAMES or path[:2] in NODE_NAMES:
        return False
    names = [p for p in path if isinstance(p, str)]
    return any(_SECRET.search(n) for n in names) and not _ONLY_NAMES.search(names[-1])


def is_key_of_ours(path: keys.Path) -> bool:
    """Whether this release has such a key."""
    model: type[BaseModel] | None = Config
    for number, part in enumerate(path):
        if isinstance(part, int) or model is None:
            continue
        if part not in model.model_fields:
            return False
        model = model_at(path[: number + 1])
    return True


class Report:
    """Collects the fate of every key, and what is to be written.

    `refused` has keys of theirs whose value our configuration does not accept, with the reason; `given` are keys
    of ours that the operator decided.
    """

    def __init__(self, refused: Mapping[str, str], given: Mapping[str, Any]) -> None:
        self.entries: dict[str, Entry] = {}
        self.covered: set[str] = set()
        self.refused = refused
        self.given = given
        self.defaults: frozenset[str] = frozenset()
        self._values: dict[keys.Path, Any] = {}
        self._rows: dict[keys.Path, int] = {}

    def take(
        self, path: keys.Path, value: Any, ours: str | keys.Path, result: Any, note: str = "", *, file: str = ""
    ) -> None:
        """Their value is ours, as `result`."""
        key, target = shown(path, file), keys.split(ours) if isinstance(ours, str) else ours
        if key in self.refused:
            self.decide(path, value, self.refused[key], ours, file=file)
        elif is_secret(path, value):
            self.leave(path, value, "", file=file)
        elif not is_key_of_ours(target):
            self.leave(path, value, f"this release has no key {keys.join(target)}", file=file)
        elif keys.join(target) in self.given:
            self._decided(key, path, value, keys.join(target))
        else:
            self._values[target] = result
            self._add(key, path, value, "mapped", keys.join(target), result, note)

    def leave(self, path: keys.Path, value: Any, reason: str, *, file: str = "") -> None:
        """Their value has no place here."""
        self._add(shown(path, file), path, value, "not_mapped", reason=reason)

    def decide(self, path: keys.Path, value: Any, text: str, ours: str | keys.Path = "", *, file: str = "") -> None:
        """The operator must say what is meant; `ours` is the key where."""
        key = shown(path, file)
        target = ours if isinstance(ours, str) else keys.join(ours)
        if target and target in self.given:
            self._decided(key, path, value, target)
        else:
            self._add(key, path, value, "to_decide", target, reason=text)

    def unknown(self, path: keys.Path, value: Any, *, file: str = "") -> None:
        """Nobody has heard of this key."""
        self._add(shown(path, file), path, value, "unknown", reason="is no key of the releases v3 to v8 that is known")

    def row(self, table: str, cells: list[tuple[keys.Path, Any, str, Any, str]], *, file: str = "") -> int | None:
        """A new entry in a list of tables, from cells of their path, value, our field, our value and a note.

        None when a part of it is not accepted: then all of it is to be decided.
        """
        reasons = [self.refused[shown(c[0], file)] for c in cells if shown(c[0], file) in self.refused]
        if reasons or table in self.given:
            for path, value, *_ in cells:
                self.decide(path, value, reasons[0] if reasons else "", table, file=file)
            return None
        if any(is_secret(c[0], c[1]) for c in cells):
            for path, value, *_ in cells:
                self.leave(path, value, f"has a secret in it; write the entry of {table} yourself", file=file)
            return None
        number = self.next_row(table)
        for path, value, field, result, note in cells:
            self.take(path, value, (*keys.split(table), number, field), result, note, file=file)
        return number

    def next_row(self, table: str | keys.Path) -> int:
        """The number of the next entry of a list of ours."""
        target = keys.split(table) if isinstance(table, str) else table
        self._rows[target] = self._rows.get(target, -1) + 1
        return self._rows[target]

    def add_value(self, ours: keys.Path, value: Any) -> None:
        """A value of ours that belongs to keys that are mapped already."""
        self._values.setdefault(ours, value)

    def is_refused(self, path: keys.Path) -> bool:
        """Whether our configuration does not accept what this key says."""
        return shown(path) in self.refused

    def refused_because(self, path: keys.Path) -> str:
        """What our configuration says against it."""
        return self.refused.get(shown(path), "")

    def is_mapped(self, path: keys.Path) -> bool:
        """Whether a value of theirs was taken."""
        entry = self.entries.get(shown(path))
        return entry is not None and entry.state == "mapped"

    def cover(self, path: keys.Path, file: str = "") -> None:
        """This key was listed part by part."""
        self.covered.add(shown(path, file))

    def keep(self, path: keys.Path, value: Any, where: str, *, file: str = "") -> None:
        """Their value is kept in another file of ours than config.toml."""
        self._add(shown(path, file), path, value, "mapped", where, value)

    def is_listed(self, path: keys.Path, file: str = "") -> bool:
        """Whether a key of theirs has been dealt with."""
        key = shown(path, file)
        return key in self.entries or key in self.covered

    def settings(self) -> dict[str, Any]:
        """Our dotted keys and values, lists and free tables as a whole."""
        tree: dict[str, Any] = {}
        for path, value in self._values.items():
            _place(tree, path, value)
        return {**dict(_flat(_with_lists(tree))), **self.given}

    def _decided(self, key: str, path: keys.Path, value: Any, ours: str) -> None:
        self._add(key, path, value, "mapped", ours, self.given[ours], "as given with --set")

    def _add(
        self, key: str, path: keys.Path, value: Any, state: State, ours: str = "", result: Any = None, reason: str = ""
    ) -> None:
        secret = is_secret(path, value)
        if secret:
            said = "a secret: it is never copied, and not shown"
            state, ours, result = "not_mapped" if state == "mapped" else state, "", None
            reason = f"{said}; {reason}" if reason else said
        self.entries[key] = Entry(
            key=key,
            value=HIDDEN if secret else value,
            state=state,
            our_key=ours,
            our_value=result,
            reason=reason,
            is_secret=secret,
            is_default=key in self.defaults,
        )


def _place(tree: dict[Any, Any], path: keys.Path, value: Any) -> None:
    """Put a value into nested tables; the places of lists are keys until all are there."""
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(k, int) for k in value):
        return [_with_lists(value[k]) for k in sorted(value)]
    return {k: _with_lists(v) for k, v in value.items()}


def _flat(tree: Mapping[str, Any], path: keys.Path = ()) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        here = (*path, name)
        if isinstance(value, dict) and here not in FREE:
            yield from _flat(value, here)
        else:
            yield keys.join(here), value
