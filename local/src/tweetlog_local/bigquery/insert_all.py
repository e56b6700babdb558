"""`tabledata.insertAll`: rows as JSON, each accepted or refused by itself.

BigQuery calls it the Storage Write API (REST). A row whose `insertId` came within the last
minute is taken for the same row.
"""

import base64
import binascii
import datetime as dt
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

import orjson
import pyarrow as pa

from tweetlog_local.bigquery.appends import Appender
from tweetlog_local.bigquery.batch import EPOCH, INT64_RANGE, Batch
from tweetlog_local.bigquery.catalog import Relation
from tweetlog_local.bigquery.errors import Invalid
from tweetlog_local.bigquery.faults import Faults, Rule, fault_name
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.schema import Field

# BigQuery remembers an insertId for about a minute, and takes up to 50,000 rows.
MEMORY_SECONDS = 60
MAX_ROWS = 50_000


class BadJson(Exception):  # noqa: N818 (named for what is true)
    """A value that its column cannot hold; `location` is the column."""

    def __init__(self, location: str, message: str) -> None:
        super().__init__(message)
        self.location = location


class Seen:
    """The insertIds of the last minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: OrderedDict[tuple[TableName, str], float] = OrderedDict()

    def fresh(self, table: TableName, insert_id: str) -> bool:
        """Remember an insertId; return whether it is new."""
        now = self._clock()
        with self._lock:
            while self._until and next(iter(self._until.values())) <= now:
                self._until.popitem(last=False)
            known = (table, insert_id) in self._until
            if not known:
                self._until[table, insert_id] = now + MEMORY_SECONDS
            return not known


def insert_all(
    relation: Relation,
    body: Mapping[str, Any],
    appender: Appender,
    seen: Seen,
    faults: Faults,
) -> dict[str, Any]:
    """Write the rows of a request; return its answer, with the errors by row.

    Args:
        relation: the table.
        body: the request.
        appender: writes what is accepted.
        seen: the insertIds of late.
        faults: may say that rows are refused.
    """
    if body.get("templateSuffix"):
        raise Invalid("templateSuffix is not supported by the embedded BigQuery.")
    given = body.get("rows") or []
    if not given:
        raise Invalid("No rows present in the request.")
    if len(given) > MAX_ROWS:
        raise Invalid(
            f"too many rows present in the request, limit: {MAX_ROWS} row count: {len(given)}."
        )
    rows, errors = _read(relation, given, lenient=bool(body.get("ignoreUnknownValues")))
    refused = faults.refused_rows(fault_name(relation.name), partial(_chosen, rows))
    for index, message in refused.items():
        del rows[index]
        errors.append(_error(index, "invalid", "", message))
    if errors and not body.get("skipInvalidRows"):
        stopped = [_error(index, "stopped", "", "") for index in rows]
        errors, rows = [*errors, *stopped], {}
    fresh = _fresh(relation.name, given, rows, seen)
    if fresh:
        appender.submit(relation.name, _batch(relation, fresh)).result()
    answer: dict[str, Any] = {"kind": "bigquery#tableDataInsertAllResponse"}
    ordered = sorted(errors, key=lambda error: int(error["index"]))
    return answer | ({"insertErrors": ordered} if ordered else {})


def _read(
    relation: Relation, given: Sequence[Mapping[str, Any]], *, lenient: bool
) -> tuple[dict[int, dict[str, Any]], list[dict[str, Any]]]:
    rows, errors = {}, []
    for index, item in enumerate(given):
        try:
            rows[index] = _record(relation.fields, item.get("json") or {}, "", lenient=lenient)
        except BadJson as error:
            errors.append(_error(index, "invalid", error.location, str(error)))
    return rows, errors


def _chosen(rows: Mapping[int, Mapping[str, Any]], rule: Rule) -> list[int]:
    """Return the rows that a rule names."""
    return [
        index
        for index, row in rows.items()
        if index in rule.indexes or (rule.column and str(row.get(rule.column)) == rule.value)
    ]


def _error(index: int, reason: str, location: str, message: str) -> dict[str, Any]:
    error = {"reason": reason, "location": location, "debugInfo": "", "message": message}
    return {"index": index, "errors": [error]}


def _fresh(
    table: TableName,
    given: Sequence[Mapping[str, Any]],
    rows: Mapping[int, dict[str, Any]],
    seen: Seen,
) -> list[dict[str, Any]]:
    return [
        row
        for index, row in rows.items()
        if not given[index].get("insertId") or seen.fresh(table, str(given[index]["insertId"]))
    ]


def _batch(relation: Relation, rows: Sequence[Mapping[str, Any]]) -> Batch:
    columns = {
        item.name: pa.array([row[item.name] for row in rows], item.arrow_type())
        for item in relation.fields
    }
    table = pa.table(columns)
    return Batch(table, None, size=table.nbytes)


def _record(fields: Sequence[Field], given: object, path: str, *, lenient: bool) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise BadJson(path.rstrip("."), "This field: is not a record.")
    named = {str(name).lower(): value for name, value in given.items()}
    known = {item.name.lower() for item in fields}
    for name in given:
        if str(name).lower() not in known and not lenient:
            raise BadJson(f"{path}{name}", f"no such field: {path}{name}.")
    return {
        item.name: _value(item, named.get(item.name.lower()), path, lenient=lenient)
        for item in fields
    }


def _value(item: Field, given: Any, path: str, *, lenient: bool) -> Any:
    where = f"{path}{item.name}"
    if item.repeated:
        if given is not None and not isinstance(given, list):
            raise BadJson(where, "Array specified for non-repeated field.")
        return [_value(item.element(), part, path, lenient=lenient) for part in given or ()]
    if given is None:
        _check_missing(item, where)
        return None
    if item.type == "RECORD":
        return _record(item.fields, given, where + ".", lenient=lenient)
    try:
        return READERS[item.type](given)
    except (ValueError, TypeError, InvalidOperation, binascii.Error):
        raise BadJson(
            where, f"Cannot convert value to {item.type.lower()} (bad value): {given}"
        ) from None


def _check_missing(item: Field, where: str) -> None:
    if item.required:
        raise BadJson(where, f"Missing required field: {where}.")
    if "defaultValueExpression" in item.extras:
        raise BadJson(
            where,
            f"The default of {where} is not applied by the embedded BigQuery: give a value.",
        )


def _text(given: object) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, (str, int, float)):
        return str(given)
    raise TypeError


def _integer(given: object) -> int:
    number = Decimal(str(given))
    low, high = INT64_RANGE
    if isinstance(given, bool) or number != int(number) or not low <= number <= high:
        raise ValueError
    return int(number)


def _bool(given: object) -> bool:
    if isinstance(given, bool):
        return given
    if str(given).lower() not in ("true", "false"):
        raise ValueError
    return str(given).lower() == "true"


def _timestamp(given: object) -> int:
    if isinstance(given, (int, float)):
        return round(given * 1_000_000)
    text = str(given).strip().replace(" UTC", "+00:00").replace("Z", "+00:00")
    parsed = dt.datetime.fromisoformat(text)
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)
    return (aware - EPOCH) // dt.timedelta(microseconds=1)


def _json(given: object) -> str:
    return orjson.dumps(orjson.loads(given) if isinstance(given, str) else given).decode()


def _float(given: object) -> float:
    if isinstance(given, bool):
        raise TypeError
    return float(str(given))


READERS: Mapping[str, Callable[[Any], Any]] = {
    "STRING": _text,
    "BYTES": lambda given: base64.b64decode(given, validate=True),
    "INTEGER": _integer,
    "FLOAT": _float,
    "BOOLEAN": _bool,
    "TIMESTAMP": _timestamp,
    "DATETIME": lambda given: dt.datetime.fromisoformat(str(given)),
    "DATE": lambda given: dt.date.fromisoformat(str(given)),
    "TIME": lambda given: dt.time.fromisoformat(str(given)),
    "NUMERIC": lambda given: Decimal(str(given)).quantize(Decimal("1e-9")),
    "JSON": _json,
}
