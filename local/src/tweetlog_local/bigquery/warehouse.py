"""The DuckDB file behind everything: one schema for each dataset, one table for each table.

The catalog is kept in the same file and changes in the same transactions as what it describes.
One writer at a time; readers have a cursor each and see what was committed before they began.
"""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import duckdb

from tweetlog_local.bigquery import macros, python_functions
from tweetlog_local.bigquery.catalog import (
    CATALOG,
    CHANGES,
    DATABASE,
    Catalog,
    Relation,
    Resource,
    check_constraints,
    check_growth,
    column,
)
from tweetlog_local.bigquery.errors import InUse, StartError
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.schema import literal, quoted, schema_of
from tweetlog_local.bigquery.streaming_buffer import StreamingBuffer

FORMAT_VERSION = 1
# Queries beyond this spill into the data folder.
MEMORY_LIMIT = "2GB"
# Half of the machine: what appends and asks runs on it too, and an append is too small to divide.
THREADS = max(1, (os.cpu_count() or 2) // 2)
# A checkpoint writes the last part of each table anew, 122,880 rows at most: the fewer the better.
# What is not in the file yet is in its log beside it, which a start reads at 60 MB a second.
CHECKPOINT_AT = "64MB"


class Warehouse:
    """What there is, and the only way to change it."""

    def __init__(self, root: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
        self._root = root
        self._writing = threading.RLock()
        self._writer: duckdb.DuckDBPyConnection | None = None
        self._owner: int | None = None
        self._published = catalog
        self._working = catalog
        self.buffer = StreamingBuffer()

    @classmethod
    def open(cls, folder: Path, *, project: str, location: str) -> Self:
        """Open the data in `folder`, which is made if it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "warehouse.duckdb"
        root = duckdb.connect(
            config={
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": str(folder / "spill"),
                "threads": THREADS,
                "checkpoint_threshold": CHECKPOINT_AT,
            }
        )
        try:
            root.execute(f"ATTACH {literal(str(file))} AS {DATABASE}")
        except duckdb.Error as error:
            raise StartError(
                f"{file} cannot be opened; is another embedded BigQuery using it? "
                f"({str(error).partition(chr(10))[0]})"
            ) from None
        root.execute("SET GLOBAL TimeZone = 'UTC'")
        python_functions.register(root)
        for statement in macros.statements():
            root.execute(statement)
        return cls(root, _loaded(root, file, Catalog(project, location)))

    @property
    def catalog(self) -> Catalog:
        """What there is: for the writer as it goes along, for all others as it was committed."""
        return self._working if self._owner == threading.get_ident() else self._published

    @property
    def project(self) -> str:
        """The one project."""
        return self._published.project

    @property
    def location(self) -> str:
        """Where all data is said to be."""
        return self._published.location

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection for one reader."""
        return self._root.cursor()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give the one writer's connection; commit at the end, or leave nothing behind.

        A transaction inside a transaction is part of it.
        """
        with self._writing:
            if self._writer is not None:
                yield self._writer
                return
            self._writer, self._owner = self._root.cursor(), threading.get_ident()
            self._working = self._published
            try:
                self._writer.execute("BEGIN")
                yield self._writer
                self._writer.execute("COMMIT")
                self._published = self._working
            except BaseException:
                _roll_back(self._writer)
                raise
            finally:
                self._writer.close()
                self._writer = self._owner = None

    def checkpoint(self) -> None:
        """Write everything into the file itself."""
        with self._writing:
            self._root.execute(f"CHECKPOINT {DATABASE}")

    def close(self) -> None:
        """Close the file, so that somebody else can open it."""
        with self._writing:
            self._root.close()

    # Datasets

    def create_dataset(self, name: str, resource: Resource) -> None:
        """Create a dataset."""
        with self.transaction() as connection:
            self.catalog.check_new_dataset(name)
            connection.execute(f"CREATE SCHEMA {DATABASE}.{quoted(name)}")
            self._store(connection, name, None, {**resource, "creationTime": _now()})

    def change_dataset(self, name: str, change: Resource) -> None:
        """Replace parts of a dataset's resource."""
        with self.transaction() as connection:
            resource = _merged(self.catalog.dataset(name), change)
            self._store(connection, name, None, resource)

    def drop_dataset(self, name: str, *, contents: bool) -> None:
        """Drop a dataset, and what it holds if `contents`."""
        with self.transaction() as connection:
            self.catalog.dataset(name)
            tables = self.catalog.relations(name)
            if tables and not contents:
                raise InUse(f"Dataset {self.project}:{name} is still in use")
            for relation in tables:
                self._drop(connection, relation)
            connection.execute(f"DROP SCHEMA {DATABASE}.{quoted(name)} CASCADE")
            self._forget(connection, name, None)

    # Tables and views

    def create_relation(self, name: TableName, resource: Resource) -> Relation:
        """Create a table or a view."""
        made = Relation(name, {**resource, "creationTime": _now()}, schema_of(resource))
        check_constraints(made)
        with self.transaction() as connection:
            self.catalog.check_new_table(name)
            if made.view is None:
                columns = ", ".join(map(column, made.fields)) or '"%nothing" BOOLEAN'
                connection.execute(f"CREATE TABLE {made.sql} ({columns})")
                _create_changes(connection, made)
            return self._store_relation(connection, made)

    def change_relation(self, name: TableName, change: Resource) -> Relation:
        """Replace parts of a resource; columns may be added."""
        with self.transaction() as connection:
            old = self.catalog.relation(name)
            resource = _merged(old.resource, change)
            new = Relation(name, resource, schema_of(resource))
            check_constraints(new)
            if old.view is None:
                check_growth(old, new)
                _grow(connection, old, new)
                _create_changes(connection, new)
            return self._store_relation(connection, new)

    def drop_relation(self, name: TableName) -> None:
        """Drop a table or a view."""
        with self.transaction() as connection:
            self._drop(connection, self.catalog.relation(name))

    def _drop(self, connection: duckdb.DuckDBPyConnection, relation: Relation) -> None:
        if relation.view is None:
            connection.execute(f"DROP TABLE {relation.sql}")
            connection.execute(f"DROP TABLE IF EXISTS {relation.changes}")
        self._forget(connection, relation.name.dataset, relation.name.table)

    def rows(self, relation: Relation) -> int:
        """Return how many rows a table has."""
        return int(self._read(f"SELECT count(*) FROM {relation.sql}")[0][0])

    def captures_changes(self, relation: Relation) -> bool:
        """Return whether upserts or deletes were streamed to a table."""
        return bool(self._read(f"SELECT 1 FROM {relation.changes} LIMIT 1"))

    def forget_deletes(self, memory_seconds: float) -> None:
        """Drop what is remembered of keys that were deleted longer ago than that."""
        with self.transaction() as connection:
            for relation in self.catalog.tables.values():
                if relation.view is None and relation.key:
                    connection.execute(
                        f'DELETE FROM {relation.changes} WHERE "%deleted" < '
                        f"now() - to_milliseconds({memory_seconds * 1000:.0f})"
                    )

    def _read(self, sql: str) -> list[Any]:
        connection = self.cursor()
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    # The catalog's own table

    def _store_relation(
        self, connection: duckdb.DuckDBPyConnection, relation: Relation
    ) -> Relation:
        name = relation.name
        self._store(connection, name.dataset, name.table, relation.resource)
        return self.catalog.relation(name)

    def _store(
        self,
        connection: duckdb.DuckDBPyConnection,
        dataset: str,
        table: str | None,
        resource: Resource,
    ) -> None:
        stored = {**resource, "lastModifiedTime": _now(), "etag": str(time.time_ns())}
        self._forget(connection, dataset, table)
        connection.execute(
            f"INSERT INTO {CATALOG}.resources VALUES (?, ?, ?)",
            [dataset, table, json.dumps(stored)],
        )
        self._working = self._working.with_resource(dataset, table, stored)

    def _forget(
        self, connection: duckdb.DuckDBPyConnection, dataset: str, table: str | None
    ) -> None:
        connection.execute(
            f"DELETE FROM {CATALOG}.resources WHERE dataset = ? AND name IS NOT DISTINCT FROM ?",
            [dataset, table],
        )
        self._working = self._working.without(dataset, table)


def _loaded(root: duckdb.DuckDBPyConnection, file: Path, catalog: Catalog) -> Catalog:
    for schema in (CATALOG, CHANGES):
        root.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    root.execute(f"CREATE TABLE IF NOT EXISTS {CATALOG}.format (version INTEGER)")
    found = root.execute(f"SELECT version FROM {CATALOG}.format").fetchall()
    if not found:
        root.execute(f"INSERT INTO {CATALOG}.format VALUES ({FORMAT_VERSION})")
    elif found[0][0] != FORMAT_VERSION:
        raise StartError(
            f"{file} has format {found[0][0]}; this version reads format {FORMAT_VERSION}. "
            "Use another --data-dir, or remove the file to begin anew."
        )
    root.execute(
        f"CREATE TABLE IF NOT EXISTS {CATALOG}.resources "
        "(dataset VARCHAR, name VARCHAR, resource VARCHAR)"
    )
    for dataset, table, text in root.execute(f"SELECT * FROM {CATALOG}.resources").fetchall():
        catalog = catalog.with_resource(dataset, table, json.loads(text))
    return catalog


def _create_changes(connection: duckdb.DuckDBPyConnection, made: Relation) -> None:
    """Create the table that remembers the sequence of every key."""
    if not made.key:
        return
    types = {item.name.lower(): item.duckdb_type() for item in made.fields}
    key = ", ".join(f"{quoted(name)} {types[name.lower()]}" for name in made.key)
    connection.execute(
        f'CREATE TABLE IF NOT EXISTS {made.changes} ({key}, "%sequence" VARCHAR, '
        '"%deleted" TIMESTAMPTZ)'
    )


def _grow(connection: duckdb.DuckDBPyConnection, old: Relation, new: Relation) -> None:
    before = {item.name.lower(): item for item in old.fields}
    for item in new.fields:
        known = before.get(item.name.lower())
        if known is None:
            connection.execute(f"ALTER TABLE {old.sql} ADD COLUMN {column(item)}")
        elif known.required and not item.required:
            connection.execute(
                f"ALTER TABLE {old.sql} ALTER COLUMN {quoted(item.name)} DROP NOT NULL"
            )


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.execute("ROLLBACK")
    except duckdb.TransactionException:
        return  # a failed COMMIT has rolled back already


def _now() -> str:
    return str(time.time_ns() // 1_000_000)


def _merged(old: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**old, **change}
    return {key: value for key, value in merged.items() if value is not None}
