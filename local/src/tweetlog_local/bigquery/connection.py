"""One AppendRows call: what each of its requests says, and what becomes of it."""

import re
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import grpc

from tweetlog_local.bigquery import write_messages as messages
from tweetlog_local.bigquery.appends import Appender
from tweetlog_local.bigquery.arrow_rows import ArrowDecoder
from tweetlog_local.bigquery.batch import Batch, RowError, SchemaMismatch
from tweetlog_local.bigquery.catalog import Relation
from tweetlog_local.bigquery.errors import ApiError
from tweetlog_local.bigquery.faults import BEFORE, STALL, Faults, Rule, fault_name
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.rows import Decoder, mixed
from tweetlog_local.bigquery.schema import Field
from tweetlog_local.bigquery.stats import Stats
from tweetlog_local.bigquery.warehouse import Warehouse

STREAM = re.compile(
    r"projects/(?P<project>[^/]+)/datasets/(?P<dataset>[^/]+)/tables/(?P<table>[^/]+)"
    r"/(?:streams/)?(?P<stream>[^/]+)\Z"
)
# AppendRows takes requests of at most 20 MB.
MAX_REQUEST = 20 * 1024 * 1024
REFUSED_ROWS = (
    "Errors found while processing rows. Please refer to the row_errors field for details. "
    "The list may not be complete because of the size limitations."
)


class RpcError(Exception):
    """Ends the call with a status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class WriterSchema:
    """How the rows of a stream are written: a message's descriptor, or an Arrow schema."""

    serialized: bytes
    arrow: bool

    def decoder(self, relation: Relation) -> Decoder | ArrowDecoder:
        """Return what reads such rows for a table, or say why they do not fit it."""
        if self.arrow:
            return ArrowDecoder.of(self.serialized, relation.fields, relation.partition)
        return Decoder.of(self.serialized, relation.fields, relation.key, relation.partition)


@dataclass(frozen=True, slots=True)
class Writer:
    """What a connection knows about one stream that it writes to.

    `changing` is whether it carries upserts and deletes; None before its first row.
    """

    table: TableName
    schema: WriterSchema
    fields: tuple[Field, ...]
    decoder: Decoder | ArrowDecoder
    changing: bool | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A response on its way: at once, or when its rows are durable."""

    response: Any
    done: Future[None] | None = None
    fault: Rule | None = None


class Connection:
    """The streams that a call has named so far, and their writers."""

    def __init__(
        self, warehouse: Warehouse, appender: Appender, stats: Stats, faults: Faults
    ) -> None:
        self._warehouse = warehouse
        self._appender = appender
        self._stats = stats
        self._faults = faults
        self._schemas: dict[str, WriterSchema] = {}
        self._writers: dict[str, Writer] = {}
        self._latest = ""
        self.table = ""

    def take(self, request: Any) -> Pending:
        """Decode a request and hand its rows over; raise RpcError to end the connection."""
        _check_request(request)
        stream = self._latest = request.write_stream or self._latest
        self.table = fault_name(stream_table(stream))
        if schema := _schema(request):
            # Whatever becomes of this request, the ones behind it count on its schema.
            self._schemas[stream] = schema
        fault = self._faults.append(self.table, request.ByteSize())
        if fault is not None and fault.when == BEFORE and fault.kind != STALL:
            return Pending(messages.AppendRowsResponse(write_stream=stream), fault=fault)
        try:
            return replace(self._append(stream, request), fault=fault)
        except SchemaMismatch as error:
            return Pending(_mismatch(error, stream))

    def _append(self, stream: str, request: Any) -> Pending:
        relation = self._relation(stream)
        _check_defaults(relation, request)
        arrow = request.HasField("arrow_rows")
        writer, grown = self._writer(stream, relation, arrow=arrow)
        rows = _rows(request, arrow=arrow)
        batch = writer.decoder.decode(rows, time.time_ns() // 1000)
        errors = [*batch.errors] or _mixture(writer, batch)
        refused = self._faults.refused_rows(self.table, partial(_chosen, writer.decoder, rows))
        errors += [RowError(index, refused[index]) for index in sorted(refused)]
        if errors:
            self._stats.refused(relation.name)
            return Pending(_refusal(errors, stream))
        response = messages.AppendRowsResponse(write_stream=stream)
        response.append_result.SetInParent()
        if grown:
            response.updated_schema.CopyFrom(schema_message(relation.fields))
        if not batch.columns.num_rows:
            return Pending(response)
        self._writers[stream] = replace(writer, changing=batch.changes is not None)
        return Pending(response, self._appender.submit(relation.name, batch))

    def _relation(self, stream: str) -> Relation:
        try:
            relation = self._warehouse.catalog.relation(stream_table(stream))
        except ApiError as error:
            raise RpcError(grpc.StatusCode.NOT_FOUND, error.message) from None
        if relation.view is not None:
            raise _invalid(f"{relation.name} is a view: rows go to tables")
        column = self._faults.lagging(self.table)
        if column is not None:
            known = tuple(item for item in relation.fields if item.name != column)
            return replace(relation, fields=known)
        return relation

    def _writer(self, stream: str, relation: Relation, *, arrow: bool) -> tuple[Writer, bool]:
        """Return the stream's writer, and whether the table grew since it was last used."""
        known, schema = self._writers.get(stream), self._schemas.get(stream)
        if schema is None or schema.arrow != arrow:
            raise _invalid(
                "Schema is missing: the first request of a connection carries its writer_schema"
            )
        if known is not None and (known.fields, known.schema) == (relation.fields, schema):
            return known, False
        writer = Writer(relation.name, schema, relation.fields, schema.decoder(relation))
        self._writers[stream] = writer
        return writer, known is not None and len(known.fields) < len(relation.fields)


