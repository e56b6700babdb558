"""Aggregates and window functions: what each becomes in DuckDB, and of what type it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from tweetlog_local.bigquery.errors import InvalidQuery, Unsupported
from tweetlog_local.bigquery.expressions import call, integer, string, typed, with_witness

TypeOf = Callable[[exp.Expr], exp.Expr]


def _itself(argument: exp.Expr) -> exp.Expr:
    return argument


def _int64(_: exp.Expr) -> exp.Expr:
    return integer(0)


def _float64(_: exp.Expr) -> exp.Expr:
    return exp.cast(exp.Literal.number(0), exp.DType.DOUBLE)


def _bool(_: exp.Expr) -> exp.Expr:
    return exp.true()


def _list(argument: exp.Expr) -> exp.Expr:
    return call("list_value", argument)


@dataclass(frozen=True, slots=True)
class Simple:
    """An aggregate that DuckDB has under another name."""

    name: str
    type_of: TypeOf
    narrowed: str | None = None


SIMPLE: Mapping[str, Simple] = {
    "COUNT": Simple("count", _int64),
    "SUM": Simple("sum", _itself, "bq_narrow"),
    "AVG": Simple("avg", _itself, "bq_average"),
    "MIN": Simple("min", _itself),
    "MAX": Simple("max", _itself),
    "LOGICAL_AND": Simple("bool_and", _bool),
    "LOGICAL_OR": Simple("bool_or", _bool),
    "BIT_AND": Simple("bit_and", _int64),
    "BIT_OR": Simple("bit_or", _int64),
    "BIT_XOR": Simple("bit_xor", _int64),
    "STDDEV": Simple("stddev_samp", _float64),
    "STDDEV_SAMP": Simple("stddev_samp", _float64),
    "STDDEV_POP": Simple("stddev_pop", _float64),
    "VARIANCE": Simple("var_samp", _float64),
    "VAR_SAMP": Simple("var_samp", _float64),
    "VAR_POP": Simple("var_pop", _float64),
    "CORR": Simple("corr", _float64),
    "COVAR_POP": Simple("covar_pop", _float64),
    "COVAR_SAMP": Simple("covar_samp", _float64),
    "ROW_NUMBER": Simple("row_number", _int64),
    "RANK": Simple("rank", _int64),
    "DENSE_RANK": Simple("dense_rank", _int64),
    "PERCENT_RANK": Simple("percent_rank", _float64),
    "CUME_DIST": Simple("cume_dist", _float64),
    "NTILE": Simple("ntile", _int64),
    "LAG": Simple("lag", _itself),
    "LEAD": Simple("lead", _itself),
    "FIRST_VALUE": Simple("first_value", _itself),
    "LAST_VALUE": Simple("last_value", _itself),
    "NTH_VALUE": Simple("nth_value", _itself),
    "PERCENTILE_CONT": Simple("quantile_cont", _float64),
    "PERCENTILE_DISC": Simple("quantile_disc", _itself),
}
# Which need OVER in BigQuery; DuckDB has some of them as plain aggregates.
WINDOW_ONLY = frozenset(("PERCENTILE_CONT", "PERCENTILE_DISC"))


@dataclass(frozen=True, slots=True)
class Modified:
    """An aggregate's argument with what is written after it."""

    value: exp.Expr
    distinct: bool = False
    order: exp.Order | None = None
    limit: exp.Expr | None = None
    ignores_nulls: bool = False
    having: exp.HavingMax | None = None

    def argument(self) -> exp.Expr:
        """Return the argument for DuckDB: DISTINCT and ORDER BY, without the rest."""
        value = exp.Distinct(expressions=[self.value]) if self.distinct else self.value
        if self.order is None:
            return value
        return exp.Order(this=value, expressions=self.order.expressions)


def modified(arguments: Sequence[exp.Expr]) -> tuple[Modified, list[exp.Expr]]:
    """Take apart `x IGNORE NULLS ORDER BY y LIMIT n`; return the other arguments as well.

    ORDER BY and LIMIT stand behind the last argument, whatever they belong to.
    """
    first, *rest = arguments
    last = rest[-1] if rest else first
    limit = order = having = None
    ignores = distinct = False
    if isinstance(last, exp.Limit):
        limit, last = last.expression, last.this
    if isinstance(last, exp.Order):
        order, last = last, last.this
    if rest:
        rest[-1] = last
    else:
        first = last
    if isinstance(first, exp.HavingMax):
        having, first = first, first.this
    if isinstance(first, (exp.IgnoreNulls, exp.RespectNulls)):
        ignores, first = isinstance(first, exp.IgnoreNulls), first.this
    if isinstance(first, exp.Distinct):
        distinct, first = True, _only(first.expressions)
    return Modified(first, distinct, order, limit, ignores, having), rest


def _only(expressions: Sequence[exp.Expr]) -> exp.Expr:
    if len(expressions) != 1:
        raise Unsupported("DISTINCT over several arguments", "BigQuery takes one")
    return expressions[0]


def aggregate(name: str, arguments: Sequence[exp.Expr]) -> exp.Expr | None:
    """Return DuckDB's form of an aggregate; None if `name` is none."""
    if name in SIMPLE:
        return _simple(name, arguments)
    if name in OTHERS:
        if not arguments:
            raise InvalidQuery(f"No matching signature for aggregate function {name}")
        given, rest = modified(arguments)
        return OTHERS[name](given, rest)
    return None


# Which take IGNORE NULLS, each with the node whose text has a place for it.
NULLS: Mapping[str, type[exp.Func]] = {
    "FIRST_VALUE": exp.FirstValue,
    "LAST_VALUE": exp.LastValue,
    "NTH_VALUE": exp.NthValue,
}


