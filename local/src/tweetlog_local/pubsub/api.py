"""The messages of `google.pubsub.v1` as plain protobuf classes, faster than proto-plus."""

from typing import Any, TypeAlias

from google.protobuf import empty_pb2
from google.pubsub_v1 import types

Proto: TypeAlias = Any  # the generated classes carry no type information

Empty = empty_pb2.Empty
PubsubMessage = types.PubsubMessage.pb()
Topic = types.Topic.pb()
Subscription = types.Subscription.pb()
Snapshot = types.Snapshot.pb()
PublishRequest = types.PublishRequest.pb()
PublishResponse = types.PublishResponse.pb()
PullRequest = types.PullRequest.pb()
PullResponse = types.PullResponse.pb()
StreamingPullRequest = types.StreamingPullRequest.pb()
StreamingPullResponse = types.StreamingPullResponse.pb()
SeekResponse = types.SeekResponse.pb()
ListTopicsResponse = types.ListTopicsResponse.pb()
ListSubscriptionsResponse = types.ListSubscriptionsResponse.pb()
ListSnapshotsResponse = types.ListSnapshotsResponse.pb()
ListTopicSubscriptionsResponse = types.ListTopicSubscriptionsResponse.pb()
ListTopicSnapshotsResponse = types.ListTopicSnapshotsResponse.pb()

MICROS = 1_000_000


def request_type(method: str) -> Proto:
    """The request class of a method, e.g. `PublishRequest` for `Publish`."""
    same_as_resource = {"CreateTopic": Topic, "CreateSubscription": Subscription}
    return same_as_resource.get(method) or getattr(types, f"{method}Request").pb()


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
