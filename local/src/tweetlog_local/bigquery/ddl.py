"""CREATE, ALTER and DROP."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb
from sqlglot import exp

from tweetlog_local.bigquery import dialect
from tweetlog_local.bigquery.catalog import Relation
from tweetlog_local.bigquery.definitions import (
    column_field,
    column_options,
    dataset_resource,
    option_resource,
    options,
    primary_key,
    table_resource,
    view_resource,
)
from tweetlog_local.bigquery.dml import execute, insert_query
from tweetlog_local.bigquery.errors import AlreadyExists, InvalidQuery, NotFound, Unsupported
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.schema import Field
from tweetlog_local.bigquery.session import Outcome, Session, select
from tweetlog_local.bigquery.translate import duckdb_sql, translate

ASIDE = "read_aside"


def create(statement: exp.Expr, session: Session) -> Outcome:
    """Run CREATE SCHEMA, CREATE VIEW or CREATE TABLE."""
    kind = str(statement.args["kind"]).upper()
    properties = statement.args.get("properties")
    for refused in (exp.TemporaryProperty, exp.MaterializedProperty, exp.LikeProperty):
        if properties is not None and properties.find(refused):
            what = refused.__name__.removesuffix("Property").upper()
            raise Unsupported(f"CREATE {kind} with {what}", "it has not been translated")
    if statement.args.get("clone"):
        raise Unsupported("CREATE TABLE ... CLONE or COPY", "use CREATE TABLE ... AS SELECT")
    if kind not in CREATORS:
        raise Unsupported(f"CREATE {kind}", "only tables, views and schemas are")
    return CREATORS[kind](statement, session)


def _create_schema(statement: exp.Expr, session: Session) -> Outcome:
    name = schema_name(statement.this, session)
    try:
        session.warehouse.create_dataset(name, dataset_resource(statement))
    except AlreadyExists:
        if not statement.args.get("exists"):
            raise
        return Outcome("CREATE_SCHEMA", operation="SKIP")
    return Outcome("CREATE_SCHEMA", operation="CREATE")


def schema_name(table: exp.Expr, session: Session) -> str:
    """Return the dataset that a schema's name means."""
    parts = [table.args.get("catalog"), table.args.get("db")]
    words = [word for part in parts if part for word in part.name.split(".")]
    if len(words) > 1 and words[0] != session.warehouse.project:
        raise NotFound(f"Not found: Project {words[0]}")
    return str(words[-1])


def _target(statement: exp.Expr, session: Session) -> TableName:
    target = statement.this
    return session.name(target.this if isinstance(target, exp.Schema) else target)


def _define(
    statement: exp.Expr, session: Session, resource: Mapping[str, Any]
) -> tuple[Relation | None, str]:
    """Create what `statement` defines; None when IF NOT EXISTS found it there."""
    name, warehouse = _target(statement, session), session.warehouse
    known = warehouse.catalog.find(name)
    if known is not None and statement.args.get("exists"):
        return None, "SKIP"
    if known is not None and statement.args.get("replace"):
        warehouse.drop_relation(name)
        return warehouse.create_relation(name, resource), "REPLACE"
    return warehouse.create_relation(name, resource), "CREATE"


def _create_view(statement: exp.Expr, session: Session) -> Outcome:
    name, query = _target(statement, session), _columns_named(statement)
    described = select(query, session, dry=True)
    fields = _documented(described.fields, statement.this)
    if any(table.name == name.table and table.db == name.dataset for table in _tables(query)):
        raise InvalidQuery(f"View {name} refers to itself")
    qualified = _qualified(query, session)
    resource = view_resource(statement, dialect.text(qualified), fields)
    with session.warehouse.transaction():
        _, operation = _define(statement, session, resource)
    return Outcome("CREATE_VIEW", target=name, operation=operation)


def _columns_named(statement: exp.Expr) -> exp.Expr:
    """Return the query of CREATE VIEW v (a, b) AS ... with its columns called a and b."""
    target = statement.this
    query: exp.Expr = statement.expression.copy()
    if not isinstance(target, exp.Schema):
        return query
    first = query
    while isinstance(first, exp.SetOperation):
        first = first.this
    outputs = first.expressions
    if len(outputs) != len(target.expressions) or any(item.is_star for item in outputs):
        raise InvalidQuery(
            f"View {statement.this.this.name} names {len(target.expressions)} columns, which its "
            "query does not list one by one"
        )
    renamed = [
        exp.alias_(item.unalias(), column.name, quoted=True)
        for item, column in zip(outputs, target.expressions, strict=True)
    ]
    first.set("expressions", renamed)
    return query


def _documented(fields: Sequence[Field], target: exp.Expr) -> tuple[Field, ...]:
    """Return the columns of a view with the descriptions of CREATE VIEW v (a OPTIONS (...))."""
    columns = target.expressions if isinstance(target, exp.Schema) else [None] * len(fields)
    return tuple(
        replace(item, extras={**item.extras, **column_options(column)})
        for item, column in zip(fields, columns, strict=True)
    )


