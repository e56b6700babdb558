"""A message as the HTTP request that pushes it: wrapped in JSON, or unwrapped into headers.

Pure. Header names and values are bytes, ready to send.
"""

import re
from base64 import b64encode
from typing import Any

import orjson

from tweetlog_local.pubsub.api import Proto

ACKS = frozenset({102, 200, 201, 202, 204})  # documented success codes of push
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, a header's name
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
METADATA_PREFIX = b"x-goog-pubsub-"
NOT_OURS_TO_SEND = frozenset(
    # they speak of the connection or the request's framing, or would claim an identity
    b"host content-length transfer-encoding connection keep-alive te trailer upgrade expect "
    b"proxy-connection proxy-authenticate proxy-authorization authorization user-agent".split()
)

Headers = list[tuple[bytes, bytes]]


def request(subscription: Proto, message: Proto, attempt: int) -> tuple[Headers, bytes]:
    """The headers (without those of the connection) and the body of one push.

    `attempt` counts deliveries from 1; it is told only where a dead-letter policy is, as in
    production.
    """
    push = subscription.push_config
    if push.WhichOneof("wrapper") != "no_wrapper":
        return [(b"content-type", b"application/json")], envelope(subscription, message, attempt)
    if push.no_wrapper.write_metadata:
        return unwrapped_headers(subscription.name, message), message.data
    return [], message.data


def envelope(subscription: Proto, message: Proto, attempt: int) -> bytes:
    """The JSON body of a wrapped push."""
    published = message.publish_time.ToJsonString()
    inner: dict[str, Any] = {
        "data": b64encode(message.data).decode(),
        "attributes": dict(message.attributes),
        "messageId": message.message_id,
        "message_id": message.message_id,
        "publishTime": published,
        "publish_time": published,
    }
    if message.ordering_key:
        inner["orderingKey"] = message.ordering_key
    outer: dict[str, Any] = {"message": inner, "subscription": subscription.name}
    if subscription.HasField("dead_letter_policy"):
        outer["deliveryAttempt"] = attempt
    return orjson.dumps(outer)


def unwrapped_headers(subscription: str, message: Proto) -> Headers:
    """Every attribute as a header of its name, and the message's metadata.

    Left out: names that are no header names, that HTTP itself uses, or that come twice when
    case is ignored. Line breaks and other control characters in a value become spaces.
    """
    headers: dict[bytes, bytes] = {}
    for key, value in message.attributes.items():
        name = key.lower().encode()
        if _may_be_sent(name) and name not in headers:
            headers[name] = CONTROL.sub(b" ", value.encode()).strip()
    headers[METADATA_PREFIX + b"subscription-name"] = subscription.encode()
    headers[METADATA_PREFIX + b"message-id"] = message.message_id.encode()
    headers[METADATA_PREFIX + b"publish-time"] = message.publish_time.ToJsonString().encode()
    if message.ordering_key:
        headers[METADATA_PREFIX + b"ordering-key"] = CONTROL.sub(
            b" ", message.ordering_key.encode()
        )
    return list(headers.items())


def _may_be_sent(name: bytes) -> bool:
    if name in NOT_OURS_TO_SEND or name.startswith(METADATA_PREFIX):
        return False
    return TOKEN.fullmatch(name) is not None
