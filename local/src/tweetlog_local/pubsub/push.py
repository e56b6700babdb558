"""EDGE. Pushes a subscription's messages to its endpoint, as many at once as it can take."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tweetlog_local.pubsub.api import PubsubMessage
from tweetlog_local.pubsub.backoff import Window
from tweetlog_local.pubsub.bell import Bell
from tweetlog_local.pubsub.broker import Broker, Delivery, LiveSubscription
from tweetlog_local.pubsub.delivery import NEVER, Holder
from tweetlog_local.pubsub.http_client import Endpoint, HttpClient, HttpError
from tweetlog_local.pubsub.push_request import ACKS, request

Run = Coroutine[Any, Any, None]

BATCH_BYTES = 4_000_000  # read ahead of the endpoint at most
PATIENCE = 2.0  # seconds that pushes in flight get to end when the subscription stops


class Pusher:
    """One push subscription's deliveries; in flight at once: at most the window."""

    def __init__(
        self, broker: Broker, subscription: LiveSubscription, bell: Bell, *, max_in_flight: int
    ) -> None:
        self._broker = broker
        self._subscription = subscription
        self._bell = bell
        self._window = Window(max_in_flight)
        self._holder = Holder()
        self._client = HttpClient(Endpoint.parse(subscription.resource.push_config.push_endpoint))
        self._in_flight: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Push for ever."""
        try:
            while True:
                if not self._start_some():
                    await self._bell.wait(self._seconds_to_wait())
                else:
                    await asyncio.sleep(0)
        finally:
            await self._end()

    def _start_some(self) -> bool:
        room = self._window.size - len(self._in_flight)
        if room <= 0 or self._broker.clock() < self._window.open_at:
            return False
        batch = self._broker.take(
            self._subscription,
            self._holder,
            limit=room,
            max_bytes=BATCH_BYTES,
            seconds=self._seconds,
        )
        for delivery in batch:
            task = asyncio.create_task(self._push(delivery))
            self._in_flight.add(task)
            task.add_done_callback(self._done)
        return bool(batch)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._bell.ring()
        if not task.cancelled():
            task.result()

    def _seconds_to_wait(self) -> float:
        if len(self._in_flight) >= self._window.size:
            return NEVER  # the end of a push rings the bell
        now = self._broker.clock()
        if now < self._window.open_at:
            return self._window.open_at - now
        return max(self._broker.next_due(self._subscription) - now, 0.0)

    @property
    def _seconds(self) -> float:
        return float(self._subscription.resource.ack_deadline_seconds)

    async def _push(self, delivery: Delivery) -> None:
        sent_at = self._broker.clock()
        try:
            is_taken = await self._is_taken(delivery)
        except asyncio.CancelledError:
            self._broker.hand_back(self._subscription, [delivery.ack_id])
            raise
        if is_taken:
            self._window.succeeded()
            self._broker.ack(self._subscription, [delivery.ack_id])
        else:
            self._window.failed(sent_at=sent_at, now=self._broker.clock())
            self._broker.nack(self._subscription, [delivery.ack_id])

    async def _is_taken(self, delivery: Delivery) -> bool:
        resource = self._subscription.resource
        message = PubsubMessage.FromString(delivery.body)
        headers, body = request(resource, message, delivery.attempt)
        try:
            return await self._client.post(headers, body, self._seconds) in ACKS
        except (HttpError, TimeoutError):
            return False

    async def _end(self) -> None:
        if self._in_flight:
            await asyncio.wait(self._in_flight, timeout=PATIENCE)
        for task in self._in_flight:
            task.cancel()
        self._client.close()


def pusher(broker: Broker, max_in_flight: int) -> Callable[[LiveSubscription, Bell], Run]:
    """What runs a push subscription, for `Consumers`."""

    def run(subscription: LiveSubscription, bell: Bell) -> Run:
        return Pusher(broker, subscription, bell, max_in_flight=max_in_flight).run()

    return run
