"""What a script does: each statement in turn, on the warehouse.

Queries are translated and run; what creates, alters or drops changes the catalog as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa
from sqlglot import exp

from tweetlog_local.bigquery import dialect
from tweetlog_local.bigquery.definitions import dataset_resource, table_resource, view_resource
from tweetlog_local.bigquery.errors import AlreadyExists, InvalidQuery, NotFound, Unsupported
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.schema import Field, from_duckdb_type, quoted
from tweetlog_local.bigquery.translate import Parameters, translate
from tweetlog_local.bigquery.warehouse import DATABASE, Relation, Warehouse

EMPTY = pa.table({})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one statement did."""

    kind: str
    fields: tuple[Field, ...] = ()
    rows: pa.Table = field(default_factory=lambda: EMPTY)
    affected: int | None = None
    target: TableName | None = None
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What a statement runs with."""

    warehouse: Warehouse
    dataset: str | None = None
    project: str | None = None
    parameters: Parameters = field(default_factory=Parameters)

    def name(self, table: exp.Table) -> TableName:
        """Return the full name of a table."""
        dataset, project = table.db or self.dataset, table.catalog or self.warehouse.project
        if not dataset:
            raise InvalidQuery(
                f'Table "{table.name}" must be qualified with a dataset (e.g. dataset.table).'
            )
        return TableName(project, dataset, table.name)

    def source(self, name: TableName) -> exp.Query | exp.Table:
        """Return DuckDB's table, or the translated query of a view."""
        relation = self.warehouse.relation(name)
        if relation.view is None:
            return duckdb_table(relation)
        inner = Session(self.warehouse)
        tree = dialect.parse(relation.view)[0]
        translated = translate(tree, inner, Parameters())
        if not isinstance(translated, exp.Query):
            raise InvalidQuery(f"View {name} is not a query")
        return translated

    def fields(self, name: TableName) -> Sequence[Field]:
        """Return the columns of a table or a view."""
        return self.warehouse.relation(name).fields


def duckdb_table(relation: Relation) -> exp.Table:
    """Return the table as DuckDB names it."""
    return exp.table_(
        exp.to_identifier(relation.name.table, quoted=True),
        db=exp.to_identifier(relation.name.dataset, quoted=True),
        catalog=DATABASE,
    )


def run(statement: exp.Expr, session: Session, *, dry: bool = False) -> Outcome:
    """Run one statement, or find out what it would return."""
    if isinstance(statement, exp.Query):
        return _select(statement, session, dry=dry)
    for kind, runner in RUNNERS.items():
        if isinstance(statement, kind):
            return Outcome("DDL") if dry else runner(statement, session)
    raise Unsupported(
        f"Statement {statement.sql('bigquery')[:60]}", "only queries, DDL and DML are"
    )


def duckdb_sql(tree: exp.Expr) -> str:
    """Return the text that DuckDB reads."""
    return tree.sql(dialect="duckdb", identify=True)


def _select(statement: exp.Expr, session: Session, *, dry: bool) -> Outcome:
    sql = duckdb_sql(translate(statement, session, session.parameters))
    connection = session.warehouse.cursor()
    try:
        found = connection.sql(sql)
        fields = tuple(map(from_duckdb_type, found.columns, found.types))
        rows = EMPTY if dry else found.to_arrow_table()
    except duckdb.Error as error:
        raise InvalidQuery(f"{error}") from None
    finally:
        connection.close()
    return Outcome("SELECT", fields, rows)


def _create(statement: exp.Expr, session: Session) -> Outcome:
    kind = str(statement.args["kind"]).upper()
    if kind == "SCHEMA":
        return _create_schema(statement, session)
    if kind == "VIEW":
        return _create_view(statement, session)
    if kind == "TABLE":
        return _create_table(statement, session)
    raise Unsupported(f"CREATE {kind}", "only tables, views and schemas are")


def _create_schema(statement: exp.Expr, session: Session) -> Outcome:
    project, name = schema_name(statement.this, session)
    try:
        session.warehouse.create_dataset(name, dataset_resource(statement))
    except AlreadyExists:
        if not statement.args.get("exists"):
            raise
    return Outcome("CREATE_SCHEMA")


