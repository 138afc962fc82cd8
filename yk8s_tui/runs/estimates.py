"""How long steps took, so that the next plan can say how long it will take."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path

from yk8s_tui.repository.atomic import write_atomic

KEPT = 5
"""Runs remembered per step."""


def durations_path(root: Path) -> Path:
    """`state/durations.json`: step id -> seconds of its last runs, newest last."""
    return root / "state" / "durations.json"


def load_durations(root: Path) -> dict[str, list[float]]:
    """What is remembered; empty when there is nothing, or nothing readable: it is only advice."""
    try:
        found = json.loads(durations_path(root).read_text())
        return {str(step): [float(s) for s in seconds][-KEPT:] for step, seconds in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def load_estimates(root: Path) -> dict[str, float]:
    """Step id -> expected seconds: the median of its last runs."""
    return {step: round(statistics.median(found), 1) for step, found in load_durations(root).items() if found}


def remember(root: Path, seconds: Mapping[str, float]) -> None:
    """Add what the steps of a run took."""
    if not seconds:
        return
    durations = load_durations(root)
    for step, value in seconds.items():
        durations[step] = [*durations.get(step, []), round(value, 2)][-KEPT:]
    write_atomic(durations_path(root), json.dumps(durations, indent=1, sort_keys=True) + "\n")
