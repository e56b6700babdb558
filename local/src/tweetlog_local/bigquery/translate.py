"""A statement of BigQuery's SQL as a statement of DuckDB's.

Pure: what tables there are is asked of a `Relations`. Every kind of node must be known here;
what is not known is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.errors import ErrorLevel, UnsupportedError

from tweetlog_local.bigquery import aggregates, functions, row_arrays
from tweetlog_local.bigquery.calendar_parts import INTERVALS, extracted, interval
from tweetlog_local.bigquery.errors import InvalidQuery, Unsupported
from tweetlog_local.bigquery.expressions import (
    AGGREGATE,
    WITNESS,
    aggregated,
    call,
    concatenated,
    integer,
    string,
    struct,
    typed,
    witness,
)
from tweetlog_local.bigquery.macros import CONVERTING, SAFE, TWIN
from tweetlog_local.bigquery.schema import Field, from_sql_type
from tweetlog_local.bigquery.scopes import (
    ELEMENT,
    Relations,
    Sources,
    element_of,
    sources,
    visible_ctes,
)

READY = "ready"
OFFSET_COLUMN = "%offset"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The values of query parameters, as expressions of DuckDB."""

    named: Mapping[str, exp.Expr] = field(default_factory=dict)
    positional: Sequence[exp.Expr] = ()


def translate(
    tree: exp.Expr, relations: Relations, parameters: Parameters, *, for_parts: bool = False
) -> exp.Expr:
    """Return DuckDB's form of a query or of an expression.

    Args:
        tree: it.
        relations: tells what tables there are.
        parameters: of the query.
        for_parts: its clauses are used one by one, so that each must hold all that it needs.
    """
    holder = exp.Tuple(expressions=[tree.copy()])
    _fill_parameters(holder, parameters)
    for function in list(holder.find_all(exp.NetFunc)):
        function.replace(call(f"NET.{function.this.name}", *function.this.expressions))
    row_arrays.localize(holder, READY)
    for select in reversed(list(holder.find_all(exp.Select))):
        _tidy(select)
    for select in list(holder.find_all(exp.Select)):
        _spread_unnests(select, relations)
    _resolve_tables(holder, relations, set_apart=not for_parts)
    for node in reversed(list(holder.walk(bfs=True))):
        if node is not holder:
            _rewrite(node)
    translated: exp.Expr = holder.expressions[0]
    return translated


