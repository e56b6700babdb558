"""A statement of BigQuery's SQL as a statement of DuckDB's.

Pure: what tables there are is asked of a `Relations`. Every kind of node must be known here;
what is not known is refused.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlglot import exp

from tweetlog_local.bigquery import functions
from tweetlog_local.bigquery.errors import InvalidQuery, Unsupported
from tweetlog_local.bigquery.functions import WITNESS, call, typed, witness
from tweetlog_local.bigquery.names import TableName


class Relations(Protocol):
    """What the names in FROM stand for."""

    def name(self, table: exp.Table) -> TableName:
        """Return the full name of a table written in any of the ways."""

    def source(self, name: TableName) -> exp.Query | exp.Table:
        """Return DuckDB's table, or the translated query of a view."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The values of query parameters, as expressions of DuckDB."""

    named: Mapping[str, exp.Expr] = field(default_factory=dict)
    positional: Sequence[exp.Expr] = ()


def translate(tree: exp.Expr, relations: Relations, parameters: Parameters) -> exp.Expr:
    """Return DuckDB's form of a query or of an expression; `tree` itself is used up."""
    holder = exp.Tuple(expressions=[tree])
    _fill_parameters(holder, parameters)
    for select in list(holder.find_all(exp.Select)):
        _name_outputs(select)
        _group_by_aliases(select)
    _resolve_tables(holder, relations)
    for node in reversed(list(holder.walk(bfs=True))):
        if node is not holder:
            _rewrite(node)
    return holder.expressions[0]


def _fill_parameters(tree: exp.Expr, parameters: Parameters) -> None:
    placeholders = [node for node in tree.walk(bfs=False) if isinstance(node, exp.Placeholder)]
    if len(placeholders) > len(parameters.positional):
        raise InvalidQuery(f"Query parameter number {len(parameters.positional) + 1} is not set")
    for node, value in zip(placeholders, parameters.positional, strict=False):
        node.replace(_ready(value))
    for node in list(tree.find_all(exp.Parameter)):
        name = node.name.lower()
        if name not in parameters.named:
            raise InvalidQuery(f"Query parameter '{node.name}' not found")
        node.replace(_ready(parameters.named[name]))


def _ready(value: exp.Expr) -> exp.Expr:
    """Return a copy that the rewriting leaves alone."""
    copy = value.copy()
    for node in copy.walk():
        node.meta["ready"] = True
    return copy


def _name_outputs(select: exp.Select) -> None:
    unnamed = 0
    for projection in list(select.expressions):
        if isinstance(projection, (exp.Alias, exp.Aliases, exp.Star)) or projection.is_star:
            continue
        if isinstance(projection, (exp.Column, exp.Dot)):
            name = projection.name
        else:
            name, unnamed = f"f{unnamed}_", unnamed + 1
        projection.replace(exp.alias_(projection.copy(), name, quoted=True))


def _group_by_aliases(select: exp.Select) -> None:
    """Let a name in GROUP BY mean the column of the result, as it does in BigQuery."""
    group = select.args.get("group")
    if group is None:
        return
    named = {
        item.alias.lower(): item.this for item in select.expressions if isinstance(item, exp.Alias)
    }
    for column in list(group.find_all(exp.Column)):
        chosen = named.get(column.name.lower())
        if chosen is not None and not column.table and column.find_ancestor(exp.Func) is None:
            column.replace(chosen.copy())


def _resolve_tables(tree: exp.Expr, relations: Relations) -> None:
    for table in list(tree.find_all(exp.Table)):
        if not table.db and table.name.lower() in _visible_ctes(table):
            continue
        name = relations.name(table)
        alias = table.alias or name.table.rsplit(".", 1)[-1]
        source = relations.source(name)
        joins, pivots = table.args.get("joins"), table.args.get("pivots")
        new = _aliased(source, alias)
        new.set("joins", joins)
        new.set("pivots", pivots)
        table.replace(new)


