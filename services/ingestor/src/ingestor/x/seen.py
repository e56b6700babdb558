"""Which tweets came before: as many ids as may come again soon, in bounded memory."""

from enum import Enum


class Sight(Enum):
    """What is known of an id that came."""

    NEW = "new"
    AGAIN = "again"
    #: Came before, but perhaps on another UTC day: X may bill it a second time.
    AGAIN_LATER = "again later"


class Seen:
    """Remembers the newest ids.

    What a backfill or a search gives again came within minutes. What is forgotten is published
    again, which changes nothing: ids are the same.

    Args:
        most: ids to remember at least; at most twice as many are.
    """

    def __init__(self, most: int = 150_000) -> None:
        self._most = most
        self._new: set[int] = set()
        self._old: set[int] = set()

    def add(self, id: int) -> Sight:
        """Remember an id; return what was known of it."""
        if id in self._new:
            return Sight.AGAIN
        if len(self._new) >= self._most:
            self.turn()
        self._new.add(id)
        return Sight.AGAIN_LATER if id in self._old else Sight.NEW

    def turn(self) -> None:
        """Begin a new day: what came before may be billed again."""
        self._old, self._new = self._new, set()