def schema_name(table: exp.Expr, session: Session) -> tuple[str, str]:
    """Return project and dataset of a schema's name."""
    parts = [table.args.get("catalog"), table.args.get("db")]
    words = [word for part in parts if part for word in part.name.split(".")]
    return (words[0] if len(words) > 1 else session.warehouse.project), words[-1]


def _target(statement: exp.Expr, session: Session) -> TableName:
    target = statement.this
    return session.name(target.this if isinstance(target, exp.Schema) else target)


def _define(
    statement: exp.Expr, session: Session, resource: Mapping[str, Any], operation: str
) -> tuple[Relation | None, str]:
    """Create what `statement` defines; None when IF NOT EXISTS found it there."""
    name, warehouse = _target(statement, session), session.warehouse
    known = warehouse.find(name)
    if known is not None and statement.args.get("exists"):
        return None, "SKIP"
    if known is not None and statement.args.get("replace"):
        warehouse.drop_relation(name)
        return warehouse.create_relation(name, resource), "REPLACE"
    return warehouse.create_relation(name, resource), operation


def _create_view(statement: exp.Expr, session: Session) -> Outcome:
    query = statement.expression
    described = _select(query.copy(), session, dry=True)
    resource = view_resource(statement, dialect.text(query), described.fields)
    with session.warehouse.transaction():
        _, operation = _define(statement, session, resource, "CREATE")
    return Outcome("CREATE_VIEW", target=_target(statement, session), operation=operation)


def _create_table(statement: exp.Expr, session: Session) -> Outcome:
    query = statement.expression
    described = _select(query.copy(), session, dry=True) if query else Outcome("")
    resource = table_resource(statement, described.fields)
    with session.warehouse.transaction() as connection:
        made, operation = _define(statement, session, resource, "CREATE")
        if made is not None and query:
            sql = duckdb_sql(translate(query, session, session.parameters))
            _execute(connection, f"INSERT INTO {made.sql} {sql}")
    kind = "CREATE_TABLE_AS_SELECT" if query else "CREATE_TABLE"
    return Outcome(kind, target=_target(statement, session), operation=operation)


def _execute(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """Return how many rows a statement changed."""
    try:
        row = connection.execute(sql).fetchone()
    except duckdb.Error as error:
        raise InvalidQuery(f"{error}") from None
    return int(row[0]) if row else 0


def _drop(statement: exp.Expr, session: Session) -> Outcome:
    kind, target = str(statement.args["kind"]).upper(), statement.args["tables"][0]
    try:
        if kind == "SCHEMA":
            _, name = schema_name(target, session)
            session.warehouse.drop_dataset(name, contents=bool(statement.args.get("cascade")))
        else:
            session.warehouse.drop_relation(session.name(target))
    except NotFound:
        if not statement.args.get("exists"):
            raise
        return Outcome(f"DROP_{kind}", operation="SKIP")
    return Outcome(f"DROP_{kind}", operation="DROP")


def _insert(statement: exp.Expr, session: Session) -> Outcome:
    target = statement.this
    relation = session.warehouse.relation(_target(statement, session))
    columns = target.expressions if isinstance(target, exp.Schema) else []
    names = [column.name for column in columns] or [item.name for item in relation.fields]
    source = statement.expression
    tree = duckdb_sql(translate(source, session, session.parameters))
    listed = ", ".join(map(quoted, names))
    with session.warehouse.transaction() as connection:
        affected = _execute(connection, f"INSERT INTO {relation.sql} ({listed}) {tree}")
    return Outcome("INSERT", affected=affected, target=relation.name)


RUNNERS: Mapping[type[exp.Expr], Callable[[exp.Expr, Session], Outcome]] = {
    exp.Create: _create,
    exp.Drop: _drop,
    exp.Insert: _insert,
}


def script(sql: str) -> Sequence[exp.Expr]:
    """Return the statements of a script, in order."""
    statements = dialect.parse(sql)
    if not statements:
        raise InvalidQuery("Syntax error: Unexpected end of script")
    return statements
