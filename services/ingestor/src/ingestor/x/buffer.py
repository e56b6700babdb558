"""Between the stream and the topics: what came and is not published yet, in bounded memory.

In memory as long as there is room, on disk beyond that. The stream never waits; what can wait
(a search) does. What was handed on is kept until it is confirmed, so that a stop can keep it on
disk where the broker is away.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from ingestor.capture import Captured, Stated, Tweet, Unusable
from ingestor.x.spill import Record, Spill

# What an object weighs beside its bytes, about.
_OBJECT_BYTES = 1_500
#: How many items are taken at once.
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Item:
    """What is to be published.

    Attributes:
        what: a tweet, what is none, or a statement of ours.
        line: the bytes as they came from the stream; None for what is made anew where it is lost.
        received: when it came, in seconds since 1970.
        segment: the part of the spill that holds it; 0: none does.
        done: to be told when the broker has it.
    """

    what: Captured | Stated
    line: bytes | None
    received: float
    segment: int = 0
    done: Callable[[], None] | None = None

    @property
    def size(self) -> int:
        """How much memory it takes, about."""
        match self.what:
            case Tweet(payload=data) | Unusable(data=data):
                return _OBJECT_BYTES + len(data)
            case _:
                return _OBJECT_BYTES


class Buffer:
    """A first-in, first-out queue, safe for threads.

    Args:
        spill: where it goes on when memory is full.
        parse: makes a line out of the spill what it was.
        most: bytes in memory, in the queue and on their way to the broker.
    """

    def __init__(self, spill: Spill, parse: Callable[[Record], Captured], most: int) -> None:
        self._spill = spill
        self._parse = parse
        self._most = most
        self._queue: deque[Item] = deque()
        self._flying: deque[Item] = deque()
        self._bytes = 0
        self._taken = 0
        self._confirmed = 0
        self._saved = False
        self._room = threading.Condition()

    @property
    def bytes(self) -> int:
        """How much is in memory."""
        return self._bytes

    @property
    def spilled(self) -> int:
        """How much is on disk."""
        return self._spill.bytes

    @property
    def full(self) -> bool:
        """Whether so much is on disk that the stream should not be opened."""
        with self._room:
            return self._spill.full or (not self._spill.roomy and self._bytes > self._most // 2)

    @property
    def empty(self) -> bool:
        """Whether everything was published."""
        with self._room:
            return not (self._queue or self._flying or self._spill.waiting)

    def put(self, item: Item) -> bool:
        """Take what came from the stream; return whether there was room, on disk at last.

        Raises:
            OSError: if the disk does not take it.
        """
        with self._room:
            size = item.size
            roomy = self._bytes + size <= self._most
            if (self._spill.waiting or not roomy) and item.line is not None:
                kept = self._spill.put(Record(item.received, item.line))
            else:
                kept = True
                self._queue.append(item)
                self._bytes += size
            return kept

    def put_waiting(self, item: Item, stop: threading.Event) -> bool:
        """Take what can wait; return whether it was taken before a stop."""
        with self._room:
            while self._bytes > self._most or self._spill.waiting:
                if stop.is_set():
                    return False
                self._room.wait(0.2)
            self._queue.append(item)
            self._bytes += item.size
            return True

    def keep(self, item: Item) -> None:
        """Take what must not wait and is little: a statement of ours."""
        with self._room:
            self._queue.append(item)
            self._bytes += item.size

    def when_published(self, done: Callable[[], None]) -> None:
        """Call `done` when the broker has everything that is in memory now."""
        with self._room:
            last = self._queue or self._flying
            if last:
                last[-1] = replace(last[-1], done=_both(last[-1].done, done))
                return
        done()

    def take(self) -> list[tuple[int, Item]]:
        """Return what is next, numbered; fewer than `AT_ONCE` if that is all there is.

        Raises:
            OSError: if the spill cannot be read.
        """
        with self._room:
            taken = [self._queue.popleft() for _ in range(min(len(self._queue), AT_ONCE))]
            if not taken:
                taken = [self._read(*one) for one in self._spill.take(AT_ONCE)]
            numbered = list(enumerate(taken, self._taken + 1))
            self._taken += len(taken)
            self._flying.extend(taken)
            return numbered

    def confirmed(self, number: int) -> None:
        """Note that the broker has everything up to this number."""
        finished: list[Item] = []
        with self._room:
            while self._confirmed < number:
                item = self._flying.popleft()
                self._confirmed += 1
                self._bytes -= item.size
                if item.segment:
                    self._spill.done(item.segment)
                finished.append(item)
            self._room.notify_all()
        for item in finished:
            if item.done is not None:
                item.done()

    def durable_until(self, heard: float) -> float:
        """Return until when everything that came is durable, if the last came at `heard`."""
        with self._room:
            oldest = [heard]
            if self._saved:
                return heard
            for items in (self._flying, self._queue):
                first = next((one for one in items if _needs_memory(one)), None)
                if first is not None:
                    oldest.append(first.received)
            if self._spill.unsynced_since is not None:
                oldest.append(self._spill.unsynced_since)
            return min(oldest)

    def sync(self) -> None:
        """Force what is on disk to be there.

        Raises:
            OSError: if that fails.
        """
        with self._room:
            self._spill.sync()

    def save(self) -> int:
        """Put everything on disk that is not published, at the end; return how much could not.

        Raises:
            OSError: if the disk does not take it.
        """
        with self._room:
            lost = 0
            for item in (*self._flying, *self._queue):
                if item.line is not None and not item.segment:
                    lost += not self._spill.put(Record(item.received, item.line))
            self._spill.close()
            self._saved = lost == 0
            return lost

    def _read(self, record: Record, segment: int) -> Item:
        item = Item(self._parse(record), record.line, record.received, segment)
        self._bytes += item.size
        return item


def _both(first: Callable[[], None] | None, second: Callable[[], None]) -> Callable[[], None]:
    if first is None:
        return second

    def both() -> None:
        first()
        second()

    return both


def _needs_memory(item: Item) -> bool:
    return item.line is not None and not item.segment
