"""ARRAY(SELECT x.part FROM UNNEST(column) AS x ...) as a function of the array, not a subquery.

DuckDB joins such a subquery to the rows again: 27 times as slow over a million rows.
"""

from sqlglot import exp

from tweetlog_local.bigquery.expressions import call

_ITEM = "item"
# What a SELECT may have to be taken for a function of its array.
_SIMPLE = frozenset({"expressions", "from_", "distinct", "order"})


def localize(tree: exp.Expr, ready: str) -> None:
    """Replace every such subquery; `ready` marks what is in DuckDB's terms already."""
    for array in list(tree.find_all(exp.Array)):
        select = array.expressions[0] if len(array.expressions) == 1 else None
        if not isinstance(select, exp.Select):
            continue
        part = _part(select)
        source = _source(select, part) if part is not None else None
        if part is not None and source is not None and _sorted_by(select, part):
            array.replace(_parts(source.expressions[0], part, select, ready))


def _part(select: exp.Select) -> exp.Column | None:
    """Return `x.part` if that is all that is selected, and nothing else is asked for."""
    if any(value for name, value in select.args.items() if name not in _SIMPLE):
        return None
    first, *others = select.expressions
    distinct = select.args.get("distinct")
    named = isinstance(first, exp.Column) and len(first.parts) == 2  # noqa: PLR2004 - x and part
    return first if named and not others and not (distinct and distinct.args.get("on")) else None


def _source(select: exp.Select, part: exp.Column) -> exp.Unnest | None:
    """Return UNNEST(column) AS x if that is all there is in FROM, and x is what has the part."""
    clause = select.args.get("from_")
    unnest = clause.this if clause is not None else None
    if not isinstance(unnest, exp.Unnest) or unnest.args.get("offset"):
        return None
    alias = unnest.args.get("alias")
    columns = alias.columns if alias is not None else ()
    plain = len(unnest.expressions) == 1 and isinstance(unnest.expressions[0], exp.Column)
    named = [column.name for column in columns] == [part.table]
    return unnest if plain and named else None


def _sorted_by(select: exp.Select, part: exp.Column) -> bool:
    """Whether there is no order, or that of what is selected, from the smallest on."""
    order = select.args.get("order")
    if order is None:
        return True
    (first, *others) = order.expressions
    return bool(first.this == part and not first.args.get("desc") and not others)


def _parts(array: exp.Expr, part: exp.Column, select: exp.Select, ready: str) -> exp.Expr:
    item = exp.to_identifier(_ITEM)
    taken = call("struct_extract", exp.Column(this=item), exp.Literal.string(part.name))
    column = array.copy()
    array.replace(column)
    holder = call("list_transform", column, exp.Lambda(this=taken, expressions=[item.copy()]))
    made: exp.Expr = call("coalesce", holder, exp.Array(expressions=[]))
    if select.args.get("distinct"):
        made = call("bq_distinct", made)
    elif select.args.get("order"):
        made = call("list_sort", made, exp.Literal.string("ASC"), exp.Literal.string("NULLS FIRST"))
    for node in made.walk(prune=lambda node: node is column):
        if node is not column:
            node.meta[ready] = True
    return made
