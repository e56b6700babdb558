"""A Storage Write API on loopback that can be told to fail, one request at a time."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1.types import (
    AppendRowsRequest,
    AppendRowsResponse,
    GetWriteStreamRequest,
    RowError,
    StorageError,
    TableFieldSchema,
    TableSchema,
    WriteStream,
)
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, json_format, message_factory

from cdc_table import CdcTable
from loader.row import CHANGE_SEQUENCE, CHANGE_TYPE

Type = TableFieldSchema.Type
Mode = TableFieldSchema.Mode
_ARRAY_OF_SPANS = [("tag", Type.STRING), ("start", Type.INT64), ("end", Type.INT64)]
TWEETS = [
    TableFieldSchema(name="tweet_id", type_=Type.STRING, mode=Mode.REQUIRED),
    *(
        TableFieldSchema(name=name, type_=Type.STRING)
        for name in ("text", "language", "kind", "raw_event_id", "event_id", "replay_id")
    ),
    *(
        TableFieldSchema(name=name, type_=Type.TIMESTAMP)
        for name in ("created_at", "received_at", "enriched_at", "loaded_at")
    ),
    TableFieldSchema(name="enricher_version", type_=Type.INT64),
    TableFieldSchema(name="like_count", type_=Type.INT64),
    TableFieldSchema(
        name="hashtags",
        type_=Type.STRUCT,
        mode=Mode.REPEATED,
        fields=[TableFieldSchema(name=n, type_=t) for n, t in _ARRAY_OF_SPANS],
    ),
    TableFieldSchema(name="media", type_=Type.STRING, mode=Mode.REPEATED),
    TableFieldSchema(name="extra", type_=Type.JSON),
]
GAPS = [
    TableFieldSchema(name="gap_id", type_=Type.STRING, mode=Mode.REQUIRED),
    *(
        TableFieldSchema(name=name, type_=Type.STRING)
        for name in ("stream", "cause", "repair", "event_id")
    ),
    TableFieldSchema(name="revision", type_=Type.INT64),
    TableFieldSchema(name="complete", type_=Type.BOOL),
    *(
        TableFieldSchema(name=name, type_=Type.TIMESTAMP)
        for name in ("from_time", "to_time", "loaded_at")
    ),
    TableFieldSchema(name="extra", type_=Type.JSON),
]
DELETIONS = [
    TableFieldSchema(name="tweet_id", type_=Type.STRING, mode=Mode.REQUIRED),
    TableFieldSchema(name="verdict", type_=Type.STRING),
    TableFieldSchema(name="deleted_at", type_=Type.TIMESTAMP),
    TableFieldSchema(name="event_id", type_=Type.STRING),
    TableFieldSchema(name="loaded_at", type_=Type.TIMESTAMP),
    TableFieldSchema(name="batch_id", type_=Type.STRING),
]
VERDICTS = [
    TableFieldSchema(name="verdict_id", type_=Type.STRING, mode=Mode.REQUIRED),
    *(
        TableFieldSchema(name=name, type_=Type.STRING)
        for name in ("effect", "tweet_id", "user_id", "verdict", "event_id", "batch_id")
    ),
    TableFieldSchema(name="up_to_tweet_id", type_=Type.INT64),
    TableFieldSchema(name="decided_at", type_=Type.TIMESTAMP),
    TableFieldSchema(name="loaded_at", type_=Type.TIMESTAMP),
]
SCHEMAS = {"tweets": TWEETS, "gaps": GAPS, "deletions": DELETIONS, "verdicts": VERDICTS}
KEYS = {
    "tweets": "tweet_id",
    "gaps": "gap_id",
    "deletions": "tweet_id",
    "verdicts": "verdict_id",
}

#: What the server does with one request instead of taking it: aborts, or returns an answer.
Fault = Callable[[Any, grpc.ServicerContext], AppendRowsResponse | None]


def ended(code: grpc.StatusCode, text: str = "told to fail") -> Fault:
    """End the connection with this status; nothing was written."""

    def fault(_request: Any, context: grpc.ServicerContext) -> None:
        context.abort(code, text)

    return fault


def error(code: int, text: str, storage_error: int | None = None) -> Fault:
    """Answer this request with an error; the connection goes on."""

    def fault(_request: Any, _context: grpc.ServicerContext) -> AppendRowsResponse:
        details = []
        if storage_error is not None:
            packed = any_pb2.Any()
            packed.Pack(StorageError.pb(StorageError(code=storage_error, error_message=text)))
            details.append(packed)
        return AppendRowsResponse(error={"code": code, "message": text, "details": details})

    return fault


def held(until: threading.Event) -> Fault:
    """Take the request and answer nothing before the event is set; then end the connection."""

    def fault(_request: Any, context: grpc.ServicerContext) -> None:
        while context.is_active() and not until.wait(0.02):
            pass
        context.abort(grpc.StatusCode.UNAVAILABLE, "held, then ended")

    return fault


class Goodbye(Exception):  # noqa: N818 - what the server says
    """Ends the connection without an error."""


def goodbye(_request: Any, _context: grpc.ServicerContext) -> AppendRowsResponse | None:
    """End the connection without an error and without an answer."""
    raise Goodbye


@dataclass
class Table:
    """One table: its columns, its rows by the rules, and everything that was ever appended."""

    fields: list[TableFieldSchema]
    cdc: CdcTable
    appended: list[Mapping[str, Any]] = field(default_factory=list)
    grown: bool = False

    @property
    def rows(self) -> dict[str, Mapping[str, Any]]:
        return self.cdc.rows

    @property
    def schema(self) -> TableSchema:
        return TableSchema(fields=self.fields)

    def add_column(self, name: str, type_: int) -> None:
        self.fields = [*self.fields, TableFieldSchema(name=name, type_=type_)]
        self.grown = True


class FakeBigQuery:
    """The tables, the faults still to come, and what was seen."""

    def __init__(self, journal: list[str] | None = None) -> None:
        self.tables = {
            name: Table(list(fields), CdcTable(KEYS[name])) for name, fields in SCHEMAS.items()
        }
        self.faults: deque[Fault | None] = deque()
        self.schema_faults: deque[grpc.StatusCode] = deque()
        self.poison: Callable[[Mapping[str, Any]], str | None] = lambda _row: None
        self.spoils: Callable[[Mapping[str, Any]], bool] = lambda _row: False
        self.ends_on: Callable[[Mapping[str, Any]], bool] = lambda _row: False
        self.forgets_refused_schemas = False
        self.errors_a_request = 1_000
        self.lose_answers = 0
        self.delay = 0.0
        self.journal = journal if journal is not None else []
        self.connections = 0
        self.ended = 0
        self.requests: list[Any] = []
        self.metadata: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.max_request_bytes = 20_000_000
        self.limit_ends_the_connection = False
        self.endpoint = ""

    # --- the service

    def get_write_stream(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self.schema_faults:
            context.abort(self.schema_faults.popleft(), "told to fail")
        name = request.name.split("/tables/")[1].split("/")[0]
        if name not in self.tables:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Requested entity was not found: {name}")
        found = WriteStream(name=request.name, table_schema=self.tables[name].schema)
        return WriteStream.pb(found)

    def append_rows(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        with self.lock:
            self.connections += 1
            self.metadata.append({k: str(v) for k, v in context.invocation_metadata()})
        try:
            yield from self._answers(requests, context)
        finally:
            self.ended += 1

    def _answers(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        message: Any = None
        for request in requests:
            refused = self.forgets_refused_schemas and self.faults and self.faults[0]
            if request.proto_rows.HasField("writer_schema") and not refused:
                message = _message_class(request.proto_rows.writer_schema.proto_descriptor)
            try:
                answer = self._answer(request, message, context)
            except Goodbye:
                return
            if answer is not None:
                yield AppendRowsResponse.pb(answer)

    def _answer(
        self, request: Any, message: Any, context: grpc.ServicerContext
    ) -> AppendRowsResponse | None:
        with self.lock:
            self.requests.append(request)
            fault = self.faults.popleft() if self.faults else None
        if fault:
            return fault(request, context)
        if request.ByteSize() > self.max_request_bytes:
            return self._too_large(request, context)
        time.sleep(self.delay)
        if message is None:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Schema is missing")
        name = request.write_stream.split("/tables/")[1].split("/")[0]
        rows = [_row(message, one) for one in request.proto_rows.rows.serialized_rows]
        if any(self.ends_on(row) for row in rows):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not understood, and the end")
        if any(self.spoils(row) for row in rows):
            return error(3, "the request is not understood")(request, context)
        return self._write(name, rows, context)

    def _too_large(self, request: Any, context: grpc.ServicerContext) -> AppendRowsResponse | None:
        if self.limit_ends_the_connection:
            text = f"Received message larger than max ({request.ByteSize()} vs. 2000)"
            return ended(grpc.StatusCode.RESOURCE_EXHAUSTED, text)(request, context)
        return error(3, f"AppendRows request too large: {request.ByteSize()}")(request, context)

    def _write(
        self, name: str, rows: list[dict[str, Any]], context: grpc.ServicerContext
    ) -> AppendRowsResponse:
        table = self.tables[name]
        reasons = {i: reason for i, row in enumerate(rows) if (reason := self.poison(row))}
        if reasons:
            errors = [
                RowError(index=i, code=RowError.RowErrorCode.FIELDS_ERROR, message=reason)
                for i, reason in list(reasons.items())[: self.errors_a_request]
            ]
            return AppendRowsResponse(
                error={"code": 3, "message": "Errors found while processing rows."},
                row_errors=errors,
            )
        with self.lock:
            for row in rows:
                change, sequence = row.pop(CHANGE_TYPE, None), row.pop(CHANGE_SEQUENCE, None)
                table.appended.append(row)
                if change:
                    table.cdc.change(row, change, sequence)
            self.journal.append(f"appended {len(rows)} rows")
            lost = self.lose_answers > 0
            self.lose_answers -= lost
        if lost:
            context.abort(grpc.StatusCode.UNAVAILABLE, "written, but the answer is lost")
        answer = AppendRowsResponse(append_result={})
        if table.grown:
            table.grown = False
            answer.updated_schema = table.schema
        return answer


def _message_class(descriptor: Any) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="fake.proto", syntax="proto2")
    file.message_type.add().CopyFrom(descriptor)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(descriptor.name))


def _row(message: Any, encoded: bytes) -> dict[str, Any]:
    row: dict[str, Any] = json_format.MessageToDict(
        message.FromString(encoded), preserving_proto_field_name=True
    )
    return row


@contextmanager
def serving(fake: FakeBigQuery) -> Iterator[FakeBigQuery]:
    """Serve it on loopback: on a free port, and on the same one when it is served again."""
    request, response = AppendRowsRequest.pb(), AppendRowsResponse.pb()
    get, stream = GetWriteStreamRequest.pb(), WriteStream.pb()
    handlers = {
        "AppendRows": grpc.stream_stream_rpc_method_handler(
            fake.append_rows, request.FromString, response.SerializeToString
        ),
        "GetWriteStream": grpc.unary_unary_rpc_method_handler(
            fake.get_write_stream, get.FromString, stream.SerializeToString
        ),
    }
    server = grpc.server(
        futures.ThreadPoolExecutor(32), options=[("grpc.max_receive_message_length", -1)]
    )
    service = "google.cloud.bigquery.storage.v1.BigQueryWrite"
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, handlers)])
    port = server.add_insecure_port(fake.endpoint or "127.0.0.1:0")
    server.start()
    fake.endpoint = f"127.0.0.1:{port}"
    try:
        yield fake
    finally:
        server.stop(grace=None).wait()
