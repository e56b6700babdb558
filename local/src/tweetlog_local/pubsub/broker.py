"""The broker: topics, their subscriptions, and every step of a message from publish to ack.

Everything happens in one thread and at once; only time (`clock`), the log and faults come from
outside. Consumers wait elsewhere: `on_change` of a subscription tells them when to look again.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import repeat
from typing import NamedTuple

from tweetlog_local.pubsub import log as storage
from tweetlog_local.pubsub import names, resources, state
from tweetlog_local.pubsub.api import MICROS, Proto, PubsubMessage, Subscription, Topic, set_time
from tweetlog_local.pubsub.backoff import Backoff
from tweetlog_local.pubsub.delivery import Deliveries, Holder
from tweetlog_local.pubsub.errors import already_exists, not_found
from tweetlog_local.pubsub.faults import Faults
from tweetlog_local.pubsub.filter import Predicate, compile_filter
from tweetlog_local.pubsub.log import Log, TopicRow
from tweetlog_local.pubsub.ranges import Ranges
from tweetlog_local.pubsub.state import Counters

MAX_OUTSTANDING = 200_000  # leased or failed messages of a subscription that are kept in memory
MAX_FILTERED = 2_000  # messages that a filter may reject before others get their turn


class Delivery(NamedTuple):
    """One message handed to one consumer."""

    ack_id: str
    message_id: int
    body: bytes
    attempt: int


class BigQueryState(IntEnum):
    """What a BigQuery subscription says of its table; the numbers are the API's."""

    ACTIVE = 1
    PERMISSION_DENIED = 2
    NOT_FOUND = 3
    SCHEMA_MISMATCH = 4


