import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetlog_local.pubsub.http_client import Endpoint, HttpClient, HttpError, _AnswerParser

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\ntrailer: 1\r\n\r\n"
)
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\n" + OK
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def endpoint(serve: Serve) -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/push?token=a%20b"


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.startswith(b"content-length")
    )
    return head, await reader.readexactly(length)


def answering(answer: bytes, *, then_close: bool = False) -> tuple[Serve, list[bytes]]:
    """A server that gives the same answer to every request; and the request heads it saw."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                seen.append((await read_request(reader))[0])
                writer.write(answer)
                if then_close:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    return serve, seen


def statuses(answer: bytes, posts: int = 1, *, then_close: bool = False) -> list[int]:
    async def run() -> list[int]:
        serve, _ = answering(answer, then_close=then_close)
        async with endpoint(serve) as url:
            client = HttpClient(Endpoint.parse(url))
            answers = [await client.post([], b"body", 5.0) for _ in range(posts)]
            client.close()
            return answers

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "status"),
    [(OK, 200), (NO_CONTENT, 204), (CHUNKED, 200), (CONTINUED, 200), (PROCESSING, 102)],
    ids=["length", "no content", "chunked", "continue", "processing"],
)
def test_the_status_is_read_again_and_again(answer: bytes, status: int) -> None:
    assert statuses(answer, posts=3) == [status] * 3


def test_an_answer_may_end_with_the_connection() -> None:
    assert statuses(b"HTTP/1.0 200 OK\r\n\r\nall the rest", 2, then_close=True) == [200, 200]


def test_a_closed_keep_alive_connection_costs_no_failure() -> None:
    assert statuses(OK, posts=3, then_close=True) == [200] * 3


@given(st.data())
def test_an_answer_is_understood_however_it_is_cut(data: st.DataObject) -> None:
    answer = data.draw(st.sampled_from([OK, NO_CONTENT, CHUNKED, CONTINUED]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(answer) - 1), max_size=6)))
    parser = _AnswerParser()
    edges = [0, *cuts, len(answer)]
    results = [parser.feed(answer[a:b]) for a, b in pairwise(edges)]

    assert results[:-1] == [None] * (len(results) - 1)
    assert results[-1] in {200, 204}


def test_the_request_names_host_target_and_headers() -> None:
    async def run() -> tuple[bytes, str]:
        serve, seen = answering(OK)
        async with endpoint(serve) as url:
            client = HttpClient(Endpoint.parse(url))
            await client.post([(b"ce-id", b"1")], b"body", 5.0)
            client.close()
            return seen[0], url

    head, url = asyncio.run(run())

    authority = url.split("/")[2].encode()
    assert head.startswith(b"POST /push?token=a%20b HTTP/1.1\r\nhost: " + authority + b"\r\n")
    assert b"\r\nce-id: 1\r\n" in head
    assert b"\r\ncontent-length: 4\r\n" in head


def test_one_connection_serves_requests_one_after_another() -> None:
    async def run() -> int:
        connections = 0
        serve, _ = answering(OK)

        async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await serve(reader, writer)

        async with endpoint(counting) as url:
            client = HttpClient(Endpoint.parse(url))
            for _ in range(10):
                await client.post([], b"", 5.0)
            client.close()
        return connections

    assert asyncio.run(run()) == 1


def test_nobody_listening_is_an_error() -> None:
    async def run() -> None:
        serve, _ = answering(OK)
        async with endpoint(serve) as url:
            pass
        await HttpClient(Endpoint.parse(url)).post([], b"", 5.0)

    with pytest.raises(HttpError):
        asyncio.run(run())


def test_no_answer_in_time_is_a_timeout() -> None:
    async def run() -> None:
        serve, _ = answering(b"")
        async with endpoint(serve) as url:
            await HttpClient(Endpoint.parse(url)).post([], b"", 0.05)

    with pytest.raises(TimeoutError):
        asyncio.run(run())


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\r\n\r\n"])
def test_an_answer_that_is_not_http_is_an_error(answer: bytes) -> None:
    with pytest.raises(HttpError, match="not an HTTP answer"):
        statuses(answer)


@given(st.binary(max_size=200))
def test_garbage_is_an_error_or_incomplete_but_never_a_crash(data: bytes) -> None:
    parser = _AnswerParser()
    try:
        status = parser.feed(b"HTTP/1.1 " + data)
    except (ValueError, IndexError):
        status = None

    assert status is None or isinstance(status, int)
