"""The Storage Write API over gRPC: AppendRows on default streams, and GetWriteStream.

The rows of a request are decoded in the stream's own thread and committed in groups; responses
come in the order of the requests, and an error inside the stream does not close it.
"""

import queue
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import grpc
from google.cloud.bigquery_storage_v1 import types
from google.protobuf import any_pb2
from google.rpc import code_pb2, status_pb2

from tweetlog_local.bigquery.appends import Appender
from tweetlog_local.bigquery.errors import ApiError, NotFound
from tweetlog_local.bigquery.faults import (
    BEFORE,
    CLOSE,
    RESPONSE,
    ROWS,
    RPC,
    STALL,
    Faults,
    Rule,
)
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.rows import Decoder, RowError, SchemaMismatch, mixed
from tweetlog_local.bigquery.schema import Field
from tweetlog_local.bigquery.stats import Stats
from tweetlog_local.bigquery.warehouse import Relation, Warehouse

SERVICE = "google.cloud.bigquery.storage.v1.BigQueryWrite"
AppendRowsRequest = types.AppendRowsRequest.pb()
AppendRowsResponse = types.AppendRowsResponse.pb()
GetWriteStreamRequest = types.GetWriteStreamRequest.pb()
WriteStream = types.WriteStream.pb()
TableSchema = types.TableSchema.pb()
TableFieldSchema = types.TableFieldSchema.pb()
StorageError = types.StorageError.pb()
RowErrorMessage = types.RowError.pb()

STREAM = re.compile(
    r"projects/(?P<project>[^/]+)/datasets/(?P<dataset>[^/]+)/tables/(?P<table>[^/]+)"
    r"/(?:streams/)?(?P<stream>[^/]+)\Z"
)
# AppendRows takes requests of at most 20 MB.
MAX_REQUEST = 20 * 1024 * 1024
PENDING = 256


class RpcError(Exception):
    """Ends the call with a status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class Writer:
    """What a connection knows about one stream that it writes to."""

    stream: str
    table: TableName
    descriptor: bytes
    fields: tuple[Field, ...]
    decoder: Decoder
    changing: bool | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A response on its way: at once, or when its rows are durable."""

    response: Any
    done: "Future[None] | None" = None
    fault: Rule | None = None


