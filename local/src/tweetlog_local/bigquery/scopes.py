"""What the names in a query stand for, as far as its translation needs to know.

DuckDB resolves names itself; only UNNEST has to know beforehand whether the elements of an array
are STRUCTs, whose parts then become columns.
"""

from collections.abc import Sequence
from typing import Protocol

from sqlglot import exp

from tweetlog_local.bigquery.functions import SCALAR_ARRAYS
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.schema import Field, from_sql_type

ELEMENT = "%element"


class Relations(Protocol):
    """What the names in FROM stand for."""

    def name(self, table: exp.Table) -> TableName:
        """Return the full name of a table written in any of the ways."""

    def source(self, name: TableName) -> exp.Query | exp.Table:
        """Return DuckDB's table, or the translated query of a view."""

    def fields(self, name: TableName) -> Sequence[Field]:
        """Return the columns of a table or a view."""


Sources = Sequence[tuple[str, Sequence[Field] | None]]


def sources(select: exp.Select, relations: Relations) -> Sources:
    """Return the columns of what stands in FROM, by alias; None where they are not known.

    A query inside sees what stands in FROM around it as well.
    """
    found: list[tuple[str, Sequence[Field] | None]] = []
    ancestor: exp.Expr | None = select
    while ancestor is not None:
        if isinstance(ancestor, exp.Select):
            found += _own(ancestor, relations, within=select)
        ancestor = ancestor.parent
    return found


def _own(select: exp.Select, relations: Relations, within: exp.Expr | None = None) -> Sources:
    """Return the sources of one SELECT, without what `within` is a part of."""
    return [
        (source.alias_or_name.lower(), _columns(source, relations))
        for source in _from(select)
        if within is None or within is select or not _holds(source, within)
    ]


def _holds(tree: exp.Expr, part: exp.Expr) -> bool:
    ancestor: exp.Expr | None = part
    while ancestor is not None and ancestor is not tree:
        ancestor = ancestor.parent
    return ancestor is tree


def _from(select: exp.Expr) -> list[exp.Expr]:
    clauses = [select.args.get("from_"), *(select.args.get("joins") or ())]
    return [clause.this for clause in clauses if clause is not None]


def _columns(source: exp.Expr, relations: Relations) -> Sequence[Field] | None:
    if isinstance(source, exp.Subquery):
        return _outputs(source.this, relations)
    if not isinstance(source, exp.Table):
        return None
    query = None if source.db else visible_ctes(source).get(source.name.lower())
    if query is not None:
        return None if _holds(query, source) else _outputs(query, relations)
    return relations.fields(relations.name(source))


def _outputs(query: exp.Expr, relations: Relations) -> Sequence[Field] | None:
    """Return the columns of a query that are plainly those of its sources."""
    while isinstance(query, exp.SetOperation):
        query = query.this
    if not isinstance(query, exp.Select):
        return None
    scope = _own(query, relations)
    found: list[Field] = []
    for item in query.expressions:
        if isinstance(item, exp.Star):
            found += [part for _, fields in scope for part in fields or ()]
        elif isinstance(item, exp.Alias) and isinstance(item.this, exp.Column):
            known = _column_field([part.name for part in item.this.parts], scope)
            found += [known.renamed(item.alias)] if known else []
    return found


def element_of(array: exp.Expr, scope: Sources) -> Field | None:
    """Return what kind of elements an array has; None if that is not known."""
    if isinstance(array, exp.Cast) and array.to.this == exp.DType.ARRAY:
        return from_sql_type(ELEMENT, array.to).element()
    if isinstance(array, exp.Array) and array.expressions:
        return _literal_element(array.expressions[0])
    if isinstance(array, exp.Anonymous) and array.name.upper() in SCALAR_ARRAYS:
        return Field(ELEMENT, "STRING")
    if isinstance(array, exp.Column):
        found = _column_field([part.name for part in array.parts], scope)
        return found.element() if found is not None and found.repeated else None
    return None


def _literal_element(item: exp.Expr) -> Field | None:
    if isinstance(item, exp.Query):
        return Field(ELEMENT, "RECORD") if item.args.get("kind") == "STRUCT" else None
    struct = isinstance(item, (exp.Struct, exp.Tuple)) or (
        isinstance(item, exp.Anonymous) and item.name.upper() == "STRUCT"
    )
    if struct or (isinstance(item, exp.Cast) and item.to.this == exp.DType.STRUCT):
        return Field(ELEMENT, "RECORD")
    return Field(ELEMENT, "STRING") if isinstance(item, (exp.Literal, exp.Neg, exp.Cast)) else None


def _column_field(path: Sequence[str], scope: Sources) -> Field | None:
    first, *rest = path
    for alias, fields in scope:
        if rest and alias == first.lower() and fields is not None:
            return _descend(fields, rest)
    everywhere = (_descend(fields or (), path) for _, fields in scope)
    return next((found for found in everywhere if found is not None), None)


def _descend(fields: Sequence[Field], path: Sequence[str]) -> Field | None:
    first, *rest = path
    found = next((item for item in fields if item.name.lower() == first.lower()), None)
    if found is None or not rest:
        return found
    return _descend(found.fields, rest)


def visible_ctes(node: exp.Expr) -> dict[str, exp.Expr]:
    """Return the queries of WITH that can be named at `node`."""
    found: dict[str, exp.Expr] = {}
    ancestor = node.parent
    while ancestor is not None:
        clause = ancestor.args.get("with_")
        if clause is not None:
            named = {cte.alias.lower(): cte.this for cte in clause.expressions}
            found = named | found
        ancestor = ancestor.parent
    return found
