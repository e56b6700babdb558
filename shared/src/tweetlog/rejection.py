"""The dead letter: what was rejected, where and why, so that it can be redriven unchanged."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from tweetlog import events
from tweetlog.delivery import message_attributes
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent, Unreadable

# In base64 within a Pub/Sub message of 10 MB, and a BigQuery row that holds it.
MAX_DATA_BYTES = 6_000_000
# Enough of what is too large to recognise it by; its origin says where the whole is.
_KEPT_BYTES = 65_536
_MAX_REASON = 2_000
_MAX_ID = 200


@dataclass(frozen=True, slots=True)
class Rejected:
    """What was rejected: an id to know it by, and its attributes and bytes as they came."""

    id: str
    source: str
    type: str
    attributes: Mapping[str, str]
    data: bytes
    time: str | None = None
    subject: str | None = None


def rejected(
    event: Envelope, reason: InvalidEvent, *, stage: str, origin: Mapping[str, object] | None = None
) -> Envelope:
    """Return the event that `event` was rejected at `stage` for `reason`."""
    what = Rejected(
        event.id,
        event.source,
        event.type,
        message_attributes(event),
        event.data,
        time=event.time,
        subject=event.subject,
    )
    return _letter(what, reason, stage=stage, origin=origin)


def unreadable(reason: Unreadable, *, stage: str) -> Envelope:
    """Return the event that a delivery which is no event was rejected at `stage`."""
    identity = events.digest(
        reason.data, *(f"{k}={v}" for k, v in sorted(reason.attributes.items()))
    )
    what = Rejected(identity, "", "", reason.attributes, reason.data)
    return _letter(what, reason, stage=stage, origin=None)


def unparsed(
    data: bytes, reason: InvalidEvent, *, stage: str, origin: Mapping[str, object]
) -> Envelope:
    """Return the event that bytes from outside were rejected before they became an event.

    Args:
        data: the bytes as they came.
        reason: why they are no event.
        stage: the service that says so.
        origin: where the bytes are: file, line, item. Part of the id, so of the fact.
    """
    identity = events.digest(data, orjson.dumps(dict(origin), option=orjson.OPT_SORT_KEYS))
    return _letter(Rejected(identity, "", "", {}, data), reason, stage=stage, origin=origin)


def _letter(
    what: Rejected, reason: InvalidEvent, *, stage: str, origin: Mapping[str, object] | None
) -> Envelope:
    whole = len(what.data) <= MAX_DATA_BYTES
    data = what.data if whole else what.data[:_KEPT_BYTES]
    document = {
        "stage": stage,
        "reason_class": reason.reason_class,
        "reason": str(reason)[:_MAX_REASON].encode(errors="replace").decode(),
        "rejected_id": what.id,
        "rejected_source": what.source,
        "rejected_type": what.type,
        "origin": dict(origin or {}),
        "attributes": dict(what.attributes),
        "data_bytes": len(what.data),
        "data_complete": whole,
        "data_base64": base64.b64encode(data).decode(),
    }
    return Envelope(
        id=f"{_short(what.id)}-{stage}-{reason.reason_class}",
        source=f"//tweetlog/{stage}",
        type=events.REJECTED,
        data=orjson.dumps(document),
        time=what.time,
        subject=what.subject,
        dataschema=events.dataschema(events.REJECTED),
        extensions={"causationid": what.id},
    )


def _short(identity: str) -> str:
    """Keep an id that fits beside stage and reason; digest one that was made to be long."""
    return identity if len(identity) <= _MAX_ID else events.digest(identity)
