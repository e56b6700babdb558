"""What there is: datasets, tables and views, with the resources that describe them.

A catalog never changes: each change makes another, so that readers keep what they have and a
change that fails leaves nothing behind.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from tweetlog_local.bigquery.errors import AlreadyExists, Invalid, NotFound
from tweetlog_local.bigquery.names import DATASET_NAME, TABLE_NAME, TableName
from tweetlog_local.bigquery.schema import Field, quoted, schema_of

DATABASE = "warehouse"
CATALOG = f'{DATABASE}."%catalog"'
CHANGES = f'{DATABASE}."%changes"'
# Schemas that DuckDB has of its own.
RESERVED = {"information_schema", "pg_catalog", "main"}
Resource = Mapping[str, Any]
EMPTY: Mapping[Any, Any] = MappingProxyType({})


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


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything in one project."""

    project: str
    location: str
    datasets: Mapping[str, Resource] = field(default_factory=lambda: EMPTY)
    tables: Mapping[tuple[str, str], Relation] = field(default_factory=lambda: EMPTY)

    def dataset(self, name: str) -> Resource:
        """Return the resource of a dataset."""
        if name not in self.datasets:
            raise NotFound(f"Not found: Dataset {self.project}:{name}")
        return self.datasets[name]

    def relations(self, dataset: str) -> list[Relation]:
        """Return the tables and views of a dataset by name."""
        return [relation for key, relation in sorted(self.tables.items()) if key[0] == dataset]

    def find(self, name: TableName) -> Relation | None:
        """Return a table or a view, or None."""
        if name.project != self.project:
            raise NotFound(
                f"Not found: Project {name.project}; the embedded BigQuery holds the "
                f"project {self.project} only (see --project)"
            )
        return self.tables.get((name.dataset, name.table))

    def relation(self, name: TableName) -> Relation:
        """Return a table or a view."""
        found = self.find(name)
        if found is None:
            self.dataset(name.dataset)
            raise NotFound(f"Not found: Table {name} was not found in location {self.location}")
        return found

    def check_new_dataset(self, name: str) -> None:
        """Refuse a name that is not allowed or not free; DuckDB knows no case in names."""
        if not DATASET_NAME.match(name) or name.lower() in RESERVED:
            raise Invalid(
                f'Invalid dataset ID "{name}". Dataset IDs must be alphanumeric (plus '
                "underscores) and must be at most 1024 characters long."
            )
        if name.lower() in map(str.lower, self.datasets):
            raise AlreadyExists(f"Already Exists: Dataset {self.project}:{name}")

    def check_new_table(self, name: TableName) -> None:
        """Refuse a name that is not allowed or not free."""
        self.dataset(name.dataset)
        for relation in self.relations(name.dataset):
            if relation.name.table.lower() == name.table.lower():
                raise AlreadyExists(f"Already Exists: Table {relation.name}")
        if not TABLE_NAME.match(name.table):
            raise Invalid(f'Invalid table ID "{name.table}".')

    def with_resource(self, dataset: str, table: str | None, resource: Resource) -> "Catalog":
        """Return the catalog with a dataset, or a table of it, as it is now."""
        if table is None:
            return replace(self, datasets={**self.datasets, dataset: resource})
        name = TableName(self.project, dataset, table)
        relation = Relation(name, resource, schema_of(resource))
        return replace(self, tables={**self.tables, (dataset, table): relation})

    def without(self, dataset: str, table: str | None) -> "Catalog":
        """Return the catalog without a dataset, or without a table of it."""
        if table is None:
            kept = {key: held for key, held in self.datasets.items() if key != dataset}
            return replace(self, datasets=kept)
        tables = {key: held for key, held in self.tables.items() if key != (dataset, table)}
        return replace(self, tables=tables)


def column(item: Field) -> str:
    """Return the definition of a column in DuckDB's SQL; an ARRAY is never NULL."""
    default = " DEFAULT []" if item.repeated else ""
    required = " NOT NULL" if item.required else ""
    return f"{quoted(item.name)} {item.duckdb_type()}{default}{required}"


def check_growth(old: Relation, new: Relation) -> None:
    """Refuse a change of columns that is more than adding some or relaxing some."""
    before = {item.name.lower(): item for item in old.fields}
    after = {item.name.lower(): item for item in new.fields}
    unlike = f"Provided Schema does not match Table {old.name}."
    for name, item in before.items():
        if name not in after:
            raise Invalid(f"{unlike} Field {item.name} is missing in new schema")
        _check_same(old, item, after[name])
    for name, item in after.items():
        if name not in before and item.required:
            raise Invalid(
                f"{unlike} Cannot add required fields to an existing schema. (field: {item.name})"
            )


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


def check_constraints(relation: Relation) -> None:
    """Refuse a primary key of columns that are not there."""
    names = {item.name.lower() for item in relation.fields}
    for name in relation.key:
        if name.lower() not in names:
            raise Invalid(f"Primary key column {name} of {relation.name} does not exist")
