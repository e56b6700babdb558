"""The step: what is done with one delivery or with a batch, and all the policy on failure."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from enricher.enrich import enrich_all
from tweetlog import events, logs, rejection
from tweetlog.delivery import Delivery
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent, Unreadable
from tweetlog.topic import Topic

if TYPE_CHECKING:
    from tweetlog.spans import Tracer

STAGE = "enrich"
# Facts that need no enrichment: they go on to the warehouse as they are.
PASSED_ON = frozenset(events.types()) - {events.RECEIVED, events.ENRICHED}

log = logging.getLogger(__name__)


class Step(Protocol):
    """What is done with a batch: returns to ack all of it, raises to nack all of it."""

    def __call__(
        self,
        deliveries: Sequence[Delivery | Unreadable],
        /,
        *,
        enriched: Topic,
        dead_letters: Topic,
    ) -> None:
        """Do it."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What follows from a delivery: events to pass on, and dead letters."""

    enriched: Sequence[Envelope]
    dead_letters: Sequence[Envelope]


def receive(raw: Envelope, *, enriched: Topic, dead_letters: Topic) -> None:
    """Return to ack the delivery; raise to nack it, so that it comes again.

    Raises:
        PublishFailed: if the broker did not confirm what follows from `raw`.
    """
    receive_all([Delivery(raw)], enriched=enriched, dead_letters=dead_letters)


def receive_all(
    deliveries: Sequence[Delivery | Unreadable], *, enriched: Topic, dead_letters: Topic
) -> None:
    """Return to ack all the deliveries; raise to nack them all.

    Raises:
        PublishFailed: if the broker did not confirm all that follows from them.
    """
    followed = follow(deliveries)
    if followed.dead_letters:
        dead_letters.publish(*followed.dead_letters)
    if followed.enriched:
        enriched.publish(*followed.enriched)


def traced(step: Step, tracer: "Tracer") -> Step:
    """Return the same step that leaves a span of each event, and marks what follows from it."""

    def receive_traced(
        deliveries: Sequence[Delivery | Unreadable], /, *, enriched: Topic, dead_letters: Topic
    ) -> None:
        events = [one.event.attributes() for one in deliveries if isinstance(one, Delivery)]
        with tracer.handling("enrich", events) as handled:
            # Dead letters hold what was rejected as it came, so nothing in them is marked.
            following = tracer.following(enriched, handled)
            step(deliveries, enriched=following, dead_letters=dead_letters)

    return receive_traced


def follow(deliveries: Sequence[Delivery | Unreadable]) -> Followed:
    """Return the events that follow from deliveries, those to enrich taken together."""
    unreadable = [one for one in deliveries if isinstance(one, Unreadable)]
    came = [one.event for one in deliveries if isinstance(one, Delivery)]
    raws = [event for event in came if event.type == events.RECEIVED]
    outcomes = list(zip(raws, enrich_all(raws), strict=True))
    outcomes += [(event, _other(event)) for event in came if event.type != events.RECEIVED]
    good = [event for _, event in outcomes if isinstance(event, Envelope)]
    bad = [_rejected(raw, why) for raw, why in outcomes if isinstance(why, InvalidEvent)]
    return Followed(good, bad + [_unreadable(reason) for reason in unreadable])


def _other(event: Envelope) -> Envelope | InvalidEvent:
    if event.type in PASSED_ON:
        return event
    return InvalidEvent(f"{event.type} is not enriched here", reason_class="unknown_type")


def _rejected(raw: Envelope, reason: InvalidEvent) -> Envelope:
    with logs.about(raw):
        log.warning("rejected: %s", reason)
    return rejection.rejected(raw, reason, stage=STAGE)


def _unreadable(reason: Unreadable) -> Envelope:
    log.warning("rejected message %s: %s", reason.message_id or "without id", reason)
    return rejection.unreadable(reason, stage=STAGE)
