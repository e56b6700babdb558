"""The rows of a request as columns, whatever format they came in, and what a column can hold.

What is wrong is named by row, so that a writer can set those rows aside.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import orjson
import pyarrow as pa

from tweetlog_local.bigquery.schema import Field

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# 0001-01-01 to 9999-12-31 23:59:59.999999, the range of BigQuery's TIMESTAMP and DATE.
TIMESTAMP_RANGE = (-62_135_596_800_000_000, 253_402_300_799_999_999)
DATE_RANGE = (-719_162, 2_932_896)
INT64_RANGE = (-(2**63), 2**63 - 1)
DAY_MICROS = 86_400_000_000


class BadValue(Exception):  # noqa: N818 (named for what is true)
    """A value that its column cannot hold."""


class SchemaMismatch(Exception):  # noqa: N818 (named for what is true)
    """The writer's message does not fit the table."""

    def __init__(self, message: str, *, extra: bool = False) -> None:
        super().__init__(message)
        self.extra = extra


@dataclass(frozen=True, slots=True)
class RowError:
    """Why one row of a request cannot be written."""

    index: int
    message: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of a request: their columns, what each changes, and what is wrong with them.

    `changes` are (UPSERT or DELETE, comparable sequence) by row; None for plain rows.
    """

    columns: pa.Table
    changes: Sequence[tuple[str, str]] | None
    errors: Sequence[RowError] = ()
    size: int = 0


def refused_batch(
    whole: SchemaMismatch,
    count: int,
    read: Callable[[int], object],
    bad: tuple[type[Exception], ...],
) -> Batch:
    """Return no rows, and what is wrong with those that `read` refuses by themselves.

    Args:
        whole: what is wrong with all of them together.
        count: how many there are.
        read: reads the row at one place.
        bad: what it raises for a bad one.

    Raises:
        SchemaMismatch: `whole`, if no row alone is to blame: none may be taken for written.
    """
    errors = []
    for index in range(count):
        try:
            read(index)
        except bad as error:
            errors.append(RowError(index, str(error)))
    if not errors:
        raise whole
    return Batch(pa.table({}), None, errors)


def extra_field(path: str) -> SchemaMismatch:
    """Return what is wrong with a writer's field that the table lacks."""
    return SchemaMismatch(
        f"Input schema has more fields than BigQuery schema, extra fields: '{path}'", extra=True
    )


def check_range(values: Iterable[int], bounds: tuple[int, int], what: str) -> None:
    """Raise BadValue if a value is not within the bounds."""
    low, high = bounds
    for value in values:
        if not low <= value <= high:
            raise BadValue(f"{what} value is out of allowed range: {value}")


def normal_json(value: str) -> str:
    """Return a JSON text as BigQuery keeps it: without the white space that it came with."""
    try:
        return orjson.dumps(orjson.loads(value)).decode()
    except orjson.JSONDecodeError as error:
        raise BadValue(f"Invalid JSON string: {error}") from None


def empty_column(item: Field, count: int) -> pa.Array:
    """Return a column that no row has: NULL, or empty."""
    if item.repeated:
        return pa.array([[]] * count, item.arrow_type())
    return pa.nulls(count, item.arrow_type())


def check_required(
    fields: Iterable[Field], written: Iterable[str], where: str, path: str = ""
) -> None:
    """Raise SchemaMismatch if what is written lacks a field that every row must have."""
    names = set(written)
    for item in fields:
        if item.required and item.name not in names:
            raise SchemaMismatch(f"The required field {path}{item.name} is missing in the {where}")


def check_partition(item: Field, column: pa.Array, now: int) -> None:
    """Refuse what lies outside the partitions that rows can be streamed to."""
    unit, kind = (DAY_MICROS, pa.int32()) if item.type == "DATE" else (1, pa.int64())
    when = EPOCH + dt.timedelta(microseconds=now)
    low, high = _years(when, -10), _years(when, 1)
    for value in column.drop_null().cast(kind).to_pylist():
        if not low <= value * unit <= high:
            raise BadValue(
                f"The value {value} of {item.name} is outside the allowed bounds: a partition "
                "that is streamed to lies between 10 years in the past and 1 year in the future"
            )


def _years(when: dt.datetime, years: int) -> int:
    moved = when.replace(year=when.year + years, day=min(when.day, 28))
    return (moved - EPOCH) // dt.timedelta(microseconds=1)
