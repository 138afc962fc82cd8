"""A problem with something the operator wrote, and the error that carries all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from yk8s_tui.errors import ConfigError
from yk8s_tui.models.base import Section


class Problem(Section):
    """One thing that is wrong (or doubtful) in the configuration."""

    key: str
    """Dotted key, for example `trampoline.wireguard.mtu`."""
    message: str
    """What is wrong, one sentence."""
    value: str = ""
    """The value as written; secrets never appear here."""
    line: int = 0
    """Line in the file, counted from 1; 0 when the key is not in the file."""
    remedy: str = ""
    """What would be right."""
    severity: Literal["error", "warning"] = "error"


class InvalidConfig(ConfigError):
    """The configuration cannot be used; `problems` has every reason at once."""

    def __init__(self, problems: Iterable[Problem], *, where: str) -> None:
        self.problems = tuple(problems)
        errors = [p for p in self.problems if p.severity == "error"]
        count = "1 problem" if len(errors) == 1 else f"{len(errors)} problems"
        super().__init__(f"{count} in the configuration", where=where)
