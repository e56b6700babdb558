"""EDGE: appends rows to BigQuery's default streams, and says of each row what became of it.

The Storage Write API over gRPC, by its raw AppendRows method: of the official library only the
message types and the channel are used. Its own writer gives outcomes to the wrong caller when
threads share it, polls for them, and fails what was in flight when a connection ends.

A Writer serves one table. Any thread may append. A request is queued and sent under one lock, so
the answers, which come in the order of the requests, find their requests. One thread reads them.
When a connection ends, what it had not answered is sent again on the next one: rows carry their
key and sequence number, so a row that arrives twice is one row.
"""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib import metadata
from queue import SimpleQueue
from typing import Any, Protocol
from urllib.parse import quote

import google.auth
import google.auth.exceptions
import grpc
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import (
    BigQueryWriteGrpcTransport,
)
from google.cloud.bigquery_storage_v1.types import (
    AppendRowsRequest,
    AppendRowsResponse,
    GetWriteStreamRequest,
    StorageError,
    WriteStream,
    WriteStreamView,
)

from loader.cause import OK, UNAVAILABLE, Cause, cause, full_jitter
from loader.outcome import CONFIRMED, Outcome, Postponed, Refused
from loader.parts import Batch, Part, parts
from loader.row import Row
from loader.schema import Encoder
from tweetlog.errors import SettingsError

log = logging.getLogger(__name__)

_SERVICE = "/google.cloud.bigquery.storage.v1.BigQueryWrite/"
_Request = type(AppendRowsRequest.pb(AppendRowsRequest()))
_Response = type(AppendRowsResponse.pb(AppendRowsResponse()))
_GetStream = type(GetWriteStreamRequest.pb(GetWriteStreamRequest()))
_Stream = type(WriteStream.pb(WriteStream()))
_StorageError = type(StorageError.pb(StorageError()))

