"""Serialized protobuf rows, read into the columns of a table.

The descriptor comes from the writer (proto2 semantics, everything nested in one message); what
is wrong is named by row, so that the writer can set those rows aside.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import accumulate
from operator import attrgetter
from typing import Any

import pyarrow as pa
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from tweetlog_local.bigquery.batch import (
    DATE_RANGE,
    EPOCH,
    INT64_RANGE,
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
from tweetlog_local.bigquery.change_data_capture import (
    CHANGE_TYPE,
    DELETE,
    INSERT,
    PSEUDO_COLUMNS,
    SEQUENCE,
    UPSERT,
    InvalidSequence,
    comparable,
)
from tweetlog_local.bigquery.schema import Field

EPOCH_DAY = dt.date(1970, 1, 1)
# What reading a bad row raises.
_BAD = (BadValue, DecodeError)
#: Makes the values of a field those of a column.
Convert = Callable[[Sequence[Any]], Sequence[Any]]


def _each(convert: Callable[[Any], Any]) -> Convert:
    return lambda values: list(map(convert, values))


def _ranged(bounds: tuple[int, int], what: str) -> Convert:
    def convert(values: Sequence[Any]) -> Sequence[Any]:
        check_range((min(values), max(values)) if values else (), bounds, what)
        return values

    return convert


def _utf8(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadValue("the value is not UTF-8") from None


def _parsed(parse: Callable[[str], Any], what: str) -> Convert:
    def convert(value: str) -> Any:
        try:
            return parse(value)
        except ValueError:
            raise BadValue(f"Invalid {what} value: {value!r}") from None

    return _each(convert)


def _instant(text: str) -> int:
    parsed = dt.datetime.fromisoformat(text.strip())
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)
    return (aware - EPOCH) // dt.timedelta(microseconds=1)


def _day(text: str) -> int:
    return (dt.date.fromisoformat(text.strip()) - EPOCH_DAY).days


def _numeric(value: object) -> Decimal:
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        raise BadValue(f"Invalid NUMERIC value: {value!r}") from None
    if not exact.is_finite() or abs(exact) >= Decimal(10) ** 29:
        raise BadValue(f"NUMERIC value is out of allowed range: {value}")
    return exact.quantize(Decimal("1e-9"))


_INTEGERS = (
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_ENUM,
)
_UNSIGNED = FieldDescriptor.CPPTYPE_UINT64
_TEXT = FieldDescriptor.CPPTYPE_STRING
_REAL = (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
_BOOL = FieldDescriptor.CPPTYPE_BOOL

# (the table's type, kind of the message's field) -> how a value is read.
_INTEGER_COLUMNS: Mapping[str, Convert | None] = {
    "INTEGER": None,
    "FLOAT": _each(float),
    "TIMESTAMP": _ranged(TIMESTAMP_RANGE, "Timestamp"),
    "DATE": _ranged(DATE_RANGE, "Date"),
    "NUMERIC": _each(_numeric),
    "BOOLEAN": _each(bool),
}
_TEXT_COLUMNS: Mapping[str, Convert | None] = {
    "STRING": None,
    "JSON": _each(normal_json),
    "BYTES": _each(str.encode),
    "TIMESTAMP": _parsed(_instant, "timestamp"),
    "DATE": _parsed(_day, "date"),
    "DATETIME": _parsed(dt.datetime.fromisoformat, "datetime"),
    "TIME": _parsed(dt.time.fromisoformat, "time"),
    "NUMERIC": _each(_numeric),
}
_BYTES_COLUMNS: Mapping[str, Convert | None] = {"BYTES": None, "STRING": _each(_utf8)}
_REAL_COLUMNS: Mapping[str, Convert | None] = {"FLOAT": None, "NUMERIC": _each(_numeric)}


def _converter(item: Field, described: FieldDescriptor) -> Convert | None:
    kind = described.cpp_type
    known: Mapping[str, Convert | None] = {}
    if kind in _INTEGERS:
        known = _INTEGER_COLUMNS
    elif kind == _UNSIGNED:
        known = {"INTEGER": _ranged(INT64_RANGE, "Integer")}
    elif kind == _TEXT:
        is_bytes = described.type == FieldDescriptor.TYPE_BYTES
        known = _BYTES_COLUMNS if is_bytes else _TEXT_COLUMNS
    elif kind in _REAL:
        known = _REAL_COLUMNS
    elif kind == _BOOL:
        known = {"BOOLEAN": None, "INTEGER": _each(int)}
    if item.type not in known:
        raise SchemaMismatch(
            f"The proto field mismatched with BigQuery field at {described.full_name}, the proto "
            f"field type {_PROTO_TYPES[described.type]}, BigQuery field type "
            f"{item.type}"
        )
    return known[item.type]


_MESSAGE = "proto message"
_PROTO_TYPES: Mapping[int, str] = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in descriptor_pb2.FieldDescriptorProto.Type.items()
}


@dataclass(frozen=True, slots=True)
class Reader:
    """How one field of the messages is read into one column.

    `element` is the type of the column, or of one element of its ARRAYs; `convert` is None where
    values are taken as they are; `parts` are those of a RECORD.
    """

    item: Field
    name: str
    element: pa.DataType
    convert: Convert | None = None
    parts: Sequence["Reader"] = ()

    def column(self, messages: Sequence[Message]) -> pa.Array:
        """Return the column of as many rows as there are messages."""
        values = list(map(attrgetter(self.name), messages))
        if self.item.repeated:
            return self._lists(values)
        if self.item.type == "RECORD":
            return self._sparse(values, [message.HasField(self.name) for message in messages])
        absent = self._absent(messages, values)
        if not absent:
            return self._values(values)
        if self.item.required:
            raise BadValue(f"Missing required field: {self.item.name}")
        return self._values_but(values, absent)

    def _absent(self, messages: Sequence[Message], values: Sequence[Any]) -> list[int]:
        """Return which messages lack the field; what differs from the default is there."""
        if all(values):
            return []
        return [
            place
            for place, value in enumerate(values)
            if not value and not messages[place].HasField(self.name)
        ]

    def _lists(self, values: Sequence[Sequence[Any]]) -> pa.Array:
        ends = accumulate(map(len, values), initial=0)
        flat = [value for part in values for value in part]
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), self._values(flat))

    def _sparse(self, messages: Sequence[Message], present: Sequence[bool]) -> pa.Array:
        if self.item.required and not all(present):
            raise BadValue(f"Missing required field: {self.item.name}")
        found = self._values([one for one, there in zip(messages, present, strict=True) if there])
        places = accumulate(present, initial=-1)
        next(places)
        return found.take(
            pa.array(
                [place if there else None for place, there in zip(places, present, strict=True)],
                pa.int64(),
            )
        )

    def _values_but(self, values: list[Any], absent: Sequence[int]) -> pa.Array:
        """Return the values, NULL where they are absent."""
        if len(absent) == len(values):
            return pa.nulls(len(values), self.element)
        if self.convert is not None:
            gone = set(absent)
            there = [place for place in range(len(values)) if place not in gone]
            converted = self.convert([values[place] for place in there])
            for place, value in zip(there, converted, strict=True):
                values[place] = value
        for place in absent:
            values[place] = None
        return pa.array(values, self.element)

    def _values(self, values: Sequence[Any]) -> pa.Array:
        if self.item.type == "RECORD":
            return self._structs(values)
        if self.convert is not None:
            values = self.convert(values)
        return pa.array(values, self.element)

    def _structs(self, messages: Sequence[Message]) -> pa.Array:
        read = {part.item.name: part.column(messages) for part in self.parts}
        columns = [
            read[item.name] if item.name in read else empty_column(item, len(messages))
            for item in self.item.fields
        ]
        return pa.StructArray.from_arrays(columns, [item.name for item in self.item.fields])


def _reader(item: Field, described: FieldDescriptor) -> Reader:
    if described.is_repeated != item.repeated:
        raise SchemaMismatch(
            f"The proto field mismatched with BigQuery field at {described.full_name}, the proto "
            f"field is {'' if described.is_repeated else 'not '}repeated, the BigQuery field's "
            f"mode is {item.mode}"
        )
    element = item.element().arrow_type()
    if item.type == "RECORD":
        return Reader(item, described.name, element, parts=_parts(item, described))
    return Reader(item, described.name, element, _converter(item, described))


def _parts(item: Field, described: FieldDescriptor) -> Sequence[Reader]:
    if described.message_type is None:
        raise SchemaMismatch(
            f"The proto field mismatched with BigQuery field at {described.full_name}: a RECORD "
            "needs a message"
        )
    readers = _readers(item.fields, described.message_type, item.name + ".")
    check_required(item.fields, _names(readers), _MESSAGE, item.name + ".")
    return readers


def _readers(fields: Sequence[Field], described: Any, path: str = "") -> list[Reader]:
    known = {item.name.lower(): item for item in fields}
    readers = []
    for part in described.fields:
        if not path and part.name.upper() in PSEUDO_COLUMNS:
            continue
        if part.name.lower() not in known:
            raise extra_field(f"{path}{part.name}")
        readers.append(_reader(known[part.name.lower()], part))
    return readers


def _names(readers: Iterable[Reader]) -> Iterator[str]:
    return (reader.item.name for reader in readers)


@lru_cache(maxsize=256)
def message_class(descriptor: bytes) -> type[Message]:
    """Return the class of messages of a serialized `DescriptorProto`."""
    described = descriptor_pb2.DescriptorProto.FromString(descriptor)
    file = descriptor_pb2.FileDescriptorProto(
        name="writer.proto", syntax="proto2", message_type=[described]
    )
    pool = descriptor_pool.DescriptorPool()
    try:
        pool.Add(file)
        found = pool.FindMessageTypeByName(described.name)
    except (TypeError, KeyError) as error:
        raise SchemaMismatch(f"Invalid proto schema: {error}") from None
    return message_factory.GetMessageClass(found)


@dataclass(frozen=True, slots=True)
class Decoder:
    """Reads the rows of one writer's messages for one state of a table."""

    message: type[Message]
    readers: Sequence[Reader]
    fields: Sequence[Field]
    key: Sequence[str]
    partition: str | None
    captures_changes: bool

    @classmethod
    def of(
        cls, descriptor: bytes, fields: Sequence[Field], key: Sequence[str], partition: str | None
    ) -> "Decoder":
        """Return the decoder for a descriptor, or say why it does not fit the table."""
        message = message_class(descriptor)
        names = {part.name.upper() for part in message.DESCRIPTOR.fields}
        captures = CHANGE_TYPE in names
        if captures and not key:
            raise SchemaMismatch(
                "The table has no primary key: UPSERT and DELETE need one, PRIMARY KEY (...) "
                "NOT ENFORCED"
            )
        lenient = [_lenient(item, key) for item in fields] if captures else fields
        readers = _readers(lenient, message.DESCRIPTOR)
        check_required(lenient, _names(readers), _MESSAGE)
        return cls(message, readers, fields, key, partition, captures)

    def decode(self, rows: Sequence[bytes], now: int) -> Batch:
        """Return the rows as columns; `now` is in microseconds since 1970."""
        try:
            return self._batch(rows, now)
        except _BAD as error:
            whole = SchemaMismatch(str(error))
            return refused_batch(whole, len(rows), lambda at: self._batch([rows[at]], now), _BAD)

    def count(self, rows: Sequence[bytes]) -> int:
        """Return how many rows there are."""
        return len(rows)

    def values(self, rows: Sequence[bytes], column: str) -> list[Any]:
        """Return what rows hold in one column; None where there is no such column."""
        return [getattr(self.message.FromString(row), column, None) for row in rows]

    def _batch(self, rows: Sequence[bytes], now: int) -> Batch:
        messages = [self.message.FromString(row) for row in rows]
        ordered = SEQUENCE in self.message.DESCRIPTOR.fields_by_name
        changes = [_change(one, ordered=ordered) for one in messages if self.captures_changes]
        read = {reader.item.name: reader.column(messages) for reader in self.readers}
        columns = {
            item.name: read[item.name] if item.name in read else empty_column(item, len(rows))
            for item in self.fields
        }
        for item in self.fields:
            self._check(item, columns[item.name], changes)
            if item.name == self.partition:
                check_partition(item, columns[item.name], now)
        plain = all(kind == INSERT for kind, _ in changes)
        return Batch(pa.table(columns), None if plain else changes, size=sum(map(len, rows)))

    def _check(self, item: Field, column: pa.Array, changes: Sequence[tuple[str, str]]) -> None:
        if not changes or not column.null_count:
            return
        if item.name in self.key:
            raise BadValue(f"Missing primary key column: {item.name}")
        if item.required:
            kept = zip(column.is_valid().to_pylist(), changes, strict=True)
            if any(not there and kind != DELETE for there, (kind, _) in kept):
                raise BadValue(f"Missing required field: {item.name}")


def _lenient(item: Field, key: Sequence[str]) -> Field:
    """Return the column as a DELETE may leave it: only its key has to be there."""
    return item if item.name in key or not item.required else replace(item, mode="NULLABLE")


def _change(message: Message, *, ordered: bool) -> tuple[str, str]:
    kind, sequence = getattr(message, CHANGE_TYPE), ""
    if kind not in (UPSERT, DELETE, INSERT, ""):
        raise BadValue(f"The given value is not a valid CHANGE_TYPE: {kind!r}")
    if ordered:
        sequence = getattr(message, SEQUENCE)
    try:
        return kind or INSERT, comparable(sequence)
    except InvalidSequence:
        raise BadValue(
            f"Invalid {SEQUENCE}: {sequence!r}; it is 1 to 4 sections of 1 to 16 "
            "hexadecimal digits, separated by /"
        ) from None


def mixed(kinds: Iterator[str]) -> bool:
    """Return whether plain rows are among upserts and deletes."""
    seen = set(kinds)
    return INSERT in seen and len(seen) > 1
