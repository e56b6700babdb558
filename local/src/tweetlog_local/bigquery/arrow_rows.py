"""Rows in Arrow's format, read into the columns of a table.

For plain rows alone: upserts and deletes are written in protobuf. A field has the Arrow type in
which BigQuery itself gives such a column (`Field.arrow_type`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tweetlog_local.bigquery.batch import (
    DATE_RANGE,
    TIMESTAMP_RANGE,
    BadValue,
    Batch,
    SchemaMismatch,
    check_partition,
    check_range,
    check_required,
    empty_column,
    extra_field,
    normal_json,
    refused_batch,
)
from tweetlog_local.bigquery.change_data_capture import PSEUDO_COLUMNS
from tweetlog_local.bigquery.schema import Field

_SCHEMA = "Arrow schema"
# What reading a bad row raises.
_BAD = (BadValue, pa.ArrowInvalid)
#: The type that tells a column's numbers, and the range in which BigQuery has them.
_RANGES: Mapping[str, tuple[pa.DataType, tuple[int, int]]] = {
    "TIMESTAMP": (pa.int64(), TIMESTAMP_RANGE),
    "DATETIME": (pa.int64(), TIMESTAMP_RANGE),
    "DATE": (pa.int32(), DATE_RANGE),
}


@dataclass(frozen=True, slots=True)
class ArrowDecoder:
    """Reads the record batches of one schema for one state of a table."""

    schema: pa.Schema
    fields: Sequence[Field]
    partition: str | None

    @classmethod
    def of(
        cls, serialized: bytes, fields: Sequence[Field], partition: str | None
    ) -> "ArrowDecoder":
        """Return the decoder for a schema, or say why it does not fit the table."""
        try:
            schema = pa.ipc.read_schema(pa.py_buffer(serialized))
        except pa.ArrowException as error:
            raise SchemaMismatch(f"Invalid {_SCHEMA}: {error}") from None
        if {name.upper() for name in schema.names} & set(PSEUDO_COLUMNS):
            raise SchemaMismatch("UPSERT and DELETE are not for Arrow rows: send protobuf rows")
        _check_fields(fields, schema)
        return cls(schema, fields, partition)

    def decode(self, rows: bytes, now: int) -> Batch:
        """Return a serialized record batch as columns; `now` is in microseconds since 1970."""
        batch = self._read(rows)
        try:
            return Batch(self._columns(batch, now), None, size=len(rows))
        except _BAD as error:
            whole = _unreadable(error)
            return refused_batch(
                whole, batch.num_rows, lambda at: self._columns(batch.slice(at, 1), now), _BAD
            )

    def count(self, rows: bytes) -> int:
        """Return how many rows there are."""
        return int(self._read(rows).num_rows)

    def values(self, rows: bytes, column: str) -> list[Any]:
        """Return what rows hold in one column; None where there is no such column."""
        batch = self._read(rows)
        found = batch.schema.get_field_index(column)
        return [None] * batch.num_rows if found < 0 else batch.column(found).to_pylist()

    def _read(self, rows: bytes) -> pa.RecordBatch:
        try:
            return pa.ipc.read_record_batch(pa.py_buffer(rows), self.schema)
        except (pa.ArrowException, OSError, EOFError) as error:
            raise _unreadable(error) from None

    def _columns(self, batch: pa.RecordBatch, now: int) -> pa.Table:
        batch.validate(full=True)
        columns = _parts(self.fields, batch.schema.names, batch.columns, batch.num_rows)
        read = dict(zip([item.name for item in self.fields], columns, strict=True))
        for item in self.fields:
            _check_nulls(item, read[item.name])
            if item.name == self.partition:
                check_partition(item, read[item.name], now)
        return pa.table(read)


def _check_fields(fields: Sequence[Field], schema: Any, path: str = "") -> None:
    """Raise SchemaMismatch if a schema, or a STRUCT of it, does not fit the table's fields."""
    known = {item.name.lower(): item for item in fields}
    for part in schema:
        if part.name.lower() not in known:
            raise extra_field(f"{path}{part.name}")
        _check_type(known[part.name.lower()], part.type, path)
    check_required(fields, [known[part.name.lower()].name for part in schema], _SCHEMA, path)


def _check_type(item: Field, kind: pa.DataType, path: str) -> None:
    if item.repeated and not pa.types.is_list(kind):
        raise _mismatch(item, kind, path)
    inner = kind.value_type if item.repeated else kind
    if item.type == "RECORD" and pa.types.is_struct(inner):
        _check_fields(item.fields, inner, f"{path}{item.name}.")
    elif inner != item.element().arrow_type():
        raise _mismatch(item, kind, path)


def _unreadable(error: Exception) -> SchemaMismatch:
    return SchemaMismatch(f"Invalid Arrow record batch: {error}")


def _mismatch(item: Field, kind: pa.DataType, path: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"The Arrow field mismatched with BigQuery field at {path}{item.name}, the Arrow type is "
        f"{kind}, the BigQuery field is {item.sql_type()}, in Arrow {item.arrow_type()}"
    )


def _parts(
    fields: Sequence[Field], names: Sequence[str], columns: Sequence[pa.Array], count: int
) -> list[pa.Array]:
    """Return a column for each field, from those that there are."""
    found = {name.lower(): column for name, column in zip(names, columns, strict=True)}
    return [
        _column(item, found[item.name.lower()])
        if item.name.lower() in found
        else empty_column(item, count)
        for item in fields
    ]


def _column(item: Field, array: pa.Array) -> pa.Array:
    if item.repeated:
        return _lists(item, array)
    if item.type == "RECORD":
        return _structs(item, array)
    if item.type == "JSON":
        texts = (text if text is None else normal_json(text) for text in array.to_pylist())
        return pa.array(texts, pa.string())
    if item.type in _RANGES:
        _check_range(item, array)
    return array


def _lists(item: Field, array: pa.Array) -> pa.Array:
    """Return ARRAYs; one that is NULL is empty."""
    elements = array.flatten()
    if elements.null_count:
        raise BadValue(f"Array cannot have a null element; error in writing field {item.name}")
    lengths = array.value_lengths().fill_null(0).to_pylist()
    ends = pa.array(accumulate(lengths, initial=0), pa.int32())
    return pa.ListArray.from_arrays(ends, _column(item.element(), elements))


def _structs(item: Field, array: pa.Array) -> pa.Array:
    names = [array.type.field(place).name for place in range(array.type.num_fields)]
    columns = _parts(item.fields, names, array.flatten(), len(array))
    there = array.is_valid()
    for part, column in zip(item.fields, columns, strict=True):
        _check_nulls(part, column.filter(there))
    return pa.StructArray.from_arrays(
        columns, [part.name for part in item.fields], mask=pc.invert(there)
    )


def _check_nulls(item: Field, column: pa.Array) -> None:
    if item.required and column.null_count:
        raise BadValue(f"Missing required field: {item.name}")


def _check_range(item: Field, array: pa.Array) -> None:
    kind, bounds = _RANGES[item.type]
    extremes = pc.min_max(array.cast(kind)).as_py().values()
    check_range([one for one in extremes if one is not None], bounds, item.type.title())
