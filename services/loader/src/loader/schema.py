"""EDGE: a row encoder compiled from a table's schema, into the protobuf that BigQuery takes.

What the table has no column for is kept, as JSON, in the column `extra`.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from google.cloud.bigquery_storage_v1.types import TableFieldSchema
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from loader.row import CHANGE_SEQUENCE, CHANGE_TYPE, Row
from tweetlog.errors import InvalidEvent

EXTRA = "extra"

_ROOT = "Row"
_FILE = "row.proto"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY = 86_400_000_000  # microseconds
_moment = datetime.fromisoformat

_Type = TableFieldSchema.Type
_Proto = descriptor_pb2.FieldDescriptorProto
_Convert = Callable[[Any], Any]


class _Unfit(ValueError):  # noqa: N818 - named for what is true of the value
    """Raised for a value that its column cannot hold."""


class _Never:
    """The type that no value has: every value goes through its converter."""


def _refuse(value: Any) -> Any:
    raise _Unfit(f"{type(value).__name__} {_shown(value)}")


def _text_of_number(value: Any) -> str:
    return str(value) if type(value) in (int, float) else _refuse(value)


def _float(value: Any) -> float:
    return float(value) if type(value) is int else _refuse(value)


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, binascii.Error, ValueError):
        return _refuse(value)  # type: ignore[no-any-return]


def _timestamp(value: Any) -> int:
    """Return microseconds since 1970 of an aware datetime or an RFC 3339 text."""
    try:
        since: timedelta = (_moment(value) if type(value) is str else value) - _EPOCH
        return since.days * _DAY + since.seconds * 1_000_000 + since.microseconds
    except (AttributeError, OverflowError, TypeError, ValueError):
        return _refuse(value)  # type: ignore[no-any-return]


def _date(value: Any) -> int:
    try:
        return date.fromisoformat(value).toordinal() - _EPOCH_DAY
    except (TypeError, ValueError):
        return _refuse(value)  # type: ignore[no-any-return]


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # an integer beyond 64 bits
        return _refuse(value)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one BigQuery type travels.

    Attributes:
        proto: the protobuf type.
        passes: values of this Python type go as they are.
        convert: makes any other value one that can go, or refuses it.
        watched: protobuf itself would let other values pass (a truth value for a number, a text
            for a list), or lacks the conversion; what is not watched is left to protobuf's own
            checks, which cost nothing.
    """

    proto: int
    passes: type
    convert: _Convert
    watched: bool = True


_TEXT = _Kind(_Proto.TYPE_STRING, str, _refuse, watched=False)
_NUMBER = _Kind(_Proto.TYPE_STRING, str, _text_of_number)
# BigQuery, "Data type conversions" of the Storage Write API; what is missing here (RANGE) cannot
# be written by us, and its values go to `extra`.
_KINDS: Mapping[int, _Kind] = {
    _Type.STRING: _TEXT,
    _Type.GEOGRAPHY: _TEXT,
    _Type.INTERVAL: _TEXT,
    _Type.DATETIME: _TEXT,
    _Type.TIME: _TEXT,
    _Type.NUMERIC: _NUMBER,
    _Type.BIGNUMERIC: _NUMBER,
    _Type.INT64: _Kind(_Proto.TYPE_INT64, int, _refuse, watched=False),
    _Type.DOUBLE: _Kind(_Proto.TYPE_DOUBLE, float, _float),
    _Type.BOOL: _Kind(_Proto.TYPE_BOOL, bool, _refuse),
    _Type.BYTES: _Kind(_Proto.TYPE_BYTES, _Never, _bytes),
    _Type.TIMESTAMP: _Kind(_Proto.TYPE_INT64, _Never, _timestamp),
    _Type.DATE: _Kind(_Proto.TYPE_INT32, _Never, _date),
    _Type.JSON: _Kind(_Proto.TYPE_STRING, _Never, _json),
}


@dataclass(frozen=True, slots=True)
class _Column:
    """A column, ready to take values as its kind says; `fields` are those of a STRUCT."""

    name: str
    passes: type
    convert: _Convert
    watched: bool
    fields: "tuple[_Column, ...]" = ()


