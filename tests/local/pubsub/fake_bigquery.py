"""A Storage Write API that keeps rows in a list and fails when told to."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

SERVICE = "google.cloud.bigquery.storage.v1.BigQueryWrite"
Column = types.TableFieldSchema.Type
AppendRowsRequest = types.AppendRowsRequest.pb()
AppendRowsResponse = types.AppendRowsResponse.pb()
COLUMNS = {
    "subscription_name": Column.STRING,
    "message_id": Column.STRING,
    "publish_time": Column.TIMESTAMP,
    "data": Column.STRING,
    "attributes": Column.JSON,
}

Rows = list[dict[str, Any]]
Judge = Callable[[Rows], Any]


def accept(_: Rows) -> Any:
    """Take whatever comes."""
    return AppendRowsResponse(append_result={})


@dataclass(slots=True)
class FakeBigQuery:
    """One table; `judge` sees the rows of each append and answers, or raises a status."""

    address: str = ""
    columns: dict[str, Any] = field(default_factory=lambda: dict(COLUMNS))
    judge: Judge = accept
    rows: Rows = field(default_factory=list)
    appends: list[int] = field(default_factory=list)
    streams: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get_write_stream(self, request: Any, context: Any) -> Any:
        if not self.columns:
            context.abort(grpc.StatusCode.NOT_FOUND, "Table not found")
        fields = [{"name": name, "type_": int(kind)} for name, kind in self.columns.items()]
        return types.WriteStream.pb()(name=request.name, table_schema={"fields": fields})

    def append_rows(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        schema: Any = None
        for request in requests:
            self.streams.add(request.write_stream)
            if request.arrow_rows.HasField("writer_schema"):
                schema = request.arrow_rows.writer_schema.serialized_schema
            rows = request.arrow_rows.rows.serialized_record_batch
            yield self._judged(_read(rows, schema), context)

    def _judged(self, rows: Rows, context: Any) -> Any:
        with self.lock:
            self.appends.append(len(rows))
            answer = self.judge(rows)
            if isinstance(answer, grpc.StatusCode):
                context.abort(answer, "told to fail")
            if answer.WhichOneof("response") == "append_result":
                self.rows += rows
        return answer


def _read(rows: bytes, schema: bytes) -> Rows:
    found: Rows = pa.ipc.read_record_batch(
        rows, pa.ipc.read_schema(pa.py_buffer(schema))
    ).to_pylist()
    return found


@contextmanager
def fake_bigquery(port: int = 0) -> Iterator[FakeBigQuery]:
    fake = FakeBigQuery()
    # every open stream holds a thread
    server = grpc.server(ThreadPoolExecutor(64), options=[("grpc.so_reuseport", 0)])
    handlers = {
        "GetWriteStream": grpc.unary_unary_rpc_method_handler(
            fake.get_write_stream,
            request_deserializer=types.GetWriteStreamRequest.pb().FromString,
            response_serializer=types.WriteStream.pb().SerializeToString,
        ),
        "AppendRows": grpc.stream_stream_rpc_method_handler(
            fake.append_rows,
            request_deserializer=AppendRowsRequest.FromString,
            response_serializer=AppendRowsResponse.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    fake.address = f"127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
    server.start()
    try:
        yield fake
    finally:
        server.stop(grace=None).wait()
