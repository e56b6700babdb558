"""What each of BigQuery's functions becomes in DuckDB.

A function that is not listed here is refused: it is better to say so than to hope that a
function of the same name does the same.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from sqlglot import exp

from tweetlog_local.bigquery.aggregates import aggregate
from tweetlog_local.bigquery.calendar_parts import (
    MICROS,
    boundaries,
    elapsed,
    formatted,
    parse_pattern,
    part,
    truncated,
)
from tweetlog_local.bigquery.errors import InvalidQuery, Unsupported
from tweetlog_local.bigquery.expressions import (
    call,
    concatenated,
    conditional,
    integer,
    string,
    struct,
    typed,
)
from tweetlog_local.bigquery.json_paths import duckdb_path

Arguments = Sequence[exp.Expr]
Builder = Callable[[Arguments], exp.Expr]
ELEMENT = "element"


def translated(name: str, arguments: Arguments) -> exp.Expr:
    """Return DuckDB's expression for BigQuery's `name(arguments)`."""
    upper = name.upper()
    try:
        found = aggregate(upper, arguments)
        if found is not None:
            return found
        if upper in FUNCTIONS:
            return FUNCTIONS[upper](arguments)
    except (IndexError, ValueError):
        raise InvalidQuery(
            f"No matching signature for function {upper} with {len(arguments)} arguments"
        ) from None
    raise Unsupported(f"Function {upper}", "it has not been translated")


def _is_text(tree: exp.Expr) -> bool:
    return isinstance(tree, exp.Literal) and bool(tree.is_string)


def _renamed(name: str, least: int = 0, most: int = 99) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        if not least <= len(arguments) <= most:
            raise IndexError
        return call(name, *arguments)

    return build


def _macro(name: str, *further: str) -> Builder:
    """Return a builder that takes the macro for one argument, two, and so on."""

    def build(arguments: Arguments) -> exp.Expr:
        return typed((name, *further)[len(arguments) - 1], *arguments)

    return build


def _macro_of(count: int, name: str, *further: str) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        if len(arguments) < count:
            raise IndexError
        return typed((name, *further)[len(arguments) - count], *arguments)

    return build


def _plain(count: int, name: str) -> Builder:
    """Return a builder for a macro that has no types."""
    return _renamed(name, count, count)


# Conditions


def _ifnull(arguments: Arguments) -> exp.Expr:
    first, second = arguments
    return call("coalesce", first, second)


def _extremum(name: str) -> Builder:
    """Return GREATEST or LEAST, which are NULL if one argument is."""

    def build(arguments: Arguments) -> exp.Expr:
        nulls = [exp.Is(this=item.copy(), expression=exp.null()) for item in arguments]
        return conditional(exp.or_(*nulls), exp.null(), call(name, *arguments))

    return build


def _safe(operator: type[exp.Binary]) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        left, right = arguments
        return call("try", operator(this=exp.paren(left), expression=exp.paren(right)))

    return build


def _int_div(arguments: Arguments) -> exp.Expr:
    left, right = arguments
    return exp.Paren(this=exp.IntDiv(this=exp.paren(left), expression=exp.paren(right)))


# Strings


def _concat(arguments: Arguments) -> exp.Expr:
    return concatenated([exp.paren(item) for item in arguments])


def _normalize(fold: bool) -> Builder:  # noqa: FBT001 (one flag of a builder)
    def build(arguments: Arguments) -> exp.Expr:
        value, *form = arguments
        name = form[0].name.upper() if form else "NFC"
        if name not in ("NFC", "NFKC", "NFD", "NFKD"):
            raise InvalidQuery(f"{name} is not a normalization form")
        return call("py_normalize_fold" if fold else "py_normalize", value, string(name))

    return build


def _split(arguments: Arguments) -> exp.Expr:
    value, *delimiter = arguments
    if delimiter and not (_is_text(delimiter[0]) and delimiter[0].name):
        raise Unsupported("SPLIT by what is not a constant or empty", "it has not been translated")
    return call("string_split", value, *(delimiter or [string(",")]))


def _pad(name: str) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        value, length, *pattern = arguments
        return call(name, value, exp.cast(length, "INT"), *(pattern or [string(" ")]))

    return build


def _trim(name: str, plain: str) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        if len(arguments) == 1:
            return typed(name, *arguments)
        value, characters = arguments
        return call(plain, value, characters)

    return build


def _pattern_groups(pattern: exp.Expr) -> int:
    if not _is_text(pattern):
        raise Unsupported("A regular expression that is not a constant", "its groups are counted")
    try:
        groups = re.compile(re.sub(r"\(\?P<", "(?P<", pattern.name)).groups
    except re.error:
        groups = len(re.findall(r"(?<!\\)\((?!\?)", pattern.name))
    if groups > 1:
        raise InvalidQuery(
            f"Regular expression may not contain more than one capturing group: {pattern.name}"
        )
    return groups


def _regexp_extract(arguments: Arguments) -> exp.Expr:
    value, pattern = arguments
    return call("bq_extract", value, pattern, exp.Literal.number(_pattern_groups(pattern)))


def _regexp_extract_all(arguments: Arguments) -> exp.Expr:
    value, pattern = arguments
    group = exp.Literal.number(_pattern_groups(pattern))
    return call("regexp_extract_all", value, pattern, group)


def _regexp_replace(arguments: Arguments) -> exp.Expr:
    value, pattern, replacement = arguments
    return call("regexp_replace", value, pattern, replacement, string("g"))


FORMAT_ELEMENT = re.compile(r"%(?P<flags>[-+ 0']*)(?P<width>\d*)(?P<precision>\.\d+)?(?P<kind>.)")


def _format(arguments: Arguments) -> exp.Expr:
    pattern, *values = arguments
    if not _is_text(pattern):
        raise Unsupported("FORMAT with a pattern that is not a constant", "it is taken apart")
    pieces, position, left = [], 0, list(values)
    for element in FORMAT_ELEMENT.finditer(pattern.name):
        pieces.append(string(pattern.name[position : element.start()]))
        pieces.append(_format_element(element, left))
        position = element.end()
    if left:
        raise InvalidQuery("FORMAT: Too many arguments to FORMAT for pattern")
    pieces.append(string(pattern.name[position:]))
    return concatenated([piece for piece in pieces if not (_is_text(piece) and not piece.name)])


def _format_element(element: "re.Match[str]", left: list[exp.Expr]) -> exp.Expr:
    kind = element["kind"]
    if kind == "%":
        return string("%")
    if not left:
        raise InvalidQuery("FORMAT: Too few arguments to FORMAT for pattern")
    value = left.pop(0)
    bare = not (element["flags"] or element["width"] or element["precision"])
    if kind == "t" and bare:
        return call("coalesce", typed("bq_string", value), string("NULL"))
    if kind in "di" and element["flags"] == "'" and not element["width"]:
        return call("format", string("{:,}"), value)
    if kind not in "disxXoeEfFgG" or "'" in element["flags"]:
        raise Unsupported(f"FORMAT element {element[0]}", "it has not been translated")
    return call("printf", string(element[0].replace("i", "d")), value)


# JSON


def _json_path(arguments: Arguments) -> str:
    if len(arguments) == 1:
        return "$"
    path = arguments[1]
    if not _is_text(path):
        raise InvalidQuery("JSONPath must be a string literal or query parameter")
    return duckdb_path(path.name)


def _json(name: str) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        return typed(name, arguments[0], string(_json_path(arguments)))

    return build


def _json_array(name: str) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        path = _json_path(arguments)
        return typed(name, arguments[0], string(path), string(path + "[*]"))

    return build


def _to_json_string(arguments: Arguments) -> exp.Expr:
    (value,) = arguments
    return exp.cast(call("bq_to_json", value), exp.DType.VARCHAR)


# Arrays


def _array_to_string(arguments: Arguments) -> exp.Expr:
    array, separator, *null_text = arguments
    if null_text:
        name = exp.to_identifier(ELEMENT)
        filled = call("coalesce", exp.Column(this=name), null_text[0])
        array = call("list_transform", array, exp.Lambda(this=filled, expressions=[name]))
    return call("array_to_string", array, separator)


def _array_concat(arguments: Arguments) -> exp.Expr:
    return concatenated([exp.paren(item) for item in arguments])


def _generate_array(arguments: Arguments) -> exp.Expr:
    first, last, *step = arguments
    whole = [exp.cast(item, exp.DType.BIGINT) for item in (first, last, *step)]
    if any("." in found.name for item in arguments for found in item.find_all(exp.Literal)):
        raise Unsupported("GENERATE_ARRAY of FLOAT64", "it has not been translated")
    return call("generate_series", *whole)


def _interval_parts(tree: exp.Expr) -> tuple[exp.Expr, str]:
    """Return the amount and the unit of an interval that was translated before."""
    return tree.expressions[0], tree.name


def _generate_date_array(arguments: Arguments) -> exp.Expr:
    first, last, *step = arguments
    name = step[0].name if step else "to_days"
    amount = step[0].expressions[0] if step else exp.cast(exp.Literal.number(1), "INT")
    index = exp.to_identifier(ELEMENT)
    steps = exp.Mul(this=exp.paren(amount.copy()), expression=exp.Column(this=index))
    start, end = exp.cast(first, exp.DType.DATE), exp.cast(last, exp.DType.DATE)
    moment = exp.Add(this=start, expression=call(name, exp.cast(exp.paren(steps), "INT")))
    dates = call(
        "list_transform",
        call("generate_series", integer(0), _steps(start, end, name, amount)),
        exp.Lambda(this=exp.cast(moment, exp.DType.DATE), expressions=[index]),
    )
    within = exp.LTE(this=exp.Column(this=index.copy()), expression=end.copy())
    return call("list_filter", dates, exp.Lambda(this=within, expressions=[index.copy()]))


def _steps(start: exp.Expr, end: exp.Expr, name: str, amount: exp.Expr) -> exp.Expr:
    units = {
        "to_days": "day",
        "to_weeks": "week",
        "to_months": "month",
        "to_quarters": "quarter",
        "to_years": "year",
    }
    if name not in units:
        raise InvalidQuery("GENERATE_DATE_ARRAY steps by days or more")
    if amount.find(exp.Neg):
        raise Unsupported("GENERATE_DATE_ARRAY backwards", "it has not been translated")
    apart = call("date_diff", string(units[name]), start.copy(), end.copy())
    return exp.Add(this=apart, expression=integer(1))


def _generate_timestamp_array(arguments: Arguments) -> exp.Expr:
    first, last, step = arguments
    return call("generate_series", typed("bq_timestamp", first), typed("bq_timestamp", last), step)


def _struct(arguments: Arguments) -> exp.Expr:
    if not arguments:
        raise IndexError
    names = [_part_name(item) for item in arguments]
    values = [item.this if isinstance(item, exp.Alias) else item for item in arguments]
    if not any(names):
        return call("row", *values)
    named = [name or f"_field_{index + 1}" for index, name in enumerate(names)]
    return struct(list(zip(named, values, strict=True)))


def _part_name(item: exp.Expr) -> str:
    return item.alias_or_name if isinstance(item, (exp.Alias, exp.Column, exp.Dot)) else ""


# Dates and times


def _shifted(sign: int) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        value, amount = arguments
        name = amount.name
        shift = amount if sign > 0 else call(name, exp.Neg(this=exp.paren(amount.expressions[0])))
        return typed("bq_add", value, shift)

    return build


def _instant_shifted(sign: int) -> Builder:
    shifted = _shifted(sign)

    def build(arguments: Arguments) -> exp.Expr:
        value, amount = arguments
        if amount.name not in INSTANT_INTERVALS:
            raise InvalidQuery("TIMESTAMP_ADD and TIMESTAMP_SUB take MICROSECOND to DAY")
        return shifted([typed("bq_timestamp", value), amount])

    return build


INSTANT_INTERVALS = frozenset(
    ("to_microseconds", "to_milliseconds", "to_seconds", "to_minutes", "to_hours", "to_days")
)


def _date_shifted(sign: int) -> Builder:
    shifted = _shifted(sign)

    def build(arguments: Arguments) -> exp.Expr:
        value, amount = arguments
        return shifted([_as_date(value), amount])

    return build


def _timestamp_diff(arguments: Arguments) -> exp.Expr:
    later, earlier, unit = arguments
    return elapsed(later, earlier, part(unit))


def _date_diff(arguments: Arguments) -> exp.Expr:
    later, earlier, unit = arguments
    return boundaries(_as_date(later), _as_date(earlier), part(unit))


def _as_date(value: exp.Expr) -> exp.Expr:
    return typed("bq_date", value) if _is_text(value) else value


def _datetime_diff(arguments: Arguments) -> exp.Expr:
    later, earlier, unit = arguments
    return boundaries(typed("bq_datetime", later), typed("bq_datetime", earlier), part(unit))


def _trunc(arguments: Arguments) -> exp.Expr:
    value, unit, *zone = arguments
    value = _as_date(value)
    if not zone:
        return truncated(value, part(unit))
    local = truncated(typed("bq_local", value, zone[0]), part(unit))
    return call("timezone", zone[0].copy(), local)


def _timestamp_trunc(arguments: Arguments) -> exp.Expr:
    value, *rest = arguments
    return _trunc([typed("bq_timestamp", value) if _is_text(value) else value, *rest])


def _date(arguments: Arguments) -> exp.Expr:
    if len(arguments) == len(("year", "month", "day")):
        return call("make_date", *arguments)
    value, *zone = arguments
    return typed("bq_date", typed("bq_local", value, zone[0]) if zone else value)


def _timestamp(arguments: Arguments) -> exp.Expr:
    value, *zone = arguments
    return typed("bq_timestamp_in", value, zone[0]) if zone else typed("bq_timestamp", value)


def _datetime(arguments: Arguments) -> exp.Expr:
    if len(arguments) == len(("year", "month", "day", "hour", "minute", "second")):
        return call("make_timestamp", *arguments)
    value, *second = arguments
    return typed("bq_datetime_in", value, second[0]) if second else typed("bq_datetime", value)


def _time(arguments: Arguments) -> exp.Expr:
    if len(arguments) == len(("hour", "minute", "second")):
        return call("make_time", *arguments)
    value, *zone = arguments
    return typed("bq_time", typed("bq_local", value, zone[0]) if zone else value)


def _local_now(kind: exp.DType) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        zone = arguments[0] if arguments else string("UTC")
        return exp.cast(call("timezone", zone, call("now")), kind)

    return build


def _unix(unit: str) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        (value,) = arguments
        return typed("bq_unix", value, integer(MICROS[unit]))

    return build


def _from_unix(unit: str) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        (value,) = arguments
        micros = exp.Mul(this=exp.paren(value), expression=integer(MICROS[unit]))
        return call("make_timestamptz", exp.paren(micros))

    return build


EPOCH_DATE = exp.cast(exp.Literal.string("1970-01-01"), exp.DType.DATE)


def _unix_date(arguments: Arguments) -> exp.Expr:
    (value,) = arguments
    return call("date_diff", string("day"), EPOCH_DATE.copy(), value)


def _from_unix_date(arguments: Arguments) -> exp.Expr:
    (value,) = arguments
    moved = exp.Add(this=EPOCH_DATE.copy(), expression=call("to_days", exp.cast(value, "INT")))
    return exp.cast(exp.paren(moved), exp.DType.DATE)


def _last_day(arguments: Arguments) -> exp.Expr:
    value, *unit = arguments
    name = part(unit[0]).name.lower() if unit else "month"
    if name not in ("month", "quarter", "year"):
        raise Unsupported(f"LAST_DAY of {name.upper()}", "it has not been translated")
    return typed("bq_last_day", value, string(name))


def _format_timestamp(arguments: Arguments) -> exp.Expr:
    pattern, value, *zone = arguments
    where = zone[0] if zone else string("UTC")
    instant = typed("bq_timestamp", value) if _is_text(value) else value
    return formatted(pattern, typed("bq_local", instant, where), where)


def _format_date(arguments: Arguments) -> exp.Expr:
    pattern, value = arguments
    return formatted(pattern, typed("bq_datetime", value), None)


def _format_time(arguments: Arguments) -> exp.Expr:
    pattern, value = arguments
    day = exp.cast(exp.Literal.string("1970-01-01"), exp.DType.DATE)
    return formatted(pattern, exp.paren(exp.Add(this=day, expression=value)), None)


def _parse(kind: exp.DType) -> Builder:
    def build(arguments: Arguments) -> exp.Expr:
        pattern, value = arguments
        known, zoned = parse_pattern(pattern)
        if zoned:
            raise InvalidQuery("A zone is read by PARSE_TIMESTAMP only")
        return exp.cast(call("strptime", value, string(known)), kind)

    return build


def _parse_timestamp(arguments: Arguments) -> exp.Expr:
    pattern, value, *zone = arguments
    known, zoned = parse_pattern(pattern)
    parsed = call("strptime", value, string(known))
    if zoned:
        return exp.cast(parsed, exp.DType.TIMESTAMPTZ)
    where = zone[0] if zone else string("UTC")
    return call("timezone", where, exp.cast(parsed, exp.DType.TIMESTAMP))


FUNCTIONS: Mapping[str, Builder] = {
    # conditions
    "COALESCE": _renamed("coalesce", 1),
    "IFNULL": _ifnull,
    "NULLIF": _renamed("nullif", 2, 2),
    "ERROR": _renamed("error", 1, 1),
    "GREATEST": _extremum("greatest"),
    "LEAST": _extremum("least"),
    # numbers
    "ABS": _renamed("abs", 1, 1),
    "SIGN": _renamed("sign", 1, 1),
    "CEIL": _macro("bq_ceil"),
    "CEILING": _macro("bq_ceil"),
    "FLOOR": _macro("bq_floor"),
    "ROUND": _macro("bq_round", "bq_round_to"),
    "TRUNC": _macro("bq_trunc_number"),
    "MOD": _renamed("mod", 2, 2),
    "DIV": _int_div,
    "SQRT": _plain(1, "bq_sqrt"),
    "POW": _plain(2, "bq_pow"),
    "POWER": _plain(2, "bq_pow"),
    "EXP": _renamed("exp", 1, 1),
    "LN": _plain(1, "bq_ln"),
    "LOG": lambda arguments: call(("bq_ln", "bq_log")[len(arguments) - 1], *arguments),
    "LOG10": _plain(1, "bq_log10"),
    "SAFE_DIVIDE": _plain(2, "bq_safe_divide"),
    "SAFE_ADD": _safe(exp.Add),
    "SAFE_SUBTRACT": _safe(exp.Sub),
    "SAFE_MULTIPLY": _safe(exp.Mul),
    "IEEE_DIVIDE": lambda arguments: exp.Paren(
        this=exp.Div(
            this=exp.cast(arguments[0], exp.DType.DOUBLE),
            expression=exp.cast(arguments[1], exp.DType.DOUBLE),
        )
    ),
    "IS_NAN": _renamed("isnan", 1, 1),
    "IS_INF": _renamed("isinf", 1, 1),
    "BIT_COUNT": lambda arguments: exp.cast(call("bit_count", *arguments), exp.DType.BIGINT),
    "RAND": _renamed("random", 0, 0),
    "GENERATE_UUID": lambda _: exp.cast(call("uuid"), exp.DType.VARCHAR),
    # strings and bytes
    "LOWER": _macro("bq_lower"),
    "UPPER": _macro("bq_upper"),
    "LENGTH": _macro("bq_length"),
    "CHAR_LENGTH": _macro("bq_length"),
    "CHARACTER_LENGTH": _macro("bq_length"),
    "BYTE_LENGTH": _macro("bq_byte_length"),
    "OCTET_LENGTH": _macro("bq_byte_length"),
    "CONCAT": _concat,
    "SUBSTR": _macro_of(2, "bq_substr", "bq_substr_of"),
    "SUBSTRING": _macro_of(2, "bq_substr", "bq_substr_of"),
    "LEFT": _plain(2, "bq_left"),
    "RIGHT": _plain(2, "bq_right"),
    "TRIM": _trim("bq_trim", "trim"),
    "LTRIM": _trim("bq_ltrim", "ltrim"),
    "RTRIM": _trim("bq_rtrim", "rtrim"),
    "LPAD": _pad("lpad"),
    "RPAD": _pad("rpad"),
    "REPEAT": _renamed("repeat", 2, 2),
    "REPLACE": _renamed("replace", 3, 3),
    "REVERSE": _renamed("py_reverse", 1, 1),
    "STRPOS": _renamed("strpos", 2, 2),
    "STARTS_WITH": _renamed("starts_with", 2, 2),
    "ENDS_WITH": _renamed("suffix", 2, 2),
    "CONTAINS_SUBSTR": _macro_of(2, "bq_contains_substr"),
    "SPLIT": _split,
    "FORMAT": _format,
    "NORMALIZE": _normalize(fold=False),
    "NORMALIZE_AND_CASEFOLD": _normalize(fold=True),
    "REGEXP_CONTAINS": _renamed("regexp_matches", 2, 2),
    "REGEXP_EXTRACT": _regexp_extract,
    "REGEXP_SUBSTR": _regexp_extract,
    "REGEXP_EXTRACT_ALL": _regexp_extract_all,
    "REGEXP_REPLACE": _regexp_replace,
    "CHR": lambda arguments: call("chr", exp.cast(arguments[0], "INT")),
    "ASCII": lambda arguments: exp.cast(call("ascii", *arguments), exp.DType.BIGINT),
    "UNICODE": lambda arguments: exp.cast(call("unicode", *arguments), exp.DType.BIGINT),
    "TO_HEX": _macro("bq_to_hex"),
    "FROM_HEX": _renamed("unhex", 1, 1),
    "TO_BASE64": _macro("bq_to_base64"),
    "FROM_BASE64": _renamed("from_base64", 1, 1),
    "MD5": _macro("bq_md5"),
    "SHA1": _macro("bq_sha1"),
    "SHA256": _macro("bq_sha256"),
    "SHA512": _macro("bq_sha512"),
    "FARM_FINGERPRINT": _macro("bq_farm_fingerprint"),
    "SAFE_CONVERT_BYTES_TO_STRING": _renamed("py_lossy_text", 1, 1),
    "NET.HOST": _renamed("py_net_host", 1, 1),
    # JSON
    "JSON_VALUE": _json("bq_json_value"),
    "JSON_EXTRACT_SCALAR": _json("bq_json_value"),
    "JSON_QUERY": _json("bq_json_query"),
    "JSON_EXTRACT": _json("bq_json_query"),
    "JSON_QUERY_ARRAY": _json_array("bq_json_query_array"),
    "JSON_EXTRACT_ARRAY": _json_array("bq_json_query_array"),
    "JSON_VALUE_ARRAY": _json_array("bq_json_value_array"),
    "JSON_EXTRACT_STRING_ARRAY": _json_array("bq_json_value_array"),
    "PARSE_JSON": _macro("bq_parse_json"),
    "TO_JSON": _plain(1, "bq_to_json"),
    "TO_JSON_STRING": _to_json_string,
    "JSON_TYPE": _macro("bq_json_type"),
    "STRING": _macro("bq_string_of"),
    "INT64": _macro("bq_int64_of"),
    "FLOAT64": _macro("bq_float64_of"),
    "BOOL": _macro("bq_bool_of"),
    "LAX_STRING": _macro("bq_lax_string"),
    "LAX_INT64": _macro("bq_lax_int64"),
    "LAX_FLOAT64": _macro("bq_lax_float64"),
    "LAX_BOOL": _macro("bq_lax_bool"),
    "JSON_OBJECT": _renamed("json_object"),
    "JSON_ARRAY": _renamed("json_array"),
    # arrays and structs
    "ARRAY_LENGTH": _renamed("len", 1, 1),
    "ARRAY_CONCAT": _array_concat,
    "ARRAY_TO_STRING": _array_to_string,
    "ARRAY_REVERSE": _renamed("list_reverse", 1, 1),
    "GENERATE_ARRAY": _generate_array,
    "GENERATE_DATE_ARRAY": _generate_date_array,
    "GENERATE_TIMESTAMP_ARRAY": _generate_timestamp_array,
    "STRUCT": _struct,
    # dates and times
    "CURRENT_TIMESTAMP": _renamed("now", 0, 0),
    "CURRENT_DATE": _local_now(exp.DType.DATE),
    "CURRENT_DATETIME": _local_now(exp.DType.TIMESTAMP),
    "CURRENT_TIME": _local_now(exp.DType.TIME),
    "DATE": _date,
    "DATETIME": _datetime,
    "TIMESTAMP": _timestamp,
    "TIME": _time,
    "DATE_ADD": _date_shifted(1),
    "DATE_SUB": _date_shifted(-1),
    "DATETIME_ADD": _shifted(1),
    "DATETIME_SUB": _shifted(-1),
    "TIMESTAMP_ADD": _instant_shifted(1),
    "TIMESTAMP_SUB": _instant_shifted(-1),
    "TIME_ADD": _shifted(1),
    "TIME_SUB": _shifted(-1),
    "DATE_DIFF": _date_diff,
    "DATETIME_DIFF": _datetime_diff,
    "TIMESTAMP_DIFF": _timestamp_diff,
    "TIME_DIFF": _date_diff,
    "DATE_TRUNC": _trunc,
    "DATETIME_TRUNC": _trunc,
    "TIMESTAMP_TRUNC": _timestamp_trunc,
    "LAST_DAY": _last_day,
    "UNIX_SECONDS": _unix("SECOND"),
    "UNIX_MILLIS": _unix("MILLISECOND"),
    "UNIX_MICROS": _unix("MICROSECOND"),
    "UNIX_DATE": _unix_date,
    "DATE_FROM_UNIX_DATE": _from_unix_date,
    "TIMESTAMP_SECONDS": _from_unix("SECOND"),
    "TIMESTAMP_MILLIS": _from_unix("MILLISECOND"),
    "TIMESTAMP_MICROS": _from_unix("MICROSECOND"),
    "FORMAT_TIMESTAMP": _format_timestamp,
    "FORMAT_DATE": _format_date,
    "FORMAT_DATETIME": _format_date,
    "FORMAT_TIME": _format_time,
    "PARSE_DATE": _parse(exp.DType.DATE),
    "PARSE_DATETIME": _parse(exp.DType.TIMESTAMP),
    "PARSE_TIME": _parse(exp.DType.TIME),
    "PARSE_TIMESTAMP": _parse_timestamp,
}
# Which of them return an ARRAY whose elements are no STRUCTs.
SCALAR_ARRAYS = frozenset(
    (
        "GENERATE_ARRAY",
        "GENERATE_DATE_ARRAY",
        "GENERATE_TIMESTAMP_ARRAY",
        "SPLIT",
        "REGEXP_EXTRACT_ALL",
        "JSON_QUERY_ARRAY",
        "JSON_VALUE_ARRAY",
        "JSON_EXTRACT_ARRAY",
        "JSON_EXTRACT_STRING_ARRAY",
    )
)
