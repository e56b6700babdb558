"""The DuckDB file behind everything: one schema for each dataset, one table for each table.

The catalog (BigQuery's view of what exists) is kept in the same file and changes in the same
transactions as what it describes. One writer at a time; readers have a cursor each and see
what was committed before they began.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

from tweetlog_local.bigquery import macros, python_functions
from tweetlog_local.bigquery.errors import AlreadyExists, InUse, Invalid, NotFound, StartError
from tweetlog_local.bigquery.names import DATASET_NAME, TABLE_NAME, TableName
from tweetlog_local.bigquery.schema import Field, literal, quoted, schema_of

FORMAT_VERSION = 1
DATABASE = "warehouse"
CATALOG = f'{DATABASE}."%catalog"'
CHANGES = f'{DATABASE}."%changes"'
RESERVED = {"information_schema", "pg_catalog", "main"}


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a view: its resource as it was given, and its fields."""

    name: TableName
    resource: Mapping[str, Any]
    fields: tuple[Field, ...]

    @property
    def view(self) -> str | None:
        """The query of a view; None for a table."""
        query = (self.resource.get("view") or {}).get("query")
        return None if query is None else str(query)

    @property
    def kind(self) -> str:
        """TABLE or VIEW."""
        return "TABLE" if self.view is None else "VIEW"

    @property
    def key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        constraints = self.resource.get("tableConstraints") or {}
        return tuple((constraints.get("primaryKey") or {}).get("columns") or ())

    @property
    def partition(self) -> str | None:
        """The DATE or TIMESTAMP column that it is partitioned by."""
        return (self.resource.get("timePartitioning") or {}).get("field")

    @property
    def sql(self) -> str:
        """The table's name in DuckDB."""
        return f"{DATABASE}.{quoted(self.name.dataset)}.{quoted(self.name.table)}"

    @property
    def changes(self) -> str:
        """The name of the table that remembers the sequence of every key."""
        return f"{CHANGES}.{quoted(f'{self.name.dataset}.{self.name.table}')}"


