"""The Pub/Sub binding of CloudEvents: an event to a message, any delivery back to the event.

An event travels in binary mode: each attribute as `ce-<name>`, `content-type` for the data's
type, the data bytes untouched. It is read back from all four forms a delivery can take:
unwrapped push, wrapped push, a pulled message, and structured mode inside any of them.
Source: googleapis/google-cloudevents, "Google Cloud Pub/Sub Protocol Binding for CloudEvents".
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import orjson

from tweetlog.envelope import MAX_VALUE_BYTES, Envelope, from_attributes
from tweetlog.errors import InvalidEvent, Unreadable

PREFIX = "ce-"
CONTENT_TYPE = "content-type"
STRUCTURED = "application/cloudevents+json"
# A Pub/Sub message has at most 10 MB, attributes included (Pub/Sub quotas).
MAX_MESSAGE_BYTES = 10_000_000
# An attribute's most: `ce-`, a name of 20 characters and a value, as an envelope takes them.
_ATTRIBUTE_BYTES = 23 + MAX_VALUE_BYTES
_CORE_ATTRIBUTES = 8

_METADATA = "x-goog-pubsub-"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt of the broker to hand over an event.

    Attributes:
        publish_time: when the broker took the message; the same at every attempt.
        attempt: which attempt this is, from 1, or None where the broker does not say.
    """

    event: Envelope
    message_id: str = ""
    publish_time: datetime | None = None
    subscription: str = ""
    attempt: int | None = None


def encode(event: Envelope) -> tuple[bytes, dict[str, str]]:
    """Return the message's data and attributes that carry `event` in binary mode.

    Raises:
        InvalidEvent: if the message would be larger than Pub/Sub takes.
    """
    check_size(event)
    return event.data, message_attributes(event)


def check_size(event: Envelope) -> None:
    """Raise InvalidEvent if the message would be larger than Pub/Sub takes; cheap if it is not."""
    most = (_CORE_ATTRIBUTES + len(event.extensions)) * _ATTRIBUTE_BYTES
    if len(event.data) + most <= MAX_MESSAGE_BYTES:
        return
    attributes = message_attributes(event)
    size = len(event.data) + sum(len(k) + len(v) for k, v in attributes.items())
    if size > MAX_MESSAGE_BYTES:
        msg = f"{event.id}: {size:,} bytes; a message has at most {MAX_MESSAGE_BYTES:,}"
        raise InvalidEvent(msg, reason_class="too_large")


def message_attributes(event: Envelope) -> dict[str, str]:
    """Return the attributes of the message that carries `event` in binary mode."""
    attributes = event.attributes()
    content_type = attributes.pop("datacontenttype", None)
    named = {PREFIX + name: value for name, value in attributes.items()}
    if content_type is not None:
        named[CONTENT_TYPE] = content_type
    return named


def encode_structured(event: Envelope) -> bytes:
    """Return `event` as one JSON document (CloudEvents JSON format), data in base64 or as JSON."""
    document: dict[str, object] = dict(event.attributes())
    if event.datacontenttype == "application/json":
        document["data"] = orjson.Fragment(event.data)
    else:
        document["data_base64"] = base64.b64encode(event.data).decode()
    return orjson.dumps(document)


def from_message(
    data: bytes,
    attributes: Mapping[str, str],
    *,
    message_id: str = "",
    publish_time: datetime | None = None,
    subscription: str = "",
    attempt: int | None = None,
) -> Delivery:
    """Return the delivery that a pulled message is.

    Raises:
        Unreadable: if it holds no CloudEvent; it keeps `data` and `attributes`.
    """
    try:
        event = _event(attributes, data)
    except InvalidEvent as reason:
        raise Unreadable(
            str(reason), attributes=attributes, data=data, message_id=message_id
        ) from None
    return Delivery(event, message_id, publish_time, subscription, attempt)


def from_push(headers: Mapping[str, str], body: bytes) -> Delivery:
    """Return the delivery that a push request is, wrapped or not.

    Args:
        headers: the request's headers, names in any case.
        body: the request's body.

    Raises:
        Unreadable: if it holds no CloudEvent; it keeps what came.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    if PREFIX + "id" in lower or lower.get(CONTENT_TYPE, "").startswith(STRUCTURED):
        return from_message(
            body,
            _event_headers(lower),
            message_id=lower.get(_METADATA + "message-id", ""),
            publish_time=_time(lower.get(_METADATA + "publish-time")),
            subscription=lower.get(_METADATA + "subscription-name", ""),
            attempt=_number(lower.get(_METADATA + "delivery-attempt")),
        )
    return _from_wrapped(lower, body)


def _from_wrapped(headers: Mapping[str, str], body: bytes) -> Delivery:
    try:
        request = orjson.loads(body)
        message = request["message"]
        data = base64.b64decode(message.get("data") or "", validate=True)
        attributes = message.get("attributes") or {}
        if not all(isinstance(value, str) for value in attributes.values()):
            raise TypeError
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, binascii.Error):
        reason = "neither ce-* headers nor a Pub/Sub push envelope"
        raise Unreadable(
            reason,
            attributes=_event_headers(headers),
            data=body,
            message_id=headers.get(_METADATA + "message-id", ""),
        ) from None
    return from_message(
        data,
        attributes,
        message_id=str(message.get("messageId") or message.get("message_id") or ""),
        publish_time=_time(message.get("publishTime") or message.get("publish_time")),
        subscription=str(request.get("subscription") or ""),
        attempt=_number(request.get("deliveryAttempt")),
    )


def _event(attributes: Mapping[str, str], data: bytes) -> Envelope:
    named: dict[str, str] = {}
    content_type = None
    for key, value in attributes.items():
        name = _name(key)
        if name == CONTENT_TYPE:
            content_type = value
        elif name:
            named[name] = value
    if content_type is not None:
        if content_type.startswith(STRUCTURED):
            return _structured(data)
        # The binding's text says `content-type`, its examples `ce-datacontenttype`: read both.
        named["datacontenttype"] = content_type
    return from_attributes(named, data)


@lru_cache(maxsize=1_000)
def _name(key: str) -> str | None:
    """Return the CloudEvents name of a message's attribute, `content-type`, or None.

    Remembered, since every message has the same ten.
    """
    name = key.lower()
    if not name.startswith(PREFIX):
        return name if name == CONTENT_TYPE else None
    bare = name.removeprefix(PREFIX)
    # Neither can be an attribute's name: it is refused as what it is.
    return name if bare in ("", CONTENT_TYPE) else bare


def _structured(data: bytes) -> Envelope:
    try:
        document = orjson.loads(data)
        encoded = document.pop("data_base64", None)
        json_data = orjson.dumps(document.pop("data")) if "data" in document else b""
        content = base64.b64decode(encoded, validate=True) if encoded else json_data
        attributes = {name: _canonical(v) for name, v in document.items() if v is not None}
    except (orjson.JSONDecodeError, AttributeError, TypeError, binascii.Error) as reason:
        msg = f"not a structured CloudEvent: {reason}"
        raise InvalidEvent(msg, reason_class="not_a_cloudevent") from None
    attributes.setdefault("datacontenttype", "application/json")
    return from_attributes(attributes, content)


def _canonical(value: object) -> str:
    """Return a CloudEvents attribute in its canonical text (booleans are lower-case)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise TypeError(f"attribute of type {type(value).__name__}")


def _event_headers(lower: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in lower.items() if k.startswith(PREFIX) or k == CONTENT_TYPE}


def _time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _number(value: object) -> int | None:
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None
