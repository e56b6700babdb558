"""INSERT, UPDATE, DELETE, MERGE and TRUNCATE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import duckdb
from sqlglot import exp

from tweetlog_local.bigquery import dialect
from tweetlog_local.bigquery.catalog import Relation
from tweetlog_local.bigquery.errors import InvalidQuery, Unsupported
from tweetlog_local.bigquery.messages import refusal
from tweetlog_local.bigquery.schema import Field, from_duckdb_type, quoted
from tweetlog_local.bigquery.session import Outcome, Session
from tweetlog_local.bigquery.translate import duckdb_sql, renamed_parts, translate

SOURCE = "%source"


def execute(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """Run a statement; return how many rows it changed."""
    try:
        rows = connection.execute(sql).fetchall()
    except duckdb.Error as error:
        raise refusal(error) from None
    return int(rows[0][0]) if rows else 0


def _relation(target: exp.Expr, session: Session) -> Relation:
    table = target.this if isinstance(target, exp.Schema) else target
    if not isinstance(table, exp.Table):
        raise InvalidQuery(f"Expected a table but found {table.sql('bigquery')[:60]}")
    relation = session.warehouse.catalog.relation(session.name(table))
    if relation.view is not None:
        raise InvalidQuery(f"{relation.name} is a view; rows are changed in tables")
    return relation


def _expression(tree: exp.Expr, session: Session) -> exp.Expr:
    return translate(tree, session, session.parameters)


def _clauses(query: exp.Select, session: Session) -> exp.Expr:
    return translate(query, session, session.parameters, for_parts=True)


# INSERT


def insert(statement: exp.Expr, session: Session) -> Outcome:
    """Run INSERT."""
    relation = _relation(statement.this, session)
    columns = _columns(statement.this, relation)
    source = _defaults_filled(statement.expression, columns)
    _check_widths(source, columns)
    query = _expression(source, session)
    defaults = _left_to_defaults(relation, columns, session)
    with session.warehouse.transaction() as connection:
        affected = insert_query(connection, relation, columns, query, defaults)
    return Outcome("INSERT", affected=affected, target=relation.name)


def _columns(target: exp.Expr, relation: Relation) -> list[Field]:
    if not isinstance(target, exp.Schema):
        return list(relation.fields)
    known = {item.name.lower(): item for item in relation.fields}
    found = []
    for column in target.expressions:
        if column.name.lower() not in known:
            raise InvalidQuery(f"Column {column.name} is not present in table {relation.name}")
        found.append(known[column.name.lower()])
    return found


def _defaults_filled(source: exp.Expr, columns: Sequence[Field]) -> exp.Expr:
    """Put each column's default where the statement says DEFAULT."""
    copy = source.copy()
    for row in copy.expressions if isinstance(copy, exp.Values) else ():
        for item, column in zip(list(row.expressions), columns, strict=False):
            if isinstance(item, exp.Var) and item.name.upper() == "DEFAULT":
                item.replace(default_expression(column))
    return copy


def default_expression(column: Field) -> exp.Expr:
    """Return the default of a column, in BigQuery's SQL."""
    given = column.extras.get("defaultValueExpression")
    if given is None:
        return exp.null()
    value: exp.Expr = dialect.parse(f"SELECT {given}")[0].expressions[0]
    return value


def _check_widths(source: exp.Expr, columns: Sequence[Field]) -> None:
    for row in source.expressions if isinstance(source, exp.Values) else ():
        _check_width(len(row.expressions), len(columns))


def _check_width(has: int, expected: int) -> None:
    if has != expected:
        raise InvalidQuery(f"Inserted row has wrong column count; Has {has}, expected {expected}")


def _left_to_defaults(
    relation: Relation, columns: Sequence[Field], session: Session
) -> dict[str, str]:
    """Return the defaults, in DuckDB's SQL, of columns that a statement does not name."""
    named = {item.name for item in columns}
    return {
        item.name: duckdb_sql(_scalar(default_expression(item), session))
        for item in relation.fields
        if item.name not in named and "defaultValueExpression" in item.extras
    }


