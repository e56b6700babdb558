"""Values as BigQuery's REST API writes and reads them.

Everything is a string: `{"f": [{"v": "1"}]}`; an ARRAY is a list of `{"v": ...}`, a STRUCT is
again `{"f": [...]}`.
"""

import base64
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

from tweetlog_local.bigquery.schema import Field

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def rows(
    table: pa.Table, fields: Sequence[Field], *, int64_timestamps: bool
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a result as the API shows them."""
    columns = [
        [_value(value, item, int64_timestamps=int64_timestamps) for value in column.to_pylist()]
        for column, item in zip(table.columns, fields, strict=True)
    ]
    for values in zip(*columns, strict=True):
        yield {"f": [{"v": value} for value in values]}


def _value(value: Any, item: Field, *, int64_timestamps: bool) -> Any:
    if item.repeated:
        element = item.element()
        return [
            {"v": _value(part, element, int64_timestamps=int64_timestamps)} for part in value or ()
        ]
    if value is None:
        return None
    if item.type == "RECORD":
        parts = zip(item.fields, value.values(), strict=True)
        return {
            "f": [
                {"v": _value(part, one, int64_timestamps=int64_timestamps)} for one, part in parts
            ]
        }
    if item.type == "TIMESTAMP":
        return _timestamp(value, int64_timestamps=int64_timestamps)
    return TEXTS.get(item.type, str)(value)


def _timestamp(value: datetime, *, int64_timestamps: bool) -> str:
    micros = micros_of(value)
    return str(micros) if int64_timestamps else repr(micros / 1_000_000)


def micros_of(value: datetime) -> int:
    """Return the microseconds since 1970 of an instant."""
    return (value - EPOCH) // MICROSECOND


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _bool(value: bool) -> str:  # noqa: FBT001 (called through a table, with one argument)
    return "true" if value else "false"


def _bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _numeric(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _json(value: str) -> str:
    return orjson.dumps(orjson.loads(value)).decode()


def _datetime(value: datetime) -> str:
    return value.isoformat()


TEXTS: dict[str, Any] = {
    "INTEGER": lambda value: str(int(value)),
    "FLOAT": _float,
    "BOOLEAN": _bool,
    "BYTES": _bytes,
    "NUMERIC": _numeric,
    "JSON": _json,
    "DATETIME": _datetime,
    "DATE": date.isoformat,
    "TIME": time.isoformat,
}