def duckdb_sql(tree: exp.Expr) -> str:
    """Return the text that DuckDB reads; what cannot be said in it is refused."""
    try:
        return tree.sql(dialect="duckdb", identify=True, unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise Unsupported("A part of the query", str(error)) from None


# Parameters


def _fill_parameters(tree: exp.Expr, parameters: Parameters) -> None:
    nodes = list(tree.walk(bfs=False))
    placeholders = [node for node in nodes if isinstance(node, exp.Placeholder)]
    if len(placeholders) > len(parameters.positional):
        raise InvalidQuery(f"Query parameter number {len(parameters.positional) + 1} is not set")
    for node, value in zip(placeholders, parameters.positional, strict=False):
        node.replace(_value(value))
    for parameter in nodes:
        if isinstance(parameter, exp.Parameter):
            name = parameter.name.lower()
            if name not in parameters.named:
                raise InvalidQuery(f"Query parameter '{parameter.name}' not found")
            parameter.replace(_value(parameters.named[name]))


def _value(value: exp.Expr) -> exp.Expr:
    """Return a copy; a text stays a literal, for patterns and paths need one."""
    copy = value.copy()
    return copy if isinstance(copy, exp.Literal) else _ready(copy)


def _ready(tree: exp.Expr) -> exp.Expr:
    """Mark what the rewriting is to leave alone."""
    for node in tree.walk():
        node.meta[READY] = True
    return tree


# What a SELECT means in BigQuery and does not in DuckDB


def _tidy(select: exp.Select) -> None:
    _check_select(select)
    _name_outputs(select)
    named = {
        item.alias.lower(): item.this for item in select.expressions if isinstance(item, exp.Alias)
    }
    _group_by_aliases(select, named)
    _order_by_aliases(select, named)


def _check_select(select: exp.Select) -> None:
    for name in ("sample", "match", "laterals", "connect", "prewhere", "into", "settings"):
        if select.args.get(name):
            raise Unsupported(f"SELECT with {name.upper()}", "it has not been translated")


def _name_outputs(select: exp.Select) -> None:
    unnamed = 0
    for projection in list(select.expressions):
        if isinstance(projection, exp.Alias) or projection.is_star:
            continue
        if isinstance(projection, (exp.Column, exp.Dot)):
            name = projection.name
        else:
            name, unnamed = f"f{unnamed}_", unnamed + 1
        alias = exp.alias_(exp.null(), name, quoted=True)
        projection.replace(alias)
        alias.set("this", projection)


def _group_by_aliases(select: exp.Select, named: Mapping[str, exp.Expr]) -> None:
    """Let a name in GROUP BY mean the column of the result, as it does in BigQuery."""
    group = select.args.get("group")
    if group is None:
        return
    for column in list(group.find_all(exp.Column)):
        chosen = named.get(column.name.lower())
        alone = not isinstance(column.parent, (exp.Func, exp.Binary, exp.Dot, exp.Bracket))
        if chosen is not None and not column.table and alone:
            column.replace(chosen.copy())


def _order_by_aliases(select: exp.Select, named: Mapping[str, exp.Expr]) -> None:
    """Replace names of results inside an expression of ORDER BY by what they stand for."""
    order = select.args.get("order")
    if order is None:
        return
    whole = select.args.get("kind") == "STRUCT"  # its columns are parts of one
    for ordered in order.expressions:
        for column in list(ordered.find_all(exp.Column)):
            chosen = named.get(column.name.lower())
            inside = whole or column.parent is not ordered
            if chosen is not None and not column.table and inside:
                column.replace(exp.paren(chosen.copy()))


# UNNEST


def _spread_unnests(select: exp.Select, relations: Relations) -> None:
    """Turn each UNNEST in FROM into a relation with the columns that it has in BigQuery."""
    scope = sources(select, relations)
    for unnest in list(_unnests(select)):
        _spread(unnest, select, scope)


def _unnests(select: exp.Select) -> Sequence[exp.Unnest]:
    clauses = [select.args.get("from_"), *(select.args.get("joins") or ())]
    return [clause.this for clause in clauses if clause and isinstance(clause.this, exp.Unnest)]


def _spread(unnest: exp.Unnest, select: exp.Select, scope: Sources) -> None:
    if len(unnest.expressions) != 1:
        raise Unsupported("UNNEST of several arrays", "BigQuery takes one")
    alias = unnest.args.get("alias")
    name = alias.columns[0].name if alias and alias.columns else ""
    offset = unnest.args.get("offset")
    element = element_of(unnest.expressions[0], scope)
    starred = any(isinstance(item, exp.Star) for item in select.expressions)
    if starred and (element is None or (element.type == "RECORD" and offset)):
        raise Unsupported(
            "SELECT * over an UNNEST whose columns are not known", "name the columns instead"
        )
    array = exp.Unnest(
        expressions=[unnest.expressions[0]],
        offset=exp.to_identifier(OFFSET_COLUMN, quoted=True) if offset else None,
        alias=_unnest_alias(ELEMENT, OFFSET_COLUMN if offset else None),
    )
    struct = element is not None and element.type == "RECORD" and not offset
    outputs: list[exp.Expr] = [
        call("unnest", _named(ELEMENT))
        if struct
        else exp.alias_(_named(ELEMENT), name or "f0_", quoted=True)
    ]
    if offset:
        position = exp.Sub(this=_named(OFFSET_COLUMN), expression=exp.Literal.number(1))
        offset_name = offset.name if isinstance(offset, exp.Expr) else "offset"
        outputs.append(exp.alias_(position, offset_name, quoted=True))
    inner = exp.Select(expressions=outputs, from_=exp.From(this=array))
    for node in inner.walk(prune=lambda node: node is unnest.expressions[0]):
        if node is not array.expressions[0]:
            node.meta[READY] = True
    unnest.replace(exp.Subquery(this=inner, alias=_table_alias(name or "%unnest")))


def _named(name: str) -> exp.Column:
    return exp.Column(this=exp.to_identifier(name, quoted=True))


def _table_alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name, quoted=True))


