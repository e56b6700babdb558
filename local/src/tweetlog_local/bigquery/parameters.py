"""Query parameters, read from their JSON form into literals of DuckDB."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlglot
from sqlglot import exp

from tweetlog_local.bigquery.errors import Invalid
from tweetlog_local.bigquery.schema import Field, literal, quoted, type_name
from tweetlog_local.bigquery.translate import Parameters


def parameters_of(given: Sequence[Mapping[str, Any]]) -> Parameters:
    """Return the values of all parameters."""
    named = {item["name"].lower(): _expression(item) for item in given if item.get("name")}
    positional = [_expression(item) for item in given if not item.get("name")]
    return Parameters(named, positional)


def _expression(item: Mapping[str, Any]) -> exp.Expr:
    declared = field_of(item.get("parameterType") or {})
    value = item.get("parameterValue") or {}
    if declared.type == "STRING" and not declared.repeated and value.get("value") is not None:
        return exp.Literal.string(str(value["value"]))
    text = value_sql(declared, value)
    return sqlglot.parse_one(f"CAST({text} AS {declared.duckdb_type()})", dialect="duckdb")


def field_of(declared: Mapping[str, Any], name: str = "parameter") -> Field:
    """Return the field of a `QueryParameterType`."""
    kind = str(declared.get("type", "")).upper()
    if kind == "ARRAY":
        inner = field_of(declared["arrayType"], name)
        return Field(name, inner.type, "REPEATED", inner.fields)
    if kind == "STRUCT":
        parts = tuple(
            field_of(part["type"], part.get("name") or f"_field_{index + 1}")
            for index, part in enumerate(declared.get("structTypes") or ())
        )
        return Field(name, "RECORD", fields=parts)
    return Field(name, type_name(kind))


def value_sql(declared: Field, value: Mapping[str, Any]) -> str:
    """Return a `QueryParameterValue` in DuckDB's SQL."""
    if declared.repeated:
        items = value.get("arrayValues") or ()
        return f"[{', '.join(value_sql(declared.element(), item) for item in items)}]"
    if declared.type == "RECORD":
        given = value.get("structValues") or {}
        parts = (
            f"{quoted(part.name)} := {value_sql(part, given.get(part.name) or {})}"
            for part in declared.fields
        )
        return f"struct_pack({', '.join(parts)})"
    if value.get("value") is None:
        return "NULL"
    return _scalar(declared, str(value["value"]))


def _scalar(declared: Field, text: str) -> str:
    if declared.type == "BYTES":
        return f"from_base64({literal(text)})"
    if "\0" in text:
        raise Invalid(
            "A query parameter with the character U+0000 is not supported by the embedded BigQuery."
        )
    return f"CAST({literal(text)} AS {declared.duckdb_type()})"
