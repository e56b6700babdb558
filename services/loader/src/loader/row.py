"""Rows: what an event says about the warehouse's tables.

Pure: the moment of loading is passed in. A row's keys are the keys of the event's data; which of
them are columns is decided later, by the table itself (schema.py), so that a new field needs no
change here.
"""

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tweetlog import events
from tweetlog.delivery import Delivery
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent

TWEETS = "tweets"
GAPS = "gaps"
DELETIONS = "deletions"
VERDICTS = "verdicts"
#: In the order in which they are written: a tombstone is durable before what it deletes is gone.
TABLES = (DELETIONS, VERDICTS, GAPS, TWEETS)

UPSERT = "UPSERT"
DELETE = "DELETE"
CHANGE_TYPE = "_CHANGE_TYPE"
CHANGE_SEQUENCE = "_CHANGE_SEQUENCE_NUMBER"
RAW = "raw"

_TWEET_ID = re.compile(r"[0-9]{1,20}")
# Three sections, as events.sequence writes them; the first is not that of a tombstone.
_SEQUENCE = re.compile(r"0{0,15}[01]/[0-9A-F]{1,16}/[0-9A-F]{1,16}")
# The largest section that BigQuery takes: 16 hexadecimal digits.
_LARGEST = 0xFFFF_FFFF_FFFF_FFFF
# Far more than statements about one hole, and than any id; fits into a column and a section.
_MANY = (1 << 63) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Row:
    """One change of one table.

    Attributes:
        table: which table, by the name it has in the contract.
        values: what the columns are to hold, as JSON values and aware datetimes.
        sequence: decides between two changes of one key, whichever came first.
        change: `UPSERT` or `DELETE`.
        size: bytes of the event it comes from: what the row weighs at most, about.
    """

    table: str
    values: Mapping[str, Any]
    sequence: str
    change: str = UPSERT
    size: int = 0


def rows(delivery: Delivery, *, loaded_at: datetime, deletes: bool = True) -> tuple[Row, ...]:
    """Return the changes that follow from an event, in the order in which they are to be durable.

    Args:
        delivery: the event, and when it was published.
        loaded_at: the moment of loading.
        deletes: whether the table of tweets takes deletes; a table that is only appended to
            does not, and there the tombstone alone hides what it deletes.

    Raises:
        InvalidEvent: if the event can never be a row; class `unknown_type` for a type that the
            warehouse has no table for.
    """
    event = delivery.event
    make = _MAKERS.get(event.type)
    if make is None:
        msg = f"{event.id}: there is no table for events of type {event.type}"
        raise InvalidEvent(msg, reason_class="unknown_type")
    made = make(delivery, _fields(event), loaded_at)
    return made if deletes else tuple(row for row in made if row.change != DELETE)


def sequence(sections: str, loaded_at: datetime) -> str:
    """Return the sequence number of a change with these three sections, loaded at this moment.

    The fourth section is the complement of the moment, in microseconds: among changes that are
    otherwise equal the one loaded *first* has the largest number. Without it BigQuery lets the
    latest one win, and every redelivery or replay of the same version would rewrite the row's
    times and its replay id. With it they change nothing at all.
    """
    return f"{sections}/{_LARGEST - _micros(loaded_at):X}"


def _fields(event: Envelope) -> dict[str, Any]:
    fields = event.json()
    if not isinstance(fields, dict):
        msg = f"{event.id}: data is not a JSON object"
        raise InvalidEvent(msg, reason_class="not_an_object")
    return fields


def _tweet(delivery: Delivery, fields: dict[str, Any], loaded_at: datetime) -> tuple[Row, ...]:
    event = delivery.event
    _tweet_id(event, fields)
    sections = fields.pop(CHANGE_SEQUENCE, None)
    if not isinstance(sections, str) or not _SEQUENCE.fullmatch(sections):
        form = "rank (0 or 1, never a tombstone's), version, time"
        msg = f"{event.id}: {CHANGE_SEQUENCE} is {sections!r}, not {form}"
        raise InvalidEvent(msg, reason_class="invalid_sequence")
    if fields.pop(CHANGE_TYPE, UPSERT) != UPSERT:
        msg = f"{event.id}: {CHANGE_TYPE} is not {UPSERT}; only a tombstone deletes"
        raise InvalidEvent(msg, reason_class="invalid_change")
    # The raw payload stays in raw_events, whence everything can be derived again.
    fields.pop(RAW, None)
    fields["event_id"] = event.id
    fields["replay_id"] = event.extensions.get("replayid")
    fields["enriched_at"] = delivery.publish_time
    fields["loaded_at"] = loaded_at
    return (Row(TWEETS, fields, sequence(sections, loaded_at), size=len(event.data)),)


def _gap(delivery: Delivery, fields: dict[str, Any], loaded_at: datetime) -> tuple[Row, ...]:
    event = delivery.event
    end = _moment(event, fields, "to")
    fields["from_time"] = fields.pop("from", None)
    fields["to_time"] = fields.pop("to")
    # An event from before revisions has neither a subject nor a number.
    fields |= {"gap_id": event.subject or event.id, "event_id": event.id, "loaded_at": loaded_at}
    # Of two statements about one hole the later one knows more; then that with the later end.
    revision = _revision(event, fields)
    number = sequence(events.sequence(version=revision, observed=end), loaded_at)
    return (Row(GAPS, fields, number, size=len(event.data)),)


