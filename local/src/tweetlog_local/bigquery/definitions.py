"""CREATE and ALTER statements, read into the resources that the REST API would show for them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from tweetlog_local.bigquery import dialect
from tweetlog_local.bigquery.errors import InvalidQuery, Unsupported
from tweetlog_local.bigquery.schema import Field, from_sql_type

DAY_MS = 86_400_000
INTERVAL_PARTS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")


def table_resource(statement: exp.Expr, described: Sequence[Field]) -> dict[str, Any]:
    """Return the resource of the table that CREATE TABLE defines.

    `described` are the columns of its query, for CREATE TABLE AS SELECT without a column list.
    """
    target = statement.this
    elements = target.expressions if isinstance(target, exp.Schema) else []
    columns = [element for element in elements if isinstance(element, exp.ColumnDef)]
    fields = [column_field(column) for column in columns] or list(described)
    resource: dict[str, Any] = {"schema": {"fields": [item.resource() for item in fields]}}
    key = primary_key(elements)
    if key:
        resource["tableConstraints"] = {"primaryKey": {"columns": key}}
    return resource | _properties(statement)


def view_resource(statement: exp.Expr, query: str, described: Sequence[Field]) -> dict[str, Any]:
    """Return the resource of the view that CREATE VIEW defines."""
    return {
        "schema": {"fields": [item.resource() for item in described]},
        "view": {"query": query, "useLegacySql": False},
    } | _properties(statement)


def dataset_resource(statement: exp.Expr) -> dict[str, Any]:
    """Return the resource of the dataset that CREATE SCHEMA defines."""
    return _properties(statement)


def column_field(column: exp.Expr) -> Field:
    """Return the field of a column's definition."""
    item = from_sql_type(column.name, column.args["kind"])
    extras: dict[str, Any] = {}
    for constraint in column.args.get("constraints") or ():
        kind = constraint.args["kind"]
        if isinstance(kind, exp.NotNullColumnConstraint):
            item = replace(item, mode=item.mode if item.repeated else "REQUIRED")
        elif isinstance(kind, exp.Properties):
            extras |= {key: value for key, value in options(kind).items() if key == "description"}
        elif isinstance(kind, exp.DefaultColumnConstraint):
            extras["defaultValueExpression"] = dialect.text(kind.this)
        elif not isinstance(kind, exp.PrimaryKeyColumnConstraint):
            raise Unsupported(f"Column constraint {kind.sql('bigquery')}", "it is not known")
    return replace(item, extras=extras)


def column_options(column: exp.Expr | None) -> dict[str, Any]:
    """Return what the OPTIONS of a view's column set: its description."""
    extras: dict[str, Any] = {}
    for constraint in column.args.get("constraints") or () if column is not None else ():
        kind = constraint.args["kind"]
        given = options(kind) if isinstance(kind, exp.Properties) else {}
        if set(given) != {"description"}:
            raise Unsupported(f"{kind.sql('bigquery')} of a view's column", "only descriptions are")
        extras |= given
    return extras


def primary_key(elements: Sequence[exp.Expr]) -> list[str]:
    """Return the columns of PRIMARY KEY, wherever it is written."""
    for element in elements:
        if isinstance(element, exp.PrimaryKey):
            return [column.name for column in element.expressions]
        if element.find(exp.PrimaryKeyColumnConstraint):
            return [element.name]
    return []


def options(properties: exp.Expr) -> dict[str, Any]:
    """Return OPTIONS(...) as names and plain values."""
    return {
        item.name.lower(): plain(item.args["value"])
        for item in properties.expressions
        if type(item) is exp.Property
    }


def plain(value: exp.Expr) -> Any:
    """Return the value of an option."""
    if isinstance(value, exp.Interval):
        return interval_text(value)
    if isinstance(value, exp.Array):
        return [plain(item) for item in value.expressions]
    if isinstance(value, exp.Tuple):
        return tuple(plain(item) for item in value.expressions)
    if isinstance(value, exp.Boolean):
        return bool(value.this)
    if isinstance(value, exp.Null):
        return None
    if isinstance(value, exp.Literal):
        return value.name if value.is_string else float(value.name)
    raise InvalidQuery(f"Option value {value.sql('bigquery')} is not a constant")


def interval_text(value: exp.Expr) -> str:
    """Return an INTERVAL as the API writes it: `0-0 0 1:0:0`."""
    amounts = dict.fromkeys(INTERVAL_PARTS, 0)
    amounts[value.args["unit"].name.upper()] = int(value.name)
    minutes, seconds = divmod(amounts["SECOND"], 60)
    hours, minutes = divmod(amounts["MINUTE"] + minutes, 60)
    return (
        f"{amounts['YEAR']}-{amounts['MONTH']} {amounts['DAY']} "
        f"{amounts['HOUR'] + hours}:{minutes}:{seconds}"
    )


def _properties(statement: exp.Expr) -> dict[str, Any]:
    properties = statement.args.get("properties")
    if properties is None:
        return {}
    resource: dict[str, Any] = option_resource(options(properties))
    for item in properties.expressions:
        if isinstance(item, exp.PartitionedByProperty):
            resource |= partitioning(item.this)
        elif isinstance(item, exp.ClusterProperty):
            resource["clustering"] = {"fields": [column.name for column in item.expressions]}
        elif isinstance(item, exp.LocationProperty):
            resource["location"] = item.this.name
    return resource


def option_resource(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a resource that OPTIONS sets."""
    resource: dict[str, Any] = {}
    for name, value in given.items():
        if name == "labels":
            resource["labels"] = dict(value or ())
        elif name in RESOURCE_NAMES:
            resource[RESOURCE_NAMES[name]] = value
    return resource


RESOURCE_NAMES = {
    "description": "description",
    "friendly_name": "friendlyName",
    "max_staleness": "maxStaleness",
    "location": "location",
    "require_partition_filter": "requirePartitionFilter",
}


def partitioning(expression: exp.Expr) -> dict[str, Any]:
    """Return the partitioning that PARTITION BY asks for."""
    if not expression.expressions:
        return {"timePartitioning": {"type": "DAY", "field": expression.name}}
    name = expression.name.upper()
    if name == "RANGE_BUCKET":
        column, generated = expression.expressions
        start, end, interval = (item.name for item in generated.expressions)
        return {
            "rangePartitioning": {
                "field": column.name,
                "range": {"start": start, "end": end, "interval": interval},
            }
        }
    column, *unit = expression.expressions
    kind = unit[0].name.upper() if unit else "DAY"
    return {"timePartitioning": {"type": kind, "field": column.name}}
