"""A bounded list whose copies are cheap: they share what is already in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Ring(Generic[Item]):
    """Keeps the last `limit` items; `copy()` takes constant time.

    Items are appended to a shared list that nobody shortens; a ring only remembers where its own part
    ends. When the list has grown to twice the limit, the ring goes on with a new one.
    """

    __slots__ = ("_end", "_items", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._items: list[Item] = []
        self._end = 0

    def append(self, item: Item) -> None:
        """Add one item; the oldest goes when there are more than `limit`."""
        items = self._items
        if self._end != len(items) or self._end >= 2 * self.limit:
            items = self._items = items[max(0, self._end - self.limit + 1) : self._end]
        items.append(item)
        self._end = len(items)

    def copy(self) -> Ring[Item]:
        """A ring with the same items that is not touched by later ones."""
        other: Ring[Item] = Ring(self.limit)
        other._items = self._items
        other._end = self._end
        return other

    def last(self, count: int) -> list[Item]:
        """The newest `count` items, oldest first."""
        return self._items[max(0, self._end - min(count, self.limit)) : self._end]

    @property
    def end(self) -> int:
        """Where the next item goes."""
        return self._end

    def __len__(self) -> int:
        return min(self._end, self.limit)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.last(self.limit))

    def __getitem__(self, index: int) -> Item:
        """By position, 0 is the oldest, -1 the newest."""
        count = len(self)
        position = index + count if index < 0 else index
        if not 0 <= position < count:
            raise IndexError(index)
        return self._items[self._end - count + position]
