"""EDGE. Sockets: the API and its control port, from start to stop."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tweetlog_local.x_api import problems
from tweetlog_local.x_api.api import Api, gives
from tweetlog_local.x_api.clock import Clock
from tweetlog_local.x_api.connections import Connection
from tweetlog_local.x_api.control import Control
from tweetlog_local.x_api.faults import Fault
from tweetlog_local.x_api.framing import Gzip, Identity
from tweetlog_local.x_api.http import BadRequestError, Request, Response, head, json_response, read
from tweetlog_local.x_api.log import Entry
from tweetlog_local.x_api.platform import Platform
from tweetlog_local.x_api.routing import Opening
from tweetlog_local.x_api.settings import Settings, changed
from tweetlog_local.x_api.snowflake import id_at
from tweetlog_local.x_api.streams import Stream, Wire
from tweetlog_local.x_api.timeline import Post
from tweetlog_local.x_api.verdicts import News

if TYPE_CHECKING:
    from tweetlog_local.x_api.certificates import Tls

_TICK_SECONDS = 0.01
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server can be reached."""

    port: int
    control_port: int
    ca_file: Path | None


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Listening]:
    """Serve until the block ends.

    Raises:
        OSError: if a port cannot be listened on.
    """
    async with AsyncExitStack() as stack:
        folder = settings.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        server = _Server(settings)
        tls = _tls(settings, folder, server) if settings.tls else None
        port = await server.start(tls)
        stack.push_async_callback(server.stop)
        control = await asyncio.start_server(
            server.serve_control, settings.host, settings.control_port
        )
        stack.callback(control.close)
        control_port = control.sockets[0].getsockname()[1]
        yield Listening(port, control_port, tls.ca_file if tls else None)


def _tls(settings: Settings, folder: Path, server: "_Server") -> "Tls":
    # Takes a third of a second to import.
    from tweetlog_local.x_api.certificates import made  # noqa: PLC0415

    return made(folder, settings.host, untrusted=server.is_untrusted)


