"""Appends from many connections, committed together.

One thread takes what has arrived, writes it in one DuckDB transaction, and answers each append
by its own fate. Under load a commit takes along everything that arrived during the one before.
"""

import queue
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tweetlog_local.bigquery.batch import Batch
from tweetlog_local.bigquery.catalog import Relation
from tweetlog_local.bigquery.change_data_capture import DELETE, winners
from tweetlog_local.bigquery.errors import ApiError, NotFound
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.schema import quoted
from tweetlog_local.bigquery.stats import Stats
from tweetlog_local.bigquery.warehouse import Warehouse

GROUP_ROWS = 20_000
GROUP_BYTES = 64 * 1024 * 1024
STAGED = "staged_rows"


class NotWritten(duckdb.InternalError):
    """The committing thread ended; nothing more is written until the next start."""


@dataclass(frozen=True, slots=True)
class Append:
    """Decoded rows on their way into a table; `done` resolves when they are durable."""

    table: TableName
    batch: Batch
    done: "Future[None]" = field(default_factory=Future)


class Appender:
    """The thread that commits."""

    def __init__(self, warehouse: Warehouse, stats: Stats, *, delete_memory_seconds: float) -> None:
        self._warehouse = warehouse
        self._stats = stats
        self._memory = delete_memory_seconds
        self._broken: BaseException | None = None
        self._waiting: queue.SimpleQueue[Append | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="appender", daemon=True)
        self._thread.start()

    def submit(self, table: TableName, batch: Batch) -> "Future[None]":
        """Take rows; the future resolves when they are durable, or says why they are not."""
        append = Append(table, batch)
        if self._broken is not None:
            append.done.set_exception(NotWritten(self._broken))
        else:
            self._waiting.put(append)
        return append.done

    def stop(self) -> None:
        """Commit what was taken, then end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            group, last = self._gather(first)
            try:
                self._commit(group)
            except BaseException as error:
                self._broken = error
                for append in group:
                    if not append.done.done():
                        append.done.set_exception(NotWritten(error))
                raise
            if last:
                return

    def _gather(self, first: Append) -> tuple[list[Append], bool]:
        group, rows, size = [first], first.batch.columns.num_rows, first.batch.size
        while rows < GROUP_ROWS and size < GROUP_BYTES:
            try:
                following = self._waiting.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return group, True
            group.append(following)
            rows += following.batch.columns.num_rows
            size += following.batch.size
        return group, False

    def _commit(self, group: Sequence[Append]) -> None:
        try:
            self._write(group)
        except (ApiError, duckdb.Error) as error:
            if len(group) == 1:
                group[0].done.set_exception(error)
                return
            for append in group:
                self._commit([append])
            return
        for append in group:
            self._stats.appended(append.table, append.batch)
            append.done.set_result(None)

    def _write(self, group: Iterable[Append]) -> None:
        tables: defaultdict[TableName, list[Batch]] = defaultdict(list)
        for append in group:
            tables[append.table].append(append.batch)
        with self._warehouse.transaction() as connection:
            for name, batches in tables.items():
                relation = self._warehouse.catalog.find(name)
                if relation is None or relation.view is not None:
                    raise NotFound(f"Not found: Table {name}")
                _write_table(connection, relation, batches, self._memory)


def _write_table(
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    batches: Sequence[Batch],
    memory_seconds: float,
) -> None:
    plain = [batch.columns for batch in batches if batch.changes is None]
    changing = [batch for batch in batches if batch.changes is not None]
    if plain:
        _insert(connection, relation, _joined(plain))
    if changing:
        _apply(connection, relation, changing, memory_seconds)


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="default").combine_chunks()


def _insert(connection: duckdb.DuckDBPyConnection, relation: Relation, rows: pa.Table) -> None:
    """Insert rows; columns that they lack are NULL, or empty."""
    connection.register(STAGED, rows)
    connection.execute(
        f"INSERT INTO {relation.sql} ({_listed(rows.column_names)}) "
        f"SELECT {_selected(relation, rows)} FROM {STAGED}"
    )
    connection.unregister(STAGED)


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(quoted, columns))


def _selected(relation: Relation, rows: pa.Table) -> str:
    """Return the columns; where batches of before and after a change meet, an ARRAY is NULL."""
    empty = {
        item.name
        for item in relation.fields
        if item.repeated and item.name in rows.column_names and rows.column(item.name).null_count
    }
    return ", ".join(
        f"coalesce({quoted(name)}, [])" if name in empty else quoted(name)
        for name in rows.column_names
    )


def _apply(
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    batches: Sequence[Batch],
    memory_seconds: float,
) -> None:
    """Let the latest change of each key win over what is there."""
    rows = _joined([batch.columns for batch in batches])
    changes = [change for batch in batches for change in batch.changes or ()]
    keys = zip(*(rows.column(name).to_pylist() for name in relation.key), strict=True)
    kept = winners(zip(keys, (sequence for _, sequence in changes), strict=True))
    # The keys alone: to scan a table from outside costs DuckDB time for each of its columns.
    staged = _staged(relation, rows, changes, kept)
    bounds = _bounds(relation, staged)
    connection.register(STAGED, staged)
    known, beaten = _known(connection, relation, bounds, memory_seconds)
    if beaten:
        losing = set(beaten)
        kept = [index for row, index in enumerate(kept) if row not in losing]
        connection.unregister(STAGED)
        connection.register(STAGED, _staged(relation, rows, changes, kept))
    _replace(connection, relation, bounds, forget=known > len(beaten))
    connection.unregister(STAGED)
    written = [index for index in kept if changes[index][0] != DELETE]
    if written:
        _insert(connection, relation, _taken(rows, written))


def _staged(
    relation: Relation, rows: pa.Table, changes: Sequence[tuple[str, str]], kept: Sequence[int]
) -> pa.Table:
    """Return the keys of the rows at these places, with the kind and sequence of each change."""
    return (
        _taken(rows.select(relation.key), kept)
        .append_column("%kind", pa.array([changes[index][0] for index in kept], pa.string()))
        .append_column("%sequence", pa.array([changes[index][1] for index in kept], pa.string()))
        .append_column("%row", pa.array(range(len(kept)), pa.int64()))
    )


def _taken(rows: pa.Table, places: Sequence[int]) -> pa.Table:
    """Return the rows at these places, which ascend."""
    return rows if len(places) == rows.num_rows else rows.take(pa.array(places, pa.int64()))


def _same_key(relation: Relation, other: str) -> str:
    """Return the condition that a row of `other` has a staged row's key; it has two parameters.

    They are the least and the greatest of the staged keys' first column. They follow from the
    rest, and let DuckDB pass over most of a large table, since new rows have new keys.
    """
    same = (f"{other}.{quoted(name)} = s.{quoted(name)}" for name in relation.key)
    return " AND ".join([*same, f"{other}.{quoted(relation.key[0])} BETWEEN ? AND ?"])


def _bounds(relation: Relation, staged: pa.Table) -> list[Any]:
    """Return the parameters of `_same_key`."""
    return list(pc.min_max(staged.column(relation.key[0])).as_py().values())


def _known(
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    bounds: Sequence[Any],
    memory_seconds: float,
) -> tuple[int, list[int]]:
    """Return how many staged keys were changed before, and which staged rows are older."""
    forgotten = f"now() - to_milliseconds({memory_seconds * 1000:.0f})"
    found = connection.execute(
        f'SELECT s."%row", s."%sequence" <> \'\' AND c."%sequence" > s."%sequence" '
        f'AND (c."%deleted" IS NULL OR c."%deleted" > {forgotten}) '
        f"FROM {STAGED} s JOIN {relation.changes} c ON {_same_key(relation, 'c')}",
        bounds,
    ).fetchall()
    return len(found), [row for row, older in found if older]


def _replace(
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    bounds: Sequence[Any],
    *,
    forget: bool,
) -> None:
    """Remove the rows with the staged keys, and remember what changes them."""
    if forget:
        connection.execute(
            f"DELETE FROM {relation.changes} c USING {STAGED} s WHERE {_same_key(relation, 'c')}",
            bounds,
        )
    connection.execute(
        f"DELETE FROM {relation.sql} t USING {STAGED} s WHERE {_same_key(relation, 't')}", bounds
    )
    connection.execute(
        f'INSERT INTO {relation.changes} SELECT {_listed(relation.key)}, "%sequence", '
        f"CASE WHEN \"%kind\" = '{DELETE}' THEN now() END FROM {STAGED}"
    )
