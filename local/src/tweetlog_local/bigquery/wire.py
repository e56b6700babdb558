"""Values as BigQuery's REST API writes them.

Everything is a string: `{"f": [{"v": "1"}]}`; an ARRAY is a list of `{"v": ...}`, a STRUCT is
again `{"f": [...]}`.
"""

import base64
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

from tweetlog_local.bigquery.errors import InvalidQuery
from tweetlog_local.bigquery.schema import Field

MICROS = 1_000_000


def rows(
    table: pa.Table, fields: Sequence[Field], *, int64_timestamps: bool
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a result as the API shows them."""
    instant = _micros if int64_timestamps else _seconds
    columns = [
        _cells(column.combine_chunks(), item, instant)
        for column, item in zip(table.columns, fields, strict=True)
    ]
    for cells in zip(*columns, strict=True):
        yield {"f": cells}


Text = Callable[[Any], str]


def _cells(array: pa.Array, item: Field, instant: Text) -> list[dict[str, Any]]:
    return [{"v": value} for value in _values(array, item, instant)]


def _values(array: pa.Array, item: Field, instant: Text) -> list[Any]:
    if item.repeated:
        return _lists(array, item, instant)
    if item.type == "RECORD":
        return _structs(array, item, instant)
    if item.type == "TIMESTAMP":
        return _texts(array.cast(pa.int64()), instant)
    return _texts(array, TEXTS[item.type])


def _texts(array: pa.Array, text: Text) -> list[str | None]:
    return [None if value is None else text(value) for value in array.to_pylist()]


def _lists(array: pa.Array, item: Field, instant: Text) -> list[Any]:
    elements = _cells(array.flatten(), item.element(), instant)
    if any(element["v"] is None for element in elements):
        raise InvalidQuery(f"Array cannot have a null element; error in writing field {item.name}")
    found, position = [], 0
    for length in array.value_lengths().to_pylist():
        found.append(elements[position : position + (length or 0)])
        position += length or 0
    return found


def _structs(array: pa.Array, item: Field, instant: Text) -> list[Any]:
    parts = [
        _cells(part, one, instant) for part, one in zip(array.flatten(), item.fields, strict=True)
    ]
    cells = zip(*parts, strict=True)
    valid = array.is_valid().to_pylist()
    return [
        {"f": list(found)} if present else None for found, present in zip(cells, valid, strict=True)
    ]


def _micros(value: int) -> str:
    return str(value)


def _seconds(value: int) -> str:
    return repr(value / MICROS)


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _bool(value: object) -> str:
    return "true" if value else "false"


def _bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _numeric(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _json(value: str) -> str:
    return orjson.dumps(orjson.loads(value)).decode()


TEXTS: Mapping[str, Text] = {
    "STRING": str,
    "INTEGER": lambda value: str(int(value)),
    "FLOAT": _float,
    "BOOLEAN": _bool,
    "BYTES": _bytes,
    "NUMERIC": _numeric,
    "JSON": _json,
    "DATETIME": datetime.isoformat,
    "DATE": date.isoformat,
    "TIME": time.isoformat,
}
