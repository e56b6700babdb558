"""BigQuery's functions written in DuckDB's SQL, one macro for each type they take.

A macro is chosen by the type of its first argument. DuckDB cannot see the type of an aggregate
while it chooses, so each macro has a twin, `<name>__as`, with one argument more: an expression
of the same type without the aggregate, which the body never reads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TWIN = "__as"
UNTYPED = ""


@dataclass(frozen=True, slots=True)
class Macro:
    """A function: its parameters and, for each type of the first, its body."""

    name: str
    parameters: str
    bodies: Mapping[str, str]


def _typed(name: str, parameters: str, /, **bodies: str) -> Macro:
    return Macro(name, parameters, {kind.replace("_", " "): body for kind, body in bodies.items()})


def _plain(name: str, parameters: str, body: str) -> Macro:
    return Macro(name, parameters, {UNTYPED: body})


def _same(body: str, *kinds: str) -> dict[str, str]:
    return dict.fromkeys(kinds, body)


FRACTION = (
    "CASE WHEN epoch_us(a) % 1000000 = 0 THEN '' "
    "WHEN epoch_us(a) % 1000 = 0 THEN strftime(a, '.%g') ELSE strftime(a, '.%f') END"
)
TIMESTAMP_TEXT = f"strftime(a, '%Y-%m-%d %H:%M:%S') || {FRACTION}"
FLOAT_TEXT = (
    "CASE WHEN isnan(a) THEN 'NaN' WHEN isinf(a) THEN CASE WHEN a > 0 THEN 'inf' ELSE '-inf' END "
    "WHEN abs(a) < 1e15 AND a = trunc(a) THEN CAST(CAST(a AS BIGINT) AS VARCHAR) "
    "ELSE CAST(a AS VARCHAR) END"
)
HALF_AWAY = "CAST(round(a) AS BIGINT)"
# The weeks of BigQuery start on Sunday; k is how many days later than Monday a week starts.
WEEK = "date_trunc('week', a - to_days(CAST(k AS INTEGER))) + to_days(CAST(k AS INTEGER))"
WEEK_OF_YEAR = "CAST((dayofyear(a) + 6 - (isodow(a) - 1 - k + 7) % 7) // 7 AS BIGINT)"

MACROS: tuple[Macro, ...] = (
    _typed(
        "bq_string",
        "a",
        VARCHAR="a",
        BIGINT="CAST(a AS VARCHAR)",
        HUGEINT="CAST(a AS VARCHAR)",
        DOUBLE=FLOAT_TEXT,
        BOOLEAN="CAST(a AS VARCHAR)",
        TIMESTAMPTZ=f"{TIMESTAMP_TEXT} || '+00'",
        TIMESTAMP=TIMESTAMP_TEXT,
        DATE="strftime(a, '%Y-%m-%d')",
        TIME="CAST(a AS VARCHAR)",
        BLOB="decode(a)",
    ),
    _typed(
        "bq_int64",
        "a",
        VARCHAR="CASE WHEN regexp_matches(a, '^\\s*[-+]?0[xX]') "
        "THEN CAST(trim(a) AS BIGINT) "
        "WHEN regexp_full_match(a, '\\s*[-+]?[0-9]+\\s*') THEN CAST(trim(a) AS BIGINT) "
        "ELSE CAST(error('Bad int64 value: ' || a) AS BIGINT) END",
        BIGINT="a",
        HUGEINT="CAST(a AS BIGINT)",
        DOUBLE=HALF_AWAY,
        BOOLEAN="CAST(a AS BIGINT)",
    ),
    _typed(
        "bq_float64",
        "a",
        VARCHAR="CAST(a AS DOUBLE)",
        BIGINT="CAST(a AS DOUBLE)",
        HUGEINT="CAST(a AS DOUBLE)",
        DOUBLE="a",
    ),
    _typed("bq_bool", "a", VARCHAR="CAST(a AS BOOLEAN)", BIGINT="CAST(a AS BOOLEAN)", BOOLEAN="a"),
    _typed("bq_bytes", "a", VARCHAR="encode(a)", BLOB="a"),
    _typed(
        "bq_date",
        "a",
        VARCHAR="CAST(a AS DATE)",
        TIMESTAMPTZ="CAST(timezone('UTC', a) AS DATE)",
        TIMESTAMP="CAST(a AS DATE)",
        DATE="a",
    ),
    _typed(
        "bq_timestamp",
        "a",
        VARCHAR="CAST(a AS TIMESTAMPTZ)",
        TIMESTAMPTZ="a",
        TIMESTAMP="timezone('UTC', a)",
        DATE="timezone('UTC', CAST(a AS TIMESTAMP))",
    ),
    _typed(
        "bq_datetime",
        "a",
        VARCHAR="CAST(a AS TIMESTAMP)",
        TIMESTAMPTZ="timezone('UTC', a)",
        TIMESTAMP="a",
        DATE="CAST(a AS TIMESTAMP)",
    ),
    _typed(
        "bq_narrow",
        "a",
        BIGINT="CAST(a AS BIGINT)",
        HUGEINT="CAST(a AS BIGINT)",
        DOUBLE="CAST(a AS DOUBLE)",
    ),
    _typed("bq_add", "a, n", DATE="CAST(a + n AS DATE)", TIMESTAMP="a + n", TIMESTAMPTZ="a + n"),
    _typed(
        "bq_trunc",
        "a, u",
        DATE="CAST(date_trunc(u, a) AS DATE)",
        TIMESTAMP="date_trunc(u, a)",
        TIMESTAMPTZ="timezone('UTC', date_trunc(u, timezone('UTC', a)))",
    ),
)


def statements() -> Iterator[str]:
    """Yield the statements that define every macro and its twin."""
    for macro in MACROS:
        plain = ", ".join(_overload(macro, kind, body) for kind, body in macro.bodies.items())
        twin = ", ".join(_twin(macro, kind, body) for kind, body in macro.bodies.items())
        yield f"CREATE OR REPLACE MACRO {macro.name} {plain}"
        yield f"CREATE OR REPLACE MACRO {macro.name}{TWIN} {twin}"


def _overload(macro: Macro, kind: str, body: str) -> str:
    first, *rest = macro.parameters.split(", ")
    return f"({', '.join([f'{first} {kind}'.strip(), *rest])}) AS {body}"


def _twin(macro: Macro, kind: str, body: str) -> str:
    return f"({macro.parameters}, w {kind}) AS {body}"
