"""EDGE. `google.pubsub.v1.Subscriber`: subscriptions, pulling and seeking, but no streams."""

from collections.abc import Awaitable, Callable
from typing import Any

from tweetlog_local.pubsub import limits, names, pages, resources
from tweetlog_local.pubsub.api import (
    Empty,
    ListSnapshotsResponse,
    ListSubscriptionsResponse,
    Proto,
    PullResponse,
    SeekResponse,
    micros_of,
)
from tweetlog_local.pubsub.broker import Broker, Delivery, LiveSubscription
from tweetlog_local.pubsub.consumers import Consumers
from tweetlog_local.pubsub.delivery import Holder
from tweetlog_local.pubsub.errors import failed_precondition, invalid, not_found
from tweetlog_local.pubsub.replay import Snapshots, seek_to_time

MAX_PULL = 1000
MAX_PULL_BYTES = 10_000_000
LONGEST_PULL = 10.0  # seconds an empty Pull waits; the service too answers empty in the end
ANSWER_TIME = 0.2  # seconds kept of the caller's deadline to answer in

CheckTable = Callable[[Proto], Awaitable[None]]


class Subscriber:
    """One method per RPC, by its name."""

    def __init__(
        self, broker: Broker, snapshots: Snapshots, consumers: Consumers, check_table: CheckTable
    ) -> None:
        self._broker = broker
        self._snapshots = snapshots
        self._consumers = consumers
        self._check_table = check_table

    async def CreateSubscription(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Create a subscription; it sees what is published from now on."""
        if resources.kind(request) == "bigquery":
            await self._check_table(resources.new_subscription(request))
        subscription = self._broker.create_subscription(request)
        self._consumers.changed(subscription)
        return self._broker.shown(subscription)

    def GetSubscription(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """One subscription."""
        return self._broker.shown(self._broker.subscription(request.subscription))

    async def UpdateSubscription(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Change properties."""
        current = self._broker.subscription(request.subscription.name).resource
        changed = resources.changed_subscription(current, request)
        if changed.bigquery_config != current.bigquery_config and changed.bigquery_config.table:
            await self._check_table(changed)
        subscription = self._broker.update_subscription(request)
        self._consumers.changed(subscription)
        return self._broker.shown(subscription)

    def ListSubscriptions(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """The subscriptions of a project, by name."""
        prefix = names.project(request.project) + "/"
        mine = [name for name in self._broker.subscriptions if name.startswith(prefix)]
        page, token = pages.page(mine, request)
        shown = [self._broker.shown(self._broker.subscription(name)) for name in page]
        return ListSubscriptionsResponse(subscriptions=shown, next_page_token=token)

    def DeleteSubscription(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Delete a subscription with its backlog."""
        self._consumers.changed(self._broker.delete_subscription(request.subscription))
        return Empty()

    def ModifyPushConfig(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Push elsewhere, pause (an empty configuration), or resume."""
        subscription = self._broker.modify_push_config(request.subscription, request.push_config)
        self._consumers.changed(subscription)
        return Empty()

    def Acknowledge(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Messages are done with."""
        subscription = self._broker.subscription(request.subscription)
        self._broker.ack(subscription, _some(request.ack_ids))
        return Empty()

    def ModifyAckDeadline(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Give messages more time, or none: 0 is a nack."""
        subscription = self._broker.subscription(request.subscription)
        seconds = checked_deadline(request.ack_deadline_seconds)
        self._broker.modify_deadline(subscription, _some(request.ack_ids), seconds)
        return Empty()

    async def Pull(self, request: Proto, context: Any) -> Proto:  # noqa: N802 - the RPC's name
        """Up to 1000 messages; waits for the first unless told to return immediately."""
        subscription = self._broker.subscription(request.subscription)
        if request.max_messages <= 0:
            raise invalid("max_messages must be 1 at least")
        limit = min(request.max_messages, MAX_PULL)
        patience = 0.0 if request.return_immediately else _patience(context.time_remaining())
        deliveries = await self._first(subscription, limit, self._broker.clock() + patience)
        if context.time_remaining() == 0.0:
            # Too late for a caller who has given up: nobody would see them until their deadline.
            self._broker.hand_back(subscription, [each.ack_id for each in deliveries])
            deliveries = []
        response = PullResponse()
        fill(response.received_messages, deliveries, subscription)
        return response

    def Seek(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Go to a time or a snapshot."""
        subscription = self._broker.subscription(request.subscription)
        if request.WhichOneof("target") == "time":
            seek_to_time(self._broker, subscription, micros_of(request.time))
        elif request.WhichOneof("target") == "snapshot":
            self._snapshots.seek(subscription, request.snapshot)
        else:
            raise invalid("a seek needs a time or a snapshot")
        self._broker.flush()
        return SeekResponse()

    def CreateSnapshot(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Remember where a subscription stands."""
        return self._snapshots.create(request)

    def GetSnapshot(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """One snapshot."""
        return self._snapshots.get(request.snapshot)

    def UpdateSnapshot(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Change a snapshot's labels."""
        return self._snapshots.update(request)

    def ListSnapshots(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """The snapshots of a project, by name."""
        prefix = names.project(request.project) + "/"
        mine = {each.name: each for each in self._snapshots.all() if each.name.startswith(prefix)}
        page, token = pages.page(mine, request)
        return ListSnapshotsResponse(snapshots=[mine[n] for n in page], next_page_token=token)

    def DeleteSnapshot(self, request: Proto) -> Proto:  # noqa: N802 - the RPC's name
        """Forget a snapshot."""
        self._snapshots.delete(request.snapshot)
        return Empty()

    async def _first(
        self, subscription: LiveSubscription, limit: int, until: float
    ) -> list[Delivery]:
        bell, holder = self._consumers.bell(subscription), Holder()
        while True:
            require_pull(subscription)
            seconds = float(subscription.resource.ack_deadline_seconds)
            taken = self._broker.take(
                subscription, holder, limit=limit, max_bytes=MAX_PULL_BYTES, seconds=seconds
            )
            now = self._broker.clock()
            if taken or now >= until:
                return taken
            await bell.wait(max(min(self._broker.next_due(subscription), until) - now, 0.0))


def require_pull(subscription: LiveSubscription) -> None:
    """Refuse to pull from what is deleted, or handed over in another way."""
    if subscription.deleted:
        raise not_found(f"subscription {subscription.name} was deleted")
    kind = resources.kind(subscription.resource)
    if kind != "pull":
        raise failed_precondition(f"{subscription.name} is a {kind} subscription: not for pulling")


def checked_deadline(seconds: int) -> int:
    """Seconds for ModifyAckDeadline, if they can be."""
    if not 0 <= seconds <= limits.ACK_DEADLINE[1]:
        raise invalid(f"ack_deadline_seconds must be 0 to 600, not {seconds}")
    return seconds


def fill(received: Proto, deliveries: list[Delivery], subscription: LiveSubscription) -> None:
    """Put deliveries into a response."""
    counted = subscription.resource.HasField("dead_letter_policy")
    for delivery in deliveries:
        one = received.add(ack_id=delivery.ack_id, message=delivery.body)
        if counted:
            one.delivery_attempt = delivery.attempt


def _some(ack_ids: Proto) -> Proto:
    if not ack_ids:
        raise invalid("no ack ids given")
    return ack_ids


def _patience(remaining: float | None) -> float:
    return LONGEST_PULL if remaining is None else min(remaining - ANSWER_TIME, LONGEST_PULL)
