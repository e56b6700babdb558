"""Builders of enriched events and of their deliveries."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from builders import A_TWEET_ID, a_raw_tweet
from tweetlog import events
from tweetlog.delivery import Delivery, encode
from tweetlog.envelope import Envelope
from tweetlog.subscription import Pulled

PUBLISHED = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LOADED = datetime(2026, 1, 2, 3, 4, 6, 789012, tzinfo=UTC)
OBSERVED = datetime(2022, 11, 8, 15, 15, 15, 428000, tzinfo=UTC)


def an_enriched_tweet(
    tweet_id: str = A_TWEET_ID,
    *,
    version: int = 1,
    observed: datetime = OBSERVED,
    text: str = "hello",
    without: tuple[str, ...] = (),
    **more: Any,
) -> Envelope:
    """Return an enriched event; `more` goes beside its columns, `without` leaves some out."""
    data = {
        "tweet_id": tweet_id,
        "created_at": "2022-11-08T15:15:15.428Z",
        "text": text,
        "partial": False,
        "kind": "original",
        "language": "en",
        "language_source": "detector",
        "hashtags": [],
        "raw_event_id": tweet_id,
        "enricher_version": version,
        "schema_version": 1,
        "_CHANGE_TYPE": "UPSERT",
        "_CHANGE_SEQUENCE_NUMBER": events.sequence(version=version, observed=observed),
        **more,
        "raw": {"data": {"id": tweet_id, "text": text}},
    }
    kept = {name: value for name, value in data.items() if name not in without}
    return events.enriched(
        a_raw_tweet(tweet_id, text=text), json.dumps(kept).encode(), version=version
    )


def a_delivery(event: Envelope, *, published: datetime | None = PUBLISHED) -> Delivery:
    """Return one attempt to hand the event over."""
    return Delivery(event, message_id="1", publish_time=published)


def pulled(events: Sequence[Envelope]) -> list[Pulled]:
    """Return the events as a pull hands them over; each ack id is the event's place."""
    return [
        Pulled(*encode(event), message_id=str(n), publish_time=PUBLISHED, ack_id=str(n))
        for n, event in enumerate(events)
    ]
