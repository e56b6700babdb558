"""EDGE. The control port: counts and fault rules over a few lines of HTTP.

GET /stats    GET /faults    POST /faults    DELETE /faults    POST /wait-idle?timeout=S
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from tweetlog_local.pubsub.broker import Broker
from tweetlog_local.pubsub.faults import RuleError
from tweetlog_local.pubsub.stats import stats

MAX_BODY = 1_000_000
IDLE_POLL = 0.02  # seconds between two looks at whether everything is delivered
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 408: "Request Timeout"}

Answer = tuple[int, Any]
Route = Callable[[str, bytes], Awaitable[Answer]]


class Control:
    """Answers one request at a time on each connection."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._routes: dict[str, Route] = {
            "GET /stats": self._stats,
            "GET /faults": self._faults,
            "POST /faults": self._add_faults,
            "DELETE /faults": self._clear_faults,
            "POST /wait-idle": self._wait_idle,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the other side ends it."""
        try:
            while (head := await _head(reader)) is not None:
                await self._answer(head, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # the other side left in the middle of a request: nobody to answer
        finally:
            writer.close()

    async def _answer(
        self, head: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        method, target = [*head[0].split(" "), "", ""][:2]
        body = await reader.readexactly(min(_content_length(head), MAX_BODY))
        url = urlsplit(target)
        route = self._routes.get(f"{method} {url.path}")
        status, answer = await route(url.query, body) if route else _unknown(self._routes)
        data = orjson.dumps(answer, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        writer.write(
            f"HTTP/1.1 {status} {REASONS[status]}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(data)}\r\n\r\n".encode()
            + data
        )
        await writer.drain()

    async def _stats(self, _query: str, _body: bytes) -> Answer:
        return 200, stats(self._broker)

    async def _faults(self, _query: str, _body: bytes) -> Answer:
        return 200, self._broker.faults.shown()

    async def _add_faults(self, _query: str, body: bytes) -> Answer:
        try:
            rules = orjson.loads(body)
            self._broker.faults.add(rules if isinstance(rules, list) else [rules])
        except (RuleError, orjson.JSONDecodeError) as error:
            return 400, {"error": str(error)}
        return 200, self._broker.faults.shown()

    async def _clear_faults(self, _query: str, _body: bytes) -> Answer:
        self._broker.faults.clear()
        for subscription in self._broker.subscriptions.values():
            subscription.stalled_until = 0.0
            subscription.on_change()
        return 200, []

    async def _wait_idle(self, query: str, _body: bytes) -> Answer:
        try:
            seconds = float(parse_qs(query).get("timeout", ["10"])[0])
        except ValueError:
            return 400, {"error": "timeout must be a number of seconds"}
        until = self._broker.clock() + seconds
        while not self._is_idle():
            if self._broker.clock() >= until:
                return 408, stats(self._broker)
            await asyncio.sleep(IDLE_POLL)
        return 200, stats(self._broker)

    def _is_idle(self) -> bool:
        return not any(
            each.deliveries.backlog(each.topic.row.last_id)
            for each in self._broker.subscriptions.values()
        )


async def _head(reader: asyncio.StreamReader) -> list[str] | None:
    try:
        data = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    return data.decode("latin-1").split("\r\n")


def _content_length(head: list[str]) -> int:
    for line in head[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length" and value.strip().isdigit():
            return int(value)
    return 0


def _unknown(routes: dict[str, Any]) -> Answer:
    return 404, {"error": f"known here: {', '.join(routes)}"}
