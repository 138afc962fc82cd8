"""Checks over more than one key: what each section alone cannot know."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from yk8s_tui.models import rules_kubernetes, rules_networks, rules_nodes, rules_trampoline
from yk8s_tui.models.config import Config
from yk8s_tui.models.problems import Problem
from yk8s_tui.models.rules import Rule

RULES: tuple[Rule, ...] = (
    *rules_nodes.RULES,
    *rules_networks.RULES,
    *rules_trampoline.RULES,
    *rules_kubernetes.RULES,
)


def cross_check(config: Config, *, today: date | None = None, unknown: Collection[str] = ()) -> tuple[Problem, ...]:
    """Every contradiction between parts of the configuration; pure.

    Without `today` the support ends of versions are not looked at. `unknown` are keys that are wrong by
    themselves (and have their defaults in `config`): rules that need one of them are left out.
    """
    rules = [r for r in RULES if not any(_touches(key, need) for key in unknown for need in r.needs)]
    return tuple(problem for rule in rules for problem in rule.check(config, today))


def _touches(key: str, need: str) -> bool:
    """Whether one of the keys is inside the other."""
    return any(a == b or a.startswith((f"{b}.", f"{b}[")) for a, b in ((key, need), (need, key)))
