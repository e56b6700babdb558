"""A query's answer as a table, JSON or CSV. Tweet text is hostile: a table shows no control."""

import base64
import csv
import io
import json
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

FORMATS = ("table", "json", "csv")
_NUMBERS = frozenset({"INTEGER", "INT64", "FLOAT", "FLOAT64", "NUMERIC", "BIGNUMERIC"})
# Categories that can move the cursor, reorder or hide what is shown (Unicode general categories).
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Joins the parts of one emoji, and of words in some scripts.
_SHOWN = frozenset("\u200c\u200d")


def formatted(
    form: str, columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[Any]]
) -> str:
    """Return the answer in one of `FORMATS`, ending in a line end unless it is empty."""
    if form == "json":
        return _json(columns, rows)
    if form == "csv":
        return _csv(columns, rows)
    return table(columns, types, rows)


def table(columns: Sequence[str], types: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return the answer as aligned columns; numbers to the right."""
    cells = [[_shown(value) for value in row] for row in rows]
    widths = [
        max([_width(name), *(_width(row[at]) for row in cells)]) for at, name in enumerate(columns)
    ]
    right = [kind in _NUMBERS for kind in types]
    lines = [_line(columns, widths, right), "  ".join("-" * width for width in widths)]
    lines += [_line(row, widths, right) for row in cells]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def safe(text: str) -> str:
    """Return text that can be shown: what moves the cursor, reorders or hides is written out."""
    return "".join(one if _is_shown(one) else _escaped(one) for one in text)


def plain(value: Any) -> Any:
    """Return a BigQuery value as JSON can hold it: times in ISO 8601, bytes in base64."""
    if isinstance(value, datetime | date | time):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def _json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    named = [dict(zip(columns, map(plain, row), strict=True)) for row in rows]
    return json.dumps(named, ensure_ascii=False, indent=2).encode(errors="replace").decode() + "\n"


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    out = io.StringIO()
    bare = csv.writer(out, lineterminator="\n")
    # The module does not quote a lone carriage return before Python 3.13; readers end a line there.
    quoted = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    bare.writerow(columns)
    for row in rows:
        cells = [_text(value) for value in row]
        (quoted if any("\r" in cell for cell in cells) else bare).writerow(cells)
    return out.getvalue().encode(errors="replace").decode()


def _text(value: Any) -> str:
    simple = plain(value)
    if simple is None:
        return ""
    if isinstance(simple, str):
        return simple
    return json.dumps(simple, ensure_ascii=False)


def _shown(value: Any) -> str:
    return safe("NULL" if value is None else _text(value))


def _is_shown(character: str) -> bool:
    return character in _SHOWN or unicodedata.category(character) not in _UNSHOWN


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = []
    for cell, width, to_right in zip(cells, widths, right, strict=True):
        gap = " " * (width - _width(cell))
        padded.append(gap + cell if to_right else cell + gap)
    return "  ".join(padded)


def _width(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    return sum(_columns(one) for one in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or character in _SHOWN:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