class Warehouse:
    """What there is, and the only way to change it."""

    def __init__(self, root: duckdb.DuckDBPyConnection, project: str, location: str) -> None:
        self.project = project
        self.location = location
        self._root = root
        self._writing = threading.RLock()
        self._current: duckdb.DuckDBPyConnection | None = None
        self._datasets: dict[str, Mapping[str, Any]] = {}
        self._tables: dict[tuple[str, str], Relation] = {}
        self.generation = 0

    @classmethod
    def open(cls, folder: Path, *, project: str, location: str) -> Self:
        """Open the data in `folder`, which is made if it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "warehouse.duckdb"
        root = duckdb.connect(config={"memory_limit": "2GB", "threads": "4"})
        try:
            root.execute(f"ATTACH {literal(str(file))} AS {DATABASE}")
        except duckdb.IOException as error:
            raise StartError(
                f"{file} cannot be opened; is another embedded BigQuery using it? ({error})"
            ) from None
        root.execute("SET GLOBAL TimeZone = 'UTC'")
        python_functions.register(root)
        for statement in macros.statements():
            root.execute(statement)
        warehouse = cls(root, project, location)
        warehouse._load(file)
        return warehouse

    def _load(self, file: Path) -> None:
        self._root.execute(f"CREATE SCHEMA IF NOT EXISTS {CATALOG}")
        self._root.execute(f"CREATE SCHEMA IF NOT EXISTS {CHANGES}")
        self._root.execute(f"CREATE TABLE IF NOT EXISTS {CATALOG}.format (version INTEGER)")
        self._root.execute(
            f"CREATE TABLE IF NOT EXISTS {CATALOG}.resources "
            "(dataset VARCHAR, name VARCHAR, resource VARCHAR)"
        )
        found = self._root.execute(f"SELECT version FROM {CATALOG}.format").fetchall()
        if not found:
            self._root.execute(f"INSERT INTO {CATALOG}.format VALUES ({FORMAT_VERSION})")
        elif found[0][0] != FORMAT_VERSION:
            raise StartError(
                f"{file} has format {found[0][0]}; this version reads format {FORMAT_VERSION}. "
                "Use another --data-dir, or remove the file to begin anew."
            )
        rows = self._root.execute(f"SELECT * FROM {CATALOG}.resources").fetchall()
        for dataset, name, text in rows:
            self._remember(dataset, name, json.loads(text))

    def _remember(self, dataset: str, name: str | None, resource: Mapping[str, Any]) -> None:
        if name is None:
            self._datasets[dataset] = resource
        else:
            full = TableName(self.project, dataset, name)
            self._tables[dataset, name] = Relation(full, resource, schema_of(resource))
        self.generation += 1

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection for one reader."""
        return self._root.cursor()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give the one writer's connection; commit at the end, or leave nothing behind.

        A transaction inside a transaction is part of it.
        """
        with self._writing:
            if self._current is not None:
                yield self._current
                return
            self._current = self._root.cursor()
            before = self._datasets, self._tables
            try:
                self._current.execute("BEGIN")
                yield self._current
                self._current.execute("COMMIT")
            except BaseException:
                self._datasets, self._tables = before
                self.generation += 1
                _roll_back(self._current)
                raise
            finally:
                self._current.close()
                self._current = None

    def checkpoint(self) -> None:
        """Write everything into the file itself."""
        with self._writing:
            self._root.execute(f"CHECKPOINT {DATABASE}")

    def close(self) -> None:
        """Close the file, so that somebody else can open it."""
        with self._writing:
            self._root.close()

    # Datasets

    def dataset_names(self) -> list[str]:
        """Return the names of all datasets."""
        return sorted(self._datasets)

    def dataset(self, name: str) -> Mapping[str, Any]:
        """Return the resource of a dataset."""
        if name not in self._datasets:
            raise NotFound(f"Not found: Dataset {self.project}:{name}")
        return self._datasets[name]

    def create_dataset(self, name: str, resource: Mapping[str, Any]) -> Mapping[str, Any]:
        """Create a dataset."""
        if not DATASET_NAME.match(name) or name.lower() in RESERVED:
            raise Invalid(
                f'Invalid dataset ID "{name}". Dataset IDs must be alphanumeric (plus '
                "underscores) and must be at most 1024 characters long."
            )
        with self.transaction() as connection:
            if name.lower() in map(str.lower, self._datasets):
                raise AlreadyExists(f"Already Exists: Dataset {self.project}:{name}")
            connection.execute(f"CREATE SCHEMA {DATABASE}.{quoted(name)}")
            return self._store(connection, name, None, {**resource, **_born()})

    def change_dataset(self, name: str, change: Mapping[str, Any]) -> Mapping[str, Any]:
        """Replace parts of a dataset's resource."""
        with self.transaction() as connection:
            resource = _merged(self.dataset(name), change)
            return self._store(connection, name, None, resource)

    def drop_dataset(self, name: str, *, contents: bool) -> None:
        """Drop a dataset, and what it holds if `contents`."""
        with self.transaction() as connection:
            self.dataset(name)
            tables = self.relations(name)
            if tables and not contents:
                raise InUse(f"Dataset {self.project}:{name} is still in use")
            for relation in tables:
                self._drop(connection, relation)
            connection.execute(f"DROP SCHEMA {DATABASE}.{quoted(name)} CASCADE")
            connection.execute(
                f"DELETE FROM {CATALOG}.resources WHERE dataset = ? AND name IS NULL", [name]
            )
            self._datasets = {key: held for key, held in self._datasets.items() if key != name}
            self.generation += 1

    # Tables and views

    def relations(self, dataset: str) -> list[Relation]:
        """Return the tables and views of a dataset by name."""
        return [relation for key, relation in sorted(self._tables.items()) if key[0] == dataset]

    def relation(self, name: TableName) -> Relation:
        """Return a table or a view."""
        found = self.find(name)
        if found is None:
            self.dataset(name.dataset)
            raise NotFound(f"Not found: Table {name} was not found in location {self.location}")
        return found

    def find(self, name: TableName) -> Relation | None:
        """Return a table or a view, or None."""
        if name.project != self.project:
            raise NotFound(
                f"Not found: Project {name.project}; the embedded BigQuery holds the "
                f"project {self.project} only (see --project)"
            )
        return self._tables.get((name.dataset, name.table))

    def create_relation(self, name: TableName, resource: Mapping[str, Any]) -> Relation:
        """Create a table or a view."""
        fields = schema_of(resource)
        with self.transaction() as connection:
            self._free(name)
            made = Relation(name, {**resource, **_born()}, fields)
            _check_constraints(made)
            if made.view is None:
                self._create_storage(connection, made)
            self._store(connection, name.dataset, name.table, made.resource)
            return self.relation(name)

    def _free(self, name: TableName) -> None:
        self.dataset(name.dataset)
        for relation in self.relations(name.dataset):
            if relation.name.table.lower() == name.table.lower():
                raise AlreadyExists(f"Already Exists: Table {relation.name}")
        if not TABLE_NAME.match(name.table):
            raise Invalid(f'Invalid table ID "{name.table}".')

    def _create_storage(self, connection: duckdb.DuckDBPyConnection, made: Relation) -> None:
        columns = ", ".join(map(column, made.fields)) or '"%nothing" BOOLEAN'
        connection.execute(f"CREATE TABLE {made.sql} ({columns})")
        if made.key:
            self._create_changes(connection, made)

    def _create_changes(self, connection: duckdb.DuckDBPyConnection, made: Relation) -> None:
        types = {item.name.lower(): item.duckdb_type() for item in made.fields}
        key = ", ".join(f"{quoted(name)} {types[name.lower()]}" for name in made.key)
        connection.execute(
            f'CREATE TABLE IF NOT EXISTS {made.changes} ({key}, "%sequence" VARCHAR, '
            '"%deleted" TIMESTAMPTZ)'
        )

    def change_relation(self, name: TableName, change: Mapping[str, Any]) -> Relation:
        """Replace parts of a resource; columns may be added."""
        with self.transaction() as connection:
            old = self.relation(name)
            resource = _merged(old.resource, change)
            new = Relation(name, resource, schema_of(resource))
            _check_constraints(new)
            if old.view is None:
                self._add_columns(connection, old, new)
            self._store(connection, name.dataset, name.table, resource)
            return self.relation(name)

    def _add_columns(
        self, connection: duckdb.DuckDBPyConnection, old: Relation, new: Relation
    ) -> None:
        before = {item.name.lower(): item for item in old.fields}
        after = {item.name.lower(): item for item in new.fields}
        gone = [item.name for name, item in before.items() if name not in after]
        if gone:
            raise Invalid(
                f"Provided Schema does not match Table {old.name}. Field {gone[0]} is "
                "missing in new schema"
            )
        for name, item in after.items():
            if name in before:
                _check_same(old, before[name], item)
                if before[name].required and not item.required:
                    connection.execute(
                        f"ALTER TABLE {old.sql} ALTER COLUMN {quoted(item.name)} DROP NOT NULL"
                    )
            elif item.required:
                raise Invalid(
                    f"Provided Schema does not match Table {old.name}. Cannot add "
                    f"required fields to an existing schema. (field: {item.name})"
                )
            else:
                connection.execute(f"ALTER TABLE {old.sql} ADD COLUMN {column(item)}")
        if new.key and not old.key:
            self._create_changes(connection, new)

    def captures_changes(self, relation: Relation) -> bool:
        """Return whether upserts or deletes were streamed to a table."""
        connection = self.cursor()
        try:
            found = connection.execute(f"SELECT 1 FROM {relation.changes} LIMIT 1").fetchone()
        finally:
            connection.close()
        return found is not None

    def size(self, relation: Relation) -> tuple[int, int]:
        """Return the rows of a table, and about how many bytes they are in memory."""
        connection = self.cursor()
        try:
            found = connection.execute(f"SELECT count(*) FROM {relation.sql}").fetchone()
        finally:
            connection.close()
        rows = int(found[0]) if found else 0
        return rows, rows * 8 * len(relation.fields)

    def drop_relation(self, name: TableName) -> None:
        """Drop a table or a view."""
        with self.transaction() as connection:
            self._drop(connection, self.relation(name))

    def _drop(self, connection: duckdb.DuckDBPyConnection, relation: Relation) -> None:
        if relation.view is None:
            connection.execute(f"DROP TABLE {relation.sql}")
            connection.execute(f"DROP TABLE IF EXISTS {relation.changes}")
        key = (relation.name.dataset, relation.name.table)
        connection.execute(
            f"DELETE FROM {CATALOG}.resources WHERE dataset = ? AND name = ?", list(key)
        )
        self._tables = {held: kept for held, kept in self._tables.items() if held != key}
        self.generation += 1

    def _store(
        self,
        connection: duckdb.DuckDBPyConnection,
        dataset: str,
        name: str | None,
        resource: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        stored = {**resource, "lastModifiedTime": _now()}
        connection.execute(
            f"DELETE FROM {CATALOG}.resources WHERE dataset = ? AND name IS NOT DISTINCT FROM ?",
            [dataset, name],
        )
        connection.execute(
            f"INSERT INTO {CATALOG}.resources VALUES (?, ?, ?)", [dataset, name, json.dumps(stored)]
        )
        self._datasets, self._tables = dict(self._datasets), dict(self._tables)
        self._remember(dataset, name, stored)
        return stored


def column(item: Field) -> str:
    """Return the definition of a column in DuckDB's SQL; an ARRAY is never NULL."""
    default = " DEFAULT []" if item.repeated else ""
    required = " NOT NULL" if item.required else ""
    return f"{quoted(item.name)} {item.duckdb_type()}{default}{required}"


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    try:
        cursor.execute("ROLLBACK")
    except duckdb.TransactionException:
        return  # a failed COMMIT has rolled back already


def _now() -> str:
    return str(time.time_ns() // 1_000_000)


def _born() -> dict[str, str]:
    return {"creationTime": _now()}


def _merged(old: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**old, **change}
    return {key: value for key, value in merged.items() if value is not None}


def _check_same(relation: Relation, old: Field, new: Field) -> None:
    relaxed = old.required and new.mode == "NULLABLE"
    if (old.type, old.mode) != (new.type, new.mode) and not (old.type == new.type and relaxed):
        raise Invalid(
            f"Provided Schema does not match Table {relation.name}. Field {old.name} has "
            f"changed from {old.mode} {old.type} to {new.mode} {new.type}"
        )
    if [part.name.lower() for part in old.fields] != [part.name.lower() for part in new.fields]:
        raise Invalid(
            f"Field {old.name} of {relation.name}: changing the parts of a RECORD is not "
            "supported by the embedded BigQuery"
        )


def _check_constraints(relation: Relation) -> None:
    names = {item.name.lower() for item in relation.fields}
    for name in relation.key:
        if name.lower() not in names:
            raise Invalid(f"Primary key column {name} of {relation.name} does not exist")
