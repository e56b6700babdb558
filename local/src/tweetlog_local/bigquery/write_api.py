"""The Storage Write API over gRPC: AppendRows on default streams, and GetWriteStream.

The rows of a request are decoded in the stream's own thread and committed in groups; responses
come in the order of the requests, and an error inside the stream does not close it.
"""

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import duckdb
import grpc

from tweetlog_local.bigquery import write_messages as messages
from tweetlog_local.bigquery.appends import Appender
from tweetlog_local.bigquery.connection import (
    Connection,
    Pending,
    RpcError,
    injected,
    refused,
    schema_message,
    stream_table,
)
from tweetlog_local.bigquery.errors import ApiError, NotFound
from tweetlog_local.bigquery.faults import CLOSE, RESPONSE, RPC, STALL, Faults, Rule, fault_name
from tweetlog_local.bigquery.stats import Stats
from tweetlog_local.bigquery.warehouse import Warehouse

# How many requests of one connection may be under way.
PENDING = 256
# BigQuery ends a connection that has had no request for so long.
IDLE_SECONDS = 600.0
INACTIVE = "Closing the stream because it has been inactive for 600 seconds"
OTHER_METHODS = (
    "CreateWriteStream",
    "FinalizeWriteStream",
    "BatchCommitWriteStreams",
    "FlushRows",
)
UNEXPECTED = RpcError(
    grpc.StatusCode.INTERNAL, "the embedded BigQuery failed at this; its stderr says where"
)
Answers = queue.Queue[Pending | RpcError | None]


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
        answers: Answers = queue.Queue(PENDING)
        closed = threading.Event()
        context.add_callback(closed.set)
        arguments = (requests, connection, answers, closed)
        threading.Thread(target=_read, args=arguments, daemon=True).start()
        try:
            while (pending := self._next(answers, connection)) is not None:
                yield _answered(pending, closed)
        except RpcError as error:
            if error.code is not grpc.StatusCode.OK:
                context.abort(error.code, error.details)

    def _next(self, answers: Answers, connection: Connection) -> Pending | RpcError | None:
        """Return the next answer; raise RpcError if there was no request for too long."""
        while True:
            seconds = self._faults.idle_after(connection.table)
            try:
                return answers.get(timeout=IDLE_SECONDS if seconds is None else seconds)
            except queue.Empty:
                if seconds is None or self._faults.idle(connection.table):
                    raise RpcError(grpc.StatusCode.ABORTED, INACTIVE) from None

    def get_write_stream(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Return the default stream of a table."""
        try:
            _fail_call(self._faults.get_write_stream(fault_name(stream_table(request.name))))
            return self._stream(request)
        except RpcError as error:
            context.abort(error.code, error.details)
        except ApiError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, error.message)

    def _stream(self, request: Any) -> Any:
        relation = self._warehouse.catalog.relation(stream_table(request.name))
        stream = messages.WriteStream(
            name=request.name,
            type_=messages.COMMITTED,
            write_mode=messages.INSERT,
            location=self._warehouse.location,
        )
        if request.view == messages.FULL_VIEW:
            stream.table_schema.CopyFrom(schema_message(relation.fields))
        return stream

    def refuse(self, _: Any, context: grpc.ServicerContext) -> Any:
        """Refuse what belongs to application-created streams."""
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            "only the default stream (.../streams/_default) is supported by the embedded BigQuery",
        )


def _read(
    requests: Iterator[Any], connection: Connection, answers: Answers, closed: threading.Event
) -> None:
    """Take the requests of a connection one by one; the last answer is None, or its end."""
    last: RpcError | None = UNEXPECTED
    try:
        for request in requests:
            _offer(answers, connection.take(request), closed)
        last = None
    except RpcError as error:
        last = error
    except grpc.RpcError:
        closed.set()  # the caller went away; nobody waits for an answer
    finally:
        _offer(answers, last, closed)


def _offer(answers: Answers, item: Pending | RpcError | None, closed: threading.Event) -> None:
    while not closed.is_set():
        try:
            answers.put(item, timeout=1)
        except queue.Full:
            continue
        return
    if answers.empty():
        answers.put_nowait(None)


def _answered(pending: Pending | RpcError, closed: threading.Event) -> Any:
    """Return the response when its rows are durable; raise what ends the call."""
    if isinstance(pending, RpcError):
        raise pending
    response = _durable(pending)
    if pending.fault is None:
        return response
    _fail(pending.fault, closed)
    if pending.fault.kind == RESPONSE:
        return injected(pending.fault, response.write_stream)
    return response


def _fail_call(fault: Rule | None) -> None:
    """Do what a rule says to a call that is no stream."""
    if fault is not None:
        time.sleep(fault.seconds)
        if fault.kind == RPC:
            raise RpcError(grpc.StatusCode[fault.code], fault.message)


def _fail(fault: Rule, closed: threading.Event) -> None:
    if fault.kind == STALL:
        closed.wait(fault.seconds)
    if fault.kind == RPC:
        raise RpcError(grpc.StatusCode[fault.code], fault.message)
    if fault.kind == CLOSE:
        raise RpcError(grpc.StatusCode.OK, fault.message)


def _durable(pending: Pending) -> Any:
    if pending.done is None:
        return pending.response
    try:
        pending.done.result()
    except NotFound as error:
        return refused(grpc.StatusCode.NOT_FOUND, error.message, pending.response.write_stream)
    except (ApiError, duckdb.ConstraintException) as error:
        return refused(grpc.StatusCode.INVALID_ARGUMENT, str(error), pending.response.write_stream)
    except duckdb.Error as error:
        return refused(grpc.StatusCode.INTERNAL, str(error), pending.response.write_stream)
    return pending.response


def service(api: WriteApi) -> grpc.GenericRpcHandler:
    """Return the service for a gRPC server."""
    handlers = {
        "AppendRows": grpc.stream_stream_rpc_method_handler(
            api.append_rows,
            messages.AppendRowsRequest.FromString,
            messages.AppendRowsResponse.SerializeToString,
        ),
        "GetWriteStream": grpc.unary_unary_rpc_method_handler(
            api.get_write_stream,
            messages.GetWriteStreamRequest.FromString,
            messages.WriteStream.SerializeToString,
        ),
    }
    refusing = grpc.unary_unary_rpc_method_handler(api.refuse)
    return grpc.method_handlers_generic_handler(
        messages.SERVICE, {**handlers, **dict.fromkeys(OTHER_METHODS, refusing)}
    )
