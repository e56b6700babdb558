"""EDGE. A small HTTP/1.1 client that keeps its connections: POST, and the status of the answer."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from tweetlog_local.pubsub.push_request import Headers

INTERIM = range(100, 200)
PROCESSING = 102  # counts as an answer to a push
MAX_HEAD = 65_536  # bytes of status line and headers


class HttpError(Exception):
    """The endpoint could not be reached, or did not answer in HTTP."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to POST."""

    host: str
    port: int
    target: str
    authority: str
    secure: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """The parts of an http or https URL."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        port = parts.port or (443 if secure else 80)
        authority = parts.netloc.rpartition("@")[2]
        return cls(parts.hostname or "", port, target, authority, secure)

    def head(self, headers: Headers, length: int) -> bytes:
        """The request up to its body."""
        start = f"POST {self.target} HTTP/1.1\r\nhost: {self.authority}\r\n"
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        rest = f"user-agent: CloudPubSub-Google\r\ncontent-length: {length}\r\n\r\n"
        return start.encode() + lines + rest.encode()


class HttpClient:
    """Connections to one endpoint, opened as needed and used again."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._idle: list[_Connection] = []
        self._tls = ssl.create_default_context() if endpoint.secure else None

    async def post(self, headers: Headers, body: bytes, seconds: float) -> int:
        """The status of the answer; HttpError or TimeoutError without one.

        A kept connection that the endpoint has just closed is no answer: the request then goes
        out once more on a new one.
        """
        data = self._endpoint.head(headers, len(body)) + body
        async with asyncio.timeout(seconds):
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closing():
                    try:
                        return await self._exchange(connection, data)
                    except _StaleConnectionError:
                        break
            return await self._exchange(await self._connect(), data)

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _connect(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        where = self._endpoint
        try:
            _, connection = await loop.create_connection(
                _Connection, where.host, where.port, ssl=self._tls
            )
        except OSError as error:
            raise HttpError(str(error)) from error
        return connection

    async def _exchange(self, connection: "_Connection", data: bytes) -> int:
        try:
            status = await connection.exchange(data)
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return status


class _StaleConnectionError(HttpError):
    """The endpoint closed the connection before a byte of its answer."""


class _Connection(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._parser = _AnswerParser()

    @property
    def reusable(self) -> bool:
        """Whether another request may follow."""
        return self._parser.keeps_alive and not self.is_closing()

    def is_closing(self) -> bool:
        """Whether either side has ended the connection."""
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def exchange(self, data: bytes) -> int:
        """Send a request and wait for the end of its answer."""
        if self._transport is None:
            raise _StaleConnectionError("closed")
        self._parser = _AnswerParser()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_connection makes
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            status = self._parser.feed(data)
        except (ValueError, IndexError) as error:
            self._fail(HttpError(f"not an HTTP answer: {error}"))
            self.close()
            return
        if status is not None:
            self._finish(status)

    def eof_received(self) -> None:
        status = self._parser.end()
        if status is not None:
            self._finish(status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        begun = self._parser.begun
        reason = f"connection lost: {exc or 'closed by the endpoint'}"
        self._fail(HttpError(reason) if begun else _StaleConnectionError(reason))

    def _finish(self, status: int) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)

    def _fail(self, error: HttpError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class _AnswerParser:
    """Reads one answer as it arrives; the body is skipped."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._head_done = False
        self._left = 0
        self._chunked = False
        self._to_end = False
        self._status = 0
        self.begun = False
        self.keeps_alive = True

    def feed(self, data: bytes) -> int | None:
        """The status once the answer is complete, else None."""
        self.begun = True
        self._data += data
        while not self._head_done:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                if len(self._data) > MAX_HEAD:
                    msg = "its head does not end"
                    raise ValueError(msg)
                return None
            self._read_head(bytes(self._data[:end]))
            del self._data[: end + 4]
        return self._status if self._body_done() else None

    def end(self) -> int | None:
        """The status if the end of the connection ends the answer."""
        return self._status if self._head_done and self._to_end else None

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        version, status = first.split(b" ", 2)[:2]
        if not version.startswith(b"HTTP/1."):
            msg = repr(version[:20])
            raise ValueError(msg)
        self._status = int(status)
        if self._status in INTERIM and self._status != PROCESSING:
            return
        self._head_done = True
        headers = {
            name.strip().lower(): value.strip().lower()
            for name, _, value in (line.partition(b":") for line in lines)
        }
        self._read_framing(headers, old=version == b"HTTP/1.0")

    def _read_framing(self, headers: dict[bytes, bytes], *, old: bool) -> None:
        connection = headers.get(b"connection", b"")
        self.keeps_alive = b"keep-alive" in connection if old else b"close" not in connection
        if self._status == PROCESSING:
            self.keeps_alive = False  # the final answer would still come
        elif self._status in {204, 304}:
            pass
        elif b"chunked" in headers.get(b"transfer-encoding", b""):
            self._chunked = True
        elif b"content-length" in headers:
            self._left = int(headers[b"content-length"])
        else:
            self._to_end = True
            self.keeps_alive = False

    def _body_done(self) -> bool:
        if self._to_end:
            self._data.clear()
            return False
        if self._chunked:
            return self._chunks_done()
        return self._skip()

    def _skip(self) -> bool:
        taken = min(self._left, len(self._data))
        del self._data[:taken]
        self._left -= taken
        return self._left == 0

    def _chunks_done(self) -> bool:
        while self._skip():
            end = self._data.find(b"\r\n")
            if end < 0:
                return False
            line = bytes(self._data[:end])
            size = int(line.partition(b";")[0], 16)
            if size == 0:
                return self._trailers_done(end)
            del self._data[: end + 2]
            self._left = size + 2  # the chunk's own line end
        return False

    def _trailers_done(self, end: int) -> bool:
        rest = self._data[end:]
        return rest.startswith(b"\r\n\r\n") or b"\r\n\r\n" in rest
