"""The rows of one append on their way: cut into requests, cut again, each with its own fate."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from loader.outcome import Outcome, Refused
from loader.row import Row
from tweetlog.errors import InvalidEvent


class Encodes(Protocol):
    """Turns rows into bytes; two are the same only if their bytes follow the same schema."""

    def encode(self, row: Row) -> bytes:
        """Return the row's bytes.

        Raises:
            InvalidEvent: if the row does not fit the table.
        """


class Batch:
    """The rows of one append, and what became of each.

    Attributes:
        future: every outcome, in the order of the rows, once the last one is known.
        deadline: when the caller is not to wait any longer, on the monotonic clock.
    """

    def __init__(self, rows: int, deadline: float = 0.0) -> None:
        self.future: Future[list[Outcome]] = Future()
        self.deadline = deadline
        self._outcomes: list[Outcome | None] = [None] * rows
        self._left = rows
        self._lock = threading.Lock()
        if not rows:
            self.future.set_result([])

    def settle(self, places: Sequence[int], outcome: Outcome) -> None:
        """Write down what became of these rows; what is settled already stays."""
        with self._lock:
            open_places = [place for place in places if self._outcomes[place] is None]
            for place in open_places:
                self._outcomes[place] = outcome
            self._left -= len(open_places)
            last = self._left == 0 and bool(open_places)
        if last:
            self.future.set_result([one for one in self._outcomes if one is not None])


@dataclass(slots=True, eq=False)
class Part:
    """Rows of one batch that are sent in one request.

    Attributes:
        places: where in the batch the rows are.
        encoder: what the bytes were made with; with another one they must be made again.
        size: bytes of all rows.
        attempts: how often BigQuery could not take it.
        refusals: how often it was refused without a word on its rows.
        sent_at: when, on the monotonic clock.
        dead: its batch was given back; an answer is awaited only to keep the order.
    """

    batch: Batch
    encoder: Encodes
    rows: list[Row] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    encoded: list[bytes] = field(default_factory=list)
    size: int = 0
    attempts: int = 0
    refusals: int = 0
    sent_at: float = 0.0
    dead: bool = False

    def add(self, row: Row, place: int, data: bytes) -> None:
        """Take one more row."""
        self.rows.append(row)
        self.places.append(place)
        self.encoded.append(data)
        self.size += len(data)

    def settle(self, outcome: Outcome) -> None:
        """Write down the same outcome for every row."""
        self.batch.settle(self.places, outcome)

    def some(self, which: Sequence[int]) -> "Part":
        """Return a part of only these of its rows."""
        chosen = Part(self.batch, self.encoder, attempts=self.attempts)
        for i in which:
            chosen.add(self.rows[i], self.places[i], self.encoded[i])
        return chosen

    def halves(self) -> "tuple[Part, Part]":
        """Return it as two parts."""
        half = len(self.rows) // 2
        return self.some(range(half)), self.some(range(half, len(self.rows)))

    def again(self, encoder: Encodes, size: int) -> "list[Part]":
        """Return its rows in another encoder's bytes."""
        return list(parts(self.batch, self.rows, self.places, encoder, size))


def parts(
    batch: Batch, rows: Sequence[Row], places: Sequence[int], encoder: Encodes, size: int
) -> Iterator[Part]:
    """Encode the rows and yield them in parts of at most `size` bytes, each of one row at least.

    A row that does not fit the table is settled as refused.
    """
    part = Part(batch, encoder)
    for row, place in zip(rows, places, strict=True):
        try:
            data = encoder.encode(row)
        except InvalidEvent as reason:
            batch.settle([place], Refused(str(reason), reason.reason_class))
            continue
        if part.rows and part.size + len(data) > size:
            yield part
            part = Part(batch, encoder)
        part.add(row, place, data)
    if part.rows:
        yield part
