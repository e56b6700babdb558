"""Which tables have rows that SQL may not change yet.

BigQuery refuses UPDATE, DELETE and MERGE that would affect rows in the streaming buffer: those that
`tabledata.insertAll` brought in the last half hour (its page on data manipulation language). Rows
of the Storage Write API (gRPC) may be changed at once, and so those of a Pub/Sub subscription.
"""

import threading
import time
from collections.abc import Callable

from tweetlog_local.bigquery.faults import Faults, fault_name
from tweetlog_local.bigquery.names import TableName

BUFFER_SECONDS = 1_800.0


class StreamingBuffer:
    """Knows when a table took rows by `insertAll`.

    By the table and not by the row: where a table has any such row, no row of it is changed. That
    is stricter than BigQuery, which looks at what the statement would affect.

    Args:
        seconds: how long rows stay in the buffer.
        faults: may say that a table's rows are in it.
        clock: tells seconds.
    """

    def __init__(
        self,
        seconds: float = BUFFER_SECONDS,
        faults: Faults | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._faults = faults
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[TableName, float] = {}

    def took(self, table: TableName) -> None:
        """Take note that a table has taken rows."""
        with self._lock:
            self._until[table] = self._clock() + self._seconds

    def holds(self, table: TableName) -> bool:
        """Return whether rows of a table are in the buffer."""
        if self._faults and self._faults.streaming(fault_name(table)):
            return True
        with self._lock:
            return self._clock() < self._until.get(table, 0.0)