class WriteApi:
    """The service's methods."""

    def __init__(
        self, warehouse: Warehouse, appender: Appender, stats: Stats, faults: Faults
    ) -> None:
        self._warehouse = warehouse
        self._appender = appender
        self._stats = stats
        self._faults = faults

    def append_rows(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        """Answer every request of a connection, in order."""
        connection = Connection(self._warehouse, self._appender, self._stats, self._faults)
        answers: queue.Queue[Pending | RpcError | None] = queue.Queue(PENDING)
        closed = threading.Event()
        context.add_callback(closed.set)
        reader = threading.Thread(
            target=_read, args=(requests, connection, answers, closed), daemon=True
        )
        reader.start()
        while True:
            pending = answers.get()
            if pending is None:
                return
            try:
                yield _finished(pending, closed)
            except RpcError as error:
                if error.code is grpc.StatusCode.OK:
                    return
                context.abort(error.code, error.details)

    def get_write_stream(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the default stream of a table."""
        try:
            name = stream_table(request.name)
            relation = self._warehouse.relation(name)
        except ApiError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, error.message)
        except RpcError as error:
            context.abort(error.code, error.details)
        stream = WriteStream(
            name=request.name,
            type_=types.WriteStream.Type.COMMITTED,
            write_mode=types.WriteStream.WriteMode.INSERT,
            location=self._warehouse.location,
        )
        if request.view == types.WriteStreamView.FULL:
            stream.table_schema.CopyFrom(schema_message(relation.fields))
        return stream

    def refuse(self, _: Any, context: grpc.ServicerContext) -> Any:
        """Refuse what belongs to application-created streams."""
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            "only the default stream (.../streams/_default) is supported by the embedded BigQuery",
        )


def _read(
    requests: Iterator[Any],
    connection: "Connection",
    answers: "queue.Queue[Pending | RpcError | None]",
    closed: threading.Event,
) -> None:
    last: RpcError | None = None
    try:
        for request in requests:
            _offer(answers, connection.take(request), closed)
    except RpcError as error:
        last = error
    except grpc.RpcError:
        last = None  # the caller went away; nobody waits for an answer
    if last is not None:
        _offer(answers, last, closed)
    _offer(answers, None, closed)


def _offer(answers: "queue.Queue[Any]", item: object, closed: threading.Event) -> None:
    while not closed.is_set():
        try:
            answers.put(item, timeout=1)
        except queue.Full:
            continue
        return
    if answers.empty():
        answers.put_nowait(None)


def _finished(pending: Pending | RpcError, closed: threading.Event) -> Any:
    """Return the response when its rows are durable; raise what ends the call."""
    if isinstance(pending, RpcError):
        raise pending
    response = _durable(pending)
    if pending.fault is not None:
        _fail(pending.fault, closed)
        if pending.fault.kind == RESPONSE:
            return _injected(pending.fault, response.write_stream)
    return response


def _fail(fault: Rule, closed: threading.Event) -> None:
    if fault.kind == STALL:
        closed.wait(fault.seconds)
    if fault.kind == RPC:
        raise RpcError(grpc.StatusCode[fault.code], fault.message)
    if fault.kind == CLOSE:
        raise RpcError(grpc.StatusCode.OK, "")


def _injected(fault: Rule, stream: str) -> Any:
    details = []
    if fault.storage_error:
        code = types.StorageError.StorageErrorCode[fault.storage_error]
        details.append(_packed(code, stream, fault.message))
    return _error(grpc.StatusCode[fault.code].value[0], fault.message, stream, details)


def _durable(pending: Pending) -> Any:
    if pending.done is None:
        return pending.response
    try:
        pending.done.result()
    except NotFound as error:
        return _error(code_pb2.NOT_FOUND, error.message, pending.response.write_stream)
    except (ApiError, duckdb.Error) as error:
        return _error(code_pb2.INVALID_ARGUMENT, str(error), pending.response.write_stream)
    return pending.response


class Connection:
    """One AppendRows call: the streams it has named so far, and their writers."""

    def __init__(
        self, warehouse: Warehouse, appender: Appender, stats: Stats, faults: Faults
    ) -> None:
        self._warehouse = warehouse
        self._appender = appender
        self._stats = stats
        self._faults = faults
        self._writers: dict[str, Writer] = {}
        self._latest = ""

    def take(self, request: Any) -> Pending:
        """Decode a request and hand its rows over; raise RpcError to end the connection."""
        size = request.ByteSize()
        if size > MAX_REQUEST:
            raise RpcError(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"AppendRows request too large: {size} limit {MAX_REQUEST}",
            )
        stream = request.write_stream or self._latest
        if not stream:
            raise RpcError(
                grpc.StatusCode.INVALID_ARGUMENT,
                "Invalid stream name: the first request of a connection names its write_stream",
            )
        self._latest = stream
        name = stream_table(stream)
        fault = self._faults.append(f"{name.dataset}.{name.table}")
        if fault is not None and fault.when == BEFORE and fault.kind not in (STALL, ROWS):
            return Pending(AppendRowsResponse(write_stream=stream), fault=fault)
        try:
            return replace(self._append(stream, request, fault), fault=fault)
        except SchemaMismatch as error:
            return Pending(_mismatch(error, stream))

    def _append(self, stream: str, request: Any, fault: Rule | None) -> Pending:
        relation = self._relation(stream)
        writer, grown = self._writer(stream, relation, request)
        batch = writer.decoder.decode(
            request.proto_rows.rows.serialized_rows, time.time_ns() // 1000
        )
        errors = list(batch.errors) or _mixture(writer, batch.changes, batch.columns.num_rows)
        if fault is not None and fault.kind == ROWS:
            errors += _chosen(fault, writer, request.proto_rows.rows.serialized_rows)
        if errors:
            self._stats.refused(relation.name)
            return Pending(_refusal(errors, stream))
        if batch.columns.num_rows:
            self._writers[stream] = replace(writer, changing=batch.changes is not None)
        response = AppendRowsResponse(write_stream=stream)
        response.append_result.SetInParent()
        if grown:
            response.updated_schema.CopyFrom(schema_message(relation.fields))
        if not batch.columns.num_rows:
            return Pending(response)
        return Pending(response, self._appender.submit(relation.name, batch))

    def _relation(self, stream: str) -> Relation:
        try:
            relation = self._warehouse.relation(stream_table(stream))
        except ApiError as error:
            raise RpcError(grpc.StatusCode.NOT_FOUND, error.message) from None
        if relation.view is not None:
            raise RpcError(
                grpc.StatusCode.INVALID_ARGUMENT, f"{relation.name} is a view: rows go to tables"
            )
        return relation

    def _writer(self, stream: str, relation: Relation, request: Any) -> tuple[Writer, bool]:
        """Return the stream's writer, and whether the table grew since it was last used."""
        if request.HasField("arrow_rows"):
            raise RpcError(
                grpc.StatusCode.UNIMPLEMENTED,
                "Arrow rows are not supported by the embedded BigQuery: send protobuf rows",
            )
        known = self._writers.get(stream)
        schema = request.proto_rows.writer_schema.proto_descriptor
        descriptor = schema.SerializeToString(deterministic=True) if schema.name else b""
        if known is None and not descriptor:
            raise RpcError(
                grpc.StatusCode.INVALID_ARGUMENT,
                "Schema is missing: the first request of a connection carries its writer_schema",
            )
        current = known is not None and known.fields == relation.fields
        if known is not None and current and descriptor in (b"", known.descriptor):
            return known, False
        writer = self._opened(stream, relation, descriptor or (known.descriptor if known else b""))
        self._writers[stream] = writer
        return writer, known is not None and len(known.fields) < len(relation.fields)

    def _opened(self, stream: str, relation: Relation, descriptor: bytes) -> Writer:
        decoder = Decoder.of(descriptor, relation.fields, relation.key, relation.partition)
        return Writer(stream, relation.name, descriptor, relation.fields, decoder)


def stream_table(stream: str) -> TableName:
    """Return the table of a default stream's name."""
    match = STREAM.match(stream)
    if match is None:
        raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid stream name. Entity: {stream}")
    if match["stream"] != "_default":
        raise RpcError(
            grpc.StatusCode.UNIMPLEMENTED,
            f"Only the default stream is supported by the embedded BigQuery. Entity: {stream}",
        )
    return TableName(match["project"], match["dataset"], match["table"])


def _mixture(writer: Writer, changes: Any, count: int) -> list[RowError]:
    """Return errors when plain rows and changes meet on one connection."""
    changing = changes is not None
    within = changing and mixed(kind for kind, _ in changes)
    if not count or (not within and writer.changing in (None, changing)):
        return []
    return [RowError(index, "The given value is not a valid CHANGE_TYPE") for index in range(count)]


def _chosen(fault: Rule, writer: Writer, rows: Sequence[bytes]) -> list[RowError]:
    """Return errors for the rows that a rule names."""
    chosen = {index for index in fault.indexes if index < len(rows)}
    if fault.column:
        for index, data in enumerate(rows):
            value = getattr(writer.decoder.message.FromString(data), fault.column, None)
            if str(value) == fault.value:
                chosen.add(index)
    return [RowError(index, fault.message) for index in sorted(chosen)]


def _error(code: int, message: str, stream: str, details: Any = ()) -> Any:
    status = status_pb2.Status(code=code, message=f"{message} Entity: {stream}", details=details)
    return AppendRowsResponse(error=status, write_stream=stream)


def _mismatch(error: SchemaMismatch, stream: str) -> Any:
    code = types.StorageError.StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS
    details = [_packed(code, stream, str(error))] if error.extra else []
    return _error(code_pb2.INVALID_ARGUMENT, str(error), stream, details)


def _packed(code: int, stream: str, message: str) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(StorageError(code=code, entity=stream, error_message=message))
    return packed


def _refusal(errors: list[RowError], stream: str) -> Any:
    response = _error(
        code_pb2.INVALID_ARGUMENT,
        "Errors found while processing rows. Please refer to the row_errors field for details. "
        "The list may not be complete because of the size limitations.",
        stream,
    )
    for error in errors:
        response.row_errors.append(
            RowErrorMessage(
                index=error.index,
                code=types.RowError.RowErrorCode.FIELDS_ERROR,
                message=error.message,
            )
        )
    return response


_SCHEMA_TYPES: Mapping[str, str] = {
    "INTEGER": "INT64",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOL",
    "RECORD": "STRUCT",
}


def schema_message(fields: tuple[Field, ...]) -> Any:
    """Return the `TableSchema` of a table."""
    return TableSchema(fields=[_field_message(item) for item in fields])


def _field_message(item: Field) -> Any:
    kind = types.TableFieldSchema.Type[_SCHEMA_TYPES.get(item.type, item.type)]
    return TableFieldSchema(
        name=item.name,
        type_=kind,
        mode=types.TableFieldSchema.Mode[item.mode],
        fields=[_field_message(part) for part in item.fields],
        description=str(item.extras.get("description", "")),
    )


def service(api: WriteApi) -> grpc.GenericRpcHandler:
    """Return the service for a gRPC server."""
    refused = grpc.unary_unary_rpc_method_handler(api.refuse)
    handlers = {
        "AppendRows": grpc.stream_stream_rpc_method_handler(
            api.append_rows, AppendRowsRequest.FromString, AppendRowsResponse.SerializeToString
        ),
        "GetWriteStream": grpc.unary_unary_rpc_method_handler(
            api.get_write_stream, GetWriteStreamRequest.FromString, WriteStream.SerializeToString
        ),
    }
    others = ("CreateWriteStream", "FinalizeWriteStream", "BatchCommitWriteStreams", "FlushRows")
    return grpc.method_handlers_generic_handler(
        SERVICE, {**handlers, **dict.fromkeys(others, refused)}
    )
