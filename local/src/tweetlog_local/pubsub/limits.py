"""Pub/Sub's documented limits on what is published, and on durations."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat

from tweetlog_local.pubsub.api import Proto, Publish, seconds_of
from tweetlog_local.pubsub.errors import invalid

# cloud.google.com/pubsub/quotas#resource_limits
MAX_ATTRIBUTES = 100
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1024
MAX_ORDERING_KEY_BYTES = 1024
MAX_REQUEST_BYTES = 10_000_000
MAX_REQUEST_MESSAGES = 1000
RESERVED_PREFIX = "goog"

MINUTE, DAY = 60, 86_400
RETENTION = (10 * MINUTE, 31 * DAY)
ACK_DEADLINE = (10, 600)
BACKOFF = (0, 600)
ATTEMPTS = (5, 100)
MIN_EXPIRATION = DAY


def check_publish(request: Publish) -> None:
    """Refuse a publish that production would refuse."""
    if request.size > MAX_REQUEST_BYTES:
        raise invalid(f"a publish request may have {MAX_REQUEST_BYTES} bytes at most")
    check_messages(request.messages, request.bodies)


def check_messages(messages: Sequence[Proto], bodies: Sequence[bytes] | None = None) -> None:
    """Refuse no messages, too many, and any that is empty or beyond the limits on attributes.

    `bodies` are their bytes, where those are at hand: they show which messages are small.
    """
    if not messages:
        raise invalid("a publish request must have at least one message")
    if len(messages) > MAX_REQUEST_MESSAGES:
        raise invalid(f"a publish request may have {MAX_REQUEST_MESSAGES} messages at most")
    for message, body in zip(messages, bodies or repeat(None, len(messages)), strict=True):
        if body is None or not _is_small(message, body):
            _check_message(message)


def _is_small(message: Proto, body: bytes) -> bool:
    """Whether a message has attributes, and so little of them that no value is too large."""
    beside_data = len(body) - len(message.data)
    return beside_data <= MAX_VALUE_BYTES and _are_fine(tuple(message.attributes))


@lru_cache(maxsize=1024)
def _are_fine(keys: tuple[str, ...]) -> bool:
    """Whether a message may have these attributes; publishers use the same ones all the time."""
    return 0 < len(keys) <= MAX_ATTRIBUTES and all(
        key and len(key.encode()) <= MAX_KEY_BYTES and not key.startswith(RESERVED_PREFIX)
        for key in keys
    )


def _check_message(message: Proto) -> None:
    attributes = message.attributes
    if not message.data and not attributes:
        raise invalid("a message must have data or at least one attribute")
    if len(attributes) > MAX_ATTRIBUTES:
        raise invalid(f"a message may have {MAX_ATTRIBUTES} attributes at most")
    if len(message.ordering_key.encode()) > MAX_ORDERING_KEY_BYTES:
        raise invalid(f"an ordering key may have {MAX_ORDERING_KEY_BYTES} bytes at most")
    for key, value in attributes.items():
        _check_attribute(key, value)


def _check_attribute(key: str, value: str) -> None:
    if not key or len(key.encode()) > MAX_KEY_BYTES:
        raise invalid(f"an attribute's key must have 1 to {MAX_KEY_BYTES} bytes: {key[:40]!r}")
    if key.startswith(RESERVED_PREFIX):
        raise invalid(f"an attribute's key must not begin with {RESERVED_PREFIX!r}: {key!r}")
    if len(value.encode()) > MAX_VALUE_BYTES:
        raise invalid(f"an attribute's value may have {MAX_VALUE_BYTES} bytes at most: {key!r}")


def check_duration(name: str, duration: Proto, bounds: tuple[int, int]) -> None:
    """Refuse a duration outside `bounds` (seconds, both included)."""
    low, high = bounds
    if not low <= seconds_of(duration) <= high:
        raise invalid(f"{name} must be {low} to {high} seconds, not {seconds_of(duration):g}")


def check_number(name: str, value: int, bounds: tuple[int, int]) -> None:
    """Refuse a number outside `bounds` (both included)."""
    low, high = bounds
    if not low <= value <= high:
        raise invalid(f"{name} must be {low} to {high}, not {value}")
