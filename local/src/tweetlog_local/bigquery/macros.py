"""BigQuery's functions written in DuckDB's SQL, one macro for each type they take.

A macro is chosen by the type of its first argument. DuckDB cannot see the type of an aggregate
while it chooses, so each macro has a twin, `<name>__as`, with one argument more: an expression
of the same type without the aggregate, which the body never reads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TWIN = "__as"
SAFE = "bq_safe_"
UNTYPED = ""


@dataclass(frozen=True, slots=True)
class Macro:
    """A function: its parameters and, for each type of the first, its body."""

    name: str
    parameters: str
    bodies: Mapping[str, str]


def _typed(name: str, parameters: str, /, **bodies: str) -> Macro:
    return Macro(name, parameters, bodies)


def _plain(name: str, parameters: str, body: str) -> Macro:
    return Macro(name, parameters, {UNTYPED: body})


def _same(body: str, *kinds: str) -> dict[str, str]:
    return dict.fromkeys(kinds, body)


MARK = "BigQuery: "


def literal_marked(message: str) -> str:
    """Return DuckDB's expression of an error's text, marked as ours."""
    return f"'{MARK}' || {message}"


def _checked(condition: str, message: str, body: str, kind: str = "DOUBLE") -> str:
    """Return `body`, or an error; error() itself would be refused inside TRY."""
    failing = f"CAST({literal_marked(message)} AS {'INT' if kind == 'VARCHAR' else kind})"
    return f"CASE WHEN {condition} THEN CAST({failing} AS {kind}) ELSE {body} END"


def _in_utc(moment: str) -> str:
    """Return the TIMESTAMP of what is a moment in UTC without a zone."""
    return f"make_timestamptz(epoch_us({moment}))"


INTEGERS = ("BIGINT", "HUGEINT")
DECIMAL = "DECIMAL(38,9)"
# Unicode's white space, which BigQuery's TRIM removes.
BLANKS = (
    "chr(9)||chr(10)||chr(11)||chr(12)||chr(13)||chr(32)||chr(133)||chr(160)||chr(5760)||"
    "chr(8192)||chr(8193)||chr(8194)||chr(8195)||chr(8196)||chr(8197)||chr(8198)||chr(8199)||"
    "chr(8200)||chr(8201)||chr(8202)||chr(8232)||chr(8233)||chr(8239)||chr(8287)||chr(12288)"
)
FRACTION = (
    "CASE WHEN epoch_us(a) % 1000000 = 0 THEN '' "
    "WHEN epoch_us(a) % 1000 = 0 THEN strftime(a, '.%g') ELSE strftime(a, '.%f') END"
)
CLOCK = f"strftime(a, '%H:%M:%S') || {FRACTION}"
MOMENT = f"strftime(a, '%Y-%m-%d %H:%M:%S') || {FRACTION}"
FLOAT_TEXT = (
    "CASE WHEN isnan(a) THEN 'NaN' WHEN isinf(a) THEN CASE WHEN a > 0 THEN 'inf' ELSE '-inf' END "
    "WHEN abs(a) < 1e15 AND a = trunc(a) THEN CAST(CAST(a AS BIGINT) AS VARCHAR) "
    "ELSE CAST(a AS VARCHAR) END"
)
DECIMAL_TEXT = "regexp_replace(CAST(a AS VARCHAR), '\\.?0+$', '')"
INT64_TEXT = _checked(
    "NOT regexp_full_match(a, '\\s*[-+]?([0-9]+|0[xX][0-9a-fA-F]+)\\s*')",
    "'Bad int64 value: ' || a",
    "CAST(trim(a) AS BIGINT)",
    "BIGINT",
)
BOOL_TEXT = (
    "CASE lower(a) WHEN 'true' THEN true WHEN 'false' THEN false "
    "ELSE CAST('BigQuery: Bad bool value: ' || a AS BOOLEAN) END"
)
TIMESTAMP_TEXT = _checked(
    "NOT regexp_matches(a, '^\\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}')",
    "'Invalid timestamp: ' || a",
    "CAST(trim(a) AS TIMESTAMPTZ)",
    "TIMESTAMPTZ",
)
# A week that starts k days after Monday.
WEEK = "date_trunc('week', a - to_days(k)) + to_days(k)"
WEEK_OF_YEAR = "CAST((dayofyear(a) + 6 - (isodow(a) - 1 - k + 7) % 7) // 7 AS BIGINT)"
# A TIMESTAMP as it is in UTC without a zone, and the way back: both are counts of microseconds.
# timezone() asks a calendar of zones for each row, which takes ten times as long.
UTC = "make_timestamp(epoch_us(a))"
ISO_YEAR = "CAST(date_trunc('week', make_date(CAST(isoyear(a) AS BIGINT), 1, 4)) AS TIMESTAMP)"
START = "CASE WHEN p = 0 THEN 1 WHEN p < 0 THEN greatest(length(a) + p + 1, 1) ELSE p END"
# TRY does not see into CASE, so that what cannot be parsed is asked for.
JSON_SCALAR = (
    "CASE WHEN json_valid(a) THEN CASE WHEN json_type(a, p) NOT IN ('OBJECT', 'ARRAY', 'NULL') "
    "THEN json_extract_string(a, p) END END"
)
JSON_NUMBER = "('BIGINT', 'UBIGINT', 'DOUBLE')"
TEXT_OF_JSON = "json_extract_string(a, '$')"


def _json_as(kinds: str, what: str, body: str) -> str:
    return (
        f"CASE WHEN json_type(a) IN {kinds} THEN {body} WHEN json_type(a) IS NOT NULL "
        f"THEN error('BigQuery: The provided JSON input is not {what}') END"
    )


CONVERSIONS = (
    Macro(
        "bq_string",
        "a",
        {
            "VARCHAR": "a",
            **_same("CAST(a AS VARCHAR)", *INTEGERS, "BOOLEAN"),
            "DOUBLE": FLOAT_TEXT,
            DECIMAL: DECIMAL_TEXT,
            "TIMESTAMPTZ": f"{MOMENT} || '+00'",
            "TIMESTAMP": MOMENT,
            "DATE": "strftime(a, '%Y-%m-%d')",
            "TIME": "CAST(a AS VARCHAR)",
            "BLOB": "decode(a)",
        },
    ),
    Macro(
        "bq_int64",
        "a",
        {
            "VARCHAR": INT64_TEXT,
            **_same("CAST(a AS BIGINT)", *INTEGERS, "BOOLEAN"),
            "DOUBLE": "CAST(round(a) AS BIGINT)",
            DECIMAL: "CAST(round(a) AS BIGINT)",
        },
    ),
    Macro("bq_float64", "a", _same("CAST(a AS DOUBLE)", "VARCHAR", *INTEGERS, "DOUBLE", DECIMAL)),
    Macro(
        "bq_numeric",
        "a",
        _same(f"CAST(a AS {DECIMAL})", "VARCHAR", *INTEGERS, "DOUBLE", DECIMAL),
    ),
    _typed("bq_bool", "a", VARCHAR=BOOL_TEXT, BIGINT="a <> 0", BOOLEAN="a"),
    _typed("bq_bytes", "a", VARCHAR="encode(a)", BLOB="a"),
    _typed(
        "bq_date",
        "a",
        VARCHAR="CAST(trim(a) AS DATE)",
        TIMESTAMPTZ=f"CAST({UTC} AS DATE)",
        TIMESTAMP="CAST(a AS DATE)",
        DATE="a",
    ),
    _typed(
        "bq_timestamp",
        "a",
        VARCHAR=TIMESTAMP_TEXT,
        TIMESTAMPTZ="a",
        TIMESTAMP=_in_utc("a"),
        DATE=_in_utc("CAST(a AS TIMESTAMP)"),
    ),
    _typed(
        "bq_timestamp_in",
        "a, z",
        VARCHAR="timezone(z, CAST(a AS TIMESTAMP))",
        TIMESTAMP="timezone(z, a)",
        DATE="timezone(z, CAST(a AS TIMESTAMP))",
    ),
    _typed(
        "bq_datetime",
        "a",
        VARCHAR="CAST(trim(a) AS TIMESTAMP)",
        TIMESTAMPTZ=UTC,
        TIMESTAMP="a",
        DATE="CAST(a AS TIMESTAMP)",
    ),
    _typed("bq_datetime_in", "a, z", TIMESTAMPTZ="timezone(z, a)", DATE="a + z"),
    _typed(
        "bq_time",
        "a",
        VARCHAR="CAST(trim(a) AS TIME)",
        TIMESTAMPTZ=f"CAST({UTC} AS TIME)",
        TIMESTAMP="CAST(a AS TIME)",
        TIME="a",
    ),
    _typed("bq_local", "a, z", TIMESTAMPTZ="timezone(z, a)"),
)

NUMERIC = (
    Macro(
        "bq_narrow",
        "a",
        {
            **_same("CAST(a AS BIGINT)", *INTEGERS),
            "DOUBLE": "CAST(a AS DOUBLE)",
            DECIMAL: f"CAST(a AS {DECIMAL})",
        },
    ),
    Macro(
        "bq_average",
        "a",
        {**_same("CAST(a AS DOUBLE)", *INTEGERS, "DOUBLE"), DECIMAL: f"CAST(a AS {DECIMAL})"},
    ),
    _plain("bq_div", "a, b", _checked("b = 0", "'division by zero: ' || a || ' / 0'", "a / b")),
    # DuckDB counts days where BigQuery returns an INTERVAL.
    _plain(
        "bq_minus",
        "a, b",
        "CASE WHEN typeof(a) = 'DATE' AND typeof(b) = 'DATE' "
        "THEN error('BigQuery: The difference of two dates is an INTERVAL, which is not supported "
        "by the embedded BigQuery: use DATE_DIFF') ELSE a - b END",
    ),
    _plain("bq_safe_divide", "a, b", "CASE WHEN b <> 0 THEN a / b END"),
    Macro("bq_ceil", "a", _same("ceil(CAST(a AS DOUBLE))", *INTEGERS, "DOUBLE")),
    Macro("bq_floor", "a", _same("floor(CAST(a AS DOUBLE))", *INTEGERS, "DOUBLE")),
    Macro("bq_round", "a", _same("round(CAST(a AS DOUBLE))", *INTEGERS, "DOUBLE")),
    Macro(
        "bq_round_to",
        "a, n",
        _same("round(CAST(a AS DOUBLE), CAST(n AS INT))", *INTEGERS, "DOUBLE"),
    ),
    Macro("bq_trunc_number", "a", _same("trunc(CAST(a AS DOUBLE))", *INTEGERS, "DOUBLE")),
    _plain(
        "bq_sqrt", "a", _checked("a < 0", "'Argument to SQRT cannot be negative: ' || a", "sqrt(a)")
    ),
    _plain("bq_ln", "a", _checked("a <= 0", "'Floating point error in function: LN'", "ln(a)")),
    _plain(
        "bq_log10", "a", _checked("a <= 0", "'Floating point error in function: LOG10'", "log10(a)")
    ),
    _plain(
        "bq_log",
        "a, b",
        _checked("a <= 0 OR b <= 0", "'Floating point error in function: LOG'", "ln(a) / ln(b)"),
    ),
    _plain("bq_pow", "a, b", "pow(CAST(a AS DOUBLE), CAST(b AS DOUBLE))"),
)

STRINGS = (
    _typed("bq_length", "a", VARCHAR="length(a)", BLOB="octet_length(a)"),
    _typed("bq_byte_length", "a", VARCHAR="octet_length(encode(a))", BLOB="octet_length(a)"),
    _typed("bq_substr", "a, p", VARCHAR=f"substring(a, {START})"),
    _typed(
        "bq_substr_of",
        "a, p, n",
        VARCHAR=_checked(
            "n < 0",
            "'Third argument in SUBSTR() cannot be negative'",
            f"substring(a, {START}, n)",
            "VARCHAR",
        ),
    ),
    _typed("bq_trim", "a", VARCHAR=f"trim(a, {BLANKS})"),
    _typed("bq_ltrim", "a", VARCHAR=f"ltrim(a, {BLANKS})"),
    _typed("bq_rtrim", "a", VARCHAR=f"rtrim(a, {BLANKS})"),
    _typed(
        "bq_lower",
        "a",
        VARCHAR="CASE WHEN length(a) = octet_length(encode(a)) THEN lower(a) ELSE py_lower(a) END",
    ),
    _typed(
        "bq_upper",
        "a",
        VARCHAR="CASE WHEN length(a) = octet_length(encode(a)) THEN upper(a) ELSE py_upper(a) END",
    ),
    _plain(
        "bq_left", "a, n", _checked("n < 0", "'LEFT: negative length'", "left(a, n)", "VARCHAR")
    ),
    _plain(
        "bq_right", "a, n", _checked("n < 0", "'RIGHT: negative length'", "right(a, n)", "VARCHAR")
    ),
    _typed("bq_to_hex", "a", BLOB="lower(hex(a))"),
    _typed("bq_to_base64", "a", BLOB="to_base64(a)"),
    _typed("bq_md5", "a", VARCHAR="unhex(md5(a))", BLOB="unhex(md5(a))"),
    _typed("bq_sha1", "a", VARCHAR="unhex(sha1(a))", BLOB="unhex(sha1(a))"),
    _typed("bq_sha256", "a", VARCHAR="unhex(sha256(a))", BLOB="unhex(sha256(a))"),
    _typed("bq_sha512", "a", VARCHAR="py_sha512(encode(a))", BLOB="py_sha512(a)"),
    _typed(
        "bq_farm_fingerprint",
        "a",
        VARCHAR="py_farm_fingerprint(encode(a))",
        BLOB="py_farm_fingerprint(a)",
    ),
    _typed("bq_contains_substr", "a, b", VARCHAR="contains(py_fold(a), py_fold(b))"),
    _plain(
        "bq_extract", "a, p, g", "CASE WHEN regexp_matches(a, p) THEN regexp_extract(a, p, g) END"
    ),
)

JSONS = (
    _typed("bq_json_value", "a, p", VARCHAR=JSON_SCALAR),
    _typed(
        "bq_json_query",
        "a, p",
        JSON="json_extract(a, p)",
        VARCHAR="CASE WHEN json_valid(a) "
        "THEN nullif(CAST(json_extract(a, p) AS VARCHAR), 'null') END",
    ),
    _typed(
        "bq_json_query_array",
        "a, p, w",
        JSON="CASE WHEN json_type(a, p) = 'ARRAY' THEN json_extract(a, w) END",
        VARCHAR="CASE WHEN json_valid(a) THEN CASE WHEN json_type(a, p) = 'ARRAY' "
        "THEN CAST(json_extract(a, w) AS VARCHAR[]) END END",
    ),
    _typed(
        "bq_json_value_array",
        "a, p, w",
        VARCHAR="CASE WHEN json_valid(a) THEN CASE WHEN json_type(a, p) = 'ARRAY' "
        "AND NOT list_has_any(json_type(a, w), ['OBJECT', 'ARRAY']) "
        "THEN json_extract_string(a, w) END END",
    ),
    _typed("bq_parse_json", "a", VARCHAR="CAST(json(a) AS JSON)"),
    _typed(
        "bq_json_type",
        "a",
        VARCHAR="CASE json_type(a) WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' "
        "WHEN 'VARCHAR' THEN 'string' WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null' "
        f"ELSE CASE WHEN json_type(a) IN {JSON_NUMBER} THEN 'number' END END",
    ),
    _typed(
        "bq_string_of",
        "a",
        VARCHAR=_json_as("('VARCHAR')", "a string", TEXT_OF_JSON),
        TIMESTAMPTZ=f"{MOMENT} || '+00'",
        TIMESTAMP=MOMENT,
        DATE="strftime(a, '%Y-%m-%d')",
    ),
    _typed(
        "bq_int64_of",
        "a",
        VARCHAR=_json_as(JSON_NUMBER, "an integer", f"CAST({TEXT_OF_JSON} AS BIGINT)"),
    ),
    _typed(
        "bq_float64_of",
        "a",
        VARCHAR=_json_as(JSON_NUMBER, "a number", f"CAST({TEXT_OF_JSON} AS DOUBLE)"),
    ),
    _typed(
        "bq_bool_of",
        "a",
        VARCHAR=_json_as("('BOOLEAN')", "a boolean", f"{TEXT_OF_JSON} = 'true'"),
    ),
    _typed(
        "bq_lax_string",
        "a",
        VARCHAR="CASE WHEN json_type(a) NOT IN ('OBJECT', 'ARRAY', 'NULL') "
        f"THEN {TEXT_OF_JSON} END",
    ),
    _typed(
        "bq_lax_int64",
        "a",
        VARCHAR="CASE json_type(a) WHEN 'BOOLEAN' "
        f"THEN CAST(CAST({TEXT_OF_JSON} AS BOOLEAN) AS BIGINT) WHEN 'OBJECT' THEN NULL "
        "WHEN 'ARRAY' THEN NULL "
        f"ELSE CAST(round(TRY_CAST({TEXT_OF_JSON} AS DOUBLE)) AS BIGINT) END",
    ),
    _typed(
        "bq_lax_float64",
        "a",
        VARCHAR="CASE WHEN json_type(a) NOT IN ('OBJECT', 'ARRAY', 'BOOLEAN') "
        f"THEN TRY_CAST({TEXT_OF_JSON} AS DOUBLE) END",
    ),
    _typed(
        "bq_lax_bool",
        "a",
        VARCHAR="CASE json_type(a) WHEN 'BOOLEAN' THEN json_extract_string(a, '$') = 'true' "
        "WHEN 'VARCHAR' THEN CASE lower(json_extract_string(a, '$')) WHEN 'true' THEN true "
        "WHEN 'false' THEN false END WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL "
        "ELSE TRY_CAST(json_extract_string(a, '$') AS DOUBLE) <> 0 END",
    ),
    _plain(
        "bq_to_json",
        "a",
        "CASE WHEN a IS NULL THEN CAST('null' AS JSON) "
        "WHEN typeof(a) IN ('TIMESTAMP WITH TIME ZONE', 'TIMESTAMP') THEN "
        "to_json(regexp_replace(replace(CAST(a AS VARCHAR), ' ', 'T'), '\\+00$', 'Z')) "
        "WHEN typeof(a) = 'BLOB' THEN to_json(to_base64(TRY_CAST(a AS BLOB))) "
        "WHEN typeof(a) IN ('DOUBLE', 'FLOAT') "
        "THEN CAST(regexp_replace(CAST(to_json(a) AS VARCHAR), "
        "'\\.0$', '') AS JSON) "
        "WHEN typeof(a) = 'BIGINT' AND abs(TRY_CAST(a AS HUGEINT)) > 9007199254740992 "
        "THEN to_json(CAST(a AS VARCHAR)) "
        "WHEN regexp_matches(typeof(a), 'TIMESTAMP|BLOB|DECIMAL|INTERVAL|MAP') "
        "THEN error('BigQuery: TO_JSON of ' || typeof(a) || "
        "' is not supported by the embedded BigQuery') "
        "ELSE to_json(a) END",
    ),
    _plain(
        "bq_at",
        "a, i",
        "CASE WHEN typeof(a) = 'JSON' THEN a[i] WHEN i < 0 OR i >= len(a) "
        "THEN error('BigQuery: Array index ' || i || ' is out of bounds') ELSE a[i + 1] END",
    ),
    _plain(
        "bq_offset",
        "a, i",
        "CASE WHEN i < 0 OR i >= len(a) "
        "THEN error('BigQuery: Array index ' || i || ' is out of bounds') ELSE a[i + 1] END",
    ),
    _plain("bq_safe_offset", "a, i", "CASE WHEN i >= 0 THEN a[i + 1] END"),
)

TIMES = (
    _typed(
        "bq_add",
        "a, n",
        DATE="CAST(a + n AS DATE)",
        TIMESTAMP="a + n",
        TIMESTAMPTZ="a + n",
        TIME="a + n",
    ),
    _typed(
        "bq_trunc",
        "a, u",
        DATE="CAST(date_trunc(u, a) AS DATE)",
        TIMESTAMP="CAST(date_trunc(u, a) AS TIMESTAMP)",
        TIMESTAMPTZ=_in_utc(f"date_trunc(u, {UTC})"),
    ),
    _typed(
        "bq_trunc_week",
        "a, k",
        DATE=f"CAST({WEEK} AS DATE)",
        TIMESTAMP=WEEK,
        TIMESTAMPTZ=_in_utc(WEEK.replace("a -", f"{UTC} -")),
    ),
    _typed(
        "bq_trunc_isoyear",
        "a",
        DATE=f"CAST({ISO_YEAR} AS DATE)",
        TIMESTAMP=ISO_YEAR,
        TIMESTAMPTZ=_in_utc(ISO_YEAR),
    ),
    # a minus b in parts of u microseconds, cut towards zero.
    _typed(
        "bq_elapsed",
        "a, b, u",
        **_same("(epoch_us(a) - epoch_us(b)) // u", "TIMESTAMPTZ"),
        VARCHAR="(epoch_us(CAST(a AS TIMESTAMPTZ)) - epoch_us(CAST(b AS TIMESTAMPTZ))) // u",
    ),
    _typed("bq_boundaries", "a, b, u", **_same("date_diff(u, b, a)", "DATE", "TIMESTAMP", "TIME")),
    _typed(
        "bq_week_boundaries",
        "a, b, k",
        **_same(
            "date_diff('day', date_trunc('week', b - to_days(k)), "
            "date_trunc('week', a - to_days(k))) // 7",
            "DATE",
            "TIMESTAMP",
        ),
    ),
    _typed("bq_week_of_year", "a, k", **_same(WEEK_OF_YEAR, "DATE", "TIMESTAMP", "TIMESTAMPTZ")),
    _typed(
        "bq_last_day",
        "a, u",
        **_same(
            "CAST(date_trunc(u, a) + to_months(CASE u WHEN 'year' THEN 12 WHEN 'quarter' "
            "THEN 3 ELSE 1 END) - to_days(1) AS DATE)",
            "DATE",
            "TIMESTAMP",
        ),
    ),
    _typed("bq_unix", "a, u", TIMESTAMPTZ="CAST(floor_divide(epoch_us(a), u) AS BIGINT)"),
    _typed("bq_clock", "a", **_same(CLOCK, "TIMESTAMP")),
    _plain("bq_fraction", "a, n", "left(strftime(a, '%f'), n)"),
    _plain(
        "bq_fraction_all",
        "a",
        "CASE WHEN epoch_us(a) % 1000000 = 0 THEN '' ELSE '.' || rtrim(strftime(a, '%f'), '0') END",
    ),
)

ARRAYS = (
    # The different values from the smallest on; list_distinct would leave NULL out.
    _plain(
        "bq_distinct",
        "x",
        "CASE WHEN len(x) < 2 THEN x "
        "WHEN list_count(x) = len(x) THEN list_sort(list_distinct(x)) "
        "ELSE list_concat(list_filter(x, lambda e: e IS NULL)[1:1], list_sort(list_distinct(x))) "
        "END",
    ),
    _plain(
        "bq_in",
        "a, x",
        "CASE WHEN list_contains(x, a) THEN true WHEN coalesce(len(x), 0) = 0 THEN false "
        "WHEN a IS NOT NULL AND list_count(x) = len(x) THEN false END",
    ),
)

AGGREGATES = (
    _plain(
        "bq_top_count",
        "x, n",
        "list_transform(list_reverse_sort(list_concat("
        "list_transform(map_entries(histogram(x)), "
        "lambda e: {'count': CAST(e.value AS BIGINT), 'value': e.key}), "
        "CASE WHEN count(*) > count(x) THEN [{'count': count(*) - count(x), 'value': NULL}] "
        "ELSE [] END)), lambda e: {'value': e.value, 'count': e.count})[1:n]",
    ),
)


def _safe(macro: Macro) -> Macro:
    """Return the conversion that is NULL where `macro` fails, for SAFE_CAST."""
    name = macro.name.replace("bq_", SAFE, 1)
    bodies = {
        kind: body.replace("CAST(", "TRY_CAST(").replace("decode(a)", "TRY(decode(a))")
        for kind, body in macro.bodies.items()
    }
    return Macro(name, macro.parameters, bodies)


# In the order in which they use each other.
MACROS: tuple[Macro, ...] = (
    _plain("floor_divide", "a, b", "a // b - CASE WHEN a % b < 0 THEN 1 ELSE 0 END"),
    *CONVERSIONS,
    *map(_safe, CONVERSIONS),
    *NUMERIC,
    *STRINGS,
    *JSONS,
    *TIMES,
    *ARRAYS,
    *AGGREGATES,
)


def statements() -> Iterator[str]:
    """Yield the statements that define every macro and its twin."""
    for macro in MACROS:
        plain = ", ".join(_overload(macro, kind, body) for kind, body in macro.bodies.items())
        yield f"CREATE MACRO {macro.name} {plain}"
        if UNTYPED not in macro.bodies:
            twin = ", ".join(_twin(macro, kind, body) for kind, body in macro.bodies.items())
            yield f"CREATE MACRO {macro.name}{TWIN} {twin}"


def _overload(macro: Macro, kind: str, body: str) -> str:
    first, *rest = macro.parameters.split(", ")
    return f"({', '.join([f'{first} {kind}'.strip(), *rest])}) AS {body}"


def _twin(macro: Macro, kind: str, body: str) -> str:
    return f"({macro.parameters}, witness {kind}) AS {body}"


CONVERTING = frozenset(macro.name for macro in CONVERSIONS)