@dataclass(slots=True, eq=False)
class LiveTopic:
    """A topic; its row is replaced with every publish."""

    row: TopicRow
    resource: Proto
    subscriptions: list["LiveSubscription"] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The full name, or `_deleted-topic_`."""
        return self.row.name or names.DELETED_TOPIC


@dataclass(slots=True, eq=False)
class LiveSubscription:
    """A subscription and where its deliveries stand."""

    id: int
    resource: Proto
    topic: LiveTopic
    deliveries: Deliveries
    counters: Counters
    matches: Predicate | None
    backoff: Backoff
    dirty: bool = False
    deleted: bool = False
    stalled_until: float = 0.0
    has_unread: bool = False  # the last take stopped before the end of the log
    bigquery_state: BigQueryState = BigQueryState.ACTIVE
    on_change: Callable[[], None] = lambda: None

    @property
    def name(self) -> str:
        """The full name."""
        return str(self.resource.name)


class Broker:
    """All topics and subscriptions of one data directory."""

    def __init__(
        self, log: Log, *, clock: Callable[[], float], faults: Faults, epoch: str = ""
    ) -> None:
        self.log = log
        self.clock = clock
        self.faults = faults
        self.topics: dict[str, LiveTopic] = {}
        self.subscriptions: dict[str, LiveSubscription] = {}
        self._topics_by_id: dict[int, LiveTopic] = {}
        self._epoch = epoch
        self._load()

    # topics

    def create_topic(self, request: Proto) -> Proto:
        """Create a topic."""
        topic = resources.new_topic(request)
        if topic.name in self.topics:
            raise already_exists(f"topic {topic.name} already exists")
        self._keep_topic(self.log.add_topic(topic.name, topic.SerializeToString()))
        return self.topic(topic.name).resource

    def update_topic(self, request: Proto) -> Proto:
        """Change a topic's labels or retention."""
        topic = self.topic(request.topic.name)
        topic.resource = resources.changed_topic(topic.resource, request)
        self._store_topic(topic)
        return topic.resource

    def delete_topic(self, name: str) -> None:
        """Delete a topic; its subscriptions keep their backlog and say `_deleted-topic_`."""
        topic = self.topic(name)
        del self.topics[name]
        topic.row = replace(topic.row, name="")
        topic.resource.ClearField("message_retention_duration")
        self._store_topic(topic)
        for subscription in topic.subscriptions:
            subscription.resource.topic = names.DELETED_TOPIC
            self._store_subscription(subscription)

    def topic(self, name: str) -> LiveTopic:
        """The topic called `name`."""
        topic = self.topics.get(name)
        if topic is None:
            names.topic(name)
            raise not_found(f"topic {name} does not exist")
        return topic

    def topic_ids(self) -> list[int]:
        """The numbers of all topics with messages to keep, deleted ones too."""
        return list(self._topics_by_id)

    def topic_by_id(self, topic: int) -> LiveTopic:
        """The topic of that number, deleted or not."""
        return self._topics_by_id[topic]

    def forget_topic(self, topic: int) -> None:
        """Drop a deleted topic that no subscription needs any more."""
        self.log.forget_topic(topic)
        del self._topics_by_id[topic]

    # publish

    def publish(
        self, topic: LiveTopic, messages: Sequence[Proto], bodies: Sequence[bytes] | None = None
    ) -> list[str]:
        """Write messages and return their ids; when this returns they are durable.

        `bodies` are their bytes, where those are at hand: they need not be written again then.
        """
        row = topic.row
        micros = max(int(self.clock() * MICROS), row.last_time)  # time never runs back in a topic
        stamp = _Stamp(micros)
        given = zip(messages, bodies or repeat(None, len(messages)), strict=True)
        stored = [
            (message_id, micros, stamp.on(message, body, message_id))
            for message_id, (message, body) in enumerate(given, row.last_id + 1)
        ]
        size = sum(len(body) for _, _, body in stored)
        topic.row = replace(
            row,
            last_id=row.last_id + len(stored),
            last_time=micros,
            published=row.published + len(stored),
            bytes=row.bytes + size,
        )
        self._append(topic, row, stored)
        for subscription in topic.subscriptions:
            self._offer(subscription, row.last_id, messages)
        return [str(message_id) for message_id, _, _ in stored]

    def _append(
        self, topic: LiveTopic, before: TopicRow, stored: list[tuple[int, int, bytes]]
    ) -> None:
        try:
            self.log.append(topic.row, stored)
        except BaseException:
            topic.row = before
            raise

    def _offer(
        self, subscription: LiveSubscription, before: int, messages: Sequence[Proto]
    ) -> None:
        if subscription.matches is not None:
            for place, message in enumerate(messages, 1):
                if not subscription.matches(message.attributes):
                    subscription.deliveries.skip(before + place, before + place)
                    subscription.dirty = True
        subscription.on_change()

    # subscriptions

    def create_subscription(self, request: Proto) -> LiveSubscription:
        """Create a subscription; it sees what is published from now on."""
        wanted = resources.new_subscription(request)
        if wanted.name in self.subscriptions:
            raise already_exists(f"subscription {wanted.name} already exists")
        topic = self.topic(wanted.topic)
        self._check_dead_letter_topic(wanted)
        row = topic.row
        acked = Ranges([(storage.first_id(row.id), row.last_id)])
        stored = state.encode(acked, (), Counters())
        number = self.log.add_subscription(wanted.name, row.id, wanted.SerializeToString(), stored)
        return self._keep_subscription(number, wanted, topic, state.decode(stored))

    def update_subscription(self, request: Proto) -> LiveSubscription:
        """Change a subscription's properties."""
        subscription = self.subscription(request.subscription.name)
        changed = resources.changed_subscription(subscription.resource, request)
        self._check_dead_letter_topic(changed)
        self._replace(subscription, changed)
        return subscription

    def modify_push_config(self, name: str, push: Proto) -> LiveSubscription:
        """Push elsewhere; an empty configuration makes it a pull subscription."""
        subscription = self.subscription(name)
        resources.check_push_config(push)
        changed = Subscription()
        changed.CopyFrom(subscription.resource)
        changed.push_config.CopyFrom(push)
        self._replace(subscription, changed)
        return subscription

    def delete_subscription(self, name: str) -> LiveSubscription:
        """Delete a subscription with its backlog."""
        subscription = self.subscription(name)
        self.log.forget_subscription(subscription.id)
        del self.subscriptions[name]
        subscription.topic.subscriptions.remove(subscription)
        subscription.deleted = True
        subscription.on_change()
        return subscription

    def subscription(self, name: str) -> LiveSubscription:
        """The subscription called `name`."""
        subscription = self.subscriptions.get(name)
        if subscription is None:
            names.subscription(name)
            raise not_found(f"subscription {name} does not exist")
        return subscription

    def shown(self, subscription: LiveSubscription) -> Proto:
        """A subscription as clients see it, with what only the server knows."""
        shown = Subscription()
        shown.CopyFrom(subscription.resource)
        shown.state = Subscription.ACTIVE
        if resources.kind(shown) == "bigquery":
            shown.bigquery_config.state = int(subscription.bigquery_state)
            if subscription.bigquery_state != BigQueryState.ACTIVE:
                shown.state = Subscription.RESOURCE_ERROR
        retention = subscription.topic.resource
        if retention.HasField("message_retention_duration"):
            shown.topic_message_retention_duration.CopyFrom(retention.message_retention_duration)
        return shown

    # deliveries

    def take(
        self,
        subscription: LiveSubscription,
        holder: Holder,
        *,
        limit: int,
        max_bytes: int,
        seconds: float,
    ) -> list[Delivery]:
        """Lease what is due to `holder`, each message until `seconds` from now.

        Up to `limit` messages, ending with the one that reaches `max_bytes`.
        """
        now = self.clock()
        self.expire(subscription, now)
        if self._stalled(subscription, now):
            return []
        subscription.has_unread = False
        taken: list[Delivery] = []
        size = 0
        with closing(self._due(subscription, now)) as due:
            while len(taken) < limit and size < max_bytes:
                message = next(due, None)
                if message is None:
                    break
                taken.append(self._lease(subscription, holder, message, now + seconds))
                size += len(message[1])
        subscription.counters.delivered += len(taken)
        subscription.dirty = subscription.dirty or bool(taken)
        self._repeat_some(subscription, taken, now)
        return taken

    def ack(self, subscription: LiveSubscription, ack_ids: Iterable[str]) -> None:
        """Messages are done with; unknown and late ack ids change nothing."""
        kept = [ack_id for ack_id in ack_ids if not self._loses_ack(subscription, ack_id)]
        subscription.counters.acked += subscription.deliveries.ack(kept)
        subscription.dirty = True
        subscription.on_change()  # a consumer may have room again

    def nack(self, subscription: LiveSubscription, ack_ids: Iterable[str]) -> None:
        """Messages failed: they come again by the retry policy, or go to the dead letters."""
        now = self.clock()
        for ack_id in ack_ids:
            self._fail(subscription, ack_id, now)
        subscription.on_change()

    def hand_back(self, subscription: LiveSubscription, ack_ids: Iterable[str]) -> None:
        """A consumer ends with these undelivered: they come again at once, and did not fail."""
        now = self.clock()
        for ack_id in ack_ids:
            subscription.deliveries.hand_back(ack_id, now)
        subscription.on_change()

    def modify_deadline(
        self, subscription: LiveSubscription, ack_ids: Iterable[str], seconds: int
    ) -> None:
        """Give messages `seconds` more from now; 0 is a nack."""
        if seconds == 0:
            self.nack(subscription, ack_ids)
            return
        deadline = self.clock() + seconds
        for ack_id in ack_ids:
            subscription.deliveries.extend(ack_id, deadline)

    def expire(self, subscription: LiveSubscription, now: float) -> None:
        """Fail the deliveries whose deadline has passed."""
        late = subscription.deliveries.expired(now)
        for ack_id in late:
            self._fail(subscription, ack_id, now)
        if late:
            subscription.on_change()

    def next_due(self, subscription: LiveSubscription) -> float:
        """When time alone will next make something of a subscription deliverable."""
        now = self.clock()
        if subscription.stalled_until > now:
            return subscription.stalled_until
        if subscription.has_unread:
            return now
        return subscription.deliveries.next_due()

    def flush(self) -> None:
        """Make the state of every subscription that changed durable."""
        changed = [each for each in self.subscriptions.values() if each.dirty]
        if not changed:
            return
        self.log.save_states((_encoded(each), each.id) for each in changed)
        for subscription in changed:
            subscription.dirty = False

    def _due(self, subscription: LiveSubscription, now: float) -> Generator[tuple[int, bytes]]:
        deliveries = subscription.deliveries
        while (message_id := deliveries.pop_due(now)) is not None:
            body = self.log.body(message_id)
            if body is None:
                deliveries.settle(message_id)
            else:
                yield message_id, body
        if deliveries.outstanding < MAX_OUTSTANDING:
            yield from self._fresh(subscription)

    def _fresh(self, subscription: LiveSubscription) -> Generator[tuple[int, bytes]]:
        deliveries = subscription.deliveries
        last_id = subscription.topic.row.last_id
        rejected = 0
        while stretch := deliveries.fresh(last_id):
            expected, last = stretch
            with closing(self.log.bodies(expected, last)) as rows:
                for message_id, body in rows:
                    deliveries.skip(expected, message_id - 1)  # no longer in the log
                    expected = message_id + 1
                    deliveries.cursor = message_id
                    if self._wanted(subscription, message_id, body):
                        yield message_id, body
                        continue
                    rejected += 1
                    if rejected == MAX_FILTERED:
                        subscription.has_unread = True
                        return
            deliveries.skip(expected, last)

    def _wanted(self, subscription: LiveSubscription, message_id: int, body: bytes) -> bool:
        deliveries = subscription.deliveries
        if deliveries.has_failed(message_id):
            return False
        if subscription.matches is None:
            return True
        if subscription.matches(PubsubMessage.FromString(body).attributes):
            return True
        deliveries.skip(message_id, message_id)
        subscription.dirty = True
        return False

    def _lease(
        self,
        subscription: LiveSubscription,
        holder: Holder,
        message: tuple[int, bytes],
        deadline: float,
    ) -> Delivery:
        message_id, body = message
        deliveries = subscription.deliveries
        attempt = deliveries.attempt(message_id)
        ack_id = deliveries.lease(message_id, len(body), deadline, holder)
        return Delivery(ack_id, message_id, body, attempt)

    def _fail(self, subscription: LiveSubscription, ack_id: str, now: float) -> None:
        deliveries = subscription.deliveries
        message_id = deliveries.fail(ack_id)
        if message_id is None:
            return
        subscription.counters.nacked += 1
        subscription.dirty = True
        failures = deliveries.failures[message_id]
        if self._is_dead(subscription, failures) and self._dead_letter(subscription, message_id):
            return
        deliveries.again(message_id, now + subscription.backoff.delay(failures))

    # dead letters

    def _is_dead(self, subscription: LiveSubscription, failures: int) -> bool:
        resource = subscription.resource
        if not resource.HasField("dead_letter_policy"):
            return False
        return failures >= int(resource.dead_letter_policy.max_delivery_attempts)

    def _dead_letter(self, subscription: LiveSubscription, message_id: int) -> bool:
        deliveries = subscription.deliveries
        topic = self.topics.get(subscription.resource.dead_letter_policy.dead_letter_topic)
        body = self.log.body(message_id)
        if topic is None or body is None:
            return False
        dead = dead_letter(subscription, body, deliveries.failures[message_id])
        self.publish(topic, [dead])
        deliveries.settle(message_id)
        subscription.counters.dead_lettered += 1
        return True

    def _check_dead_letter_topic(self, subscription: Proto) -> None:
        if subscription.HasField("dead_letter_policy"):
            self.topic(subscription.dead_letter_policy.dead_letter_topic)

    # faults

    def _stalled(self, subscription: LiveSubscription, now: float) -> bool:
        if subscription.stalled_until <= now:
            rule = self.faults.fire("stall_delivery", subscription.name)
            subscription.stalled_until = now + rule.seconds if rule else 0.0
        return subscription.stalled_until > now

    def _loses_ack(self, subscription: LiveSubscription, ack_id: str) -> bool:
        rule = self.faults.fire("lose_ack", subscription.name)
        lease = subscription.deliveries.leases.get(ack_id) if rule else None
        if rule is None or lease is None:
            return False
        asked = rule.seconds or float(subscription.resource.ack_deadline_seconds)
        subscription.deliveries.extend(ack_id, min(lease.deadline, self.clock() + asked))
        return True

    def _repeat_some(
        self, subscription: LiveSubscription, taken: list[Delivery], now: float
    ) -> None:
        for delivery in taken:
            if self.faults.fire("deliver_twice", subscription.name):
                subscription.deliveries.again(delivery.message_id, now)
                subscription.on_change()

    # loading and storing

    def _load(self) -> None:
        for row in self.log.topics():
            self._keep_topic(row)
        for stored in self.log.subscriptions():
            resource = Subscription.FromString(stored.resource)
            topic = self._topics_by_id[stored.topic]
            self._keep_subscription(stored.id, resource, topic, state.decode(stored.state))

    def _keep_topic(self, row: TopicRow) -> None:
        topic = LiveTopic(row, Topic.FromString(row.resource))
        self._topics_by_id[row.id] = topic
        if row.name:
            self.topics[row.name] = topic

    def _keep_subscription(
        self, number: int, resource: Proto, topic: LiveTopic, stored: state.State
    ) -> LiveSubscription:
        deliveries = Deliveries(
            stored.acked,
            stored.again,
            start=storage.first_id(topic.row.id) - 1,
            ack_prefix=f"{number}:{self._epoch}:",
        )
        matches = compile_filter(resource.filter) if resource.filter else None
        subscription = LiveSubscription(
            id=number,
            resource=resource,
            topic=topic,
            deliveries=deliveries,
            counters=stored.counters,
            matches=matches,
            backoff=resources.backoff(resource),
        )
        topic.subscriptions.append(subscription)
        self.subscriptions[subscription.name] = subscription
        return subscription

    def _replace(self, subscription: LiveSubscription, resource: Proto) -> None:
        subscription.resource = resource
        subscription.backoff = resources.backoff(resource)
        self._store_subscription(subscription)
        subscription.on_change()

    def _store_topic(self, topic: LiveTopic) -> None:
        resource = topic.resource.SerializeToString()
        topic.row = replace(topic.row, resource=resource)
        self.log.change_topic(topic.row.id, topic.row.name, resource)

    def _store_subscription(self, subscription: LiveSubscription) -> None:
        self.log.change_subscription(subscription.id, subscription.resource.SerializeToString())


