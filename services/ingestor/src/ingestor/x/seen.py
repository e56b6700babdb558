"""Which tweets came before: as many ids as may come again soon, in bounded memory."""

from collections.abc import Iterator

#: Ten minutes of what the stream delivers at most (250 a second), and more than a whole day of
#: what pay-per-use sells on average.
MOST = 150_000


class Seen:
    """Remembers the newest ids.

    What a backfill or a search gives again came within minutes. What is forgotten is published
    again, which changes nothing: ids are the same.

    Args:
        most: ids to remember at least; at most twice as many are.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._new: set[int] = set()
        self._old: set[int] = set()

    def __iter__(self) -> Iterator[int]:
        yield from self._old
        yield from self._new

    def add(self, id: int) -> bool:
        """Remember an id; return whether it is new."""
        if id in self._new or id in self._old:
            return False
        if len(self._new) >= self._most:
            self._old, self._new = self._new, set()
        self._new.add(id)
        return True
