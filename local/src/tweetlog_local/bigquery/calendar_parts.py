"""Parts of dates, and the patterns of FORMAT_* and PARSE_*, from BigQuery's to DuckDB's.

Patterns are taken apart here, element by element: an element that DuckDB writes otherwise, or
not at all, must not pass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from tweetlog_local.bigquery.errors import InvalidQuery, Unsupported
from tweetlog_local.bigquery.expressions import call, concatenated, integer, string, typed

WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
SUNDAY = 6
MICROS: Mapping[str, int] = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
}
LONGER = ("MONTH", "QUARTER", "YEAR")
# Each unit's function that makes an interval, and the type that it takes.
INTERVALS: Mapping[str, tuple[str, str]] = {
    "MICROSECOND": ("to_microseconds", "BIGINT"),
    "MILLISECOND": ("to_milliseconds", "DOUBLE"),
    "SECOND": ("to_seconds", "DOUBLE"),
    "MINUTE": ("to_minutes", "BIGINT"),
    "HOUR": ("to_hours", "BIGINT"),
    "DAY": ("to_days", "INT"),
    "WEEK": ("to_weeks", "INT"),
    "MONTH": ("to_months", "INT"),
    "QUARTER": ("to_quarters", "INT"),
    "YEAR": ("to_years", "INT"),
}

Number = Callable[[exp.Expr], exp.Expr]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a date; a WEEK knows how many days after Monday it starts."""

    name: str
    start: int = SUNDAY


def part(tree: exp.Expr) -> Part:
    """Return the part that an argument such as `WEEK(MONDAY)` names."""
    name = tree.name.upper()
    if isinstance(tree, exp.Anonymous) and name == "WEEK" and len(tree.expressions) == 1:
        day = tree.expressions[0].name.upper()
        if day in WEEKDAYS:
            return Part("WEEK", WEEKDAYS.index(day))
    if isinstance(tree, (exp.Column, exp.Var)):
        return Part("WEEK", 0) if name == "ISOWEEK" else Part(name)
    raise InvalidQuery(f"A valid date part name is required but found {tree.sql('bigquery')}")


def interval(amount: exp.Expr, unit: str) -> exp.Expr:
    """Return an INTERVAL of so many units."""
    if unit not in INTERVALS:
        raise Unsupported(
            f"INTERVAL ... {unit}", "it has one of the units from MICROSECOND to YEAR"
        )
    name, kind = INTERVALS[unit]
    return call(name, exp.cast(amount, kind))


def truncated(value: exp.Expr, to: Part) -> exp.Expr:
    """Return the start of the part that `value` lies in."""
    if to.name == "WEEK":
        return typed("bq_trunc_week", value, exp.Literal.number(to.start))
    if to.name == "ISOYEAR":
        return typed("bq_trunc_isoyear", value)
    if to.name in MICROS or to.name in LONGER:
        return typed("bq_trunc", value, string(to.name.lower()))
    raise InvalidQuery(f"{to.name} is not a part that a date can be truncated to")


def elapsed(later: exp.Expr, earlier: exp.Expr, unit: Part) -> exp.Expr:
    """Return the whole units between two instants."""
    if unit.name not in MICROS:
        raise InvalidQuery(f"TIMESTAMP_DIFF does not support the {unit.name} date part")
    return typed("bq_elapsed", later, earlier, integer(MICROS[unit.name]))


def boundaries(later: exp.Expr, earlier: exp.Expr, unit: Part) -> exp.Expr:
    """Return the boundaries of the unit between two dates."""
    if unit.name == "WEEK":
        return typed("bq_week_boundaries", later, earlier, exp.Literal.number(unit.start))
    if unit.name in MICROS or unit.name in LONGER or unit.name == "ISOYEAR":
        return typed("bq_boundaries", later, earlier, string(unit.name.lower()))
    raise InvalidQuery(f"A difference in {unit.name} is not defined")


# EXTRACT's part -> DuckDB's expression, with $ for the value.
EXTRACTED: Mapping[str, str] = {
    "MICROSECOND": "date_part('microsecond', $) % 1000000",
    "MILLISECOND": "date_part('millisecond', $) % 1000",
    "SECOND": "date_part('second', $)",
    "MINUTE": "date_part('minute', $)",
    "HOUR": "date_part('hour', $)",
    "DAYOFWEEK": "date_part('dow', $) + 1",
    "DAY": "date_part('day', $)",
    "DAYOFYEAR": "date_part('doy', $)",
    "ISOWEEK": "date_part('week', $)",
    "MONTH": "date_part('month', $)",
    "QUARTER": "date_part('quarter', $)",
    "YEAR": "date_part('year', $)",
    "ISOYEAR": "date_part('isoyear', $)",
}


def extracted(tree: exp.Expr, value: exp.Expr) -> exp.Expr:
    """Return EXTRACT(part FROM value)."""
    name = tree.name.upper()
    if name == "DATE":
        return typed("bq_date", value)
    if name == "TIME":
        return typed("bq_time", value)
    if name in EXTRACTED:
        return _extraction(EXTRACTED[name], value)
    week = part(tree)
    if week.name != "WEEK":
        raise InvalidQuery(f"EXTRACT does not know the part {name}")
    return typed("bq_week_of_year", value, exp.Literal.number(week.start))


def _extraction(pattern: str, value: exp.Expr) -> exp.Expr:
    before, after = pattern.split("$")
    name = before.split("'")[1]
    found: exp.Expr = call("date_part", string(name), value)
    if "%" in after:
        found = call("mod", found, integer(int(after.split("%")[1])))
    if "+ 1" in after:
        found = exp.Paren(this=exp.Add(this=found, expression=integer(1)))
    return exp.cast(found, exp.DType.BIGINT)