def _unnest_alias(element: str, offset: str | None) -> exp.TableAlias:
    columns = [exp.to_identifier(name, quoted=True) for name in (element, offset) if name]
    return exp.TableAlias(this=exp.to_identifier("%array", quoted=True), columns=columns)


# Tables


def _resolve_tables(tree: exp.Expr, relations: Relations, *, set_apart: bool) -> None:
    for table in list(tree.find_all(exp.Table)):
        if table.meta.get(READY) or (not table.db and table.name.lower() in visible_ctes(table)):
            continue
        _check_table(table)
        name = relations.name(table)
        source = relations.source(name)
        if set_apart:
            source = _set_apart(source, f"{name.dataset}.{name.table}", table, tree)
        new = _aliased(source, table.alias or name.table.rsplit(".", 1)[-1])
        for kept in ("joins", "pivots"):
            new.set(kept, table.args.get(kept))
        table.replace(new)


def _set_apart(
    source: exp.Query | exp.Table, name: str, table: exp.Table, tree: exp.Expr
) -> exp.Query | exp.Table:
    """Put the query of a view that is not alone in its query into a WITH at the very top.

    DuckDB 2.0 numbers the columns of queries inside it wrongly otherwise, where a macro is chosen
    by their type, and fails with an internal error. A view sees nothing of what is around it.
    """
    whole = tree.expressions[0]
    if isinstance(source, exp.Table) or not isinstance(whole, (exp.Select, exp.SetOperation)):
        return source
    if table.parent_select is whole and not whole.args.get("joins"):
        return source
    clause = whole.args.get("with_") or exp.With()
    apart = f"%{len(clause.expressions)} {name}"
    query = exp.CTE(this=_ready(source), alias=_ready(_table_alias(apart)))
    clause.set("expressions", [query, *clause.expressions])
    whole.set("with_", clause)
    return exp.Table(this=exp.to_identifier(apart, quoted=True))


PLAIN_TABLE = frozenset(("this", "db", "catalog", "alias", "joins", "pivots"))


def _check_table(table: exp.Table) -> None:
    for name, value in table.args.items():
        if value and name not in PLAIN_TABLE:
            raise Unsupported(f"A table with {name.upper()}", "it has not been translated")
    if not isinstance(table.this, exp.Identifier):
        raise Unsupported(f"The table function {table.this.sql()[:40]}", "there are none here")


def _aliased(source: exp.Query | exp.Table, alias: str) -> exp.Expr:
    _ready(source)
    if isinstance(source, exp.Table):
        source.set("alias", _table_alias(alias))
        return source
    return exp.Subquery(this=source, alias=_table_alias(alias))


# Every kind of node


def _rewrite(node: exp.Expr) -> None:
    if node.meta.get(READY):
        return
    kind = type(node)
    if kind in REWRITES:
        new = REWRITES[kind](node)
        if new is not node:
            node.replace(new)
    elif kind not in KEPT:
        shown = node.sql("bigquery")[:80]
        raise Unsupported(f"{kind.__name__} ({shown})", "it has not been translated")


def _function(node: exp.Expr) -> exp.Expr:
    name = node.name.upper()
    windowed = isinstance(node.parent, exp.Window) and node.arg_key == "this"
    if name in aggregates.WINDOW_ONLY and not windowed:
        raise InvalidQuery(f"Analytic function {name} cannot be called without an OVER clause")
    if name == "WEEK" and isinstance(node.parent, (exp.Anonymous, exp.Extract)):
        return node  # a part of a date, as in WEEK(MONDAY)
    return functions.translated(name, node.expressions)


BARE_NUMBERS = (
    exp.Ordered,
    exp.Group,
    exp.Limit,
    exp.Offset,
    exp.DataTypeParam,
    exp.WindowSpec,
    exp.Rollup,
    exp.Cube,
    exp.GroupingSets,
)


def _literal(node: exp.Expr) -> exp.Expr:
    if node.args["is_string"] or isinstance(node.parent, BARE_NUMBERS):
        return node
    whole = set(node.name) <= set("0123456789")
    return exp.cast(node.copy(), exp.DType.BIGINT if whole else exp.DType.DOUBLE)


