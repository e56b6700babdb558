"""EDGE. BigQuery subscriptions: batches of messages appended to a table, then acknowledged.

Appends go to the table's default stream. A batch is held until BigQuery confirmed it, however
long that takes; rows that BigQuery refuses by themselves are failed one by one, so that the
retry and dead-letter policies see to them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types

from tweetlog_local.pubsub.api import Proto
from tweetlog_local.pubsub.backoff import Backoff
from tweetlog_local.pubsub.bell import Bell
from tweetlog_local.pubsub.bigquery_rows import NotText, RowFormat
from tweetlog_local.pubsub.broker import BigQueryState, Broker, Delivery, LiveSubscription
from tweetlog_local.pubsub.delivery import NEVER, Holder
from tweetlog_local.pubsub.errors import ApiError
from tweetlog_local.pubsub.resources import TableName, table_name

SERVICE = "google.cloud.bigquery.storage.v1.BigQueryWrite"
AppendRowsRequest = types.AppendRowsRequest.pb()
AppendRowsResponse = types.AppendRowsResponse.pb()
GetWriteStreamRequest = types.GetWriteStreamRequest.pb()
WriteStream = types.WriteStream.pb()

BATCH = 2_000  # rows an append
BATCH_BYTES = 5_000_000  # an append; the API's limit is 10 MB or more
LINGER = 0.25  # seconds that a batch waits for more rows: one append costs as much as 200 rows
ANSWER_TIMEOUT = 60.0  # seconds for an append; then it is sent again
SCHEMA_TIMEOUT = 10.0  # seconds to read a table's columns
RETRY = Backoff(0.1, 5.0)
OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.max_receive_message_length", -1),
)


class AppendError(Exception):
    """An append that did not happen as a whole; `state` is what the subscription then shows."""

    def __init__(self, reason: str, state: BigQueryState) -> None:
        super().__init__(reason)
        self.state = state


@dataclass(frozen=True, slots=True)
class Rows:
    """Deliveries and their rows, in the same order."""

    deliveries: list[Delivery]
    batch: pa.RecordBatch

    def without(self, refused: set[int]) -> "Rows":
        """The rest, when the rows at these places are out."""
        kept = [at for at in range(len(self.deliveries)) if at not in refused]
        batch = self.batch.take(pa.array(kept, pa.int64()))
        return Rows([self.deliveries[at] for at in kept], batch)


class BigQuery:
    """The Storage Write API at one endpoint."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    async def check_table(self, subscription: Proto) -> None:
        """Refuse a BigQuery subscription whose table is missing or of another shape."""
        table = table_name(subscription.bigquery_config.table)
        async with self.channel() as channel:
            try:
                RowFormat(subscription, await table_schema(channel, table))
            except grpc.aio.AioRpcError as error:
                where = f"BigQuery at {self._endpoint}, table {table.path}"
                raise ApiError(error.code().name, f"{where}: {error.details()}") from error

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[Any]:
        """A connection."""
        async with grpc.aio.insecure_channel(self._endpoint, options=OPTIONS) as channel:
            yield channel


async def table_schema(channel: Any, table: TableName) -> Proto:
    """The table's columns."""
    get = channel.unary_unary(
        f"/{SERVICE}/GetWriteStream",
        request_serializer=GetWriteStreamRequest.SerializeToString,
        response_deserializer=WriteStream.FromString,
    )
    request = GetWriteStreamRequest(name=table.default_stream, view=types.WriteStreamView.FULL)
    stream = await get(request, metadata=_routing("name", table), timeout=SCHEMA_TIMEOUT)
    return stream.table_schema