class Encoder:
    """Turns rows into the bytes of one table.

    Args:
        schema: the table's schema, a `google.cloud.bigquery.storage.v1.TableSchema`.
        changes: whether rows carry the two pseudo-columns of change data capture.
        unknown: is told the fields of a row that have no column.

    Attributes:
        descriptor: the `DescriptorProto` that the bytes follow: no package, every nested type
            inside the root.
        columns: the names that have a column.
        message: the class of the bytes' protobuf message.
    """

    def __init__(
        self,
        schema: Any,
        *,
        changes: bool,
        unknown: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.descriptor = descriptor_pb2.DescriptorProto(name=_ROOT)
        self._plan = _columns(schema.fields, self.descriptor, f".{_ROOT}")
        self.columns = frozenset(column.name for column in self._plan)
        self._watched = [(one.name, one.passes, one.convert) for one in self._plan if one.watched]
        self._changes = changes
        self._unknown = unknown
        if changes:
            for name in (CHANGE_TYPE, CHANGE_SEQUENCE):
                _add(self.descriptor, name, _Proto.TYPE_STRING, repeated=False)
        self.message: Any = _message(self.descriptor)

    def encode(self, row: Row) -> bytes:
        """Return the row's bytes.

        Raises:
            InvalidEvent: if a value does not fit its column, or has none and there is no `extra`.
        """
        fields = self.fields(row)
        try:
            encoded: bytes = self.message(**fields).SerializeToString()
        except (TypeError, ValueError):
            encoded = self._encode_with_care(row, fields)
        return encoded

    def fields(self, row: Row) -> dict[str, Any]:
        """Return what the message class takes for the row, if the table has all its fields.

        Raises:
            InvalidEvent: if a value does not fit its column.
        """
        fields = dict(row.values)
        name = ""
        try:
            for name, passes, convert in self._watched:
                value = fields.get(name)
                if value is not None and type(value) is not passes:
                    fields[name] = convert(value)
        except _Unfit as reason:
            raise _unfit(f"column {name}: {reason} does not fit") from None
        if self._changes:
            fields[CHANGE_TYPE] = row.change
            fields[CHANGE_SEQUENCE] = row.sequence
        return fields

    def _encode_with_care(self, row: Row, fields: dict[str, Any]) -> bytes:
        """Encode what the message class did not take as it is: fields that the table lacks.

        They are kept in `extra`; those that a STRUCT lacks, within the whole of their column.
        """
        values = row.values
        names = values.keys() - self.columns
        unknown = {name: values[name] for name in names if values[name] is not None}
        marks = {CHANGE_TYPE: row.change, CHANGE_SEQUENCE: row.sequence} if self._changes else {}
        fields = {name: one for name, one in fields.items() if name not in names} | marks
        if unknown and self._unknown:
            self._unknown(unknown)
        for column in self._plan:
            value = values.get(column.name)
            if column.fields and value is not None and not _known(column, value):
                unknown[column.name] = value
                fields[column.name] = _fitted(column.name, column.convert, _pruned(column, value))
        if unknown:
            self._keep(fields, unknown)
        try:
            encoded: bytes = self.message(**fields).SerializeToString()
        except (TypeError, ValueError) as reason:
            raise _unfit(self._blamed(fields) or str(reason)) from None
        return encoded

    def _keep(self, fields: dict[str, Any], unknown: Mapping[str, Any]) -> None:
        if EXTRA not in self.columns:
            names = ", ".join(sorted(unknown))
            raise _unfit(f"no column for {names}, and no column {EXTRA} to keep it in")
        before = orjson.loads(fields[EXTRA]) if fields.get(EXTRA) is not None else {}
        before = before if isinstance(before, dict) else {EXTRA: before}
        fields[EXTRA] = _fitted(EXTRA, _json, {**before, **unknown})

    def _blamed(self, fields: Mapping[str, Any]) -> str | None:
        """Return which column the message class did not take, in words."""
        for name, value in fields.items():
            try:
                self.message(**{name: value})
            except (TypeError, ValueError) as reason:
                return f"column {name}: {_shown(value)} does not fit: {reason}"
        return None


def _columns(fields: Any, parent: descriptor_pb2.DescriptorProto, path: str) -> tuple[_Column, ...]:
    """Add the fields to `parent` and return how each takes its values."""
    columns = (_column(field, parent, path) for field in fields)
    return tuple(column for column in columns if column is not None)


def _column(field: Any, parent: descriptor_pb2.DescriptorProto, path: str) -> _Column | None:
    # Column names beyond protobuf's need an annotation that we do not write; see `extra`.
    if not _NAME.fullmatch(field.name):
        return None
    repeated = field.mode == TableFieldSchema.Mode.REPEATED
    if field.type_ == _Type.STRUCT:
        return _struct(field, parent, path, repeated=repeated)
    kind = _KINDS.get(field.type_)
    if kind is None:
        return None
    _add(parent, field.name, kind.proto, repeated=repeated)
    column = _Column(field.name, kind.passes, kind.convert, kind.watched)
    return _repeated(column) if repeated else column


def _struct(
    field: Any, parent: descriptor_pb2.DescriptorProto, path: str, *, repeated: bool
) -> _Column:
    type_name = f"{field.name.capitalize()}_{len(parent.nested_type)}"
    nested = parent.nested_type.add(name=type_name)
    inner = _columns(field.fields, nested, f"{path}.{type_name}")
    _add(
        parent, field.name, _Proto.TYPE_MESSAGE, repeated=repeated, type_name=f"{path}.{type_name}"
    )
    watched = any(one.watched for one in inner)
    passes = _Never if watched else dict
    column = _Column(field.name, passes, _struct_converter(inner), watched, inner)
    return _repeated(column) if repeated else column


def _struct_converter(inner: tuple[_Column, ...]) -> _Convert:
    def convert(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            _refuse(value)
        converted = dict(value)
        for column in inner:
            one = value.get(column.name)
            if one is not None and type(one) is not column.passes:
                converted[column.name] = column.convert(one)
        return converted

    return convert


def _repeated(one: _Column) -> _Column:
    """Return the column of lists of what `one` takes; protobuf would take any iterable."""

    def convert_all(value: Any) -> list[Any]:
        if not isinstance(value, list):
            _refuse(value)
        return [item if type(item) is one.passes else one.convert(item) for item in value]

    return _Column(
        one.name, _Never if one.watched else list, convert_all, watched=True, fields=one.fields
    )


def _fitted(name: str, convert: _Convert, value: Any) -> Any:
    try:
        return convert(value)
    except _Unfit as reason:
        raise _unfit(f"column {name}: {reason} does not fit") from None


def _known(column: _Column, value: Any) -> bool:
    """Return whether the STRUCT has a field for everything in `value`."""
    if isinstance(value, list):
        return all(_known(column, one) for one in value)
    if not column.fields or not isinstance(value, dict):
        return True
    inner = {field.name: field for field in column.fields}
    return all(name in inner and _known(inner[name], one) for name, one in value.items())


def _pruned(column: _Column, value: Any) -> Any:
    """Return `value` without what the STRUCT has no field for."""
    if isinstance(value, list):
        return [_pruned(column, one) for one in value]
    if not column.fields or not isinstance(value, dict):
        return value
    inner = {field.name: field for field in column.fields}
    return {name: _pruned(inner[name], one) for name, one in value.items() if name in inner}


def _add(
    parent: descriptor_pb2.DescriptorProto,
    name: str,
    proto: int,
    *,
    repeated: bool,
    type_name: str | None = None,
) -> None:
    parent.field.add(
        name=name,
        number=len(parent.field) + 1,
        type=proto,
        label=_Proto.LABEL_REPEATED if repeated else _Proto.LABEL_OPTIONAL,
        type_name=type_name,
    )


def _message(descriptor: descriptor_pb2.DescriptorProto) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, syntax="proto2")
    file.message_type.add().CopyFrom(descriptor)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(_ROOT))


def _unfit(reason: str) -> InvalidEvent:
    return InvalidEvent(reason, reason_class="does_not_fit")


def _shown(value: Any) -> str:
    """Return enough of a value to recognise it by."""
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "..."  # noqa: PLR2004 - fits a log line
