"""The messages of `google.pubsub.v1` as plain protobuf classes, faster than proto-plus."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf import empty_pb2
from google.pubsub_v1 import types

from tweetlog_local.wire_messages import Messages, classes

Proto: TypeAlias = Any  # the generated classes carry no type information

Empty = empty_pb2.Empty
PubsubMessage = types.PubsubMessage.pb()
Topic = types.Topic.pb()
Subscription = types.Subscription.pb()
Snapshot = types.Snapshot.pb()
PublishResponse = types.PublishResponse.pb()
PullRequest = types.PullRequest.pb()
StreamingPullRequest = types.StreamingPullRequest.pb()
SeekResponse = types.SeekResponse.pb()
ListTopicsResponse = types.ListTopicsResponse.pb()
ListSubscriptionsResponse = types.ListSubscriptionsResponse.pb()
ListSnapshotsResponse = types.ListSnapshotsResponse.pb()
ListTopicSubscriptionsResponse = types.ListTopicSubscriptionsResponse.pb()
ListTopicSnapshotsResponse = types.ListTopicSnapshotsResponse.pb()

# Messages pass through as the bytes that they came as and are stored as.
HANDED_ON: Messages = {
    "PublishRequest": {"messages": (2, "[bytes]")},
    "ReceivedMessage": {
        "ack_id": (1, "string"),
        "message": (2, "bytes"),
        "delivery_attempt": (3, "int32"),
    },
    "PullResponse": {"received_messages": (1, "[ReceivedMessage]")},
    "StreamingPullResponse": {
        "received_messages": (1, "[ReceivedMessage]"),
        "subscription_properties": (4, "SubscriptionProperties"),
    },
    "SubscriptionProperties": {"exactly_once_delivery_enabled": (1, "bool")},
}
_HANDED_ON = classes("google.pubsub.v1", HANDED_ON)
PullResponse = _HANDED_ON["PullResponse"]
StreamingPullResponse = _HANDED_ON["StreamingPullResponse"]

MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Publish:
    """A publish: its messages, the bytes that each of them came as, and the size of all of it."""

    topic: str
    messages: Sequence[Proto]
    bodies: Sequence[bytes]
    size: int

    @classmethod
    def FromString(cls, data: bytes) -> "Publish":  # noqa: N802 - named as protobuf names it
        """Read a `PublishRequest`."""
        request = types.PublishRequest.pb().FromString(data)
        bodies = list(_HANDED_ON["PublishRequest"].FromString(data).messages)
        return cls(request.topic, request.messages, bodies, len(data))


def request_type(method: str) -> Proto:
    """The request class of a method, e.g. `PublishRequest` for `Publish`."""
    ours = {"CreateTopic": Topic, "CreateSubscription": Subscription, "Publish": Publish}
    return ours.get(method) or getattr(types, f"{method}Request").pb()


def set_time(timestamp: Proto, micros: int) -> None:
    """Write microseconds since 1970 into a protobuf Timestamp."""
    timestamp.seconds, rest = divmod(micros, MICROS)
    timestamp.nanos = rest * 1000


def micros_of(timestamp: Proto) -> int:
    """Microseconds since 1970 of a protobuf Timestamp."""
    return int(timestamp.seconds) * MICROS + int(timestamp.nanos) // 1000


def seconds_of(duration: Proto) -> float:
    """Seconds of a protobuf Duration."""
    return float(duration.seconds) + float(duration.nanos) / 1e9