def _with_nulls(name: str, arguments: Sequence[exp.Expr]) -> exp.Expr | None:
    """Return `LAST_VALUE(x IGNORE NULLS)`; None where nothing is said about NULL."""
    said, *rest = arguments
    if name not in NULLS or not isinstance(said, (exp.IgnoreNulls, exp.RespectNulls)):
        return None
    node = type(said)(this=NULLS[name].from_arg_list([said.this, *rest]))
    return with_witness(node, said.this)


def _simple(name: str, arguments: Sequence[exp.Expr]) -> exp.Expr:
    known = SIMPLE[name]
    found = _with_nulls(name, arguments) if arguments else None
    if found is not None:
        return found
    value = modified(arguments)[0].value if arguments else integer(0)
    example = integer(0) if isinstance(value, exp.Star) else known.type_of(value)
    node = with_witness(call(known.name, *arguments), example)
    return typed(known.narrowed, node) if known.narrowed else node


def _array_agg(given: Modified, _: Sequence[exp.Expr]) -> exp.Expr:
    node = with_witness(call("array_agg", given.argument()), _list(given.value))
    return _sliced(_without_nulls(node, given), given.limit)


def _without_nulls(node: exp.Expr, given: Modified) -> exp.Expr:
    if not given.ignores_nulls:
        return node
    present = exp.Not(this=exp.Is(this=given.value.copy(), expression=exp.null()))
    filtered = exp.Filter(this=node, expression=exp.Where(this=present))
    return with_witness(filtered, node)


def _sliced(node: exp.Expr, limit: exp.Expr | None) -> exp.Expr:
    if limit is None:
        return node
    return call("list_slice", node, integer(1), limit)


def _array_concat_agg(given: Modified, _: Sequence[exp.Expr]) -> exp.Expr:
    node = with_witness(call("array_agg", given.argument()), _list(given.value))
    return _sliced(call("flatten", node), given.limit)


def _string_agg(given: Modified, rest: Sequence[exp.Expr]) -> exp.Expr:
    separator = rest[0] if rest else string(",")
    if given.limit is None:
        argument = exp.Distinct(expressions=[given.value]) if given.distinct else given.value
        last = separator
        if given.order is not None:
            last = exp.Order(this=separator, expressions=given.order.expressions)
        return with_witness(call("string_agg", argument, last), given.value)
    present = Modified(given.value, given.distinct, given.order, given.limit, ignores_nulls=True)
    return call("array_to_string", _array_agg(present, ()), separator)


def _any_value(given: Modified, _: Sequence[exp.Expr]) -> exp.Expr:
    if given.having is None:
        return with_witness(call("any_value", given.value), given.value)
    name = "arg_max_null" if given.having.args.get("max") else "arg_min_null"
    return with_witness(call(name, given.value, given.having.expression), given.value)


def _extreme(name: str) -> Callable[[Modified, Sequence[exp.Expr]], exp.Expr]:
    def build(given: Modified, rest: Sequence[exp.Expr]) -> exp.Expr:
        return with_witness(call(name, given.value, *rest), given.value)

    return build


def _countif(given: Modified, _: Sequence[exp.Expr]) -> exp.Expr:
    chosen: exp.Expr = call("nullif", given.value, exp.false())
    if given.distinct:
        chosen = exp.Distinct(expressions=[chosen])
    return with_witness(call("count", chosen), integer(0))


def _count_distinct(given: Modified, _: Sequence[exp.Expr]) -> exp.Expr:
    distinct = exp.Distinct(expressions=[given.value])
    return with_witness(call("count", distinct), integer(0))


def _quantiles(given: Modified, rest: Sequence[exp.Expr]) -> exp.Expr:
    count = _count_of(rest, "APPROX_QUANTILES")
    steps = [exp.Literal.number(str(index / count)) for index in range(count + 1)]
    argument = Modified(given.value, given.distinct).argument()
    if given.value.find(exp.RespectNulls):
        raise Unsupported("APPROX_QUANTILES(... RESPECT NULLS)", "it has not been translated")
    return with_witness(
        call("quantile_disc", argument, call("list_value", *steps)), _list(given.value)
    )


def _top_count(given: Modified, rest: Sequence[exp.Expr]) -> exp.Expr:
    count = exp.Literal.number(_count_of(rest, "APPROX_TOP_COUNT"))
    example = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier("value"), expression=given.value),
            exp.PropertyEQ(this=exp.to_identifier("count"), expression=integer(0)),
        ]
    )
    return with_witness(call("bq_top_count", given.value, count), _list(example))


def _count_of(rest: Sequence[exp.Expr], name: str) -> int:
    literal = rest[0].find(exp.Literal) if rest else None
    if literal is None or not literal.name.isdigit() or int(literal.name) < 1:
        raise InvalidQuery(f"Argument 2 to {name} must be a positive constant")
    return int(literal.name)


OTHERS: Mapping[str, Callable[[Modified, Sequence[exp.Expr]], exp.Expr]] = {
    "ARRAY_AGG": _array_agg,
    "ARRAY_CONCAT_AGG": _array_concat_agg,
    "STRING_AGG": _string_agg,
    "ANY_VALUE": _any_value,
    "MAX_BY": _extreme("arg_max_null"),
    "MIN_BY": _extreme("arg_min_null"),
    "COUNTIF": _countif,
    "APPROX_COUNT_DISTINCT": _count_distinct,
    "APPROX_QUANTILES": _quantiles,
    "APPROX_TOP_COUNT": _top_count,
}


def names() -> frozenset[str]:
    """Return the names of all aggregates and window functions."""
    return frozenset(SIMPLE) | frozenset(OTHERS)
