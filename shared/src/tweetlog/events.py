"""The events of tweetlog: their types, sources, ids and times.

Ids and times follow from the fact alone, never from a clock or a counter, so that the same
fact gives the same event however often and by whichever way it reaches us.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import orjson

from tweetlog.envelope import Envelope

RECEIVED = "tweetlog.tweet.received.v1"
ENRICHED = "tweetlog.tweet.enriched.v1"
DELETED = "tweetlog.tweet.deleted.v1"
SCRUBBED = "tweetlog.tweet.scrubbed.v1"
USER_DELETED = "tweetlog.user.deleted.v1"
USER_SCRUBBED = "tweetlog.user.scrubbed.v1"
GAP = "tweetlog.stream.gap.v1"
REJECTED = "tweetlog.event.rejected.v1"
REDRIVEN = "tweetlog.deadletter.redriven.v1"
DISCARDED = "tweetlog.deadletter.discarded.v1"
PROMOTED = "tweetlog.table.promoted.v1"

#: Where a tweet comes from, whether by stream, search or file.
TWEETS = "//api.x.com/2/tweets"
ENRICHER = "//tweetlog/enricher"
INGESTOR = "//tweetlog/ingestor"
COMPLIANCE = "//api.x.com/2/compliance"
OPERATOR = "//tweetlog/operator"

#: The extension of a raw event out of which something was scrubbed; its value says what: `geo`.
MARK = "scrubbed"
#: The verdict that takes the position away and leaves the rest.
SCRUB_GEO = "scrub_geo"

# Snowflake ids count milliseconds from here in their upper bits; X issues them since
# 2010-11-04, and every id before that is smaller than the first (X developer docs, "Twitter IDs").
_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657000, tzinfo=UTC)
_FIRST_SNOWFLAKE = 29_700_859_247
# Numbers in two and three digits: a time is put together from them in a third of the time that
# `isoformat` takes, several times for every tweet.
_TWO = tuple(f"{number:02d}" for number in range(100))
_THREE = tuple(f"{number:03d}" for number in range(1_000))


@cache
def dataschema(event_type: str) -> str:
    """Return the URI that names the JSON Schema of an event type's data."""
    return "urn:" + event_type.replace(".", ":", 1)


def created_at(tweet_id: str) -> datetime | None:
    """Return when a tweet was created, or None for an id older than snowflake ids."""
    number = int(tweet_id)
    if number < _FIRST_SNOWFLAKE:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=number >> 22)
    except OverflowError:
        return None


