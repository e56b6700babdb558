"""Requests and responses of HTTP/1.1, as plain values; and reading the one, writing the other."""

import asyncio
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

MAX_BODY = 64 * 1024 * 1024
JSON = "application/json; charset=utf-8"
_SMALL = 512


class BadRequestError(ValueError):
    """Bytes that are no request."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    client: str

    def one(self, name: str) -> str | None:
        """Return a parameter's value, the last one where it is given more than once."""
        return self.query[name][-1] if name in self.query else None

    def flag(self, name: str) -> bool:
        """Whether a parameter is `true`."""
        return self.one(name) == "true"

    def json(self) -> Any:
        """Return what the body holds.

        Raises:
            BadRequestError: if it is no JSON.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as reason:
            raise BadRequestError(f"the body is no JSON: {reason}") from None

    @property
    def takes_gzip(self) -> bool:
        """Whether the client asks for gzip."""
        return "gzip" in self.headers.get("accept-encoding", "")


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response."""

    status: int
    body: bytes = b""
    type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def bytes(self, *, packed: bool, head_only: bool = False) -> bytes:
        """Return it as it goes over the wire; with gzip where asked for and worth it."""
        packed = packed and len(self.body) > _SMALL
        body = gzip.compress(self.body, 1) if packed else self.body
        headers = {
            "content-type": self.type,
            **self.headers,
            **({"content-encoding": "gzip"} if packed else {}),
            "content-length": str(len(body)),
        }
        return head(self.status, headers) + (b"" if head_only else body)


def json_response(status: int, body: object, **headers: str) -> Response:
    """Return a response of JSON."""
    return Response(status, orjson.dumps(body), headers=headers)


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return a response's head."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def read(reader: asyncio.StreamReader, client: str) -> Request | None:
    """Return the next request of a connection, or None after the last.

    Raises:
        BadRequestError: if what comes is no request.
    """
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        raise BadRequestError("the head is too long") from None
    first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
        raise BadRequestError(f"no request line: {first[:80]!r}")
    headers = dict(_header(line) for line in lines)
    url = urlsplit(parts[1])
    body = await reader.readexactly(_length(headers))
    query = parse_qs(url.query, keep_blank_values=True)
    return Request(parts[0], unquote(url.path), query, headers, body, client)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise BadRequestError(f"no header: {line[:80]!r}")
    return name.strip().lower(), value.strip()


def _length(headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not (text.isascii() and text.isdigit()):
        raise BadRequestError("a body needs a content-length here")
    if int(text) > MAX_BODY:
        raise BadRequestError(f"a body of more than {MAX_BODY:,} bytes")
    return int(text)
