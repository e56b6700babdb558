"""EDGE: a shadow: another table of tweets beside the served one, filled by the replay lane.

Its history comes by a replay. What is live from then on comes by a subscription of its own on the
live topic, which the replay lane's enricher takes from as well: so the candidate stays as fresh as
the served table, and the live lane does not know of it. The subscription's labels say what it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import SubscriberClient
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import types

from tweetlog import events
from tweetlog_ops.errors import CommandError
from tweetlog_ops.lane import LIVE, REPLAY, SHADOW

# The event store is written by Pub/Sub itself, a moment later: the live feed begins this long
# before its history ends, and what comes by both ways changes nothing the second time.
OVERLAP = timedelta(minutes=10)
_WEEK = Duration(seconds=604_800)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A shadow.

    Attributes:
        into: the candidate: where the replay lane writes tweets.
        beside: where the live lane writes them.
        whole: whether it gets every tweet from now on; else tombstones alone, for a candidate
            that is a sample.
    """

    into: str
    beside: str
    whole: bool


def found(project: str) -> Shadow | None:
    """Return the shadow that there is."""
    with _client() as subscriber:
        try:
            there = subscriber.get_subscription(subscription=_path(project))
        except exceptions.NotFound:
            return None
        except exceptions.GoogleAPIError as reason:
            raise CommandError(f"subscription {SHADOW}: {_first_line(reason)}") from None
    labels = there.labels
    return Shadow(labels.get("into", ""), labels.get("beside", ""), labels.get("whole") == "yes")


def create(project: str, shadow: Shadow, *, since: datetime) -> None:
    """Have everything that is published on the live topic since `since` go to the replay lane too.

    Pushed as the replay lane's own subscription is; pulled where that is pulled.
    """
    with _client() as subscriber:
        try:
            lane = subscriber.get_subscription(
                subscription=f"projects/{project}/subscriptions/{REPLAY.subscriptions[0]}"
            )
            subscriber.create_subscription(request=_request(project, shadow, lane))
            seek = {"subscription": _path(project), "time": since}
            subscriber.seek(request=seek)
        except exceptions.GoogleAPIError as reason:
            raise CommandError(f"subscription {SHADOW}: {_first_line(reason)}") from None


def remove(project: str) -> None:
    """End the shadow's live feed."""
    with _client() as subscriber:
        try:
            subscriber.delete_subscription(subscription=_path(project))
        except exceptions.NotFound:
            return
        except exceptions.GoogleAPIError as reason:
            raise CommandError(f"subscription {SHADOW}: {_first_line(reason)}") from None


def _request(project: str, shadow: Shadow, lane: types.Subscription) -> types.Subscription:
    # No dead-letter policy: a service sets aside itself what can never succeed, and what may
    # waits here for a week.
    return types.Subscription(
        name=_path(project),
        topic=f"projects/{project}/topics/{LIVE.raw}",
        ack_deadline_seconds=lane.ack_deadline_seconds,
        retry_policy=lane.retry_policy,
        push_config=lane.push_config,
        message_retention_duration=_WEEK,
        expiration_policy=types.ExpirationPolicy(),
        filter="" if shadow.whole else f'attributes."ce-type" != "{events.RECEIVED}"',
        labels={
            "into": shadow.into,
            "beside": shadow.beside,
            "whole": "yes" if shadow.whole else "no",
        },
    )


@contextmanager
def _client() -> Iterator[SubscriberClient]:
    try:
        client = SubscriberClient()
    except GoogleAuthError as reason:
        raise CommandError(f"no access to Google Cloud: {_first_line(reason)}") from None
    with client:
        yield client


def _path(project: str) -> str:
    return f"projects/{project}/subscriptions/{SHADOW}"


def _first_line(reason: object) -> str:
    lines = str(reason).strip().splitlines()
    return lines[0] if lines else type(reason).__name__
