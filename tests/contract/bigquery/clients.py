"""The real clients, pointed at a server on this machine, and rows to write with them."""

import json
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import (
    BigQueryWriteGrpcTransport,
)
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tweetlog_local.bigquery import Running

PROJECT = "p"
Kind = descriptor_pb2.FieldDescriptorProto
KINDS = {
    "string": Kind.TYPE_STRING,
    "int64": Kind.TYPE_INT64,
    "int32": Kind.TYPE_INT32,
    "double": Kind.TYPE_DOUBLE,
    "bool": Kind.TYPE_BOOL,
    "bytes": Kind.TYPE_BYTES,
    "uint64": Kind.TYPE_UINT64,
}
CHANGES = {"_CHANGE_TYPE": "string", "_CHANGE_SEQUENCE_NUMBER": "string"}
Fields = Mapping[str, Any]
#: Answers a query with its rows.
Rows = Callable[[str], list[tuple[Any, ...]]]


def rest_client(server: Running) -> bigquery.Client:
    return bigquery.Client(
        project=PROJECT,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": server.rest},
    )


def write_client(server: Running) -> BigQueryWriteClient:
    options = [("grpc.max_send_message_length", -1)]
    channel = grpc.insecure_channel(server.grpc, options)
    transport = BigQueryWriteGrpcTransport(channel=channel)
    return BigQueryWriteClient(transport=transport)  # type: ignore[no-untyped-call]


def local(
    server: Running, path: str, body: Mapping[str, Any] | None = None, method: str | None = None
) -> Any:
    """Call one of the server's own paths, `/local/...`."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.rest + path, data=data, method=method)  # noqa: S310 (http, to ourselves)
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (as above)
        return json.loads(answer.read() or b"{}")


def descriptor(fields: Fields, name: str = "Row") -> descriptor_pb2.DescriptorProto:
    """Return a message's descriptor.

    `fields` name kinds; `["string"]` is repeated, a mapping is a message, a list of one mapping
    is a repeated message.
    """
    message = descriptor_pb2.DescriptorProto(name=name)
    for number, (field, kind) in enumerate(fields.items(), 1):
        repeated = isinstance(kind, list)
        inner = kind[0] if isinstance(kind, list) else kind
        added = message.field.add(name=field, number=number, label=3 if repeated else 1)
        if isinstance(inner, str):
            added.type = KINDS[inner]
        else:
            nested = f"{field.title()}Part"
            message.nested_type.append(descriptor(inner, nested))
            added.type = Kind.TYPE_MESSAGE
            added.type_name = nested
    return message


@dataclass(frozen=True)
class Stream:
    """The default stream of a table, written with one message."""

    client: BigQueryWriteClient
    table: str
    fields: Fields

    @property
    def name(self) -> str:
        dataset, table = self.table.split(".")
        return f"projects/{PROJECT}/datasets/{dataset}/tables/{table}/streams/_default"

    @property
    def descriptor(self) -> descriptor_pb2.DescriptorProto:
        return descriptor(self.fields)

    def serialized(self, rows: Iterable[Mapping[str, Any]]) -> list[bytes]:
        pool = descriptor_pool.DescriptorPool()
        pool.Add(descriptor_pb2.FileDescriptorProto(name="t", message_type=[self.descriptor]))
        message = message_factory.GetMessageClass(pool.FindMessageTypeByName("Row"))
        return [message(**row).SerializeToString() for row in rows]

    def request(self, rows: Iterable[Mapping[str, Any]]) -> types.AppendRowsRequest:
        data = types.AppendRowsRequest.ProtoData(
            writer_schema=types.ProtoSchema(proto_descriptor=self.descriptor),
            rows=types.ProtoRows(serialized_rows=self.serialized(rows)),
        )
        return types.AppendRowsRequest(write_stream=self.name, proto_rows=data)

    def append(self, *batches: Sequence[Mapping[str, Any]]) -> list[types.AppendRowsResponse]:
        """Append batches on one connection; return the responses."""
        return self.send(self.request(rows) for rows in batches)

    def send(self, requests: Iterable[types.AppendRowsRequest]) -> list[types.AppendRowsResponse]:
        return list(self.responses(requests))

    def responses(
        self,
        requests: Iterable[types.AppendRowsRequest],
        open_until: threading.Event | None = None,
    ) -> Iterator[types.AppendRowsResponse]:
        """Yield the responses; the caller's side may stay open after its last request."""

        def said() -> Iterator[types.AppendRowsRequest]:
            yield from list(requests)
            if open_until is not None:
                open_until.wait(60)

        metadata = [("x-goog-request-params", f"write_stream={self.name}")]
        yield from self.client.append_rows(said(), retry=None, timeout=60, metadata=metadata)


def upsert(sequence: str = "", **row: Any) -> dict[str, Any]:
    return {**row, "_CHANGE_TYPE": "UPSERT", "_CHANGE_SEQUENCE_NUMBER": sequence}


def delete(sequence: str = "", **key: Any) -> dict[str, Any]:
    return {**key, "_CHANGE_TYPE": "DELETE", "_CHANGE_SEQUENCE_NUMBER": sequence}
