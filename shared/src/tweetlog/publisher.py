"""EDGE: topics of Google Cloud Pub/Sub.

One client a process, shared by every thread. Events that come one by one, from many threads,
share a request through the client's own batching; those that come together are a request
already, and cost a sixth of the processor time so.
"""

import concurrent.futures
import threading
from collections.abc import Callable, Sequence
from functools import partial

from google.api_core import exceptions, retry
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import PublishRequest

from tweetlog.delivery import encode
from tweetlog.envelope import Envelope
from tweetlog.errors import PublishFailed

# Below Pub/Sub's 1,000 messages and 10 MB a request; 10 ms is what one event waits for others.
_BATCHES = pubsub_v1.types.BatchSettings(max_messages=500, max_bytes=4_000_000, max_latency=0.01)
# A publish request has at most 1,000 messages and 10 MB, attributes included (Pub/Sub quotas).
_MAX_REQUEST_MESSAGES = 1_000
_MAX_REQUEST_BYTES = 8_000_000
# What may succeed a moment later; everything else is a fault of the set-up and raised at once.
_TRANSIENT = retry.if_exception_type(
    exceptions.Aborted,
    exceptions.Cancelled,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
    exceptions.Unknown,
)


def publisher_client() -> pubsub_v1.PublisherClient:
    """Return a client that batches; `PUBSUB_EMULATOR_HOST` points it at a local server."""
    return pubsub_v1.PublisherClient(batch_settings=_BATCHES)


def lazy_client() -> Callable[[], pubsub_v1.PublisherClient]:
    """Return what makes one client at the first call, whichever thread calls first.

    For a process that forks: a client made before the fork does not work after it.
    """
    lock = threading.Lock()
    made: list[pubsub_v1.PublisherClient] = []

    def client() -> pubsub_v1.PublisherClient:
        with lock:
            if not made:
                made.append(publisher_client())
        return made[0]

    return client


def _retry(timeout: float) -> retry.Retry:
    return retry.Retry(predicate=_TRANSIENT, initial=0.1, maximum=5.0, timeout=timeout)


class PubsubTopic:
    """A topic of Pub/Sub, for events that come one by one from many threads.

    Args:
        client: the client, or what makes it at the first publish, such as `lazy_client()`.
        path: `projects/PROJECT/topics/TOPIC`.
        timeout: seconds until an unconfirmed publish has failed; retries included. Below the
            60 s of a push request's deadline.
    """

    def __init__(
        self,
        client: pubsub_v1.PublisherClient | Callable[[], pubsub_v1.PublisherClient],
        path: str,
        *,
        timeout: float = 30.0,
    ) -> None:
        self._client = (lambda: client) if isinstance(client, pubsub_v1.PublisherClient) else client
        self._path = path
        self._timeout = timeout
        self._retry = _retry(timeout)

    def publish(self, *events: Envelope) -> None:
        """Return once the broker has every event.

        Raises:
            InvalidEvent: if an event is larger than a message may be; nothing was published.
            PublishFailed: if it did not confirm one of them; any of them may have arrived.
        """
        messages = [encode(event) for event in events]
        send = partial(self._client().publish, self._path, retry=self._retry, timeout=self._timeout)
        confirmations = [send(data, **attributes) for data, attributes in messages]
        for confirmation in confirmations:
            self._confirm(confirmation)

    def _confirm(self, confirmation: "concurrent.futures.Future[str]") -> None:
        try:
            # The client gives up at its own timeout; the rest is the wait for its batch.
            confirmation.result(timeout=self._timeout + 5)
        except (exceptions.GoogleAPIError, concurrent.futures.TimeoutError) as reason:
            msg = f"{self._path}: not confirmed: {reason}"
            raise PublishFailed(msg) from reason


class BatchTopic:
    """A topic of Pub/Sub, for events that come together: they are one request, sent at once.

    Args: as for `PubsubTopic`.
    """

    def __init__(
        self, client: pubsub_v1.PublisherClient, path: str, *, timeout: float = 30.0
    ) -> None:
        self._client = client
        self._path = path
        self._timeout = timeout
        self._retry = _retry(timeout)

    def publish(self, *events: Envelope) -> None:
        """Return once the broker has every event.

        Raises:
            InvalidEvent: if an event is larger than a message may be; nothing was published.
            PublishFailed: if it did not confirm one of them; any of them may have arrived.
        """
        for request in self._requests([encode(event) for event in events]):
            try:
                # The request as it is; the client's own `publish` overrides this with batching.
                PublisherClient.publish(
                    self._client, request=request, retry=self._retry, timeout=self._timeout
                )
            except exceptions.GoogleAPIError as reason:
                msg = f"{self._path}: not confirmed: {reason}"
                raise PublishFailed(msg) from reason

    def _requests(self, messages: Sequence[tuple[bytes, dict[str, str]]]) -> list[PublishRequest]:
        requests: list[PublishRequest] = []
        room = places = 0
        for data, attributes in messages:
            if len(data) > room or not places:
                requests.append(PublishRequest(topic=self._path))
                # The plain protobuf message: its wrapper would copy every field.
                batch = PublishRequest.pb(requests[-1]).messages
                room, places = _MAX_REQUEST_BYTES, _MAX_REQUEST_MESSAGES
            message = batch.add(data=data)
            # One by one: given together, each goes through a method of the map's own.
            for name, value in attributes.items():
                message.attributes[name] = value
            room -= len(data)
            places -= 1
        return requests
