"""Quantities and times as the Kubernetes API writes them."""

from __future__ import annotations

import math
from datetime import datetime
from functools import lru_cache

_FACTORS = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
    "Ei": 2**60,
}


@lru_cache(maxsize=4096)
def quantity(text: str) -> float:
    """`250m` is 0.25, `1Gi` is 1073741824; 0 for what cannot be read."""
    for length in (2, 1):
        factor = _FACTORS.get(text[-length:])
        if factor is not None:
            return _number(text[:-length]) * factor
    return _number(text)


@lru_cache(maxsize=4096)
def milli(text: str) -> int:
    """A quantity in thousandths, rounded up, as the scheduler counts cores."""
    return math.ceil(round(quantity(text) * 1000, 6))


def moment(text: str | None) -> float:
    """Seconds since 1970 of an RFC 3339 time; 0 for none, or one that cannot be read."""
    if not text:
        return 0.0
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
