"""The small parts that DuckDB's expressions are put together from."""

from collections.abc import Sequence
from functools import reduce

from sqlglot import exp

from tweetlog_local.bigquery.macros import TWIN

WITNESS = "witness"
AGGREGATE = "aggregate"


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return a call of one of DuckDB's functions or macros."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def integer(value: int) -> exp.Expr:
    """Return an INT64."""
    return exp.cast(exp.Literal.number(value), exp.DType.BIGINT)


def string(value: str) -> exp.Expr:
    """Return a string literal."""
    return exp.Literal.string(value)


def struct(parts: Sequence[tuple[str, exp.Expr]]) -> exp.Expr:
    """Return a STRUCT with these names and values."""
    return exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(name, quoted=True), expression=value)
            for name, value in parts
        ]
    )


def concatenated(pieces: Sequence[exp.Expr]) -> exp.Expr:
    """Return the pieces joined; NULL if one of them is."""
    if not pieces:
        return string("")
    joined = reduce(lambda left, right: exp.DPipe(this=left, expression=right), pieces)
    return exp.Paren(this=joined)


def conditional(condition: exp.Expr, then: exp.Expr, otherwise: exp.Expr | None = None) -> exp.Expr:
    """Return CASE WHEN condition THEN then ELSE otherwise END."""
    return exp.Case(ifs=[exp.If(this=condition, true=then)], default=otherwise)


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
    if not aggregated(arguments[0]):
        return call(name, *arguments)
    return call(name + TWIN, *arguments, witness(arguments[0]))


def with_witness(node: exp.Expr, kind: exp.Expr) -> exp.Expr:
    """Return an aggregate that says, by an example, what type it has."""
    node.meta[WITNESS] = witness(kind)
    node.meta[AGGREGATE] = True
    return node
