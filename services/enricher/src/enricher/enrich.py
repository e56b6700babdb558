"""Enrichment: what a raw tweet implies, made explicit.

Pure by contract (no clock, network or randomness), so replaying the raw topic rebuilds every
enriched event exactly. What is added is in `enrichments/`, one file each.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
import regex

from enricher import enrichments
from enricher.post import Post, read, string
from tweetlog import events
from tweetlog.delivery import MAX_MESSAGE_BYTES, encode
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent

ENRICHMENTS = enrichments.discovered()
SCHEMA_VERSION = 1
# Raised when this module or `post.py` changes what comes out; and, when an enrichment is
# removed, by its version, so that the sum never falls.
_CORE_VERSION = 1
ENRICHER_VERSION = _CORE_VERSION + sum(one.version for one in ENRICHMENTS)

_SURROGATE = regex.compile("[\ud800-\udfff]")
# What a message has room for beside the attributes of an event, which have far less than this.
_SURELY_FITS = MAX_MESSAGE_BYTES - 100_000


def enrich(raw: Envelope) -> Envelope:
    """Return the enriched event that follows from `raw`.

    Raises:
        InvalidEvent: if `raw` holds no post.
    """
    event = enrich_all([raw])[0]
    if isinstance(event, InvalidEvent):
        raise event
    return event


def enrich_all(raws: Sequence[Envelope]) -> list[Envelope | InvalidEvent]:
    """Return for each raw event what follows from it, or why nothing can: cheaper together."""
    posts = [_post(raw) for raw in raws]
    columns = iter(_columns([post for post in posts if isinstance(post, Post)]))
    return [
        _event(raw, post, next(columns)) if isinstance(post, Post) else post
        for raw, post in zip(raws, posts, strict=True)
    ]


def _post(raw: Envelope) -> Post | InvalidEvent:
    try:
        return read(_payload(raw))
    except InvalidEvent as reason:
        return reason


def _payload(raw: Envelope) -> object:
    try:
        return orjson.loads(raw.data)
    except orjson.JSONDecodeError:
        return _lenient(raw)


def _lenient(raw: Envelope) -> object:
    r"""Parse JSON in which half of a surrogate pair stands alone (`\ud83d`), as X sends it.

    No text can hold it, so it is read as U+FFFD: one code point too, so that positions hold.
    """
    try:
        text = json.dumps(json.loads(raw.data.decode()), ensure_ascii=False)
        return orjson.loads(_SURROGATE.sub("\ufffd", text))
    except (ValueError, RecursionError) as reason:
        msg = f"{raw.id}: data is not JSON: {reason}"
        raise InvalidEvent(msg, reason_class="not_json") from None


def _columns(posts: Sequence[Post]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [{} for _ in posts]
    for one in ENRICHMENTS:
        for row, columns in zip(rows, one.batch(posts), strict=True):
            row.update(columns)
    return rows


def _event(raw: Envelope, post: Post, columns: dict[str, object]) -> Envelope | InvalidEvent:
    received = _moment(raw.extensions.get("receivedtime"))
    created = _created(raw, post)
    row = {
        "tweet_id": post.id,
        "created_at": _text(created),
        "received_at": _text(received),
        "text": post.text,
        "partial": post.partial,
        **columns,
        "raw_event_id": raw.id,
        "enricher_version": ENRICHER_VERSION,
        "schema_version": SCHEMA_VERSION,
        "_CHANGE_TYPE": "UPSERT",
        "_CHANGE_SEQUENCE_NUMBER": events.sequence(
            version=ENRICHER_VERSION, observed=received or created
        ),
    }
    # Spliced, not parsed and written again: what X sent stays as X sent it.
    data = orjson.dumps(row)[:-1] + b',"raw":' + raw.data + b"}"
    event = events.enriched(raw, data, version=ENRICHER_VERSION)
    return event if len(data) < _SURELY_FITS else _if_it_fits(event)


def _if_it_fits(event: Envelope) -> Envelope | InvalidEvent:
    try:
        encode(event)
    except InvalidEvent as reason:
        return reason
    return event


def _created(raw: Envelope, post: Post) -> datetime | None:
    """Return when it was posted: by its id, else as X said, else as the event says."""
    said = string(post.tweet, "created_at")
    return events.created_at(post.id) or _moment(said) or _moment(raw.time)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _text(moment: datetime | None) -> str | None:
    return events.rfc3339(moment) if moment else None