class Appender:
    """One open AppendRows stream; rows go out one request at a time."""

    def __init__(self, channel: Any, table: TableName, row_format: RowFormat) -> None:
        append = channel.stream_stream(
            f"/{SERVICE}/AppendRows",
            request_serializer=AppendRowsRequest.SerializeToString,
            response_deserializer=AppendRowsResponse.FromString,
        )
        self.row_format = row_format
        self._table = table
        self._call = append(metadata=_routing("write_stream", table))
        self._is_first = True

    async def append(self, rows: pa.RecordBatch) -> set[int]:
        """Append rows; the places of those refused, and then none was written."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                await self._call.write(self._request(rows))
                response = await self._call.read()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError) as error:
            raise AppendError(str(error), await self._state()) from error
        if response is grpc.aio.EOF:
            raise AppendError("the stream was closed", await self._state())
        return _refused(response)

    def close(self) -> None:
        """End the stream."""
        self._call.cancel()

    def _request(self, rows: pa.RecordBatch) -> Proto:
        request = AppendRowsRequest(write_stream=self._table.default_stream)
        request.arrow_rows.rows.serialized_record_batch = rows.serialize().to_pybytes()
        if self._is_first:
            schema = self.row_format.schema.serialize().to_pybytes()
            request.arrow_rows.writer_schema.serialized_schema = schema
            self._is_first = False
        return request

    async def _state(self) -> BigQueryState:
        code = await self._call.code() if self._call.done() else None
        return _state_of(code.name if code is not None else "")


class Sink:
    """One BigQuery subscription's deliveries."""

    def __init__(
        self, broker: Broker, bigquery: BigQuery, subscription: LiveSubscription, bell: Bell
    ) -> None:
        self._broker = broker
        self._bigquery = bigquery
        self._subscription = subscription
        self._bell = bell
        self._holder = Holder()
        self._held: list[Delivery] = []
        self._failures = 0

    async def run(self) -> None:
        """Append for ever; a failure opens a new connection after a while."""
        try:
            while True:
                try:
                    await self._run_connected()
                except (AppendError, ApiError, grpc.aio.AioRpcError) as error:
                    self._subscription.bigquery_state = _state_after(error)
                    self._failures += 1
                    await asyncio.sleep(RETRY.delay(self._failures))
        finally:
            self._broker.hand_back(self._subscription, [each.ack_id for each in self._held])

    async def _run_connected(self) -> None:
        resource = self._subscription.resource
        table = table_name(resource.bigquery_config.table)
        async with self._bigquery.channel() as channel:
            row_format = RowFormat(resource, await table_schema(channel, table))
            appender = Appender(channel, table, row_format)
            try:
                while True:
                    await self._gather()
                    await self._append_held(appender)
            finally:
                appender.close()

    async def _gather(self) -> None:
        while not self._held:
            self._held = self._take(BATCH)
            if not self._held:
                await self._bell.wait(self._seconds_to_wait())
        if len(self._held) < BATCH:
            await asyncio.sleep(LINGER)
            self._held += self._take(BATCH - len(self._held))

    def _take(self, limit: int) -> list[Delivery]:
        held = sum(len(each.body) for each in self._held)
        return self._broker.take(
            self._subscription,
            self._holder,
            limit=limit,
            max_bytes=max(BATCH_BYTES - held, 0),
            seconds=NEVER,
        )

    async def _append_held(self, appender: Appender) -> None:
        rows = self._encoded(appender.row_format)
        while rows.deliveries:
            refused = await appender.append(rows.batch)
            self._subscription.bigquery_state = BigQueryState.ACTIVE
            self._failures = 0
            if not refused:
                self._broker.ack(self._subscription, [each.ack_id for each in rows.deliveries])
                break
            self._fail([rows.deliveries[at] for at in refused])
            rows = rows.without(refused)
        self._held = []

    def _encoded(self, row_format: RowFormat) -> Rows:
        while True:
            try:
                batch = row_format.rows([each.body for each in self._held])
            except NotText as error:
                self._fail([self._held[at] for at in error.places])
            else:
                return Rows(self._held, batch)

    def _fail(self, deliveries: list[Delivery]) -> None:
        failed = {each.ack_id for each in deliveries}
        self._held = [each for each in self._held if each.ack_id not in failed]
        self._broker.nack(self._subscription, failed)

    def _seconds_to_wait(self) -> float:
        due = self._broker.next_due(self._subscription)
        return max(due - self._broker.clock(), 0.0)


def sink(
    broker: Broker, bigquery: BigQuery
) -> Callable[[LiveSubscription, Bell], Coroutine[Any, Any, None]]:
    """What runs a BigQuery subscription, for `Consumers`."""

    def run(subscription: LiveSubscription, bell: Bell) -> Coroutine[Any, Any, None]:
        return Sink(broker, bigquery, subscription, bell).run()

    return run


def _refused(response: Proto) -> set[int]:
    if response.row_errors:
        return {int(error.index) for error in response.row_errors}
    if response.WhichOneof("response") == "error":
        raise AppendError(response.error.message, _state_of_error(response.error))
    return set()


def _state_of_error(error: Proto) -> BigQueryState:
    code = {3: "INVALID_ARGUMENT", 5: "NOT_FOUND", 7: "PERMISSION_DENIED"}.get(error.code, "")
    return _state_of(code)


def _state_of(code: str) -> BigQueryState:
    return {
        "NOT_FOUND": BigQueryState.NOT_FOUND,
        "PERMISSION_DENIED": BigQueryState.PERMISSION_DENIED,
        "INVALID_ARGUMENT": BigQueryState.SCHEMA_MISMATCH,
    }.get(code, BigQueryState.ACTIVE)


def _state_after(error: Exception) -> BigQueryState:
    if isinstance(error, AppendError):
        return error.state
    code = error.code if isinstance(error, ApiError) else error.code().name  # type: ignore[attr-defined]
    return _state_of(code)


def _routing(parameter: str, table: TableName) -> tuple[tuple[str, str], ...]:
    return (("x-goog-request-params", f"{parameter}={table.default_stream}"),)
