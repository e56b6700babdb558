"""Enrichment: what a raw tweet implies, made explicit.

Pure by contract (no clock, network or randomness), so replaying the raw topic rebuilds every
enriched event exactly. What is added is in `enrichments/`, one file each.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from enricher import enrichments
from enricher.post import Post, read, string
from tweetlog import events
from tweetlog.delivery import check_size
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent

ENRICHMENTS = enrichments.discovered()
_SINGLY = [one.single for one in ENRICHMENTS if one.batch is None]
_TOGETHER = [one.batch for one in ENRICHMENTS if one.batch]
SCHEMA_VERSION = 1
# Raised when this module or `post.py` changes what comes out; and, when an enrichment is
# removed, by its version, so that the sum never falls.
CORE_VERSION = 1
# It only rises: a row of a higher version overwrites one of a lower. Even where all is complete,
# one less where it is not, since the same version must mean the same bytes.
ENRICHER_VERSION = 2 * (CORE_VERSION + sum(one.version for one in ENRICHMENTS)) - (
    0 if all(one.complete for one in ENRICHMENTS) else 1
)


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
    drafts = [_draft(raw) for raw in raws]
    _complete([draft for draft in drafts if isinstance(draft, _Draft)])
    return [_event(draft) if isinstance(draft, _Draft) else draft for draft in drafts]


class _Draft(NamedTuple):
    """An enriched event in the making; its columns come one enrichment after the other."""

    raw: Envelope
    post: Post
    columns: dict[str, object]


def _draft(raw: Envelope) -> _Draft | InvalidEvent:
    try:
        post = read(raw.json())
    except InvalidEvent as reason:
        return reason.bare()
    columns: dict[str, object] = {}
    for single in _SINGLY:
        columns |= single(post)
    return _Draft(raw, post, columns)


def _complete(drafts: Sequence[_Draft]) -> None:
    posts = [draft.post for draft in drafts]
    for batch in _TOGETHER:
        for draft, columns in zip(drafts, batch(posts), strict=True):
            draft.columns.update(columns)


def _event(draft: _Draft) -> Envelope | InvalidEvent:
    raw, post = draft.raw, draft.post
    received = _moment(raw.extensions.get("receivedtime"))
    created = _created(raw, post)
    row = {
        "tweet_id": post.id,
        "created_at": _text(created),
        "received_at": _text(received),
        "text": post.text,
        "partial": post.partial,
        **draft.columns,
        "raw_event_id": raw.id,
        "enricher_version": ENRICHER_VERSION,
        "schema_version": SCHEMA_VERSION,
        "_CHANGE_TYPE": "UPSERT",
        "_CHANGE_SEQUENCE_NUMBER": events.sequence(
            version=ENRICHER_VERSION,
            observed=received or created,
            scrubbed=events.MARK in raw.extensions,
        ),
    }
    # Spliced, not parsed and written again: what X sent stays as X sent it.
    data = orjson.dumps(row)[:-1] + b',"raw":' + raw.data + b"}"
    event = events.enriched(raw, data, version=ENRICHER_VERSION)
    try:
        check_size(event)
    except InvalidEvent as reason:
        return reason.bare()
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
