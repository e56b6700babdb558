"""EDGE: which Posts a UTC day has counted, so that none counts twice, not even after a restart.

X bills a Post once in a UTC day, however often it is read. The ids that were counted are kept
apart from those that were published: a tweet that a crash has cost is searched for again, which
costs nothing more, and has to be published.
"""

from array import array
from datetime import date
from pathlib import Path

from ingestor.x.seen import MOST, Seen
from tweetlog import durable

# Ids as 8 bytes each, behind the day they belong to.
_MAGIC = b"tweetlog"
_HEAD_BYTES = 16
_ID_BYTES = 8
_LARGEST = (1 << 64) - 1
# Ids in the file for one that is remembered, before it is written anew.
_ROOM = 3


class Billed:
    """The ids that were counted on one day.

    What is forgotten, beyond the bound or by a crash, counts again: never too few, at times too
    many.

    Args:
        file: where they are kept.
        day: the UTC day they count on.
        most: ids to remember at least; at most twice as many are.
    """

    def __init__(self, file: Path, day: date, most: int = MOST) -> None:
        self._file = file
        self._most = most
        self._day = day
        self._seen = Seen(most)
        self._new = array("Q")
        found = _read(file, day)
        for id in found:
            self._seen.add(id)
        #: Ids in the file; None where it is none of this day.
        self._kept = len(found) if found else None

    def add(self, id: int) -> bool:
        """Remember an id; return whether it is new on this day."""
        new = self._seen.add(id)
        if new and id <= _LARGEST:
            self._new.append(id)
        return new

    def begin(self, day: date) -> None:
        """Begin a new day: X bills what came before again."""
        self._day = day
        self._seen = Seen(self._most)
        self._new = array("Q")
        self._kept = None

    def keep(self) -> None:
        """Write what is new; to be called when it is counted durably, and not before.

        Raises:
            OSError: if it cannot be written.
        """
        if self._kept is None or self._kept + len(self._new) > _ROOM * self._most:
            known = array("Q", (id for id in self._seen if id <= _LARGEST))
            durable.write(self._file, _head(self._day) + known.tobytes())
            self._kept = len(known)
        elif self._new:
            with self._file.open("ab") as file:
                file.write(self._new.tobytes())
            self._kept += len(self._new)
        self._new = array("Q")


def _head(day: date) -> bytes:
    return _MAGIC + day.toordinal().to_bytes(_ID_BYTES, "little")


def _read(file: Path, day: date) -> "array[int]":
    """Return the ids of a day; none where the file is another day's, or cannot be read."""
    found = array("Q")
    try:
        content = file.read_bytes()
    except OSError:
        return found
    if content[:_HEAD_BYTES] == _head(day):
        whole = len(content) - (len(content) - _HEAD_BYTES) % _ID_BYTES
        found.frombytes(content[_HEAD_BYTES:whole])
    return found