def first_id(moment: datetime) -> int:
    """Return the smallest id that a tweet created at `moment` or later can have."""
    return max(0, (moment - _EPOCH) // timedelta(milliseconds=1)) << 22


def last_id(moment: datetime) -> int:
    """Return the largest id that a tweet created at `moment` or earlier can have."""
    return max(0, first_id(moment + timedelta(milliseconds=1)) - 1)


def rfc3339(moment: datetime) -> str:
    """Return a moment as X writes it: UTC, milliseconds, `Z`."""
    there = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    year = _TWO[there.year // 100] + _TWO[there.year % 100]
    date = f"{year}-{_TWO[there.month]}-{_TWO[there.day]}"
    time = f"{_TWO[there.hour]}:{_TWO[there.minute]}:{_TWO[there.second]}"
    return f"{date}T{time}.{_THREE[there.microsecond // 1_000]}Z"


def received(
    tweet_id: str, payload: bytes, *, time: str | None = None, receivedtime: str | None = None
) -> Envelope:
    """Return the event that a tweet was received.

    Args:
        tweet_id: X's id, decimal digits.
        payload: the X v2 payload as it came: `data`, `includes`, `matching_rules`.
        time: its creation, for an id that does not tell (before November 2010).
        receivedtime: when it was observed, if that is known for ever (an archive says so).
    """
    created = created_at(tweet_id)
    return Envelope(
        id=tweet_id,
        source=TWEETS,
        type=RECEIVED,
        data=payload,
        time=rfc3339(created) if created else time,
        subject=tweet_id,
        dataschema=dataschema(RECEIVED),
        extensions={"receivedtime": receivedtime} if receivedtime else {},
    )


def enriched(raw: Envelope, data: bytes, *, version: int) -> Envelope:
    """Return the event that follows from `raw` under this version of the enricher.

    A raw event out of which content was scrubbed is another fact than it was before, with other
    bytes: so is what follows from it.
    """
    scrubbed = f"-{MARK}" if MARK in raw.extensions else ""
    return raw.derive(
        id=f"{raw.id}-v{version}{scrubbed}",
        source=ENRICHER,
        type=ENRICHED,
        data=data,
        dataschema=dataschema(ENRICHED),
    )


def deleted(tweet_id: str, *, verdict: str, time: str, batch: str | None = None) -> Envelope:
    """Return the tombstone of a tweet: ids, verdict and when, no content.

    Args:
        tweet_id: X's id of what is gone.
        verdict: what X said of it: `deleted`, `withheld`, `protected`, `suspended`, ...
        time: when it was deleted, RFC 3339.
        batch: what asked for it, where that is to be found again.
    """
    data = {"tweet_id": tweet_id, "verdict": verdict, "deleted_at": time}
    id = f"{tweet_id}-{verdict}"
    return _tombstone(DELETED, id=id, subject=tweet_id, time=time, data=data, batch=batch)


def scrubbed(tweet_id: str, *, time: str, batch: str | None = None) -> Envelope:
    """Return the event that the position of a tweet was taken away; the tweet stays.

    Args: as for `deleted`.
    """
    data = {"tweet_id": tweet_id, "verdict": SCRUB_GEO, "scrubbed_at": time}
    id = f"{tweet_id}-{SCRUB_GEO}"
    return _tombstone(SCRUBBED, id=id, subject=tweet_id, time=time, data=data, batch=batch)


def user_judged(
    user_id: str, *, verdict: str, up_to: int, time: str, batch: str | None = None
) -> Envelope:
    """Return the tombstone over all posts of a user up to one of them; for `scrub_geo` the like.

    Args:
        user_id: X's id of the user.
        verdict: as for `deleted`, or `scrub_geo`.
        up_to: the largest id of a tweet that it is about.
        time: when X said so, RFC 3339.
        batch: as for `deleted`.
    """
    scrubs = verdict == SCRUB_GEO
    when = "scrubbed_at" if scrubs else "deleted_at"
    data = {"user_id": user_id, "verdict": verdict, "up_to_tweet_id": str(up_to), when: time}
    id = f"user-{user_id}-{verdict}-{up_to}"
    kind = USER_SCRUBBED if scrubs else USER_DELETED
    return _tombstone(kind, id=id, subject=user_id, time=time, data=data, batch=batch)


def _tombstone(
    event_type: str,
    *,
    id: str,
    subject: str,
    time: str,
    data: Mapping[str, str],
    batch: str | None,
) -> Envelope:
    return Envelope(
        id=id,
        source=COMPLIANCE,
        type=event_type,
        data=orjson.dumps(data),
        time=time,
        subject=subject,
        dataschema=dataschema(event_type),
        extensions={"batchid": batch} if batch else {},
    )


def gap(
    *,
    stream: str,
    start: datetime,
    end: datetime,
    cause: str,
    repair: str,
    revision: int = 0,
    complete: bool = False,
    **more: Any,
) -> Envelope:
    """Return the event that a stream was not heard from `start` to `end`.

    What is known of a hole grows: it ends, it is repaired. Each statement is an event of its
    own, and of two about one hole (the same subject) that with the higher revision counts.

    Args:
        stream: which stream, a short name.
        start: the last moment up to which everything that came is kept.
        end: the first moment with proof that we were listening again; the moment of this
            statement while the hole is open.
        cause: why: `disconnect`, `stall`, `rate_limit`, `shutdown`, ...
        repair: `open`, `pending`, or how it was repaired: `backfill`, `search`, `none`.
        revision: 0, 1, ... of the statements about this hole.
        complete: whether all that it may have hidden was provably read after all.
        more: what else is known of it, see the schema.
    """
    source = f"{INGESTOR}/{stream}"
    begin = rfc3339(start)
    gap_id = f"gap-{digest(source, begin)}"
    data = {
        "stream": stream,
        "from": begin,
        "to": rfc3339(end),
        "cause": cause,
        "repair": repair,
        "revision": revision,
        "complete": complete,
        **more,
    }
    return Envelope(
        id=f"{gap_id}-r{revision}",
        source=source,
        type=GAP,
        data=orjson.dumps(data),
        time=begin,
        subject=gap_id,
        dataschema=dataschema(GAP),
    )


def promoted(table: str, *, before: str, since: datetime, rollback: bool) -> Envelope:
    """Return the event that another table of tweets is shown from now on.

    Args:
        table: the table that the views read.
        before: the table that they read before.
        since: since when, to the millisecond: it is part of the id.
        rollback: whether it was shown earlier, and the other one is taken back.
    """
    time = rfc3339(since)
    data = {"table": table, "before": before, "promoted_at": time, "rollback": rollback}
    return Envelope(
        id=f"promoted-{table}-{time}",
        source=OPERATOR,
        type=PROMOTED,
        data=orjson.dumps(data),
        time=time,
        subject=table,
        dataschema=dataschema(PROMOTED),
    )


def digest(*parts: str | bytes) -> str:
    """Return 128 bits of SHA-256 over the parts, in hexadecimal: an id for what has none."""
    sha = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        sha.update(len(raw).to_bytes(8, "big") + raw)
    return sha.hexdigest()[:32]


def sequence(
    *,
    version: int,
    observed: datetime | None,
    tombstone: bool = False,
    scrubbed: bool = False,
) -> str:
    """Return the number that decides between two changes of one row, whichever came first.

    Sections, compared in turn: tombstone, then scrubbed, then neither; enricher version; time
    observed in milliseconds. BigQuery: one to four sections of at most 16 hexadecimal digits.
    """
    rank = "F" * 16 if tombstone else str(int(scrubbed))
    millis = int(observed.timestamp() * 1000) if observed else 0
    return f"{rank}/{version:X}/{max(millis, 0):X}"


def types() -> Mapping[str, str]:
    """Return every event type with the URI of its schema."""
    every = (
        RECEIVED,
        ENRICHED,
        DELETED,
        SCRUBBED,
        USER_DELETED,
        USER_SCRUBBED,
        GAP,
        REJECTED,
        REDRIVEN,
        DISCARDED,
        PROMOTED,
    )
    return {one: dataschema(one) for one in every}
