"""Builders of what tests are about: `a_raw_tweet()` is valid, and each argument is what matters."""

import json
from typing import Any

from tweetlog import events
from tweetlog.envelope import Envelope

A_TWEET_ID = "1590000000000000000"  # created 2022-11-08T15:15:15.428Z


def a_payload(tweet_id: str = A_TWEET_ID, *, text: str = "hello", **more: Any) -> dict[str, Any]:
    """Return the smallest X v2 payload; `more` goes beside id and text."""
    return {"data": {"id": tweet_id, "text": text, **more}}


def a_raw_tweet(tweet_id: str = A_TWEET_ID, *, text: str = "hello", **more: Any) -> Envelope:
    """Return the event that this tweet was received."""
    payload = a_payload(tweet_id, text=text, **more)
    return events.received(tweet_id, json.dumps(payload).encode())


def a_tombstone(tweet_id: str = A_TWEET_ID, *, verdict: str = "deleted") -> Envelope:
    """Return the event that this tweet was deleted."""
    return events.deleted(tweet_id, verdict=verdict, time="2026-01-31T12:00:00.000Z")


def a_scrub(tweet_id: str = A_TWEET_ID) -> Envelope:
    """Return the event that this tweet's position was taken away."""
    return events.scrubbed(tweet_id, time="2026-01-31T12:00:00.000Z")


def a_user_verdict(
    user_id: str = "7", *, verdict: str = "protected", up_to: int = int(A_TWEET_ID)
) -> Envelope:
    """Return the event that all posts of this user up to one of them are gone, or scrubbed."""
    return events.user_judged(
        user_id, verdict=verdict, up_to=up_to, time="2026-01-31T12:00:00.000Z"
    )
