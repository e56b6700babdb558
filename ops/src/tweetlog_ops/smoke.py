"""A real event through revisions that serve nobody yet, until it is in the table.

A topic of its own pushes to the candidates' own addresses: raw tweets to the enricher's, everything
else to the loader's. Of two made-up tweets one is sent as a raw event to the enricher, whose result
goes the live way, and one as an enriched event straight to the loader. At the end both are deleted.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import orjson

from tweetlog import events
from tweetlog.envelope import Envelope
from tweetlog_ops.errors import CommandError
from tweetlog_ops.message import Message, carrying
from tweetlog_ops.warehouse import Parameter, Rows

TOPIC = "tweets-smoke"
TEXT = "tweetlog smoke test"

_LOOK_SECONDS = 5.0
# Below every version of the enricher, so that this row gives way to any other.
_VERSION = 1
# A snowflake id is milliseconds and 22 bits that tell apart what is of the same one.
_BITS = 22

_ARRIVED = "SELECT tweet_id FROM v_tweets WHERE tweet_id IN UNNEST(@tweets)"
_REJECTED = """\
SELECT stage, reason FROM v_dead_letters
WHERE REGEXP_EXTRACT(rejected_id, '^[0-9]+') IN UNNEST(@tweets)
LIMIT 1
"""


class Asked(Protocol):
    """The warehouse, as far as it is asked here."""

    def query(self, sql: str, parameters: Mapping[str, Parameter]) -> Rows:
        """Return the answer to a query."""


#: Takes messages, and returns once the broker has them.
Publish = Callable[[Sequence[Message]], None]


@dataclass(frozen=True, slots=True)
class Probe:
    """A made-up tweet, whom it is to go through, and the event that is sent."""

    service: str
    tweet_id: str
    event: Envelope


@dataclass(frozen=True, slots=True)
class Arrived:
    """A probe that is in the table, and how long that took."""

    service: str
    tweet_id: str
    seconds: float


def probes(now: datetime) -> tuple[Probe, ...]:
    """Return the two events; their tweets are of this moment, and no others have their ids."""
    through_enricher, through_loader = _raw(now), _raw(now)
    return (
        Probe("enricher", through_enricher.id, through_enricher),
        Probe("loader", through_loader.id, _enriched(through_loader, now)),
    )


def smoke(
    warehouse: Asked,
    publish: Publish,
    *,
    seconds: float,
    now: datetime | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Arrived]:
    """Send both probes and yield each when it is in the table; then delete them, in any case.

    Args:
        warehouse: where they are to arrive.
        publish: sends them.
        seconds: how long they may take. BigQuery shows a change of the table at the latest
            after the table's `max_staleness`.
        now: the moment that the tweets are of.
        wait: waits between two looks.

    Raises:
        CommandError: if one is rejected, with the reason, or does not arrive in time.
    """
    sent = probes(now or datetime.now(UTC))
    publish([carrying(one.event, TOPIC) for one in sent])
    try:
        yield from _arrivals(warehouse, sent, seconds=seconds, wait=wait)
    finally:
        publish([carrying(_tombstone(one), TOPIC) for one in sent])


def _arrivals(
    warehouse: Asked, sent: Sequence[Probe], *, seconds: float, wait: Callable[[float], None]
) -> Iterator[Arrived]:
    began = time.monotonic()
    missing = {one.tweet_id: one for one in sent}
    while True:
        parameters: dict[str, Parameter] = {"tweets": list(missing)}
        passed = time.monotonic() - began
        for row in warehouse.query(_ARRIVED, parameters).rows:
            one = missing.pop(row[0])
            yield Arrived(one.service, one.tweet_id, passed)
        if not missing:
            return
        for stage, reason in warehouse.query(_REJECTED, parameters).rows:
            raise CommandError(f"rejected ({stage}): {reason}")
        if passed >= seconds:
            late = ", ".join(
                f"{one.tweet_id} through the {one.service}" for one in missing.values()
            )
            raise CommandError(f"not in the table after {seconds:.0f} s: {late}")
        wait(_LOOK_SECONDS)


def _raw(now: datetime) -> Envelope:
    tweet_id = str(events.first_id(now) | secrets.randbits(_BITS))
    payload = {"data": {"id": tweet_id, "text": TEXT}}
    return events.received(tweet_id, orjson.dumps(payload), receivedtime=events.rfc3339(now))


def _enriched(raw: Envelope, now: datetime) -> Envelope:
    row = {
        "tweet_id": raw.id,
        "created_at": raw.time,
        "received_at": events.rfc3339(now),
        "text": TEXT,
        "raw_event_id": raw.id,
        "enricher_version": _VERSION,
        "schema_version": 1,
        "_CHANGE_TYPE": "UPSERT",
        "_CHANGE_SEQUENCE_NUMBER": events.sequence(version=_VERSION, observed=now),
    }
    return events.enriched(raw, orjson.dumps(row), version=_VERSION)


def _tombstone(one: Probe) -> Envelope:
    return events.deleted(one.tweet_id, verdict="deleted", time=one.event.time or "")
