"""A draft and a file that were both changed since the draft was begun: what goes together, and what does not."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yk8s_tui.models import keys
from yk8s_tui.screens.setup import answers as a


@dataclass(frozen=True)
class Clash:
    """One key that draft and file answer differently; None stands for `not set`."""

    key: str
    draft: Any
    file: Any

    def __str__(self) -> str:
        return f"{self.key}: the draft says {_shown(self.draft)}, the file {_shown(self.file)}"


def merge(
    base: Mapping[str, Any], draft: Mapping[str, Any], file: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Clash, ...]]:
    """The file with the changes of the draft that do not contradict it, and what does.

    `base` is what the file said when the draft was begun. All three are configurations without the
    wizard's own answers.
    """
    mine, theirs = a.changes(base, draft), a.changes(base, file)
    clashes = []
    for key, value in mine.items():
        if any(_overlap(key, other) and not (key == other and theirs[other] == value) for other in theirs):
            in_file = a.find(file, key)
            clashes.append(Clash(key, value, None if in_file is a.UNSET else in_file))
    merged = copy.deepcopy(dict(file))
    take(merged, {key: value for key, value in mine.items() if key not in {c.key for c in clashes}})
    return merged, tuple(clashes)


def take(answers: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Write changes (None removes a key) into answers."""
    for key, value in changes.items():
        a.write(answers, key, copy.deepcopy(value))


def plain(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as a draft keeps it (JSON), so that the two can be compared."""
    result: dict[str, Any] = json.loads(json.dumps(configuration, default=str))
    return result


def _overlap(one: str, other: str) -> bool:
    first, second = keys.split(one), keys.split(other)
    common = min(len(first), len(second))
    return first[:common] == second[:common]


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:59] + "…"