_SCHEMA_SECONDS = 10.0
# So often is a request refused before it is believed, or so many connections in a row.
_REFUSALS = 3
_STOPPING = Postponed("the loader is stopping")
_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # gRPC's own wait between attempts grows to two minutes: a server that is back would be seen
    # long after the deliveries that wait for it have expired.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 5_000),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a Writer holds, and how long it waits; times in seconds.

    Attributes:
        request_bytes: rows are sent in requests of at most this size. BigQuery takes 10 MB, of
            late 20 MB.
        in_flight_bytes: of rows without an answer; an append that would exceed it waits.
        in_flight_requests: as above, counted in requests (1,000 is what BigQuery's Java writer
            allows itself).
        deadline: after this a row without an answer is given back as postponed. Below the 60 s
            of a push delivery.
        answer: a connection that owes an answer for so long is taken for dead.
        idle: a connection without work is closed; BigQuery itself does so after ten minutes.
        backoff: bounds of the wait between attempts to connect: the first, and the largest.
        setup_backoff: the same while a person has to mend something.
    """

    request_bytes: int = 8_000_000
    in_flight_bytes: int = 32_000_000
    in_flight_requests: int = 1_000
    deadline: float = 45.0
    answer: float = 20.0
    idle: float = 540.0
    backoff: tuple[float, float] = (0.1, 10.0)
    setup_backoff: tuple[float, float] = (5.0, 300.0)


class Observer(Protocol):
    """Is told what a Writer does; must be quick and never raise."""

    def appended(self, rows: int, seconds: float) -> None:
        """Take the size and the latency of an answered request."""

    def reconnected(self, cause: str) -> None:
        """Take that a connection had to be made again."""

    def in_flight(self, bytes_: int) -> None:
        """Take a change of the bytes without an answer."""


class Unobserved:
    """Observes nothing."""

    def appended(self, rows: int, seconds: float) -> None:
        """Ignore it."""

    def reconnected(self, cause: str) -> None:
        """Ignore it."""

    def in_flight(self, bytes_: int) -> None:
        """Ignore it."""


class BigQuery:
    """The Storage Write API's service, by its raw methods.

    Args:
        endpoint: `host:port` of a local server without encryption; empty for Google's.
        credentials: see `credentials()`; None for a local server.
    """

    def __init__(self, endpoint: str = "", credentials: Any = None) -> None:
        if endpoint:
            self._channel = grpc.insecure_channel(endpoint, options=_CHANNEL_OPTIONS)
        else:
            self._channel = BigQueryWriteGrpcTransport.create_channel(
                credentials=credentials, options=_CHANNEL_OPTIONS
            )
        self._append_rows = self._channel.stream_stream(
            _SERVICE + "AppendRows",
            request_serializer=_Request.SerializeToString,
            response_deserializer=_Response.FromString,
        )
        self._get_write_stream = self._channel.unary_unary(
            _SERVICE + "GetWriteStream",
            request_serializer=_GetStream.SerializeToString,
            response_deserializer=_Stream.FromString,
        )

    def append_rows(self, stream: str, requests: Iterator[Any]) -> Any:
        """Return the call that sends the requests and yields the answers."""
        return self._append_rows(requests, metadata=_routing("write_stream", stream))

    def schema(self, stream: str) -> Any:
        """Return the schema of the stream's table.

        Raises:
            grpc.RpcError: as the service has it.
        """
        request = _GetStream(name=stream, view=WriteStreamView.FULL)
        found = self._get_write_stream(
            request, metadata=_routing("name", stream), timeout=_SCHEMA_SECONDS
        )
        return found.table_schema

    def close(self) -> None:
        """End every connection."""
        self._channel.close()


def credentials(endpoint: str) -> Any:
    """Return what authorises us; None where the endpoint is a local server.

    Raises:
        SettingsError: if there are no credentials on this machine.
    """
    if endpoint:
        return None
    try:
        found, _ = google.auth.default(scopes=BigQueryWriteGrpcTransport.AUTH_SCOPES)
    except google.auth.exceptions.DefaultCredentialsError:
        msg = (
            "no Google credentials on this machine: run `gcloud auth application-default login`, "
            "or set TWEETLOG_BIGQUERY_WRITE_ENDPOINT to a local server"
        )
        raise SettingsError([msg]) from None
    return found


def _routing(name: str, value: str) -> tuple[tuple[str, str], ...]:
    # Required outside the US multi-region: it routes the call to where the data is.
    return (("x-goog-request-params", f"{name}={quote(value, safe='')}"),)


def _trace_id() -> str:
    return f"tweetlog-loader:{metadata.version('loader')}"


@dataclass(slots=True, eq=False)
class _Connection:
    """One AppendRows call: what is to be sent, and what was sent and not answered.

    Attributes:
        proven: BigQuery has taken rows on it, so its stream and its schema are right.
    """

    encoder: Encoder
    call: Any = None
    to_send: "SimpleQueue[Any]" = field(default_factory=SimpleQueue)
    in_flight: "deque[Part]" = field(default_factory=deque)
    proven: bool = False
    finished: bool = False
    used_at: float = field(default_factory=time.monotonic)

    def requests(self) -> Iterator[Any]:
        """Yield the requests until the connection is finished."""
        while (request := self.to_send.get()) is not None:
            yield request

    def finish(self) -> None:
        """Send nothing more; what was sent is still answered."""
        if not self.finished:
            self.finished = True
            self.used_at = time.monotonic()
            self.to_send.put(None)


class Writer:
    """Appends rows to one table.

    Args:
        service: BigQuery.
        table: `projects/P/datasets/D/tables/T`.
        changes: whether rows are changes (upserts and deletes) or simply appended.
        limits: how much is held, and for how long.
        observer: is told what happens.
        unknown: is told the fields of rows that have no column.
    """

    def __init__(
        self,
        service: BigQuery,
        table: str,
        *,
        changes: bool = True,
        limits: Limits | None = None,
        observer: Observer | None = None,
        unknown: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> None:
        self.table = table
        self._service = service
        self._stream = f"{table}/streams/_default"
        self._changes = changes
        self._unknown = unknown
        self._limits = limits or Limits()
        self._observer = observer or Unobserved()
        self._state = threading.Condition()
        self._schema_lock = threading.Lock()
        self._encoder: Encoder | None = None
        self._connection: _Connection | None = None
        self._pending: deque[Part] = deque()
        self._delayed: list[tuple[float, Part]] = []
        self._held_bytes = 0
        self._held_parts = 0
        self._failures = 0
        self._fault: Postponed | None = None
        self._fault_until = 0.0
        self._faults = 0
        self._unproven = 0
        self._closed = False
        self._threads: list[threading.Thread] = []

    # --- for callers

    def append(self, rows: Sequence[Row]) -> Future[list[Outcome]]:
        """Append rows; the future holds the outcome of each, in their order, and never raises.

        Waits while too much is in flight.
        """
        batch = Batch(len(rows), time.monotonic() + self._limits.deadline)
        encoder = self._ready_encoder()
        if isinstance(encoder, Postponed):
            batch.settle(range(len(rows)), encoder)
            return batch.future
        self._start()
        for part in parts(batch, rows, range(len(rows)), encoder, self._limits.request_bytes):
            self._submit(part)
        return batch.future

    def fault(self) -> str | None:
        """Return what a person has to mend before rows can be written, or None.

        Asks BigQuery again when the back-off is over, and the first time.
        """
        if self._fault is None and self._encoder is not None:
            return None
        encoder = self._ready_encoder(fresh=True)
        return encoder.reason if isinstance(encoder, Postponed) else None

    def columns(self) -> frozenset[str] | None:
        """Return the table's columns as far as they are known; None before the first row."""
        return self._encoder.columns if self._encoder else None

    def alive(self) -> bool:
        """Return whether its threads run; if not, only a restart helps."""
        return self._closed or all(thread.is_alive() for thread in self._threads)

    def close(self, timeout: float = 2.0) -> None:
        """Wait for the answers that are due, at most `timeout` seconds, and end."""
        with self._state:
            self._state.wait_for(lambda: not self._held_parts, timeout)
            self._closed = True
            left = self._drop_all()
            if self._connection:
                self._connection.finish()
                if left:
                    self._connection.call.cancel()
            self._state.notify_all()
        for part in left:
            part.settle(_STOPPING)
        for thread in self._threads:
            thread.join(timeout=1.0)

    # --- before sending

    def _start(self) -> None:
        with self._state:
            if self._threads or self._closed:
                return
            for name, run in (("reader", self._read_for_ever), ("watch", self._watch_for_ever)):
                thread = threading.Thread(target=run, name=f"{name} {self.table}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _ready_encoder(self, *, fresh: bool = False) -> Encoder | Postponed:
        """Return the encoder of the table's schema; read the schema if it is not known yet."""
        postponed = self._faulty()
        if postponed:
            return postponed
        encoder = self._encoder
        if encoder and not fresh:
            return encoder
        with self._schema_lock:
            if self._encoder and not fresh:
                return self._encoder
            return self._faulty() or self._read_schema()

    def _faulty(self) -> Postponed | None:
        with self._state:
            if self._closed:
                return _STOPPING
            waits = self._fault is not None and time.monotonic() < self._fault_until
            return self._fault if waits else None

    def _read_schema(self) -> Encoder | Postponed:
        try:
            schema = self._service.schema(self._stream)
        except grpc.RpcError as error:
            code, details = _status(error)
            if cause(code, details) is Cause.TRANSIENT:
                return self._set_fault(f"its schema cannot be read: {details}", setup=False)
            return self._set_fault(details)
        return self._use(schema)

    def _use(self, schema: Any) -> Encoder:
        """Encode by this schema from here on; the old encoder stays if nothing has changed."""
        encoder = Encoder(schema, changes=self._changes, unknown=self._unknown)
        with self._state:
            if self._encoder is None or self._encoder.descriptor != encoder.descriptor:
                self._encoder = encoder
            self._fault = None
            return self._encoder

    def _set_fault(self, details: str, *, setup: bool = True) -> Postponed:
        """Postpone everything for a while; the longer, the more often in a row."""
        with self._state:
            self._faults += 1
            base, cap = self._limits.setup_backoff if setup else self._limits.backoff
            # At least half of the bound, so that a wrong set-up is not asked in a tight loop.
            bound = min(cap, base * 2 ** min(self._faults - 1, 30))
            wait = bound / 2 + full_jitter(1, base=bound / 2, cap=cap)
            fault = self._fault = Postponed(f"{self.table}: {details}", setup=setup)
            self._fault_until = time.monotonic() + wait
            self._state.notify_all()
        log.error("cannot load, nothing is acknowledged: %s; again in %.1f s", fault.reason, wait)
        return fault

    def _submit(self, part: Part) -> None:
        """Send the part when there is room for it."""
        with self._state:
            while not self._room(part) and not self._closed and self._fault is None:
                left = part.batch.deadline - time.monotonic()
                if left <= 0 or not self._state.wait(left):
                    break
            if self._room(part) and not self._closed:
                self._hold(part)
                self._send(part)
                return
            no_room = Postponed(f"{self.table}: no room for {self._limits.deadline:.0f} s")
            postponed = _STOPPING if self._closed else self._fault or no_room
        part.settle(postponed)

    def _room(self, part: Part) -> bool:
        return self._held_parts == 0 or (
            self._held_bytes + part.size <= self._limits.in_flight_bytes
            and self._held_parts < self._limits.in_flight_requests
        )

    # --- with the lock held

    def _hold(self, part: Part) -> None:
        self._held_bytes += part.size
        self._held_parts += 1
        self._observer.in_flight(self._held_bytes)

    def _release(self, part: Part) -> None:
        self._held_bytes -= part.size
        self._held_parts -= 1
        self._observer.in_flight(self._held_bytes)
        self._state.notify_all()

    def _send(self, part: Part) -> None:
        """Queue the request and the wait for its answer as one, or keep it for a connection."""
        connection = self._connection
        if connection and part.encoder is not connection.encoder:
            connection.finish()  # one connection, one schema: the next one has the new
        if connection is None or connection.finished:
            self._pending.append(part)
            self._state.notify_all()
            return
        part.sent_at = connection.used_at = time.monotonic()
        connection.in_flight.append(part)
        connection.to_send.put(self._request(connection, part))
        if len(connection.in_flight) == 1:
            self._state.notify_all()  # the watch sleeps while nothing is owed

    def _request(self, connection: _Connection, part: Part) -> Any:
        request = _Request(write_stream=self._stream)
        request.proto_rows.rows.serialized_rows.extend(part.encoded)
        if not connection.proven:
            # A request that was refused may have taken the schema with it.
            schema = request.proto_rows.writer_schema
            schema.proto_descriptor.CopyFrom(connection.encoder.descriptor)
            request.trace_id = _trace_id()
        return request

    def _drop_all(self) -> list[Part]:
        """Take back everything that waits or is in flight; the caller settles it."""
        parts = [*self._pending, *(part for _, part in self._delayed)]
        self._pending.clear()
        self._delayed.clear()
        for part in parts:
            self._release(part)
        if self._connection:
            for part in self._connection.in_flight:
                if not part.dead:
                    part.dead = True
                    parts.append(part)
        return parts

    # --- the reader

    def _read_for_ever(self) -> None:
        try:
            while self._wait_for_work():
                connection = self._connect()
                if connection is None:
                    self._wait_before_retry()
                else:
                    self._ended(connection, *self._read(connection))
        finally:
            self._retire()

    def _retire(self) -> None:
        """Leave nobody waiting; if this is not the end, only a restart helps."""
        ended = Postponed(f"{self.table}: its reader has ended by an error", setup=True)
        with self._state:
            postponed = _STOPPING if self._closed else ended
            self._fault, self._fault_until = postponed, math.inf
        self._give_up(postponed)

    def _read(self, connection: _Connection) -> tuple[int, str]:
        """Read the connection's answers to its end; return the status it ended with."""
        try:
            for answer in connection.call:
                self._answered(connection, answer)
        except grpc.RpcError as error:
            return _status(error)
        if connection.finished:
            return OK, ""
        return UNAVAILABLE, "the server ended it"

    def _wait_for_work(self) -> bool:
        with self._state:
            self._state.wait_for(lambda: self._pending or self._closed)
            return not self._closed

    def _connect(self) -> _Connection | None:
        """Open a connection and send on it what waits; None if the schema cannot be read."""
        encoder = self._ready_encoder()
        if isinstance(encoder, Postponed):
            if encoder.setup:
                self._give_up(encoder)
            return None
        connection = _Connection(encoder)
        connection.call = self._service.append_rows(self._stream, connection.requests())
        with self._state:
            self._connection = connection
            waiting = list(self._pending)
            self._pending.clear()
            for part in waiting:
                if part.encoder is encoder:
                    self._send(part)
                else:
                    self._replace(part, part.again(encoder, self._limits.request_bytes))
            if self._closed or not connection.in_flight:
                connection.finish()
        return connection

    def _replace(self, part: Part, by: Sequence[Part]) -> None:
        """Send `by` in place of `part`."""
        with self._state:
            for one in by:
                self._hold(one)
                self._send(one)
            self._release(part)

    def _answered(self, connection: _Connection, answer: Any) -> None:
        now = time.monotonic()
        with self._state:
            if not connection.in_flight:
                log.error("%s: an answer to nothing; the connection is made anew", self.table)
                connection.call.cancel()
                return
            part = connection.in_flight.popleft()
            connection.used_at = now
            self._failures = 0
        self._observer.appended(len(part.rows), now - part.sent_at)
        if part.dead:
            with self._state:
                self._release(part)
        elif answer.WhichOneof("response") == "error":
            self._failed(connection, part, answer)
        else:
            self._confirmed(connection, part)
        if answer.HasField("updated_schema"):
            self._grown(connection, answer.updated_schema)

    def _confirmed(self, connection: _Connection, part: Part) -> None:
        with self._state:
            connection.proven = True
            self._fault = None
            self._faults = 0
            self._release(part)
        part.settle(CONFIRMED)

    def _failed(self, connection: _Connection, part: Part, answer: Any) -> None:
        """Act on an error inside the stream; the connection goes on."""
        reasons = {one.index: one.message for one in answer.row_errors}
        if any(index < len(part.rows) for index in reasons):
            self._without(part, reasons)
            return
        error = answer.error
        self._act(connection, part, error.code, error.message, _storage_errors(error))

    def _without(self, part: Part, reasons: dict[int, str]) -> None:
        """Take the rows that BigQuery named out, and send the rest again until it is clean."""
        good = [i for i in range(len(part.rows)) if i not in reasons]
        self._replace(part, [part.some(good)] if good else [])
        for index, reason in reasons.items():
            if index < len(part.rows):
                part.batch.settle([part.places[index]], Refused(reason))

    def _act(
        self, connection: _Connection, part: Part, code: int, message: str, storage: Sequence[int]
    ) -> None:
        why = cause(code, message, storage)
        if why is Cause.SETUP:
            self._out_of_order(part, message)
        elif why is Cause.SCHEMA:
            self._shrunk(connection, part)
        elif why is Cause.TRANSIENT:
            self._later(part)
        elif len(part.rows) > 1:
            # Too large, or refused as a whole: in halves, until the row that is the reason
            # stands alone.
            self._replace(part, part.halves())
        elif why is Cause.TOO_LARGE:
            self._replace(part, [])
            part.settle(Refused(message))
        else:
            self._suspected(connection, part, message)

    def _suspected(self, connection: _Connection, part: Part, message: str) -> None:
        """Judge a row that was refused alone, and not by its own error.

        The connection may be at fault as well: its stream, its schema, its first request. The row
        is at fault if it is refused again and again on a connection that has taken others.
        """
        part.refusals += 1
        if part.refusals < _REFUSALS:
            self._once_more(connection, part)
        elif connection.proven:
            self._replace(part, [])
            part.settle(Refused(message))
        else:
            self._out_of_order(part, message)

    def _once_more(self, connection: _Connection, part: Part) -> None:
        """Send the part later, behind others; on a new connection if this one may be at fault."""
        if not connection.proven:
            with self._state:
                connection.finish()
        self._later(part)

    def _out_of_order(self, part: Part, message: str) -> None:
        """Give the part back and everything else with it, until a person has mended it."""
        postponed = self._set_fault(message)
        self._replace(part, [])
        part.settle(postponed)
        self._give_up(postponed)

    def _later(self, part: Part) -> None:
        part.attempts += 1
        base, cap = self._limits.backoff
        due = time.monotonic() + full_jitter(part.attempts, base=base, cap=cap)
        with self._state:
            self._delayed.append((due, part))
            self._state.notify_all()

    def _grown(self, connection: _Connection, schema: Any) -> None:
        """Go on with the table's new columns, on a new connection."""
        self._use(schema)
        with self._state:
            connection.finish()
        log.info("%s has a new schema; its new columns are used from here on", self.table)

    def _shrunk(self, connection: _Connection, part: Part) -> None:
        """Read the schema again and send the part later: the backend lags behind by minutes."""
        if connection.encoder is self._encoder:
            self._read_schema()
        with self._state:
            connection.finish()
        self._later(part)

    def _ended(self, connection: _Connection, code: int, details: str) -> None:
        """Keep what was not answered for the next connection."""
        connection.to_send.put(None)
        with self._state:
            self._connection = None
            for part in connection.in_flight:
                if part.dead or self._closed:
                    self._release(part)
            unanswered = [part for part in connection.in_flight if not part.dead]
            closed = self._closed
        if closed:
            for part in unanswered:
                part.settle(_STOPPING)
        else:
            self._take_back(connection, unanswered, code, details)

    def _take_back(
        self, connection: _Connection, parts: list[Part], code: int, details: str
    ) -> None:
        why = None if code == OK else cause(code, details)
        if why is Cause.SETUP:
            postponed = self._set_fault(details)
            with self._state:
                self._pending.extendleft(reversed(parts))
            self._give_up(postponed)
            return
        if why is Cause.TOO_LARGE and parts:
            # Of what is too large only the largest is known to be.
            largest = max(parts, key=lambda part: part.size)
            parts.remove(largest)
            self._act(connection, largest, code, details, ())
        elif why is Cause.INVALID and parts:
            # Answers come in order, so the first without one is what was refused.
            self._blamed(connection, parts.pop(0), details)
        with self._state:
            self._pending.extendleft(reversed(parts))
            self._state.notify_all()
        if why is not None:
            self._observer.reconnected(why.name.lower())
            log.warning("%s: connection ended: %s; %d unanswered", self.table, details, len(parts))
            self._wait_before_retry()

    def _blamed(self, connection: _Connection, part: Part, details: str) -> None:
        """Send again what a call ended on; its rows are never refused for it.

        A call that ends says nothing of rows: a missing schema or a wrong stream's name looks the
        same. Where no connection takes a row any more, that is for a person to mend.
        """
        self._unproven = 0 if connection.proven else self._unproven + 1
        if self._unproven >= _REFUSALS:
            self._out_of_order(part, details)
        elif len(part.rows) > 1:
            self._replace(part, part.halves())
        else:
            self._ended_on_one(part, details)

    def _ended_on_one(self, part: Part, details: str) -> None:
        part.refusals += 1
        if part.refusals < _REFUSALS:
            self._later(part)
        else:
            log.error("%s: handed back, each call ends on it: %s", self.table, details)
            self._replace(part, [])
            part.settle(Postponed(f"{self.table}: {details}"))

    def _give_up(self, postponed: Postponed) -> None:
        """Give everything back: its deliveries come again, later, and nothing is lost."""
        with self._state:
            parts = self._drop_all()
        for part in parts:
            part.settle(postponed)

    def _wait_before_retry(self) -> None:
        with self._state:
            self._failures += 1
            base, cap = self._limits.backoff
            wait = full_jitter(self._failures, base=base, cap=cap)
            self._state.wait_for(lambda: self._closed, wait)

    # --- the watch

    def _watch_for_ever(self) -> None:
        """Send what was delayed, give back what is overdue, end what is dead or idle."""
        while True:
            with self._state:
                if self._closed:
                    return
                self._state.wait(self._tick())
                now = time.monotonic()
                self._send_due(now)
                overdue = self._overdue(now)
                self._check_connection(now)
            reason = f"{self.table}: no answer within {self._limits.deadline:.0f} s"
            for part in overdue:
                part.settle(Postponed(reason))

    def _tick(self) -> float | None:
        if self._delayed:
            return 0.02
        if self._held_parts:
            return min(0.25, self._limits.answer / 4)
        return min(5.0, self._limits.idle / 4) if self._connection else None

    def _send_due(self, now: float) -> None:
        due = [part for at, part in self._delayed if at <= now]
        self._delayed = [(at, part) for at, part in self._delayed if at > now]
        for part in due:
            self._send(part)

    def _overdue(self, now: float) -> list[Part]:
        waiting = [*self._pending, *(part for _, part in self._delayed)]
        late = [part for part in waiting if part.batch.deadline <= now]
        if late:
            gone = set(map(id, late))
            self._pending = deque(part for part in self._pending if id(part) not in gone)
            self._delayed = [(at, part) for at, part in self._delayed if id(part) not in gone]
            for part in late:
                self._release(part)
        for part in self._connection.in_flight if self._connection else ():
            if part.batch.deadline <= now and not part.dead:
                part.dead = True
                late.append(part)
        return late

    def _check_connection(self, now: float) -> None:
        connection = self._connection
        if connection is None:
            return
        owes = connection.in_flight[0].sent_at if connection.in_flight else None
        if owes is None and connection.finished:
            owes = connection.used_at
        if owes is not None and now - owes > self._limits.answer:
            connection.call.cancel()
        elif now - connection.used_at > self._limits.idle and not connection.in_flight:
            connection.finish()


def _status(error: Any) -> tuple[int, str]:
    """Return a failed call's google.rpc.Code and text."""
    code = error.code()
    return code.value[0], f"{code.name}: {error.details()}"


def _storage_errors(error: Any) -> list[int]:
    found = []
    for detail in error.details:
        storage_error = _StorageError()
        if detail.Unpack(storage_error):
            found.append(storage_error.code)
    return found