CASTS: Mapping[exp.DType, str] = {
    exp.DType.TEXT: "bq_string",
    exp.DType.BIGINT: "bq_int64",
    exp.DType.INT: "bq_int64",
    exp.DType.DOUBLE: "bq_float64",
    exp.DType.DECIMAL: "bq_numeric",
    exp.DType.BOOLEAN: "bq_bool",
    exp.DType.BINARY: "bq_bytes",
    exp.DType.VARBINARY: "bq_bytes",
    exp.DType.DATE: "bq_date",
    exp.DType.TIME: "bq_time",
    exp.DType.TIMESTAMPTZ: "bq_timestamp",
    exp.DType.DATETIME: "bq_datetime",
    exp.DType.TIMESTAMP: "bq_datetime",
}


def _cast(node: exp.Expr) -> exp.Expr:
    if node.args.get("format"):
        raise Unsupported("CAST ... FORMAT", "it has not been translated")
    target = node.args["to"]
    if isinstance(node.this, exp.Null):
        return _typed_null(target)
    if target.this in CASTS:
        return typed(CASTS[target.this], node.this)
    if target.this in (exp.DType.ARRAY, exp.DType.STRUCT):
        declared = from_sql_type(ELEMENT, target)
        return exp.cast(renamed_parts(node.this, declared), _duckdb_type(declared))
    raise InvalidQuery(f"Invalid cast to {target.sql('bigquery')}")


def _typed_null(target: exp.DataType) -> exp.Expr:
    return exp.cast(exp.null(), _duckdb_type(from_sql_type(ELEMENT, target)))


def _duckdb_type(declared: Field) -> exp.DataType:
    return exp.DataType.build(declared.duckdb_type(), dialect="duckdb")


def renamed_parts(value: exp.Expr, declared: Field) -> exp.Expr:
    """Give the parts of STRUCT constructors the names that their type declares."""
    if isinstance(value, exp.Array) and declared.repeated:
        inner = [renamed_parts(item, declared.element()) for item in value.expressions]
        return exp.Array(expressions=inner)
    if declared.type == "RECORD" and _constructs(value):
        values = _struct_values(value)
        if len(values) != len(declared.fields):
            raise InvalidQuery(f"STRUCT type has {len(declared.fields)} fields")
        pairs = zip(declared.fields, values, strict=True)
        return struct([(part.name, renamed_parts(item, part)) for part, item in pairs])
    return value


def _constructs(value: exp.Expr) -> bool:
    unnamed = isinstance(value, exp.Anonymous) and value.name == "row"
    return unnamed or isinstance(value, (exp.Struct, exp.Tuple))


def _struct_values(value: exp.Expr) -> list[exp.Expr]:
    return [
        item.expression if isinstance(item, exp.PropertyEQ) else item for item in value.expressions
    ]


def _safe_cast(node: exp.Expr) -> exp.Expr:
    return _safe(_cast(node))


def _safe_function(node: exp.Expr) -> exp.Expr:
    return _safe(node.this)


def _safe(value: exp.Expr) -> exp.Expr:
    """Return NULL where `value` fails."""
    name = value.name.removesuffix(TWIN) if isinstance(value, exp.Anonymous) else ""
    if name in CONVERTING:
        return call(value.name.replace("bq_", SAFE, 1), *value.expressions)
    if aggregated(value):
        raise Unsupported("SAFE. around an aggregate", "put the aggregate into a subquery")
    return call("try", value)


def _window(node: exp.Expr) -> exp.Expr:
    """Put OVER at the aggregate itself, where the translation put something around it."""
    function: exp.Expr = node.this
    if isinstance(function, exp.Identifier) or not aggregated(function):
        return node
    inner = _innermost_aggregate(function)
    window = node.copy()
    window.set("this", inner.copy())
    window.meta[WITNESS] = witness(inner)
    if inner is function:
        return window
    inner.replace(window)
    return function


def _innermost_aggregate(tree: exp.Expr) -> exp.Expr:
    return next(node for node in tree.walk(bfs=True) if node.meta.get(AGGREGATE))


