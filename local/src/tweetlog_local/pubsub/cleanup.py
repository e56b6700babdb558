"""Retention: messages that nobody can reach any more leave the log, a few at a time."""

from collections.abc import Iterator

from tweetlog_local.pubsub import log as storage
from tweetlog_local.pubsub.api import MICROS, seconds_of
from tweetlog_local.pubsub.broker import Broker, LiveSubscription, LiveTopic
from tweetlog_local.pubsub.ranges import Ranges
from tweetlog_local.pubsub.replay import Snapshots, first_id_since, retention_of_acked

STEP = 500  # messages removed before others get their turn
MAX_STRETCHES = 1000  # of a topic in one clean-up


def clean(broker: Broker, snapshots: Snapshots) -> Iterator[None]:
    """Expire and remove; yields after every small step, so that the caller can do other things."""
    snapshots.drop_expired()
    for subscription in broker.subscriptions.values():
        expire(broker, subscription)
    broker.flush()  # what is acknowledged must be durable before its message is gone
    for number in broker.topic_ids():
        topic = broker.topic_by_id(number)
        yield from _clean_topic(broker, snapshots, topic)
    broker.log.shrink(STEP)


def expire(broker: Broker, subscription: LiveSubscription) -> None:
    """Settle the messages that are older than the subscription retains, and the topic too."""
    retention = max(
        seconds_of(subscription.resource.message_retention_duration),
        seconds_of(subscription.topic.resource.message_retention_duration),
    )
    topic = subscription.topic.row
    first_kept = _first_since(broker, subscription.topic, retention)
    before = subscription.deliveries.acked.count
    subscription.deliveries.skip(storage.first_id(topic.id), first_kept - 1)
    if subscription.deliveries.acked.count != before:
        subscription.dirty = True


def unreachable(broker: Broker, snapshots: Snapshots, topic: LiveTopic) -> Ranges:
    """The ids of a topic that no subscription owes, no seek can bring back, no snapshot keeps."""
    row = topic.row
    kept_from = _first_since(broker, topic, seconds_of(topic.resource.message_retention_duration))
    free = Ranges([(storage.first_id(row.id), kept_from - 1)])
    for subscription in topic.subscriptions:
        free = free.intersection(_not_needed(broker, subscription))
    for acked in snapshots.acked(row.id):
        free = free.intersection(acked)
    return free


def _not_needed(broker: Broker, subscription: LiveSubscription) -> Ranges:
    acked = Ranges(subscription.deliveries.acked)
    acked.cut(_first_since(broker, subscription.topic, retention_of_acked(subscription)))
    return acked


def _clean_topic(broker: Broker, snapshots: Snapshots, topic: LiveTopic) -> Iterator[None]:
    free = unreachable(broker, snapshots, topic)
    for first, last in list(free)[:MAX_STRETCHES]:
        while broker.log.remove(first, last, STEP) == STEP:
            yield
    is_gone = not topic.row.name and not topic.subscriptions and not snapshots.acked(topic.row.id)
    if is_gone:
        broker.forget_topic(topic.row.id)
    yield


def _first_since(broker: Broker, topic: LiveTopic, seconds: float) -> int:
    since = int((broker.clock() - seconds) * MICROS)
    return first_id_since(broker.log, topic.row.id, topic.row.last_id, since)
