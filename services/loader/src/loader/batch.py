"""Micro-batches: rows that arrive at the same time share one append.

The first row of a batch waits a moment for others and then appends them all; the others wait for
it. So there is no thread besides those of the deliveries, and a batch ends with them.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from loader.outcome import Outcome
from loader.row import Row

Append = Callable[[Sequence[Row]], "Future[list[Outcome]]"]


@dataclass(slots=True, eq=False)
class _Batch:
    rows: list[Row] = field(default_factory=list)
    size: int = 0
    full: threading.Event = field(default_factory=threading.Event)
    outcomes: "Future[list[Outcome]]" = field(default_factory=Future)


class Batcher:
    """Gathers rows of one table.

    Args:
        append: appends rows; its future holds one outcome for each.
        linger: seconds that the first row waits for others.
        rows: at this many a batch goes at once.
        size: as above, in bytes of the events.
    """

    def __init__(self, append: Append, *, linger: float, rows: int, size: int) -> None:
        self._append = append
        self._linger = linger
        self._rows = rows
        self._size = size
        self._lock = threading.Lock()
        self._open: _Batch | None = None

    def load(self, row: Row) -> Outcome:
        """Return what became of the row, once that is known."""
        batch, place = self._join(row)
        if place == 0:
            batch.full.wait(self._linger)
            self._send(batch)
        return batch.outcomes.result()[place]

    def _join(self, row: Row) -> tuple[_Batch, int]:
        with self._lock:
            batch = self._open
            if batch is None:
                batch = self._open = _Batch()
            batch.rows.append(row)
            batch.size += row.size
            if len(batch.rows) >= self._rows or batch.size >= self._size:
                self._open = None
                batch.full.set()
            return batch, len(batch.rows) - 1

    def _send(self, batch: _Batch) -> None:
        with self._lock:
            if self._open is batch:
                self._open = None
        try:
            batch.outcomes.set_result(self._append(batch.rows).result())
        except BaseException as reason:
            batch.outcomes.set_exception(reason)  # the others must not wait for ever
            raise