class _Server:
    """The API's port, and everything that goes on on it."""

    def __init__(self, settings: Settings) -> None:
        self._original = settings
        self._begin_anew(settings)
        self._tls: Tls | None = None
        self._port = settings.port
        self._holder: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = False

    async def start(self, tls: "Tls | None") -> int:
        """Listen; return the port."""
        self._tls = tls
        # Bound and never listening: while the other socket is closed, so that connections are
        # refused, nobody else can get the port.
        self._holder = _bound(self._settings.host, self._settings.port)
        self._port = self._holder.getsockname()[1]
        await self._listen()
        self._keep(self._ticking())
        return self._port

    def is_untrusted(self) -> bool:
        """Whether the next client is to see the wrong certificate."""
        return self._platform.faults.on_handshake()

    async def stop(self) -> None:
        """Break off what is open, and listen no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        if self._holder is not None:
            self._holder.close()
        self._platform.timeline.close()

    def reset(self, changes: Mapping[str, Any]) -> None:
        """Forget everything, and go on as if started with settings that differ in this.

        Raises:
            ValueError: if there is no such setting, or none that can change.
        """
        settings = changed(self._original, changes)
        old = self._platform
        for stream in list(old.readers):
            stream.kill("reset")
        self._begin_anew(settings)
        old.timeline.close()

    def _begin_anew(self, settings: Settings) -> None:
        self._settings = settings
        self._platform = Platform(settings, Clock(speed=settings.speed))
        self._platform.catch_up()
        self._api = Api(self._platform, self._end)
        self._control = Control(self._platform, self._refuse_if_asked, self.reset)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is one
        self._tasks.add(task)
        try:
            await self._requests(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the client left in the middle: there is nobody to answer
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def serve_control(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one connection to the control port."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while (request := await _request(reader, writer)) is not None:
                writer.write(self._control.answer(request).bytes(packed=request.takes_gzip))
                await writer.drain()
        writer.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await _request(reader, writer)) is not None:
            entry = self._platform.log.request(request, self._platform.clock.now())
            fault = self._platform.faults.on_request(request.path)
            if fault is not None:
                entry["fault"] = fault.kind
                if not await self._misbehave(fault, request, entry, writer):
                    return
                if fault.kind == "answer":
                    continue
            answer = await self._api.answer(request)
            if isinstance(answer, Opening):
                await self._stream(request, answer, entry, reader, writer)
                return
            entry["status"] = answer.status
            writer.write(answer.bytes(packed=request.takes_gzip))
            await writer.drain()

    async def _misbehave(
        self, fault: Fault, request: Request, entry: Entry, writer: asyncio.StreamWriter
    ) -> bool:
        """Let a fault happen to a request; return whether the connection goes on."""
        wire = Wire(writer, Identity())
        if fault.kind == "hang_up":
            wire.reset()
            return False
        if fault.kind == "no_answer":
            await asyncio.sleep(fault.seconds or 86_400)
            return bool(fault.seconds)
        if fault.kind == "slow_headers":
            await asyncio.sleep(fault.seconds)
            return True
        if fault.kind == "empty_body":
            headers = {"content-type": "application/json", "content-length": "0"}
            writer.write(head(200, {**headers, "connection": "close"}))
            entry["status"] = 200
            return False
        problem = problems.BY_NAME[fault.problem]
        entry |= {"status": problem.status, "problem": fault.problem}
        headers = self._api.headers(request)
        response = Response(problem.status, problem.body, problem.type, headers)
        writer.write(response.bytes(packed=request.takes_gzip))
        await writer.drain()
        return True

    async def _stream(
        self,
        request: Request,
        opening: Opening,
        entry: Entry,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        headers = self._api.headers(request)
        if not self._has_room(opening):
            problem = problems.TOO_MANY_CONNECTIONS
            entry["status"] = problem.status
            response = Response(problem.status, problem.body, problem.type, headers)
            writer.write(response.bytes(packed=request.takes_gzip))
            await writer.drain()
            return
        platform = self._platform
        stream = self._opened(request, opening, entry, writer)
        stream.start(packed=request.takes_gzip, headers=headers)
        stream.begin_with(self._before(opening))
        for news in self._told_before(opening):
            stream.tell(news)
        platform.begin()
        platform.readers.append(stream)
        try:
            await self._until_over(stream, reader)
        finally:
            platform.readers.remove(stream)

    def _opened(
        self, request: Request, opening: Opening, entry: Entry, writer: asyncio.StreamWriter
    ) -> Stream:
        now = self._platform.clock.now()
        connection = self._platform.connections.open(
            opening.endpoint, request.client, now, partition=opening.partition
        )
        entry |= {"status": 200, "connection": connection.id}
        wire = Wire(writer, Gzip() if request.takes_gzip else Identity())
        return Stream(
            self._platform,
            connection,
            wire,
            request.path,
            opening.projection,
            wants=lambda post: self._is_given(opening, post),
            tells=lambda news: news.is_on(opening.endpoint, opening.partition),
            entry=entry,
            ends_at_last=opening.between is not None,
        )

    def _is_given(self, opening: Opening, post: Post) -> bool:
        return gives(opening, post) and not self._platform.verdicts.hides(post.id, post.author_id)

    def _before(self, opening: Opening) -> list[Post]:
        """Return the tweets that a stream begins with: a backfill, or a recovery."""
        now = self._platform.clock.now()
        start, end = opening.between or (now - 60 * opening.backfill_minutes, now)
        first, last = id_at(int(start * 1000)), id_at(int(end * 1000) + 1)
        return [post for post in self._platform.timeline.between(first, last) if post.due <= now]

    def _told_before(self, opening: Opening) -> list[News]:
        start = self._platform.clock.now() - 60 * opening.backfill_minutes
        return [news for at, news in self._platform.news if at >= start]

    def _end(self, connection: Connection) -> None:
        """End the stream of a connection, if it is open."""
        for stream in list(self._platform.readers):
            if stream.connection is connection:
                stream.kill("closed through the connections API")

    def _has_room(self, opening: Opening) -> bool:
        """Whether one stream more may open, perhaps in the place of another."""
        platform = self._platform
        counted = platform.connections.counted(
            opening.endpoint, platform.clock.now(), partition=opening.partition
        )
        if len(counted) < platform.tier.connections:
            return True
        if self._settings.second == "reject":
            return False
        oldest = counted[0]
        for stream in list(platform.readers):
            if stream.connection is oldest:
                stream.kill("replaced by another connection")
        platform.connections.forget(oldest, platform.clock.now())
        return True

    async def _until_over(self, stream: Stream, reader: asyncio.StreamReader) -> None:
        gone = asyncio.ensure_future(_left(reader))
        over = asyncio.ensure_future(stream.ended.wait())
        try:
            await asyncio.wait({gone, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            over.cancel()
            stream.close("client disconnected", by_client=True)

    async def _ticking(self) -> None:
        while True:
            platform = self._platform
            platform.tick()
            # Without a rate of their own tweets come as fast as they are read.
            hurried = not platform.rate and platform.readers
            await asyncio.sleep(0 if hurried else _TICK_SECONDS)

    async def _listen(self) -> None:
        listener = _bound(self._settings.host, self._port)
        context = self._tls.context if self._tls else None
        self._server = await asyncio.start_server(
            self.serve, sock=listener, ssl=context, backlog=_BACKLOG
        )

    def _refuse_if_asked(self) -> None:
        seconds = self._platform.faults.refusal()
        if seconds is not None and not self._refusing:
            self._keep(self._refuse(seconds))

    async def _refuse(self, seconds: float) -> None:
        self._refusing = True
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(seconds)
        await self._listen()
        self._refusing = False

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """Return the next request; None at the end, and after what is no request, which is answered."""
    peer = writer.get_extra_info("peername") or ("",)
    try:
        return await read(reader, peer[0])
    except BadRequestError as reason:
        writer.write(json_response(400, {"error": str(reason)}).bytes(packed=False))
        await writer.drain()
        return None


async def _left(reader: asyncio.StreamReader) -> None:
    """Return when the client has left; what it still says is not listened to."""
    with suppress(ConnectionError):
        while await reader.read(4096):
            pass
