"""What the control port's `/stats` tells: counts per topic and subscription."""

from typing import Any

from tweetlog_local.pubsub.broker import Broker, LiveSubscription
from tweetlog_local.pubsub.replay import oldest_unacked_seconds
from tweetlog_local.pubsub.resources import kind


def stats(broker: Broker) -> dict[str, Any]:
    """All counts, by full resource name; durable ones survive a restart."""
    return {
        "topics": {
            name: {"published": topic.row.published, "bytes": topic.row.bytes}
            for name, topic in sorted(broker.topics.items())
        },
        "subscriptions": {
            name: _of_subscription(broker, subscription)
            for name, subscription in sorted(broker.subscriptions.items())
        },
    }


def _of_subscription(broker: Broker, subscription: LiveSubscription) -> dict[str, Any]:
    broker.expire(subscription, broker.clock())
    counters = subscription.counters
    return {
        "topic": subscription.topic.name,
        "kind": kind(subscription.resource),
        "backlog": subscription.deliveries.backlog(subscription.topic.row.last_id),
        "in_flight": len(subscription.deliveries.leases),
        "delivered": counters.delivered,
        "acked": counters.acked,
        "nacked": counters.nacked,
        "dead_lettered": counters.dead_lettered,
        "oldest_unacked_seconds": oldest_unacked_seconds(broker, subscription),
    }
