"""EDGE. Who takes messages off a subscription by itself: a pusher or a BigQuery writer.

One task per push or BigQuery subscription, replaced when its configuration changes.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tweetlog_local.pubsub import tasks
from tweetlog_local.pubsub.bell import Bell
from tweetlog_local.pubsub.broker import Broker, LiveSubscription
from tweetlog_local.pubsub.resources import kind

Consumer = Callable[[LiveSubscription, Bell], Coroutine[Any, Any, None]]


class Consumers:
    """The bells of all subscriptions, and the tasks that serve push and BigQuery."""

    def __init__(self, broker: Broker, by_kind: dict[str, Consumer]) -> None:
        self._broker = broker
        self._by_kind = by_kind
        self._bells: dict[int, Bell] = {}
        self._tasks: dict[int, tuple[bytes, asyncio.Task[None]]] = {}

    def start(self) -> None:
        """Serve every subscription there is."""
        for subscription in self._broker.subscriptions.values():
            self.changed(subscription)

    def bell(self, subscription: LiveSubscription) -> Bell:
        """The bell that rings when a subscription changes."""
        return self._bells[subscription.id]

    def changed(self, subscription: LiveSubscription) -> None:
        """Serve a subscription as it is now: created, changed, or deleted."""
        if subscription.id not in self._bells:
            self._bells[subscription.id] = Bell()
            subscription.on_change = self._bells[subscription.id].ring
        wanted = _delivery_config(subscription)
        current = self._tasks.get(subscription.id)
        if current is not None and (current[0] != wanted or subscription.deleted):
            current[1].cancel()
            del self._tasks[subscription.id]
        if subscription.deleted:
            del self._bells[subscription.id]
        elif subscription.id not in self._tasks and kind(subscription.resource) in self._by_kind:
            self._tasks[subscription.id] = wanted, self._begin(subscription)

    async def stop(self) -> None:
        """End all tasks; what they hold is delivered again after the next start."""
        await tasks.stop(*(task for _, task in self._tasks.values()))
        self._tasks.clear()

    def _begin(self, subscription: LiveSubscription) -> asyncio.Task[None]:
        consume = self._by_kind[kind(subscription.resource)]
        return tasks.start(consume(subscription, self.bell(subscription)))


def _delivery_config(subscription: LiveSubscription) -> bytes:
    resource = subscription.resource
    push, table = resource.push_config, resource.bigquery_config
    return bytes(push.SerializeToString() + b"|" + table.SerializeToString())
