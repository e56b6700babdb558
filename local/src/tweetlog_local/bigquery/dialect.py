"""BigQuery's SQL, parsed so that every function keeps the name and the arguments it was given.

sqlglot turns functions into nodes of its own and loses meaning on the way (a format's zone, the
start of a week); here only those with a syntax of their own are parsed specially.
"""

import logging
from collections.abc import Callable
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.bigquery import BigQueryParser

from tweetlog_local.bigquery.errors import InvalidQuery

SPECIAL_SYNTAX = ("CAST", "SAFE_CAST", "EXTRACT", "ARRAY")

logging.getLogger("sqlglot").setLevel(logging.ERROR)


class _Parser(BigQueryParser):
    FUNCTIONS: ClassVar[dict[str, Callable[..., Any]]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Callable[..., Any]]] = {
        name: BigQueryParser.FUNCTION_PARSERS[name] for name in SPECIAL_SYNTAX
    }


class _Dialect(BigQuery):
    Parser = _Parser


def parse(sql: str) -> list[exp.Expr]:
    """Return the statements of a script."""
    try:
        statements = sqlglot.parse(sql, dialect=_Dialect)
    except ParseError as error:
        raise InvalidQuery(_syntax_error(error)) from None
    except TokenError as error:
        raise InvalidQuery(f"Syntax error: {error}") from None
    return [
        statement
        for statement in statements
        if statement is not None and not isinstance(statement, exp.Semicolon)
    ]


def _syntax_error(error: ParseError) -> str:
    first = error.errors[0] if error.errors else {}
    return (
        f"Syntax error: {first.get('description', error)} near {first.get('highlight', '')!r} "
        f"at [{first.get('line', 1)}:{first.get('col', 1)}]"
    )


def text(tree: exp.Expr) -> str:
    """Return a statement in BigQuery's SQL."""
    return tree.sql(dialect=_Dialect)
