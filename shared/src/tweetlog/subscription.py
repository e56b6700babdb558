"""EDGE: the pull entrance: batches from a subscription, acknowledged last.

The other entrance, push, costs a request for each event and scales to zero; this one costs a
tenth of it a tweet and is for replays and high volume.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from google.api_core import exceptions
from google.cloud import pubsub_v1

log = logging.getLogger(__name__)

# Acknowledge takes at most 512 kB of ids (Pub/Sub quotas): 1,000 ids of the real service's
# length, about 190 bytes, stay below half of it.
_IDS_A_REQUEST = 1_000
_WAIT_SECONDS = 5.0
_TRANSIENT = (
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
    exceptions.Unknown,
)


@dataclass(frozen=True, slots=True)
class Pulled:
    """A pulled message: what it carries, and the id that acknowledges this delivery."""

    data: bytes
    attributes: Mapping[str, str]
    message_id: str
    publish_time: datetime
    ack_id: str
    attempt: int | None = None


#: One batch's work: returns the ack ids of the messages whose result is durable.
Receive = Callable[[Sequence[Pulled]], Sequence[str]]


def subscriber_client() -> pubsub_v1.SubscriberClient:
    """Return a client; `PUBSUB_EMULATOR_HOST` points it at a local server."""
    return pubsub_v1.SubscriberClient()


def pull(
    client: pubsub_v1.SubscriberClient,
    path: str,
    receive: Receive,
    *,
    stop: threading.Event,
    batch: int = 1_000,
    lease_seconds: int = 60,
) -> None:
    """Hand batches of messages to `receive` until `stop` is set.

    A batch is acknowledged after `receive` returned; what it did not return is handed back at
    once. Leases are extended for as long as it works. If it raises, the whole batch is handed
    back and the error is raised: the platform restarts us, and nothing is lost.

    Args:
        client: the Pub/Sub client.
        path: `projects/PROJECT/subscriptions/SUBSCRIPTION`.
        receive: the work on one batch.
        stop: ends the loop after the batch in hand.
        batch: messages at most in one batch, 1 to 1,000.
        lease_seconds: how far a lease is extended at a time, 10 to 600.
    """
    failures = 0
    while not stop.is_set():
        try:
            messages = pull_batch(client, path, batch)
            if messages:
                _handle(client, path, messages, receive, lease_seconds)
            failures = 0
        except _TRANSIENT as reason:
            failures += 1
            wait = random.uniform(0, min(30.0, 0.1 * 2**failures))  # noqa: S311 - full jitter
            log.warning("%s: %s; again in %.1f s", path, reason, wait)
            stop.wait(wait)


def pull_batch(
    client: pubsub_v1.SubscriberClient, path: str, batch: int, *, seconds: float = _WAIT_SECONDS
) -> list[Pulled]:
    """Return messages of a subscription, `batch` at most; none if none came in so many seconds."""
    try:
        response = client.pull(subscription=path, max_messages=batch, timeout=seconds, retry=None)
    except exceptions.DeadlineExceeded:
        return []
    return [_pulled(received) for received in type(response).pb(response).received_messages]


def _pulled(received: pubsub_v1.types.ReceivedMessage) -> Pulled:
    message = received.message
    return Pulled(
        data=message.data,
        attributes=dict(message.attributes),
        message_id=message.message_id,
        publish_time=_moment(message.publish_time.seconds, message.publish_time.nanos),
        ack_id=received.ack_id,
        attempt=received.delivery_attempt or None,
    )


@lru_cache(maxsize=1_000)
def _moment(seconds: int, nanos: int) -> datetime:
    """Return a Timestamp; remembered, since what was published together has one moment."""
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanos // 1_000)


def _handle(
    client: pubsub_v1.SubscriberClient,
    path: str,
    messages: Sequence[Pulled],
    receive: Receive,
    lease_seconds: int,
) -> None:
    ids = [message.ack_id for message in messages]
    durable: set[str] = set()
    try:
        with _leased(client, path, ids, lease_seconds):
            durable = set(receive(messages))
    finally:
        _hand_back(client, path, [one for one in ids if one not in durable])
    for some in _chunks([one for one in ids if one in durable]):
        client.acknowledge(subscription=path, ack_ids=some)


def _hand_back(client: pubsub_v1.SubscriberClient, path: str, ids: Sequence[str]) -> None:
    for some in _chunks(ids):
        client.modify_ack_deadline(subscription=path, ack_ids=some, ack_deadline_seconds=0)


@contextmanager
def _leased(
    client: pubsub_v1.SubscriberClient, path: str, ids: Sequence[str], seconds: int
) -> Iterator[None]:
    """Extend the leases of `ids` again and again while inside."""
    done = threading.Event()

    def extend() -> None:
        # A third: one extension may fail, and the next still comes in time.
        while not done.wait(seconds / 3):
            try:
                for some in _chunks(ids):
                    client.modify_ack_deadline(
                        subscription=path, ack_ids=some, ack_deadline_seconds=seconds
                    )
            except exceptions.GoogleAPIError as reason:
                # The cost of a lost lease is a second delivery, which changes nothing.
                log.warning("%s: a lease could not be extended: %s", path, reason)

    keeper = threading.Thread(target=extend, name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), _IDS_A_REQUEST):
        yield ids[first : first + _IDS_A_REQUEST]