def insert_query(
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    columns: Sequence[Field],
    query: exp.Expr,
    defaults: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Insert what a query of DuckDB returns; a NULL array becomes an empty one."""
    if isinstance(query, exp.Values):
        query = _renamed_rows(query, columns)
    source = duckdb_sql(query)
    names = ", ".join(quoted(item.name) for item in columns)
    _check_structs(connection, source, columns)
    values = [
        f"coalesce({quoted(item.name)}, [])" if item.repeated else quoted(item.name)
        for item in columns
    ]
    written = ", ".join([names, *map(quoted, defaults)])
    listed = ", ".join([*values, *defaults.values()])
    return execute(
        connection,
        f"INSERT INTO {relation.sql} ({written}) SELECT {listed} "
        f"FROM ({source}) AS {quoted(SOURCE)}({names})",
    )


def _renamed_rows(values: exp.Values, columns: Sequence[Field]) -> exp.Values:
    rows = []
    for row in values.expressions:
        pairs = zip(row.expressions, columns, strict=True)
        rows.append(exp.Tuple(expressions=[_value_for(value, item) for value, item in pairs]))
    return exp.Values(expressions=rows)


def _value_for(value: exp.Expr, item: Field) -> exp.Expr:
    """Return a value as the column's type, so that rows of VALUES agree."""
    kind = exp.DataType.build(item.duckdb_type(), dialect="duckdb")
    return exp.cast(renamed_parts(value, item), kind)


def _check_structs(
    connection: duckdb.DuckDBPyConnection, source: str, columns: Sequence[Field]
) -> None:
    """Refuse STRUCTs whose parts are named otherwise: DuckDB matches names, BigQuery positions."""
    try:
        found = connection.sql(source)
    except duckdb.Error as error:
        raise refusal(error) from None
    _check_width(len(found.columns), len(columns))
    for item, kind in zip(columns, found.types, strict=True):
        if item.type == "RECORD" and str(kind) != '"NULL"':
            _check_parts(item, from_duckdb_type(item.name, kind))


def _check_parts(column: Field, given: Field) -> None:
    pairs = list(zip(column.fields, given.fields, strict=False))
    unnamed = all(part.name.startswith("_field_") for part in given.fields)
    same = all(part.name.lower() == other.name.lower() for part, other in pairs)
    if len(column.fields) != len(given.fields) or not (unnamed or same):
        raise Unsupported(
            f"A STRUCT for column {column.name} with other names than the column's",
            "name its parts as the column does",
        )
    for part, other in pairs:
        _check_parts(part, other)


# UPDATE and DELETE


def update(statement: exp.Expr, session: Session) -> Outcome:
    """Run UPDATE."""
    relation = _changeable(statement.this, session, "UPDATE")
    where = statement.args.get("where")
    if where is None:
        raise InvalidQuery("UPDATE must have a WHERE clause")
    alias = statement.this.alias or relation.name.table
    assignments = _assignments(statement.expressions, relation, alias, session)
    scope = _scope(relation, alias, statement.args.get("from_"), where, session)
    with session.warehouse.transaction() as connection:
        if scope.sources:
            _check_single_match(connection, scope)
        sources = f" FROM {scope.sources}" if scope.sources else ""
        affected = execute(
            connection,
            f"UPDATE {relation.sql} AS {quoted(alias)} SET {assignments}{sources} "
            f"WHERE {scope.condition}",
        )
    return Outcome("UPDATE", affected=affected, target=relation.name)


@dataclass(frozen=True, slots=True)
class Scope:
    """What an UPDATE ranges over, in DuckDB's SQL."""

    target: str
    alias: str
    sources: str
    condition: str


def _scope(
    relation: Relation,
    alias: str,
    from_: exp.Expr | None,
    where: exp.Expr,
    session: Session,
) -> Scope:
    """Translate FROM and WHERE together, in a query of their own, so that names resolve."""
    query = exp.Select(
        expressions=[exp.alias_(exp.Literal.number(1), "one")],
        from_=from_.copy() if from_ else None,
        joins=None,
        where=where.copy(),
    )
    translated = _clauses(query, session)
    sources = translated.args.get("from_")
    joins = translated.args.get("joins") or ()
    listed = duckdb_sql(sources.this) if sources else ""
    listed += "".join(f" {duckdb_sql(join)}" for join in joins)
    return Scope(relation.sql, alias, listed, duckdb_sql(translated.args["where"].this))


def _check_single_match(connection: duckdb.DuckDBPyConnection, scope: Scope) -> None:
    matches = (
        f"SELECT 1 FROM {scope.target} AS {quoted(scope.alias)}, {scope.sources} "
        f"WHERE {scope.condition} GROUP BY {quoted(scope.alias)}.rowid HAVING count(*) > 1 LIMIT 1"
    )
    try:
        twice = connection.execute(matches).fetchall()
    except duckdb.Error as error:
        raise refusal(error) from None
    if twice:
        raise InvalidQuery("UPDATE/MERGE must match at most one source row for each target row")


def _assignments(
    items: Sequence[exp.Expr], relation: Relation, alias: str, session: Session
) -> str:
    known = {item.name.lower(): item for item in relation.fields}
    done = []
    for item in items:
        path = _path(item.this, alias)
        if path[0].lower() not in known:
            raise InvalidQuery(f"Unrecognized name: {path[0]}")
        column = known[path[0].lower()]
        value = item.expression
        if isinstance(value, exp.Var) and value.name.upper() == "DEFAULT":
            value = default_expression(column)
        done.append(f"{quoted(column.name)} = {_assigned(column, path, value, session)}")
    return ", ".join(done)


def _path(target: exp.Expr, alias: str) -> list[str]:
    if isinstance(target, exp.Column):
        path = [part.name for part in target.parts]
    else:
        path = [part.name for part in target.find_all(exp.Identifier, bfs=False)]
    return path[1:] if len(path) > 1 and path[0].lower() == alias.lower() else path


def _assigned(column: Field, path: Sequence[str], value: exp.Expr, session: Session) -> str:
    translated = _scalar(value, session)
    if len(path) == 1:
        sql = duckdb_sql(renamed_parts(translated, column))
        return f"coalesce({sql}, [])" if column.repeated else sql
    return _updated(quoted(column.name), path[1:], duckdb_sql(translated))


def _updated(holder: str, path: Sequence[str], value: str) -> str:
    """Return `holder` with the part at `path` replaced."""
    first, *rest = path
    part = f"{holder}.{quoted(first)}"
    inner = _updated(part, rest, value) if rest else value
    return f"struct_update({holder}, {quoted(first)} := {inner})"


def _scalar(value: exp.Expr, session: Session) -> exp.Expr:
    query = exp.Select(expressions=[exp.alias_(value.copy(), "one")])
    translated: exp.Expr = _clauses(query, session).expressions[0].this
    return translated


def delete(statement: exp.Expr, session: Session) -> Outcome:
    """Run DELETE."""
    tables = statement.args.get("tables")
    target = tables[0] if tables else statement.this
    relation = _changeable(target, session, "DELETE")
    where = statement.args.get("where")
    if where is None:
        raise InvalidQuery("DELETE must have a WHERE clause")
    alias = target.alias or relation.name.table
    scope = _scope(relation, alias, None, where, session)
    with session.warehouse.transaction() as connection:
        affected = execute(
            connection,
            f"DELETE FROM {relation.sql} AS {quoted(alias)} WHERE {scope.condition}",
        )
    return Outcome("DELETE", affected=affected, target=relation.name)


def truncate(statement: exp.Expr, session: Session) -> Outcome:
    """Run TRUNCATE TABLE; what change data capture remembers of the table goes as well."""
    relation = _relation(statement.expressions[0], session)
    with session.warehouse.transaction() as connection:
        affected = execute(connection, f"DELETE FROM {relation.sql}")
        if relation.key:
            execute(connection, f"DELETE FROM {relation.changes}")
    return Outcome("TRUNCATE_TABLE", affected=affected, target=relation.name)


def _changeable(target: exp.Expr, session: Session, verb: str) -> Relation:
    """Return a table whose rows may be changed: none that is being streamed to."""
    relation = _relation(target, session)
    why = ""
    if relation.key and session.warehouse.captures_changes(relation):
        why = ": the table receives upserts by change data capture"
    if why or session.warehouse.buffer.holds(relation.name):
        raise InvalidQuery(
            f"{verb} statement over table {relation.name} would affect rows in the streaming "
            f"buffer, which is not supported{why}"
        )
    return relation


# MERGE


def merge(statement: exp.Expr, session: Session) -> Outcome:
    """Run MERGE."""
    relation = _changeable(statement.this, session, "MERGE")
    alias = statement.this.alias or relation.name.table
    using = _merge_source(statement.args["using"], session)
    condition = duckdb_sql(_scalar(statement.args["on"], session))
    whens = " ".join(
        _when(when, relation, alias, session) for when in statement.args["whens"].expressions
    )
    with session.warehouse.transaction() as connection:
        if any(when.args.get("matched") for when in statement.args["whens"].expressions):
            _check_single_match(connection, Scope(relation.sql, alias, using, condition))
        affected = execute(
            connection,
            f"MERGE INTO {relation.sql} AS {quoted(alias)} USING {using} ON {condition} {whens}",
        )
    return Outcome("MERGE", affected=affected, target=relation.name)


def _merge_source(using: exp.Expr, session: Session) -> str:
    query = exp.Select(expressions=[exp.Star()], from_=exp.From(this=using.copy()))
    return duckdb_sql(_clauses(query, session).args["from_"].this)


def _when(when: exp.Expr, relation: Relation, alias: str, session: Session) -> str:
    if when.args["matched"]:
        kind = "MATCHED"
    else:
        kind = "NOT MATCHED BY SOURCE" if when.args.get("source") else "NOT MATCHED"
    condition = when.args.get("condition")
    extra = f" AND {duckdb_sql(_scalar(condition, session))}" if condition else ""
    return f"WHEN {kind}{extra} THEN {_action(when.args['then'], relation, alias, session)}"


def _action(then: exp.Expr, relation: Relation, alias: str, session: Session) -> str:
    if isinstance(then, exp.Update):
        return f"UPDATE SET {_assignments(then.expressions, relation, alias, session)}"
    if isinstance(then, exp.Insert):
        return _merge_insert(then, relation, session)
    return "DELETE"


def _merge_insert(then: exp.Expr, relation: Relation, session: Session) -> str:
    if isinstance(then.this, exp.Var):
        raise Unsupported("INSERT ROW in MERGE", "list the columns and the values")
    known = {item.name.lower(): item for item in relation.fields}
    columns = [known[column.name.lower()] for column in then.this.expressions]
    values = [
        _assigned(item, [item.name], value, session)
        for item, value in zip(columns, then.expression.expressions, strict=True)
    ]
    return (
        f"INSERT ({', '.join(quoted(item.name) for item in columns)}) VALUES ({', '.join(values)})"
    )
