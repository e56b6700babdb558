"""Random draws from a seed, the same on every version of Python.

Only `random.random()` is guaranteed to keep its sequence (Python docs, "Notes on
Reproducibility"), so that everything is drawn from that.
"""

import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic, TypeVar

T = TypeVar("T")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Chance:
    """Draws from a seed.

    Attributes:
        unit: draws a number from 0 to 1, without 1.
    """

    def __init__(self, seed: int) -> None:
        self.unit = random.Random(f"tweetlog {seed}").random  # noqa: S311 - made-up data

    def happens(self, share: float) -> bool:
        """Return whether it happens, which it does in this share of all cases."""
        return self.unit() < share

    def below(self, limit: int) -> int:
        """Return a whole number from 0, below `limit`."""
        return int(self.unit() * limit)

    def one(self, choices: Sequence[T]) -> T:
        """Return one of `choices`."""
        return choices[int(self.unit() * len(choices))]

    def code(self, length: int) -> str:
        """Return letters and digits, as in a short link."""
        unit = self.unit
        return "".join([_BASE62[int(unit() * 62)] for _ in range(length)])


class Weighted(Generic[T]):
    """Choices, some of which come more often."""

    def __init__(self, choices: Sequence[T], weights: Sequence[float]) -> None:
        self._choices = choices
        self._sums = list(accumulate(weights))

    def draw(self, chance: Chance) -> T:
        """Return one of the choices."""
        return self._choices[bisect(self._sums, chance.unit() * self._sums[-1])]


def few_first(count: int, *, steep: float = 1.0, head: float = 1.0) -> list[float]:
    """Return weights after Zipf: the first few of `count` get most."""
    return [(rank + head) ** -steep for rank in range(count)]