def dead_letter(subscription: LiveSubscription, body: bytes, failures: int) -> Proto:
    """The message as it goes to the dead-letter topic: as it was, and where it comes from."""
    message = PubsubMessage.FromString(body)
    published = message.publish_time.ToJsonString()
    project = names.project_id(subscription.name)
    message.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] = str(failures)
    message.attributes["CloudPubSubDeadLetterSourceSubscription"] = subscription.name.rpartition(
        "/"
    )[2]
    message.attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] = project
    message.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"] = published
    return message


class _Stamp:
    """Puts id and time of publication on the messages of one publish."""

    # Of message_id in PubsubMessage: field 3, of a length that fits one byte (its digits do).
    ID_TAG = b"\x1a"

    def __init__(self, micros: int) -> None:
        self._micros = micros
        empty = PubsubMessage()
        set_time(empty.publish_time, micros)
        self._time = bytes(empty.SerializeToString())

    def on(self, message: Proto, body: bytes | None, message_id: int) -> bytes:
        """Return the message's bytes with both."""
        digits = str(message_id)
        if body is None or message.message_id or message.HasField("publish_time"):
            message.message_id = digits
            set_time(message.publish_time, self._micros)
            return bytes(message.SerializeToString())
        # Fields that are added behind are fields of the message.
        return b"".join(
            (body, self.ID_TAG, len(digits).to_bytes(1, "big"), digits.encode(), self._time)
        )


def _encoded(subscription: LiveSubscription) -> bytes:
    deliveries = subscription.deliveries
    return state.encode(deliveries.acked, deliveries.unsettled(), subscription.counters)