def stream_table(stream: str) -> TableName:
    """Return the table of a default stream's name."""
    match = STREAM.match(stream)
    if match is None:
        raise _invalid(f"Invalid stream name. Entity: {stream}")
    if match["stream"] != "_default":
        raise RpcError(
            grpc.StatusCode.UNIMPLEMENTED,
            f"Only the default stream is supported by the embedded BigQuery. Entity: {stream}",
        )
    return TableName(match["project"], match["dataset"], match["table"])


def _invalid(details: str) -> RpcError:
    return RpcError(grpc.StatusCode.INVALID_ARGUMENT, details)


def _check_request(request: Any) -> None:
    size = request.ByteSize()
    if size > MAX_REQUEST:
        raise _invalid(f"AppendRows request too large: {size} limit {MAX_REQUEST}")
    if request.HasField("offset"):
        raise _invalid("Offset can not be set on the default stream.")


def _check_defaults(relation: Relation, request: Any) -> None:
    wanted = request.default_missing_value_interpretation == messages.DEFAULT_VALUE
    if wanted and any("defaultValueExpression" in item.extras for item in relation.fields):
        raise RpcError(
            grpc.StatusCode.UNIMPLEMENTED,
            "DEFAULT_VALUE for missing values is not supported by the embedded BigQuery",
        )


def _mixture(writer: Writer, batch: Batch) -> list[RowError]:
    """Return errors when plain rows and changes meet on one connection."""
    count, changing = batch.columns.num_rows, batch.changes is not None
    within = mixed(kind for kind, _ in batch.changes or ())
    if not count or (not within and writer.changing in (None, changing)):
        return []
    return [RowError(index, "The given value is not a valid CHANGE_TYPE") for index in range(count)]


def _schema(request: Any) -> WriterSchema | None:
    """Return the schema that a request carries, if it carries one."""
    if descriptor := request.proto_rows.writer_schema.proto_descriptor:
        return WriterSchema(descriptor, arrow=False)
    if serialized := request.arrow_rows.writer_schema.serialized_schema:
        return WriterSchema(serialized, arrow=True)
    return None


def _rows(request: Any, *, arrow: bool) -> Any:
    """Return the rows as their decoder takes them: messages one by one, or a record batch."""
    if arrow:
        return request.arrow_rows.rows.serialized_record_batch
    return request.proto_rows.rows.serialized_rows


def _chosen(decoder: Decoder | ArrowDecoder, rows: Any, rule: Rule) -> list[int]:
    """Return the rows that a rule names."""
    count = decoder.count(rows)
    chosen = {index for index in rule.indexes if index < count}
    for index, value in enumerate(decoder.values(rows, rule.column) if rule.column else ()):
        if str(value) == rule.value:
            chosen.add(index)
    return sorted(chosen)


# Responses


def refused(code: grpc.StatusCode, message: str, stream: str, details: Sequence[Any] = ()) -> Any:
    """Return a response that says why a request was not written."""
    number: int = code.value[0]
    status = messages.Status(code=number, message=f"{message} Entity: {stream}", details=details)
    return messages.AppendRowsResponse(error=status, write_stream=stream)


def _mismatch(error: SchemaMismatch, stream: str) -> Any:
    name = "SCHEMA_MISMATCH_EXTRA_FIELDS" if error.extra else ""
    return refused(
        grpc.StatusCode.INVALID_ARGUMENT, str(error), stream, _details(name, str(error), stream)
    )


def injected(fault: Rule, stream: str) -> Any:
    """Return the response that a rule asks for."""
    details = _details(fault.storage_error, fault.message, stream)
    return refused(grpc.StatusCode[fault.code], fault.message, stream, details)


def _details(storage_error: str, message: str, stream: str) -> Sequence[Any]:
    if not storage_error:
        return ()
    code = messages.STORAGE_ERRORS[storage_error]
    error = messages.StorageError(code=code, entity=stream, error_message=message)
    return (messages.packed(error),)


def _refusal(errors: Sequence[RowError], stream: str) -> Any:
    response = refused(grpc.StatusCode.INVALID_ARGUMENT, REFUSED_ROWS, stream)
    for error in errors:
        response.row_errors.add(
            index=error.index, code=messages.FIELDS_ERROR, message=error.message
        )
    return response


def schema_message(fields: Sequence[Field]) -> Any:
    """Return the `TableSchema` of a table."""
    return messages.TableSchema(fields=[_field_message(item) for item in fields])


def _field_message(item: Field) -> Any:
    return messages.TableFieldSchema(
        name=item.name,
        type_=messages.FIELD_TYPES[item.type],
        mode=messages.FIELD_MODES[item.mode],
        fields=[_field_message(part) for part in item.fields],
        description=str(item.extras.get("description", "")),
    )