def _aliased(source: exp.Query | exp.Table, alias: str) -> exp.Expr:
    named = exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
    for node in source.walk():
        node.meta["ready"] = True
    if isinstance(source, exp.Table):
        source.set("alias", named)
        return source
    return exp.Subquery(this=source, alias=named)


def _visible_ctes(node: exp.Expr) -> set[str]:
    names: set[str] = set()
    ancestor = node.parent
    while ancestor is not None:
        clause = ancestor.args.get("with_")
        if clause is not None:
            names |= {cte.alias.lower() for cte in clause.expressions}
        ancestor = ancestor.parent
    return names


def _rewrite(node: exp.Expr) -> None:
    if node.meta.get("ready"):
        return
    kind = type(node)
    if kind in REWRITES:
        new = REWRITES[kind](node)
        if new is not node:
            node.replace(new)
    elif kind not in KEPT:
        raise Unsupported(
            f"{kind.__name__}: {node.sql('bigquery')[:80]}", "it has not been translated"
        )


def _anonymous(node: exp.Expr) -> exp.Expr:
    return functions.translated(node.name, node.expressions)


def _number(node: exp.Expr) -> exp.Expr:
    if node.is_string or isinstance(
        node.parent,
        (exp.Ordered, exp.Group, exp.Limit, exp.Offset, exp.DataTypeParam, exp.WindowSpec),
    ):
        return node
    if set(node.name) <= set("0123456789"):
        return exp.cast(node.copy(), exp.DType.BIGINT)
    return exp.cast(node.copy(), exp.DType.DOUBLE)


CASTS = {
    exp.DType.TEXT: "bq_string",
    exp.DType.BIGINT: "bq_int64",
    exp.DType.DOUBLE: "bq_float64",
    exp.DType.BOOLEAN: "bq_bool",
    exp.DType.BINARY: "bq_bytes",
    exp.DType.DATE: "bq_date",
    exp.DType.TIMESTAMPTZ: "bq_timestamp",
    exp.DType.DATETIME: "bq_datetime",
    exp.DType.TIMESTAMP: "bq_datetime",
}


def _cast(node: exp.Expr) -> exp.Expr:
    kind = node.args["to"].this
    if kind in CASTS:
        return typed(CASTS[kind], node.this)
    return node


def _safe_cast(node: exp.Expr) -> exp.Expr:
    return call("try", _cast(node))


def _window(node: exp.Expr) -> exp.Expr:
    function = node.this
    node.meta[WITNESS] = witness(function)
    return node


REWRITES: Mapping[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Anonymous: _anonymous,
    exp.Literal: _number,
    exp.Cast: _cast,
    exp.TryCast: _safe_cast,
    exp.Window: _window,
    exp.CurrentTimestamp: lambda _: call("now"),
}

KEPT: frozenset[type[exp.Expr]] = frozenset(
    {
        exp.Select,
        exp.From,
        exp.Join,
        exp.Table,
        exp.TableAlias,
        exp.Identifier,
        exp.Column,
        exp.Star,
        exp.Alias,
        exp.Where,
        exp.Group,
        exp.Having,
        exp.Order,
        exp.Ordered,
        exp.Limit,
        exp.Offset,
        exp.Subquery,
        exp.Paren,
        exp.And,
        exp.Or,
        exp.Not,
        exp.EQ,
        exp.NEQ,
        exp.GT,
        exp.GTE,
        exp.LT,
        exp.LTE,
        exp.Add,
        exp.Sub,
        exp.Mul,
        exp.Div,
        exp.Neg,
        exp.In,
        exp.Is,
        exp.Null,
        exp.Boolean,
        exp.Between,
        exp.Case,
        exp.If,
        exp.With,
        exp.CTE,
        exp.Union,
        exp.Except,
        exp.Intersect,
        exp.Distinct,
        exp.Exists,
        exp.DataType,
        exp.Var,
        exp.Tuple,
        exp.WindowSpec,
        exp.Qualify,
        exp.DPipe,
        exp.ColumnDef,
        exp.Values,
    }
)