# Elements that DuckDB's strftime writes as BigQuery does.
SAME = frozenset("AaBbdHIMmpSwYy")
COMPOSED: Mapping[str, str] = {
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "X": "%H:%M:%S",
    "R": "%H:%M",
    "D": "%m/%d/%y",
    "x": "%m/%d/%y",
    "h": "%b",
    "c": "%a %b %e %H:%M:%S %Y",
    "r": "%I:%M:%S %p",
}
TEXTS: Mapping[str, str] = {"%": "%", "n": "\n", "t": "\t"}
SECONDS_DIGITS = 6


def formatted(pattern: exp.Expr, value: exp.Expr, zone: exp.Expr | None) -> exp.Expr:
    """Return `value`, a DATE or a local TIMESTAMP, written as the pattern says.

    `zone` is where it is local; None for a value without a zone.
    """
    pieces = [_piece(element, value, zone) for element in elements(_constant(pattern))]
    return concatenated(pieces)


def _constant(pattern: exp.Expr) -> str:
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise Unsupported("A pattern that is not a constant", "it is translated beforehand")
    return pattern.name


def elements(pattern: str) -> list[str]:
    """Return the elements of a pattern, `%...`, and the text between them."""
    found, index = [], 0
    while index < len(pattern):
        length = _length(pattern, index)
        found.append(pattern[index : index + length])
        index += length
    return found


def _length(pattern: str, index: int) -> int:
    if pattern[index] != "%":
        following = pattern.find("%", index)
        return (following if following >= 0 else len(pattern)) - index
    rest = pattern[index + 1 : index + 4]
    if rest.startswith(("E4Y", "E*S")) or (rest[:1] == "E" and rest[1:2].isdigit()):
        return 4
    return 3 if rest.startswith(("E", "-", "_")) else 2


def _piece(element: str, value: exp.Expr, zone: exp.Expr | None) -> exp.Expr:
    if not element.startswith("%"):
        return string(element)
    code = element[1:]
    if code in COMPOSED:
        return formatted(string(COMPOSED[code]), value, zone)
    if code in TEXTS:
        return string(TEXTS[code])
    if code in SAME:
        return _strftime(value, element)
    special = _special(code, value)
    if special is not None:
        return special
    if code in ("Z", "z", "Ez") and zone is not None:
        return _zone(code, zone)
    raise Unsupported(f"The element {element} of a pattern", "it has not been translated")


def _special(code: str, value: exp.Expr) -> exp.Expr | None:
    if code == "E4Y":
        return _strftime(value, "%Y")
    if code == "E*S":
        return concatenated([_strftime(value, "%S"), call("bq_fraction_all", value.copy())])
    if len(code) == len("E3S") and code[0] == "E" and code[1].isdigit() and code[2] == "S":
        digits = call("bq_fraction", value.copy(), exp.Literal.number(code[1]))
        return concatenated([_strftime(value, "%S"), string("."), digits])
    if code in NUMBERED:
        width, fill, build = NUMBERED[code]
        number = exp.cast(build(value), exp.DType.VARCHAR)
        return call("lpad", number, exp.Literal.number(width), string(fill)) if width else number
    return None


def _strftime(value: exp.Expr, element: str) -> exp.Expr:
    return call("strftime", value.copy(), string(element))


def _dated(name: str) -> Number:
    return lambda value: call("date_part", string(name), value.copy())


def _hour12(value: exp.Expr) -> exp.Expr:
    return exp.cast(_strftime(value, "%I"), exp.DType.BIGINT)


def _week(start: int) -> Number:
    return lambda value: typed("bq_week_of_year", value.copy(), exp.Literal.number(start))


# element -> (width, fill, how the number is found); width 0 takes the number as it is.
NUMBERED: Mapping[str, tuple[int, str, Number]] = {
    "e": (2, " ", _dated("day")),
    "k": (2, " ", _dated("hour")),
    "l": (2, " ", _hour12),
    "j": (3, "0", _dated("doy")),
    "u": (0, "", _dated("isodow")),
    "G": (0, "", _dated("isoyear")),
    "V": (2, "0", _dated("week")),
    "U": (2, "0", _week(SUNDAY)),
    "W": (2, "0", _week(0)),
    "Q": (0, "", _dated("quarter")),
    "-d": (0, "", _dated("day")),
    "-m": (0, "", _dated("month")),
    "-H": (0, "", _dated("hour")),
}


def _zone(code: str, zone: exp.Expr) -> exp.Expr:
    if not (isinstance(zone, exp.Literal) and zone.name.upper() in ("UTC", "+00:00", "")):
        raise Unsupported(f"%{code} in another zone than UTC", "it has not been translated")
    return string({"Z": "UTC", "z": "+0000", "Ez": "+00:00"}[code])


PARSED = frozenset("YmdHMSyjBbAaIp")
PARSE_COMPOSED: Mapping[str, str] = {
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "R": "%H:%M",
    "D": "%m/%d/%y",
    "E4Y": "%Y",
    "h": "%b",
    "e": "%d",
    "%": "%%",
}


def parse_pattern(pattern: exp.Expr) -> tuple[str, bool]:
    """Return DuckDB's pattern for PARSE_*, and whether it reads a zone."""
    found, zoned = [], False
    for element in elements(_constant(pattern)):
        code = element[1:]
        if not element.startswith("%") or code in PARSED:
            found.append(element)
        elif code in PARSE_COMPOSED:
            found.append(PARSE_COMPOSED[code])
        elif code in ("z", "Ez", "Z"):
            found.append("%Z" if code == "Z" else "%z")
            zoned = True
        elif code in ("E*S", "E6S", "E3S"):
            found.append("%S.%f")
        else:
            raise Unsupported(f"The element {element} of a pattern", "it has not been translated")
    return "".join(found), zoned