def _bracket(node: exp.Expr) -> exp.Expr:
    (index,) = node.expressions
    if isinstance(index, exp.Literal) and index.is_string:
        return node
    if node.args.get("offset") is None:
        return call("bq_at", node.this, index)
    if node.args["offset"] == 1:
        index = exp.Sub(this=exp.paren(index), expression=integer(1))
    return call("bq_safe_offset" if node.args.get("safe") else "bq_offset", node.this, index)


def _division(node: exp.Expr) -> exp.Expr:
    divisor = node.expression
    literal = divisor.find(exp.Literal) if isinstance(divisor, exp.Cast) else None
    if literal is not None and float(literal.name) != 0:
        return node
    return call("bq_div", node.this, divisor)


def _like(node: exp.Expr) -> exp.Expr:
    if isinstance(node.expression, (exp.Any, exp.All)):
        raise Unsupported("LIKE ANY and LIKE ALL", "write them with OR and AND")
    return exp.Escape(this=node.copy(), expression=string("\\"))


def _in(node: exp.Expr) -> exp.Expr:
    unnest = node.args.get("unnest")
    if unnest is None:
        return node
    array = unnest.expressions[0]
    if not array.find(exp.Column) or array.find(exp.Query):
        # The same array for every row: DuckDB makes a table of it, and looks each row up there.
        return exp.EQ(this=node.this, expression=exp.Any(this=exp.paren(array)))
    if _is_condition(node):
        return call("list_contains", array, node.this)
    return call("bq_in", node.this, array)


def _is_condition(node: exp.Expr) -> bool:
    """Return whether rows are chosen by it, so that NULL and FALSE are the same."""
    ancestor = node.parent
    while isinstance(ancestor, (exp.And, exp.Paren)):
        ancestor = ancestor.parent
    return isinstance(ancestor, exp.Where)


def _join(node: exp.Expr) -> exp.Expr:
    """Say ON TRUE where BigQuery needs nothing said: an outer join without it would be inner."""
    if node.args.get("side") and not (node.args.get("on") or node.args.get("using")):
        if not node.this.find(exp.Unnest):
            raise InvalidQuery("Syntax error: Expected keyword ON or keyword USING")
        node.set("on", exp.true())
    return node


def _select(node: exp.Expr) -> exp.Expr:
    kind, parent = node.args.get("kind"), node.parent
    node.set("kind", None)
    if kind == "VALUE" or (kind and isinstance(parent, exp.SetOperation)):
        raise Unsupported(f"SELECT AS {kind} here", "name the columns instead")
    if kind == "STRUCT" and _makes_one_value(parent):
        if any(item.is_star for item in node.expressions):
            raise Unsupported("SELECT AS STRUCT *", "name the columns instead")
        parts = struct([(item.alias, item.this) for item in node.expressions])
        node.set("expressions", [exp.alias_(parts, "f0_", quoted=True)])
    return node


def _makes_one_value(parent: exp.Expr | None) -> bool:
    """Return whether a query is an expression; elsewhere a STRUCT is a row with its parts."""
    if isinstance(parent, exp.Subquery):
        return not isinstance(parent.parent, (exp.From, exp.Join))
    return isinstance(parent, exp.Array)


def _difference(node: exp.Expr) -> exp.Expr:
    """Keep an eye on DATE - DATE, unless one side is plainly something else."""
    sides = [
        side.this if isinstance(side, exp.Cast) else side for side in (node.this, node.expression)
    ]
    intervals = {name for name, _ in INTERVALS.values()}
    if any(isinstance(side, exp.Literal) or side.name in intervals for side in sides):
        return node
    return call("bq_minus", node.this, node.expression)


def _tuple(node: exp.Expr) -> exp.Expr:
    if isinstance(node.parent, (exp.Values, exp.Group, exp.GroupingSets, exp.Rollup, exp.Cube)):
        return node
    return call("row", *node.expressions)


def _struct(node: exp.Expr) -> exp.Expr:
    return functions.translated("STRUCT", node.expressions)


def _array(node: exp.Expr) -> exp.Expr:
    if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Query):
        return call("array", node.expressions[0])
    return exp.Array(expressions=_alike(node.expressions))