def _tables(query: exp.Expr) -> Sequence[exp.Table]:
    return list(query.find_all(exp.Table))


def _qualified(query: exp.Expr, session: Session) -> exp.Expr:
    """Return the query with its default dataset written out, for later and elsewhere."""
    copy: exp.Expr = query.copy()
    if session.dataset is None:
        return copy
    named = {cte.alias.lower() for cte in copy.find_all(exp.CTE)}
    for table in copy.find_all(exp.Table):
        if not table.db and table.name.lower() not in named:
            table.set("db", exp.to_identifier(session.dataset))
    return copy


def _create_table(statement: exp.Expr, session: Session) -> Outcome:
    name, query = _target(statement, session), statement.expression
    described = select(query, session, dry=True) if query else Outcome("")
    resource = table_resource(statement, described.fields)
    with session.warehouse.transaction() as connection:
        if query:
            _read_aside(connection, translate(query, session, session.parameters))
        made, operation = _define(statement, session, resource)
        if made is not None and query:
            insert_query(connection, made, made.fields, exp.select("*").from_(ASIDE))
    kind = "CREATE_TABLE_AS_SELECT" if query else "CREATE_TABLE"
    return Outcome(kind, target=name, operation=operation)


def _read_aside(connection: duckdb.DuckDBPyConnection, query: exp.Expr) -> None:
    """Keep what a query returns, for it may read the very table that is about to be replaced."""
    execute(connection, f"CREATE OR REPLACE TEMP TABLE {ASIDE} AS {duckdb_sql(query)}")


CREATORS = {"SCHEMA": _create_schema, "VIEW": _create_view, "TABLE": _create_table}


def drop(statement: exp.Expr, session: Session) -> Outcome:
    """Run DROP."""
    kind = str(statement.args["kind"]).upper()
    if kind not in ("SCHEMA", "TABLE", "VIEW"):
        raise Unsupported(f"DROP {kind}", "only tables, views and schemas are")
    try:
        _drop(kind, statement, session)
    except NotFound:
        if not statement.args.get("exists"):
            raise
        return Outcome(f"DROP_{kind}", operation="SKIP")
    return Outcome(f"DROP_{kind}", operation="DROP")


def _drop(kind: str, statement: exp.Expr, session: Session) -> None:
    target, warehouse = statement.args["tables"][0], session.warehouse
    if kind == "SCHEMA":
        contents = bool(statement.args.get("cascade"))
        warehouse.drop_dataset(schema_name(target, session), contents=contents)
        return
    relation = warehouse.catalog.relation(session.name(target))
    if relation.kind != kind:
        raise InvalidQuery(f"{relation.name} is not a {kind}: it is a {relation.kind}")
    warehouse.drop_relation(relation.name)


# ALTER


def alter(statement: exp.Expr, session: Session) -> Outcome:
    """Run ALTER TABLE or ALTER VIEW: all of its actions, or none."""
    kind = str(statement.args["kind"]).upper()
    name = session.name(statement.this)
    try:
        with session.warehouse.transaction():
            for action in statement.args["actions"]:
                _alter(session.warehouse.catalog.relation(name), action, session)
    except NotFound:
        if not statement.args.get("exists"):
            raise
        return Outcome(f"ALTER_{kind}", operation="SKIP")
    return Outcome(f"ALTER_{kind}", target=name, operation="ALTER")


def _alter(relation: Relation, action: exp.Expr, session: Session) -> None:
    if isinstance(action, exp.ColumnDef):
        change = _added(relation, action)
    elif isinstance(action, exp.AlterSet):
        change = option_resource(options(action.expressions[0]))
    elif isinstance(action, exp.AddConstraint):
        change = {"tableConstraints": {"primaryKey": {"columns": primary_key(action.expressions)}}}
    elif isinstance(action, exp.AlterColumn) and action.args.get("allow_null"):
        change = _relaxed(relation, action.name)
    else:
        raise Unsupported(f"ALTER ... {action.sql('bigquery')[:60]}", "it has not been translated")
    if change:
        session.warehouse.change_relation(relation.name, change)


def _added(relation: Relation, action: exp.ColumnDef) -> dict[str, Any]:
    known = any(item.name.lower() == action.name.lower() for item in relation.fields)
    if known and action.args.get("exists"):
        return {}
    if known:
        raise InvalidQuery(f"Column already exists: {action.name}")
    fields = [*relation.fields, column_field(action)]
    return {"schema": {"fields": [item.resource() for item in fields]}}


def _relaxed(relation: Relation, column: str) -> dict[str, Any]:
    if not any(item.name.lower() == column.lower() for item in relation.fields):
        raise InvalidQuery(f"Column not found: {column}")
    fields = [
        replace(item, mode="NULLABLE") if item.name.lower() == column.lower() else item
        for item in relation.fields
    ]
    return {"schema": {"fields": [item.resource() for item in fields]}}
