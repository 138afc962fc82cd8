"""How long many took for the same thing, in little memory: counts by length, each length within 2.5 %."""

from __future__ import annotations

import math

GRAIN = math.log(1.05)
SHORTEST = 0.01
"""Seconds; what took less counts as this."""


class Times:
    """Lengths without the names they belong to; its size goes by how different they are, not by how many."""

    __slots__ = ("counts",)

    def __init__(self, counts: dict[int, int] | None = None) -> None:
        self.counts = counts or {}

    def add(self, seconds: float) -> None:
        """One more."""
        place = _place(seconds)
        self.counts[place] = self.counts.get(place, 0) + 1

    def copy(self) -> Times:
        """An independent copy."""
        return Times(dict(self.counts))

    def values(self) -> list[float]:
        """All of them in seconds, as exactly as they are known, shortest first."""
        return [length for place in sorted(self.counts) for length in [math.exp(place * GRAIN)] * self.counts[place]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Times) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]


def _place(seconds: float) -> int:
    return round(math.log(max(seconds, SHORTEST)) / GRAIN)
