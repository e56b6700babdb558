"""Fields of tables and results, and what their types are called in each of the languages spoken.

REST resources, SQL, DuckDB and Arrow each have a name for a type; a `Field` is the one thing
that all of them are derived from.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlglot import exp

from tweetlog_local.bigquery.errors import Invalid, Unsupported

if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType

ALIASES = {
    "INT64": "INTEGER",
    "INT": "INTEGER",
    "SMALLINT": "INTEGER",
    "BIGINT": "INTEGER",
    "TINYINT": "INTEGER",
    "BYTEINT": "INTEGER",
    "FLOAT64": "FLOAT",
    "BOOL": "BOOLEAN",
    "STRUCT": "RECORD",
    "DECIMAL": "NUMERIC",
}
# The API's type -> (SQL's, DuckDB's, Arrow's). Timestamps are instants, kept in UTC.
SCALARS: Mapping[str, tuple[str, str, pa.DataType]] = {
    "STRING": ("STRING", "VARCHAR", pa.string()),
    "BYTES": ("BYTES", "BLOB", pa.binary()),
    "INTEGER": ("INT64", "BIGINT", pa.int64()),
    "FLOAT": ("FLOAT64", "DOUBLE", pa.float64()),
    "BOOLEAN": ("BOOL", "BOOLEAN", pa.bool_()),
    "TIMESTAMP": ("TIMESTAMP", "TIMESTAMPTZ", pa.timestamp("us", tz="UTC")),
    "DATETIME": ("DATETIME", "TIMESTAMP", pa.timestamp("us")),
    "DATE": ("DATE", "DATE", pa.date32()),
    "TIME": ("TIME", "TIME", pa.time64("us")),
    "NUMERIC": ("NUMERIC", "DECIMAL(38,9)", pa.decimal128(38, 9)),
    "JSON": ("JSON", "JSON", pa.string()),
}
MODES = ("NULLABLE", "REQUIRED", "REPEATED")
NAME = re.compile(r"[^\W\d]\w{0,299}\Z")
# What a field resource may carry beside name, type, mode and fields.
EXTRAS = (
    "description",
    "defaultValueExpression",
    "maxLength",
    "precision",
    "scale",
    "policyTags",
    "collation",
    "roundingMode",
)


@dataclass(frozen=True, slots=True)
class Field:
    """One column, or one part of a STRUCT."""

    name: str
    type: str
    mode: str = "NULLABLE"
    fields: tuple["Field", ...] = ()
    extras: Mapping[str, Any] = field(default_factory=dict)

    @property
    def repeated(self) -> bool:
        """Whether it is an ARRAY."""
        return self.mode == "REPEATED"

    @property
    def required(self) -> bool:
        """Whether it is NOT NULL."""
        return self.mode == "REQUIRED"

    def element(self) -> "Field":
        """Return the field of one element of this ARRAY."""
        return replace(self, mode="NULLABLE")

    def renamed(self, name: str) -> "Field":
        """Return the same field under another name."""
        return replace(self, name=name)

    def resource(self) -> dict[str, Any]:
        """Return the `TableFieldSchema` resource."""
        resource: dict[str, Any] = {"name": self.name, "type": self.type, "mode": self.mode}
        if self.type == "RECORD":
            resource["fields"] = [part.resource() for part in self.fields]
        return resource | dict(self.extras)

    def sql_type(self) -> str:
        """Return the type in BigQuery's SQL, as INFORMATION_SCHEMA shows it."""
        if self.type == "RECORD":
            parts = ", ".join(f"{part.name} {part.sql_type()}" for part in self.fields)
            inner = f"STRUCT<{parts}>"
        else:
            inner = SCALARS[self.type][0]
        return f"ARRAY<{inner}>" if self.repeated else inner

    def duckdb_type(self) -> str:
        """Return the type in DuckDB's SQL."""
        if self.type == "RECORD":
            parts = ", ".join(f"{quoted(part.name)} {part.duckdb_type()}" for part in self.fields)
            inner = f"STRUCT({parts})"
        else:
            inner = SCALARS[self.type][1]
        return f"{inner}[]" if self.repeated else inner

    def arrow_type(self) -> pa.DataType:
        """Return the type of an Arrow column of it."""
        if self.type == "RECORD":
            inner = pa.struct([pa.field(part.name, part.arrow_type()) for part in self.fields])
        else:
            inner = SCALARS[self.type][2]
        return pa.list_(inner) if self.repeated else inner


def quoted(name: str) -> str:
    """Return `name` as an identifier of DuckDB's SQL."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def literal(text: str) -> str:
    """Return `text` as a string literal of DuckDB's SQL."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def type_name(name: str) -> str:
    """Return the API's name of a type given by any of its names."""
    upper = name.upper()
    known = ALIASES.get(upper, upper)
    if known not in SCALARS and known != "RECORD":
        raise Invalid(f"Type {name} is not supported by the embedded BigQuery.")
    return known