def _alike(items: Sequence[exp.Expr]) -> list[exp.Expr]:
    """Give the STRUCTs of an array the names of the first: they correspond by position."""
    first = items[0] if items else None
    if not isinstance(first, exp.Struct):
        return list(items)
    names = [part.name for part in first.expressions]
    return [
        struct(list(zip(names, _struct_values(item), strict=True))) if _constructs(item) else item
        for item in items
    ]


def _interval(node: exp.Expr) -> exp.Expr:
    unit = node.args.get("unit")
    if unit is None or isinstance(unit, exp.IntervalSpan):
        raise Unsupported(f"{node.sql('bigquery')}", "an INTERVAL has one number and one unit")
    amount = node.this
    if isinstance(amount, exp.Literal):
        amount = exp.Literal.number(amount.name)
    return interval(amount, unit.name.upper())


def _bytes(node: exp.Expr) -> exp.Expr:
    return call("unhex", string(node.name.encode("latin-1").hex()))


def _dot(node: exp.Expr) -> exp.Expr:
    if isinstance(node.this, (exp.Column, exp.Dot, exp.Paren)):
        return node
    return exp.Dot(this=exp.Paren(this=node.this.copy()), expression=node.expression.copy())


REWRITES: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Anonymous: _function,
    exp.Literal: _literal,
    exp.Cast: _cast,
    exp.TryCast: _safe_cast,
    exp.SafeFunc: _safe_function,
    exp.Window: _window,
    exp.Tuple: _tuple,
    exp.Bracket: _bracket,
    exp.Div: _division,
    exp.Sub: _difference,
    exp.Like: _like,
    exp.In: _in,
    exp.Join: _join,
    exp.Select: _select,
    exp.Array: _array,
    exp.Struct: _struct,
    exp.Interval: _interval,
    exp.Extract: lambda node: extracted(node.this, node.expression),
    exp.AtTimeZone: lambda node: typed("bq_local", node.this, node.args["zone"]),
    exp.Concat: lambda node: concatenated(node.expressions),
    exp.ByteString: _bytes,
    exp.RawString: lambda node: string(node.name),
    exp.HexString: lambda node: integer(int(node.name, 16)),
    exp.ParseJSON: lambda node: typed("bq_parse_json", node.this),
    exp.Dot: _dot,
    exp.CurrentTimestamp: lambda _: functions.translated("CURRENT_TIMESTAMP", ()),
    exp.CurrentDate: lambda _: functions.translated("CURRENT_DATE", ()),
    exp.CurrentDatetime: lambda _: functions.translated("CURRENT_DATETIME", ()),
    exp.CurrentTime: lambda _: functions.translated("CURRENT_TIME", ()),
}

KEPT: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Add,
        exp.Alias,
        exp.And,
        exp.Between,
        exp.BitwiseAnd,
        exp.BitwiseLeftShift,
        exp.BitwiseNot,
        exp.BitwiseOr,
        exp.BitwiseRightShift,
        exp.BitwiseXor,
        exp.Boolean,
        exp.CTE,
        exp.Case,
        exp.Column,
        exp.ColumnDef,
        exp.Cube,
        exp.DPipe,
        exp.DataType,
        exp.DataTypeParam,
        exp.Distinct,
        exp.EQ,
        exp.Except,
        exp.Exists,
        exp.From,
        exp.GT,
        exp.GTE,
        exp.Group,
        exp.GroupingSets,
        exp.Having,
        exp.HavingMax,
        exp.Identifier,
        exp.If,
        exp.IgnoreNulls,
        exp.Intersect,
        exp.Is,
        exp.LT,
        exp.LTE,
        exp.Limit,
        exp.Mul,
        exp.NEQ,
        exp.Neg,
        exp.Not,
        exp.Null,
        exp.NullSafeEQ,
        exp.NullSafeNEQ,
        exp.Offset,
        exp.Or,
        exp.Order,
        exp.Ordered,
        exp.Paren,
        exp.Qualify,
        exp.RespectNulls,
        exp.Rollup,
        exp.Star,
        exp.Subquery,
        exp.Table,
        exp.TableAlias,
        exp.Union,
        exp.Unnest,
        exp.Values,
        exp.Var,
        exp.Where,
        exp.WindowSpec,
        exp.With,
    }
)
