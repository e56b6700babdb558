"""EDGE: the pull entrance: batches from the subscription, for worker pools, volume and replays."""

import functools
import logging
import threading
from collections.abc import Sequence

from enricher.receive import receive_all
from enricher.settings import Settings
from tweetlog import subscription
from tweetlog.delivery import Delivery, from_message
from tweetlog.errors import PublishFailed, Unreadable
from tweetlog.publisher import PubsubTopic, publisher_client
from tweetlog.subscription import Pulled
from tweetlog.topic import Topic

log = logging.getLogger(__name__)


def run(settings: Settings, stop: threading.Event) -> None:
    """Pull, enrich and publish until `stop` is set; the batch in hand is finished first."""
    client = publisher_client()
    work = functools.partial(
        receive,
        enriched=PubsubTopic(client, settings.enriched_path),
        dead_letters=PubsubTopic(client, settings.dead_path),
    )
    log.info("ready")
    with subscription.subscriber_client() as subscriber:
        subscription.pull(subscriber, settings.subscription_path, work, stop=stop)


def receive(messages: Sequence[Pulled], *, enriched: Topic, dead_letters: Topic) -> list[str]:
    """Return the ack ids of the messages whose result is durable: all of them, or none."""
    deliveries = [_delivery(message) for message in messages]
    try:
        receive_all(deliveries, enriched=enriched, dead_letters=dead_letters)
    except PublishFailed as reason:
        log.warning("%d messages handed back: %s", len(messages), reason)
        return []
    return [message.ack_id for message in messages]


def _delivery(message: Pulled) -> Delivery | Unreadable:
    try:
        return from_message(
            message.data,
            message.attributes,
            message_id=message.message_id,
            publish_time=message.publish_time,
            attempt=message.attempt,
        )
    except Unreadable as reason:
        return reason
