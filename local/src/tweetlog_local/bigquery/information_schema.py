"""INFORMATION_SCHEMA: the catalog as tables that can be queried."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlglot
from sqlglot import exp

from tweetlog_local.bigquery.catalog import Catalog, Relation
from tweetlog_local.bigquery.errors import Unsupported
from tweetlog_local.bigquery.schema import Field, literal, quoted

PREFIX = "INFORMATION_SCHEMA."
Row = Sequence[Any]


def _strings(*names: str) -> list[Field]:
    return [Field(name, "STRING") for name in names]


def _named(relation: Relation) -> list[str]:
    name = relation.name
    return [name.project, name.dataset, name.table]


def _time(milliseconds: object) -> datetime:
    return datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC)


def _tables(relations: Sequence[Relation]) -> Iterator[Row]:
    for relation in relations:
        view = relation.view is not None
        created = _time(relation.resource["creationTime"])
        kind = "VIEW" if view else "BASE TABLE"
        insertable = "NO" if view else "YES"
        yield [*_named(relation), kind, insertable, "NO", created]


def _columns(relations: Sequence[Relation]) -> Iterator[Row]:
    for relation in relations:
        clustered = (relation.resource.get("clustering") or {}).get("fields") or []
        for position, item in enumerate(relation.fields, 1):
            yield [
                *_named(relation),
                item.name,
                position,
                "NO" if item.required else "YES",
                item.sql_type(),
                "YES" if item.name == relation.partition else "NO",
                clustered.index(item.name) + 1 if item.name in clustered else None,
                item.extras.get("defaultValueExpression", "NULL"),
            ]


def _paths(relations: Sequence[Relation]) -> Iterator[Row]:
    for relation in relations:
        for item in relation.fields:
            for path, part in _parts(item.name, item):
                described = part.extras.get("description")
                yield [*_named(relation), item.name, path, part.sql_type(), described]


def _parts(path: str, item: Field) -> Iterator[tuple[str, Field]]:
    yield path, item
    for part in item.fields:
        yield from _parts(f"{path}.{part.name}", part)


def _views(relations: Sequence[Relation]) -> Iterator[Row]:
    for relation in relations:
        if relation.view is not None:
            yield [*_named(relation), relation.view, "YES"]


OPTIONS = {
    "description": ("description", "STRING"),
    "friendlyName": ("friendly_name", "STRING"),
    "maxStaleness": ("max_staleness", "INTERVAL"),
    "requirePartitionFilter": ("require_partition_filter", "BOOL"),
}


def _options(relations: Sequence[Relation]) -> Iterator[Row]:
    for relation in relations:
        for key, (name, kind) in OPTIONS.items():
            if key in relation.resource:
                yield [*_named(relation), name, kind, str(relation.resource[key])]


def _keys(relations: Sequence[Relation]) -> Iterator[Row]:
    for relation in relations:
        for position, name in enumerate(relation.key, 1):
            yield [*_named(relation), f"{relation.name.table}.pk$", name, position]


NAMES = ("table_catalog", "table_schema", "table_name")
Rows = Callable[[Sequence[Relation]], Iterator[Row]]
VIEWS: Mapping[str, tuple[list[Field], Rows]] = {
    "TABLES": (
        [
            *_strings(*NAMES, "table_type", "is_insertable_into", "is_typed"),
            Field("creation_time", "TIMESTAMP"),
        ],
        _tables,
    ),
    "COLUMNS": (
        [
            *_strings(*NAMES, "column_name"),
            Field("ordinal_position", "INTEGER"),
            *_strings("is_nullable", "data_type", "is_partitioning_column"),
            Field("clustering_ordinal_position", "INTEGER"),
            *_strings("column_default"),
        ],
        _columns,
    ),
    "COLUMN_FIELD_PATHS": (
        _strings(*NAMES, "column_name", "field_path", "data_type", "description"),
        _paths,
    ),
    "VIEWS": (_strings(*NAMES, "view_definition", "use_standard_sql"), _views),
    "TABLE_OPTIONS": (_strings(*NAMES, "option_name", "option_type", "option_value"), _options),
    "KEY_COLUMN_USAGE": (
        [
            *_strings(*NAMES, "constraint_name", "column_name"),
            Field("ordinal_position", "INTEGER"),
        ],
        _keys,
    ),
}
SCHEMATA = [
    *_strings("catalog_name", "schema_name", "location"),
    Field("creation_time", "TIMESTAMP"),
]


def described(table: str) -> list[Field]:
    """Return the columns of one of INFORMATION_SCHEMA's views."""
    name = table.removeprefix(PREFIX).upper()
    if name == "SCHEMATA":
        return SCHEMATA
    if name not in VIEWS:
        raise Unsupported(PREFIX + name, f"known are SCHEMATA, {', '.join(VIEWS)}")
    return VIEWS[name][0]


def query(catalog: Catalog, dataset: str, table: str) -> exp.Query:
    """Return the query, in DuckDB's SQL, of one of INFORMATION_SCHEMA's views."""
    fields = described(table)
    name = table.removeprefix(PREFIX).upper()
    if name == "SCHEMATA":
        rows = list(_schemata(catalog))
    else:
        catalog.dataset(dataset)
        rows = list(VIEWS[name][1](catalog.relations(dataset)))
    return _values(fields, rows)


def _schemata(catalog: Catalog) -> Iterator[Row]:
    for name in sorted(catalog.datasets):
        created = _time(catalog.dataset(name)["creationTime"])
        yield [catalog.project, name, catalog.location, created]


def _values(fields: Sequence[Field], rows: Sequence[Row]) -> exp.Query:
    listed = rows or [[None] * len(fields)]
    values = ", ".join(f"({', '.join(map(_literal, row))})" for row in listed)
    names = ", ".join(quoted(item.name) for item in fields)
    typed = ", ".join(
        f"CAST({quoted(item.name)} AS {item.duckdb_type()}) AS {quoted(item.name)}"
        for item in fields
    )
    text = f"SELECT {typed} FROM (VALUES {values}) AS v({names})"
    tree = sqlglot.parse_one(text + ("" if rows else " WHERE FALSE"), dialect="duckdb")
    if not isinstance(tree, exp.Query):
        raise TypeError(text)
    return tree


def _literal(value: object) -> str:
    return "NULL" if value is None else literal(str(value))
