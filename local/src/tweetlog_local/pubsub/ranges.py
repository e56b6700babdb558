"""Sets of message ids as stretches: a million acknowledged in a row cost one pair of numbers."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """A set of integers that are mostly neighbours; `count` is how many it holds."""

    __slots__ = ("_firsts", "_lasts", "count")

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self.count = 0
        for first, last in pairs:
            self.add(first, last)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The stretches in rising order, both ends included."""
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        """How many stretches there are."""
        return len(self._firsts)

    def __contains__(self, value: int) -> bool:
        at = bisect_right(self._firsts, value) - 1
        return at >= 0 and value <= self._lasts[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def add(self, first: int, last: int | None = None) -> None:
        """Take in one value, or a whole stretch; an empty stretch (last < first) is nothing."""
        last = first if last is None else last
        if last < first:
            return
        low = self._first_touching(first)
        high = bisect_right(self._firsts, last + 1)
        if low < high:
            first = min(first, self._firsts[low])
            last = max(last, self._lasts[high - 1])
        self.count += last - first + 1 - self._size(low, high)
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]

    def cut(self, first: int) -> None:
        """Forget everything from `first` on."""
        at = bisect_right(self._firsts, first - 1)
        self.count -= self._size(at, len(self._firsts))
        del self._firsts[at:], self._lasts[at:]
        if at and self._lasts[-1] >= first:
            self.count -= self._lasts[-1] - first + 1
            self._lasts[-1] = first - 1

    def gap(self, after: int, until: int) -> tuple[int, int] | None:
        """The first stretch of missing values in after+1..until, or None."""
        first = after + 1
        at = bisect_right(self._firsts, first) - 1
        if at >= 0 and first <= self._lasts[at]:
            first = self._lasts[at] + 1
        if first > until:
            return None
        following = self._firsts[at + 1] - 1 if at + 1 < len(self._firsts) else until
        return first, min(following, until)

    def intersection(self, other: "Ranges") -> "Ranges":
        """What both hold."""
        both = Ranges()
        mine, theirs = list(self), list(other)
        i = j = 0
        while i < len(mine) and j < len(theirs):
            both.add(max(mine[i][0], theirs[j][0]), min(mine[i][1], theirs[j][1]))
            if mine[i][1] < theirs[j][1]:
                i += 1
            else:
                j += 1
        return both

    def _first_touching(self, first: int) -> int:
        at = bisect_right(self._firsts, first) - 1
        return at if at >= 0 and self._lasts[at] >= first - 1 else at + 1

    def _size(self, low: int, high: int) -> int:
        return sum(self._lasts[at] - self._firsts[at] + 1 for at in range(low, high))


def stretches(values: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the values as stretches, as far as neighbours follow each other."""
    first = last = None
    for value in values:
        if last is not None and value == last + 1:
            last = value
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = value
    if first is not None and last is not None:
        yield first, last
