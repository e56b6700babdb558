"""EDGE. StreamingPull: messages go out as they come and as the client's flow control allows."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from tweetlog_local.pubsub import limits
from tweetlog_local.pubsub.api import Proto, StreamingPullResponse
from tweetlog_local.pubsub.bell import Bell
from tweetlog_local.pubsub.broker import Broker, LiveSubscription
from tweetlog_local.pubsub.consumers import Consumers
from tweetlog_local.pubsub.delivery import Holder
from tweetlog_local.pubsub.errors import invalid
from tweetlog_local.pubsub.subscriber import checked_deadline, fill, require_pull

MAX_MESSAGES = 500  # a response
MAX_BYTES = 2_000_000  # a response
HEARTBEAT = 30.0  # seconds of silence after which a client that asks for it gets an empty response


class Stream:
    """One open stream; the client acks by unary calls, or on the stream."""

    def __init__(self, broker: Broker, subscription: LiveSubscription, first: Proto) -> None:
        self._broker = broker
        self._subscription = subscription
        self._holder = Holder(first.max_outstanding_messages, first.max_outstanding_bytes)
        self._seconds = _stream_deadline(first.stream_ack_deadline_seconds)
        self._heartbeat = HEARTBEAT if first.protocol_version > 0 else float("inf")

    def read(self, request: Proto) -> None:
        """Do what the client says on the stream."""
        if request.stream_ack_deadline_seconds:
            self._seconds = _stream_deadline(request.stream_ack_deadline_seconds)
        if request.ack_ids:
            self._broker.ack(self._subscription, request.ack_ids)
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise invalid("modify_deadline_ack_ids and modify_deadline_seconds must be as many")
        for ack_id, seconds in zip(
            request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True
        ):
            self._broker.modify_deadline(self._subscription, [ack_id], checked_deadline(seconds))

    def next_response(self) -> Proto | None:
        """The messages that can go out now, if any."""
        require_pull(self._subscription)
        room = self._holder.room(MAX_MESSAGES)
        if room == 0:
            return None
        taken = self._broker.take(
            self._subscription,
            self._holder,
            limit=room,
            max_bytes=MAX_BYTES,
            seconds=float(self._seconds),
        )
        return self._response(taken) if taken else None

    async def wait(self, bell: Bell) -> Proto | None:
        """Wait until there may be more; an empty response if the client wants a sign of life."""
        seconds = self._heartbeat
        if self._holder.room(1):
            due = self._broker.next_due(self._subscription) - self._broker.clock()
            seconds = min(max(due, 0.0), self._heartbeat)
        started = self._broker.clock()
        await bell.wait(seconds)
        is_silent = self._broker.clock() - started >= self._heartbeat
        return self._response([]) if is_silent else None

    def _response(self, taken: Any) -> Proto:
        response = StreamingPullResponse()
        response.subscription_properties.exactly_once_delivery_enabled = False
        fill(response.received_messages, taken, self._subscription)
        return response


class StreamingPull:
    """The RPC."""

    def __init__(self, broker: Broker, consumers: Consumers) -> None:
        self._broker = broker
        self._consumers = consumers

    async def serve(self, requests: AsyncIterator[Proto], context: Any) -> None:
        """Serve one stream until the client ends it."""
        first = await anext(requests, None)
        if first is None:
            return
        subscription = self._broker.subscription(first.subscription)
        stream = Stream(self._broker, subscription, first)
        stream.read(first)
        bell = self._consumers.bell(subscription)
        reader = asyncio.create_task(_read_all(requests, stream, bell))
        try:
            await _write_all(stream, bell, reader, context)
        finally:
            reader.cancel()


async def _write_all(
    stream: Stream, bell: Bell, reader: "asyncio.Task[None]", context: Any
) -> None:
    while not reader.done():
        response = stream.next_response() or await stream.wait(bell)
        if response is not None:
            await context.write(response)
    reader.result()


async def _read_all(requests: AsyncIterator[Proto], stream: Stream, bell: Bell) -> None:
    try:
        async for request in requests:
            stream.read(request)
    finally:
        bell.ring()


def _stream_deadline(seconds: int) -> int:
    limits.check_number("stream_ack_deadline_seconds", seconds, limits.ACK_DEADLINE)
    return seconds
