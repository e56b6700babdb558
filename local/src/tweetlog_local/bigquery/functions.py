"""What each of BigQuery's functions becomes in DuckDB.

A function that is not listed here is refused: it is better to say so than to hope that a
function of the same name does the same.
"""

from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from tweetlog_local.bigquery.errors import InvalidQuery, Unsupported
from tweetlog_local.bigquery.macros import TWIN

Arguments = Sequence[exp.Expr]
Builder = Callable[[Arguments], exp.Expr]
WITNESS = "witness"


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return a call of one of DuckDB's functions."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def integer(value: int) -> exp.Expr:
    """Return an integer as DuckDB is to read it."""
    return exp.cast(exp.Literal.number(value), exp.DType.BIGINT)


def string(value: str) -> exp.Expr:
    """Return a string literal."""
    return exp.Literal.string(value)


def witness(tree: exp.Expr) -> exp.Expr:
    """Return an expression of the same type as `tree`, free of aggregates and windows."""

    def replaced(node: exp.Expr) -> exp.Expr:
        known = node.meta.get(WITNESS)
        return known.copy() if known is not None else node

    return tree.copy().transform(replaced)


def aggregated(tree: exp.Expr) -> bool:
    """Return whether there is an aggregate or a window in `tree`, outside its subqueries."""
    return any(
        WITNESS in node.meta for node in tree.walk(prune=lambda node: isinstance(node, exp.Query))
    )


def typed(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Return the call of a macro that is chosen by the type of its first argument."""
    if not any(map(aggregated, arguments)):
        return call(name, *arguments)
    return call(name + TWIN, *arguments, witness(arguments[0]))


def _renamed(name: str) -> Builder:
    return lambda arguments: call(name, *arguments)


def _macro(name: str) -> Builder:
    return lambda arguments: typed(name, *arguments)


FUNCTIONS: Mapping[str, Builder] = {
    "COALESCE": _renamed("coalesce"),
    "IFNULL": _renamed("coalesce"),
    "NULLIF": _renamed("nullif"),
    "LOWER": _renamed("lower"),
    "UPPER": _renamed("upper"),
    "CURRENT_TIMESTAMP": lambda _: call("now"),
    "TIMESTAMP": _macro("bq_timestamp"),
    "DATE": _macro("bq_date"),
    "STARTS_WITH": _renamed("starts_with"),
    "TIMESTAMP_MICROS": lambda arguments: call(
        "timezone", string("UTC"), call("make_timestamp", *arguments)
    ),
}


def _first_type(arguments: Arguments) -> exp.Expr:
    return arguments[0] if arguments else integer(0)


def _count_type(_: Arguments) -> exp.Expr:
    return integer(0)


def _double_type(_: Arguments) -> exp.Expr:
    return exp.cast(exp.Literal.number(0), exp.DType.DOUBLE)


# BigQuery's aggregate -> (DuckDB's, an expression of the type that it returns).
AGGREGATES: Mapping[str, tuple[str, Builder]] = {
    "COUNT": ("count", _count_type),
    "COUNTIF": ("count_if", _count_type),
    "SUM": ("sum", _first_type),
    "AVG": ("avg", _double_type),
    "MIN": ("min", _first_type),
    "MAX": ("max", _first_type),
    "ANY_VALUE": ("any_value", _first_type),
    "ROW_NUMBER": ("row_number", _count_type),
    "RANK": ("rank", _count_type),
    "STRING_AGG": ("string_agg", _first_type),
    "ARRAY_AGG": ("array_agg", lambda arguments: call("list_value", *arguments[:1])),
}


def translated(name: str, arguments: Arguments) -> exp.Expr:
    """Return DuckDB's expression for BigQuery's `name(arguments)`."""
    upper = name.upper()
    if upper in AGGREGATES:
        return _aggregate(upper, arguments)
    if upper not in FUNCTIONS:
        raise Unsupported(f"Function {upper}", "it has not been translated")
    try:
        return FUNCTIONS[upper](arguments)
    except IndexError:
        raise InvalidQuery(
            f"No matching signature for function {upper}: too few arguments"
        ) from None


def _aggregate(name: str, arguments: Arguments) -> exp.Expr:
    duckdb_name, returned = AGGREGATES[name]
    bare = [
        argument.find(exp.Distinct).expressions[0] if argument.find(exp.Distinct) else argument
        for argument in arguments
    ]
    node = call(duckdb_name, *arguments)
    node.meta[WITNESS] = witness(returned(bare))
    return typed("bq_narrow", node) if name == "SUM" else node
