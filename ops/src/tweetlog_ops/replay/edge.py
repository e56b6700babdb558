"""EDGE: a replay's hands on Pub/Sub: what it publishes, and what it looks at on its own.

It reads through subscriptions of its own only; those of the services are never sought or paused.
"""

import concurrent.futures
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import orjson
from google.api_core import exceptions, retry
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import types
from google.pubsub_v1.services.publisher import PublisherClient as PlainPublisher

from tweetlog import events
from tweetlog.errors import PublishFailed
from tweetlog.subscription import Pulled, pull_batch
from tweetlog_ops.errors import CommandError
from tweetlog_ops.replay.record import Position
from tweetlog_ops.replay.source import Logged

# Below the 1,000 messages and 10 MB that a request may have (Pub/Sub quotas).
_REQUEST_BYTES = 8_000_000
_CALL_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 5.0
_PAUSE_SECONDS = 0.1
_PULL_SECONDS = 2.0
# The shortest life that a subscription nobody uses can have (Pub/Sub, "Expiration").
_DAY = timedelta(days=1)
_TRANSIENT = (
    exceptions.Aborted,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
    exceptions.Unknown,
)


class LaneTopic:
    """The topic that a replay publishes to.

    Args:
        path: `projects/PROJECT/topics/TOPIC`.
        patience: seconds to go on trying while the broker refuses.
        stop: ends that early.
        say: is told once a time that the broker refuses, and why.
    """

    def __init__(
        self, path: str, *, patience: float, stop: threading.Event, say: Callable[[str], object]
    ) -> None:
        self._path = path
        self._patience = patience
        self._stop = stop
        self._say = say
        self._refused = False
        try:
            self._client = PublisherClient()
        except GoogleAuthError as reason:
            raise CommandError(f"no access to Google Cloud: {_first_line(reason)}") from None
        self._retry = retry.Retry(
            predicate=self._may_pass,
            initial=0.2,
            maximum=_LONGEST_PAUSE_SECONDS,
            timeout=patience,
            on_error=self._told,
        )

    def publish(self, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        """Return once the broker has every message.

        Raises:
            PublishFailed: if it did not confirm one of them; any of them may have arrived.
        """
        for request in self._requests(messages):
            try:
                # A request as it is: the client's own `publish` gathers single messages in threads.
                PlainPublisher.publish(
                    self._client, request=request, retry=self._retry, timeout=_CALL_SECONDS
                )
            except (exceptions.GoogleAPIError, exceptions.RetryError) as reason:
                said = _first_line(getattr(reason, "cause", None) or reason)
                raise PublishFailed(f"{self._path}: not confirmed: {said}") from None
        self._refused = False

    def close(self) -> None:
        """End the connection."""
        self._client.stop()

    def _may_pass(self, reason: Exception) -> bool:
        return isinstance(reason, _TRANSIENT) and not self._stop.is_set()

    def _told(self, reason: Exception) -> None:
        if not self._refused:
            self._refused = True
            line = f"{self._path} takes nothing ({_first_line(reason)})"
            self._say(f"{line}; trying on for {self._patience:.0f} s")

    def _requests(
        self, messages: Sequence[tuple[bytes, Mapping[str, str]]]
    ) -> Iterator[types.PublishRequest]:
        request, room = types.PublishRequest(topic=self._path), _REQUEST_BYTES
        for data, attributes in messages:
            plain = types.PublishRequest.pb(request)
            if plain.messages and len(data) > room:
                yield request
                request, room = types.PublishRequest(topic=self._path), _REQUEST_BYTES
                plain = types.PublishRequest.pb(request)
            plain.messages.add(data=data, attributes=dict(attributes))
            room -= len(data)
        if types.PublishRequest.pb(request).messages:
            yield request


class LaneProbe:
    """Looks at what comes out of the replay lane's enricher, on a subscription of its own.

    Args:
        subscriber: the client.
        path: the subscription's name.
        patience: seconds that one look waits.
        stop: ends it early.
    """

    def __init__(
        self, subscriber: SubscriberClient, path: str, *, patience: float, stop: threading.Event
    ) -> None:
        self._subscriber = subscriber
        self._path = path
        self._patience = patience
        self._stop = stop

    def version(self) -> int | None:
        """Return the version of the enricher that answered, None if none did."""
        until = datetime.now(UTC) + timedelta(seconds=self._patience)
        while datetime.now(UTC) < until and not self._stop.is_set():
            for received in pulled(self._subscriber, self._path, most=10):
                version = _version(received)
                if version is not None:
                    # Nothing more is looked for, and everything that follows would be kept for it.
                    _remove(self._subscriber, self._path)
                    return version
            # Where there is no server any more, the answer is none at once.
            self._stop.wait(_PAUSE_SECONDS)
        return None


@contextmanager
def probe(
    project: str, topic: str, replay: str, *, patience: float, stop: threading.Event
) -> Iterator[LaneProbe | None]:
    """Look at what a topic takes of this replay, while inside; None for who may not subscribe.

    Args:
        project: the project.
        topic: the topic of the lane's enriched events.
        replay: the replay's id.
        patience: seconds that one look waits.
        stop: ends a look early.
    """
    name = f"projects/{project}/subscriptions/{replay}-probe"
    only = f'attributes."ce-replayid" = "{replay}"'
    request = _request(name, f"projects/{project}/topics/{topic}", only=only)
    with _subscriber() as subscriber:
        try:
            subscriber.create_subscription(request=request)
        except exceptions.AlreadyExists:
            pass  # left by one that was killed
        except exceptions.PermissionDenied:
            yield None
            return
        except exceptions.GoogleAPIError as reason:
            raise CommandError(f"topic {topic}: {_first_line(reason)}") from None
        try:
            yield LaneProbe(subscriber, name, patience=patience, stop=stop)
        finally:
            _remove(subscriber, name)


class TopicLog:
    """What a topic retains, through a subscription of the replay's own that was sought back.

    A subscription cannot be bounded by time: it is sought to the window's begin, and what is
    published after its end is passed over. It is its own progress: what was acknowledged does
    not come again.

    Args:
        subscriber: the client.
        path: the subscription's name.
        since: the window's begin.
        until: its end.
        quiet: seconds without a message after which everything is taken to have come.
        stop: ends it early.
    """

    def __init__(
        self,
        subscriber: SubscriberClient,
        path: str,
        *,
        since: datetime,
        until: datetime,
        quiet: float,
        stop: threading.Event,
    ) -> None:
        self._subscriber = subscriber
        self._path = path
        self._window = (since, until)
        self._quiet = quiet
        self._stop = stop
        self._held: list[str] = []
        self._passed: list[str] = []

    def read(self, after: Position | None) -> Iterator[Logged | None]:
        """Yield what the subscription still has; `after` is known to it."""
        del after
        heard = datetime.now(UTC)
        while not self._stop.is_set():
            came = pulled(self._subscriber, self._path, most=500)
            if came:
                heard = datetime.now(UTC)
            elif (datetime.now(UTC) - heard).total_seconds() >= self._quiet:
                return
            for one in came:
                logged = _logged(one)
                if self._window[0] <= logged.position.publish_time < self._window[1]:
                    self._held.append(one.ack_id)
                    yield logged
                else:
                    self._passed.append(one.ack_id)
            yield None

    def settle(self) -> None:
        """Acknowledge what was yielded so far."""
        done, self._held = self._held + self._passed, []
        self._passed = []
        for first in range(0, len(done), 1000):
            self._subscriber.acknowledge(
                subscription=self._path, ack_ids=done[first : first + 1000]
            )


@contextmanager
def topic_log(
    project: str,
    topic: str,
    replay: str,
    *,
    since: datetime,
    until: datetime,
    quiet: float,
    stop: threading.Event,
) -> Iterator[TopicLog]:
    """Read what a topic retains.

    The subscription stays when the replay is interrupted, so that it can be resumed; `remove_log`
    takes it away, and Pub/Sub itself after a day without use.
    """
    name = _log_name(project, replay)
    request = _request(name, f"projects/{project}/topics/{topic}")
    with _subscriber() as subscriber:
        try:
            subscriber.create_subscription(request=request)
            subscriber.seek(request={"subscription": name, "time": since})
        except exceptions.AlreadyExists:
            pass  # resumed: it knows how far it is
        except exceptions.GoogleAPIError as reason:
            raise CommandError(f"topic {topic}: {_first_line(reason)}") from None
        yield TopicLog(subscriber, name, since=since, until=until, quiet=quiet, stop=stop)


def remove_log(project: str, replay: str) -> None:
    """Take away the subscription of a replay that is done with its topic."""
    with _subscriber() as subscriber:
        _remove(subscriber, _log_name(project, replay))


def pulled(subscriber: SubscriberClient, path: str, *, most: int) -> Sequence[Pulled]:
    """Return messages of a subscription, none if none came for a moment.

    Raises:
        CommandError: if it cannot be pulled from.
    """
    try:
        return pull_batch(subscriber, path, most, seconds=_PULL_SECONDS)
    except exceptions.ServiceUnavailable:
        return ()
    except exceptions.GoogleAPIError as reason:
        raise CommandError(f"{path}: {_first_line(reason)}") from None


def _request(name: str, topic: str, *, only: str = "") -> types.Subscription:
    return types.Subscription(
        name=name,
        topic=topic,
        ack_deadline_seconds=60,
        filter=only,
        message_retention_duration=Duration(seconds=int(_DAY.total_seconds())),
        expiration_policy=types.ExpirationPolicy(ttl=Duration(seconds=int(_DAY.total_seconds()))),
    )


def _remove(subscriber: SubscriberClient, name: str) -> None:
    try:
        subscriber.delete_subscription(subscription=name, timeout=_CALL_SECONDS)
    except (exceptions.GoogleAPIError, concurrent.futures.TimeoutError):
        return  # it expires by itself


def _log_name(project: str, replay: str) -> str:
    return f"projects/{project}/subscriptions/{replay}-log"


def _version(received: Pulled) -> int | None:
    """Return which enricher version wrote an event; None for an event that none wrote."""
    if received.attributes.get("ce-type") != events.ENRICHED:
        return None
    try:
        return int(orjson.loads(received.data)["enricher_version"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


def _logged(received: Pulled) -> Logged:
    return Logged(
        position=Position(received.publish_time, received.message_id),
        type=received.attributes.get("ce-type", ""),
        data=received.data,
        attributes=received.attributes,
    )


def _subscriber() -> SubscriberClient:
    try:
        return SubscriberClient()
    except GoogleAuthError as reason:
        raise CommandError(f"no access to Google Cloud: {_first_line(reason)}") from None


def _first_line(reason: object) -> str:
    lines = str(reason).strip().splitlines()
    return lines[0] if lines else type(reason).__name__
