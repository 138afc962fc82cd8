"""Checks over more than one key: what each section alone cannot know."""

from __future__ import annotations

from datetime import date

from yk8s_tui.models.config import Config
from yk8s_tui.models.problems import Problem


def cross_check(config: Config, *, today: date | None = None) -> tuple[Problem, ...]:
    """Every contradiction between parts of the configuration; pure."""
    return ()
