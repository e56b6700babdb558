"""What has been written since the start, by table."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from tweetlog_local.bigquery.batch import Batch
from tweetlog_local.bigquery.change_data_capture import DELETE, UPSERT
from tweetlog_local.bigquery.names import TableName


@dataclass(slots=True)
class Counts:
    """What one table received through the Storage Write API."""

    appends: int = 0
    rows_appended: int = 0
    upserts: int = 0
    deletes: int = 0
    refused: int = 0
    bytes: int = 0


class Stats:
    """Counters that any thread may raise."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: defaultdict[TableName, Counts] = defaultdict(Counts)

    def appended(self, table: TableName, batch: Batch) -> None:
        """Count an append that was written."""
        kinds = [kind for kind, _ in batch.changes or ()]
        with self._lock:
            counts = self._tables[table]
            counts.appends += 1
            counts.rows_appended += batch.columns.num_rows
            counts.upserts += kinds.count(UPSERT)
            counts.deletes += kinds.count(DELETE)
            counts.bytes += batch.size

    def refused(self, table: TableName) -> None:
        """Count an append that was answered with an error."""
        with self._lock:
            self._tables[table].refused += 1

    def shown(self) -> Mapping[TableName, Mapping[str, int]]:
        """Return the counts by table; nothing is counted of a table that is not there."""
        with self._lock:
            counted = {name: asdict(held) for name, held in self._tables.items()}
        return defaultdict(lambda: asdict(Counts()), counted)
