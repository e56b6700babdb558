"""The bytes of a stream as they arrive: a raw socket, without any client's leniency."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from urllib.parse import urlsplit

import pytest

from local.x_api.house import STREAM, House, eventually
from tweetlog_local.x_api import framing

pytestmark = pytest.mark.servers


class Listener:
    """A connection that reads chunk by chunk."""

    def __init__(self, house: House, *headers: str) -> None:
        url = urlsplit(house.up.url)
        self._socket = socket.create_connection((url.hostname or "", url.port or 0), timeout=60)
        lines = [f"GET {STREAM} HTTP/1.1", "Host: x", f"Authorization: Bearer {house.up.token}"]
        self._socket.sendall("\r\n".join([*lines, *headers, "", ""]).encode())
        self._file = self._socket.makefile("rb")
        self.head = list(iter(self._line, ""))

    def chunk(self) -> bytes:
        """Return the next chunk; nothing at the body's end."""
        size = int(self._line(), 16)
        data = self._file.read(size)
        assert self._file.read(2) == b"\r\n"
        return data

    def rest(self) -> bytes:
        """Return everything until the other side closes."""
        return self._file.read()

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _line(self) -> str:
        return self._file.readline().decode().rstrip("\r\n")


@contextmanager
def listening(house: House, *headers: str) -> Iterator[Listener]:
    with closing(Listener(house, *headers)) as listener:
        yield listener


def test_a_stream_is_chunks_of_lines_and_bare_line_ends(ruled: House) -> None:
    with listening(ruled) as x:
        assert x.head[0] == "HTTP/1.1 200 OK"
        assert {"transfer-encoding: chunked", "content-type: application/json; charset=utf-8"} < {
            *x.head
        }
        assert "x-rate-limit-remaining: 49" in x.head
        assert x.chunk() == b"\r\n"

        (id,) = ruled.tell({"text": "train"})
        line = eventually(lambda: x.chunk().removeprefix(b"\r\n"))

    assert line.endswith(b"}\r\n")
    assert json.loads(line)["data"]["id"] == id


def test_a_packed_tweet_arrives_without_the_next_one(ruled: House) -> None:
    with listening(ruled, "Accept-Encoding: gzip") as x:
        assert "content-encoding: gzip" in x.head
        unpack = zlib.decompressobj(31).decompress
        ruled.tell({"text": "train"})

        found = eventually(lambda: unpack(x.chunk()).strip())

    assert json.loads(found)["data"]["text"] == "train"


def test_a_polite_end_is_a_whole_body(ruled: House) -> None:
    with listening(ruled, "Accept-Encoding: gzip") as x:
        ruled.lab.fault("end")
        body = b"".join(iter(x.chunk, b""))

    assert gzip.decompress(body).strip() == b""


def test_a_torn_line_ends_a_whole_body(ruled: House) -> None:
    with listening(ruled) as x:
        ruled.lab.fault("tear", after=1)
        ruled.tell({"text": "train one"}, {"text": "train two"})
        lines = b"".join(iter(x.chunk, b"")).split(b"\r\n")

    whole, torn = [line for line in lines if line]
    assert json.loads(whole)["data"]["text"] == "train one"
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn)


def test_a_line_may_be_cut_into_chunks_anywhere(ruled: House) -> None:
    text = "train\u2028with\u0085odd\u2029ends 🚆"
    with listening(ruled) as x:
        ruled.lab.fault("split", bytes=1)
        ruled.tell({"text": text})
        chunks = [chunk for chunk in iter(x.chunk, b"\n") if chunk != b"\r\n"]

    assert {len(chunk) for chunk in chunks} == {1}
    assert chunks[-1] == b"\r"
    line = b"".join(chunks)
    assert text.encode() in line
    assert json.loads(line)["data"]["text"] == text


def test_a_very_long_tweet_is_one_line(ruled: House) -> None:
    note = "train " * 20_000
    with listening(ruled) as x:
        ruled.tell({"text": "train", "entities": {"hashtags": [{"tag": note}]}, "lang": "en"})
        found = eventually(lambda: x.chunk().strip())

    assert json.loads(found)["data"]["text"] == "train"


def test_what_is_held_in_gzip_comes_with_the_next(ruled: House) -> None:
    with listening(ruled, "Accept-Encoding: gzip") as x:
        unpack = zlib.decompressobj(31).decompress
        ruled.lab.fault("hold_gzip")
        first, second = ruled.tell({"text": "train one"}, {"text": "train two"})
        arrived = (line for chunk in iter(x.chunk, b"") for line in unpack(chunk).split(b"\r\n"))
        lines = list(islice(filter(None, arrived), 2))

    assert [json.loads(line)["data"]["id"] for line in lines] == [first, second]


@pytest.mark.parametrize("x", [{"slow_reader": 100_000}], indirect=True)
def test_a_reader_that_does_not_read_is_cut_off(ruled: House) -> None:
    tweets = [{"text": "train " * 2_000} for _ in range(200)]
    with listening(ruled):
        eventually(lambda: ruled.tell(*tweets) and "reason" in ruled.lab.log()[-1])

    assert ruled.lab.log()[-1]["reason"] == "SlowReader"


@pytest.mark.parametrize(
    ("request_line", "words"),
    [
        (b"nonsense\r\n\r\n", "no request line"),
        (b"GET / HTTP/1.1\r\nno header\r\n\r\n", "no header"),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", "needs a content-length"),
        (b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", "a body of more than"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n", "the head is too long"),
    ],
)
def test_what_is_no_request_is_told_so(x: House, request_line: bytes, words: str) -> None:
    url = urlsplit(x.up.url)
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=60) as client:
        client.sendall(request_line)
        answer = client.makefile("rb").read().decode()

    assert answer.startswith("HTTP/1.1 400")
    assert words in answer


def test_framing_is_http_and_no_data_is_no_chunk() -> None:
    assert framing.chunk(b"x" * 17) == b"11\r\n" + b"x" * 17 + b"\r\n"
    assert framing.chunk(b"") == b""
    assert [*framing.pieces(b"abcde", 2)] == [b"ab", b"cd", b"e"]