def _tombstone(delivery: Delivery, fields: dict[str, Any], loaded_at: datetime) -> tuple[Row, ...]:
    """Keep the tombstone first, for ever; then delete.

    Only its own three fields are kept: what else it might carry could be content.
    """
    event = delivery.event
    tweet_id = _tweet_id(event, fields)
    sections = events.sequence(
        version=0, observed=_moment(event, fields, "deleted_at"), tombstone=True
    )
    kept = {
        "tweet_id": tweet_id,
        "verdict": fields.get("verdict"),
        "deleted_at": fields["deleted_at"],
        "batch_id": event.extensions.get("batchid"),
        "event_id": event.id,
        "loaded_at": loaded_at,
    }
    size = len(event.data)
    # Of two verdicts of one moment, too, one and the same counts whichever came first.
    ranked = f"{sections}{zlib.crc32(str(kept['verdict']).encode()) & 0xFFFF:04X}"
    return (
        Row(DELETIONS, kept, sequence(ranked, loaded_at), size=size),
        # Not the complement but a constant: of equal deletes the latest wins, so a delete that is
        # sent again (after a replay) is remembered for another two days.
        Row(TWEETS, {"tweet_id": tweet_id}, f"{sections}/{_LARGEST:X}", DELETE, size),
    )


def _scrub(delivery: Delivery, fields: dict[str, Any], loaded_at: datetime) -> tuple[Row, ...]:
    """Keep that the position of a tweet is to be shown no more; the tweet itself stays."""
    tweet_id = _tweet_id(delivery.event, fields)
    about = {"verdict_id": f"scrub-tweet-{tweet_id}", "tweet_id": tweet_id, "effect": "scrub"}
    return _verdict(delivery, fields, about, loaded_at, up_to=0)


def _user(delivery: Delivery, fields: dict[str, Any], loaded_at: datetime) -> tuple[Row, ...]:
    """Keep a verdict over all posts of a user up to one of them; of two the further one counts."""
    event = delivery.event
    user_id = _tweet_id(event, fields, "user_id")
    up_to = min(int(_tweet_id(event, fields, "up_to_tweet_id")), _MANY)
    effect = "scrub" if event.type == events.USER_SCRUBBED else "delete"
    about = {
        "verdict_id": f"{effect}-user-{user_id}",
        "user_id": user_id,
        "effect": effect,
        "up_to_tweet_id": up_to,
    }
    return _verdict(delivery, fields, about, loaded_at, up_to=up_to)


def _verdict(
    delivery: Delivery,
    fields: Mapping[str, Any],
    about: Mapping[str, Any],
    loaded_at: datetime,
    *,
    up_to: int,
) -> tuple[Row, ...]:
    event = delivery.event
    name = "scrubbed_at" if "scrubbed_at" in fields else "deleted_at"
    decided_at = _moment(event, fields, name)
    kept = {
        **about,
        "verdict": fields.get("verdict"),
        "decided_at": fields[name],
        "batch_id": event.extensions.get("batchid"),
        "event_id": event.id,
        "loaded_at": loaded_at,
    }
    number = sequence(events.sequence(version=up_to, observed=decided_at), loaded_at)
    return (Row(VERDICTS, kept, number, size=len(event.data)),)


_Maker = Callable[[Delivery, dict[str, Any], datetime], tuple[Row, ...]]
_MAKERS: Mapping[str, _Maker] = {
    events.ENRICHED: _tweet,
    events.GAP: _gap,
    events.DELETED: _tombstone,
    events.SCRUBBED: _scrub,
    events.USER_DELETED: _user,
    events.USER_SCRUBBED: _user,
    # The event store is where it is kept; no table follows from it.
    events.PROMOTED: lambda _delivery, _fields, _loaded_at: (),
}


def _tweet_id(event: Envelope, fields: Mapping[str, Any], name: str = "tweet_id") -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not _TWEET_ID.fullmatch(value):
        msg = f"{event.id}: {name} is {value!r}, not a text of 1 to 20 digits"
        raise InvalidEvent(msg, reason_class=f"invalid_{name}")
    return value


def _revision(event: Envelope, fields: Mapping[str, Any]) -> int:
    revision = fields.get("revision", 0)
    if isinstance(revision, bool) or not isinstance(revision, int) or not 0 <= revision < _MANY:
        msg = f"{event.id}: revision is {revision!r}, not a whole number from 0"
        raise InvalidEvent(msg, reason_class="invalid_revision")
    return revision


def _moment(event: Envelope, fields: Mapping[str, Any], name: str) -> datetime:
    value = fields.get(name)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        msg = f"{event.id}: {name} is {value!r}, not an RFC 3339 time"
        raise InvalidEvent(msg, reason_class="invalid_time")
    return moment


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