def from_resource(resource: Mapping[str, Any]) -> Field:
    """Return the field that a `TableFieldSchema` describes."""
    name, mode = str(resource.get("name", "")), str(resource.get("mode") or "NULLABLE").upper()
    if not NAME.match(name):
        raise Invalid(
            f'Invalid field name "{name}". Fields must contain only letters, numbers, '
            "and underscores, start with a letter or underscore, and be at most 300 "
            "characters long."
        )
    if mode not in MODES:
        raise Invalid(f"Field {name} has the mode {mode}; it must be one of {', '.join(MODES)}.")
    parts = tuple(from_resource(part) for part in resource.get("fields") or ())
    kind = type_name(str(resource.get("type", "")))
    if kind == "RECORD" and not parts:
        raise Invalid(f"Field {name} is type RECORD but has no schema")
    extras = {key: resource[key] for key in EXTRAS if resource.get(key) is not None}
    return Field(name, kind, mode, parts, extras)


def schema_of(resource: Mapping[str, Any]) -> tuple[Field, ...]:
    """Return the fields of a table resource, refusing names that differ in case only."""
    fields = tuple(
        from_resource(item) for item in (resource.get("schema") or {}).get("fields") or ()
    )
    seen: set[str] = set()
    for item in fields:
        if item.name.lower() in seen:
            raise Invalid(f"Field {item.name} already exists in schema")
        seen.add(item.name.lower())
    return fields


SQL_TYPES = {
    exp.DType.TEXT: "STRING",
    exp.DType.VARCHAR: "STRING",
    exp.DType.BINARY: "BYTES",
    exp.DType.VARBINARY: "BYTES",
    exp.DType.BIGINT: "INTEGER",
    exp.DType.INT: "INTEGER",
    exp.DType.SMALLINT: "INTEGER",
    exp.DType.TINYINT: "INTEGER",
    exp.DType.DOUBLE: "FLOAT",
    exp.DType.FLOAT: "FLOAT",
    exp.DType.BOOLEAN: "BOOLEAN",
    exp.DType.TIMESTAMPTZ: "TIMESTAMP",
    exp.DType.TIMESTAMP: "DATETIME",
    exp.DType.DATETIME: "DATETIME",
    exp.DType.DATE: "DATE",
    exp.DType.TIME: "TIME",
    exp.DType.DECIMAL: "NUMERIC",
    exp.DType.JSON: "JSON",
}


def from_sql_type(name: str, kind: exp.Expr | None) -> Field:
    """Return the field of a column declared as `name kind`."""
    if not isinstance(kind, exp.DataType):
        raise Invalid(f"Column {name} has no type")
    if kind.this == exp.DType.ARRAY:
        inner = from_sql_type(name, kind.expressions[0])
        if inner.repeated:
            raise Invalid(f"Cannot create field {name}: an array of arrays is not a type.")
        return replace(inner, mode="REPEATED")
    if kind.this == exp.DType.STRUCT:
        return Field(name, "RECORD", fields=tuple(map(_part, enumerate(kind.expressions))))
    if kind.this not in SQL_TYPES:
        raise Unsupported(f"Type {kind.sql('bigquery')}", "it has no counterpart here")
    return Field(name, SQL_TYPES[kind.this])


def _part(numbered: tuple[int, exp.Expr]) -> Field:
    index, part = numbered
    if isinstance(part, exp.ColumnDef):
        inner = from_sql_type(part.name, part.args.get("kind"))
        return replace(inner, extras=_described(part))
    return from_sql_type(f"_field_{index + 1}", part)


def _described(part: exp.ColumnDef) -> dict[str, Any]:
    """Return the description that OPTIONS gives to a part of a STRUCT."""
    options = (item.args["kind"] for item in part.args.get("constraints") or ())
    named = [item for option in options for item in option.expressions]
    said = [item.args["value"].name for item in named if item.name.lower() == "description"]
    return {"description": said[0]} if said else {}


DUCKDB_TYPES = {
    "varchar": "STRING",
    "blob": "BYTES",
    "boolean": "BOOLEAN",
    "timestamp with time zone": "TIMESTAMP",
    "timestamp": "DATETIME",
    "date": "DATE",
    "time": "TIME",
    "double": "FLOAT",
    "float": "FLOAT",
    "json": "JSON",
    "null": "INTEGER",
} | dict.fromkeys(
    (
        "bigint",
        "integer",
        "smallint",
        "tinyint",
        "hugeint",
        "ubigint",
        "uinteger",
        "usmallint",
        "utinyint",
    ),
    "INTEGER",
)


def from_duckdb_type(name: str, kind: "DuckDBPyType") -> Field:
    """Return the field of a result column."""
    text = str(kind).lower().strip('"')
    if text in DUCKDB_TYPES:
        return Field(name, DUCKDB_TYPES[text])
    if kind.id == "list":
        inner = from_duckdb_type(name, _children(kind)[0][1])
        if inner.repeated:
            raise Unsupported("ARRAY of ARRAY as a result", "BigQuery has no such type")
        return replace(inner, mode="REPEATED")
    if kind.id in ("struct", "tuple"):
        parts = tuple(
            from_duckdb_type(part or f"_field_{index + 1}", inner)
            for index, (part, inner) in enumerate(_children(kind))
        )
        return Field(name, "RECORD", fields=parts)
    if kind.id == "decimal":
        return Field(name, "NUMERIC")
    raise Unsupported(f"A result of type {kind}", "it has no counterpart in BigQuery")


def _children(kind: "DuckDBPyType") -> list[tuple[str, "DuckDBPyType"]]:
    return kind.children  # type: ignore[return-value] # so it is for LIST and STRUCT
