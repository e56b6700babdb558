"""The step: what is acknowledged, what is dead-lettered, what is passed on."""

from typing import Any

import pytest

from builders import a_raw_tweet, a_tombstone
from enricher.receive import follow, receive
from tweetlog import events
from tweetlog.delivery import Delivery
from tweetlog.envelope import Envelope
from tweetlog.errors import PublishFailed, Unreadable
from tweetlog.topic import InMemoryTopic


class FailingTopic:
    """A topic whose broker never answers."""

    def publish(self, *_: Envelope) -> None:
        """Fail."""
        raise PublishFailed("no answer")


def received(raw: Envelope) -> tuple[list[Envelope], list[Envelope]]:
    enriched, dead_letters = InMemoryTopic(), InMemoryTopic()
    receive(raw, enriched=enriched, dead_letters=dead_letters)
    return enriched.events, dead_letters.events


def a_raw_event(**changes: Any) -> Envelope:
    given = {"id": "1", "source": "//elsewhere", "type": events.RECEIVED, "data": b"{}"}
    return Envelope(**{**given, **changes})


def test_a_tweet_is_enriched() -> None:
    enriched, dead_letters = received(a_raw_tweet(text="#Hello"))

    assert [event.type for event in enriched] == [events.ENRICHED]
    assert dead_letters == []


def test_what_is_no_tweet_is_dead_lettered_and_acked() -> None:
    enriched, dead_letters = received(a_raw_event(data=b'{"data": {"id": "1"}}'))

    assert enriched == []
    assert dead_letters[0].json()["reason_class"] == "not_a_tweet"


def test_an_event_of_unknown_type_is_dead_lettered() -> None:
    enriched, dead_letters = received(a_raw_event(type="com.example.other"))

    assert enriched == []
    assert dead_letters[0].json()["reason_class"] == "unknown_type"


@pytest.mark.parametrize(
    "kind",
    [
        events.DELETED,
        events.SCRUBBED,
        events.USER_DELETED,
        events.USER_SCRUBBED,
        events.GAP,
        events.REJECTED,
    ],
)
def test_what_needs_no_enrichment_passes_through_unchanged(kind: str) -> None:
    event = a_raw_event(type=kind, data=b"as it came", extensions={"replayid": "r1"})

    assert received(event) == ([event], [])


def test_a_failed_publish_nacks() -> None:
    with pytest.raises(PublishFailed):
        receive(a_raw_tweet(), enriched=FailingTopic(), dead_letters=InMemoryTopic())


def test_a_dead_letter_that_cannot_be_published_nacks() -> None:
    with pytest.raises(PublishFailed):
        receive(a_raw_event(), enriched=InMemoryTopic(), dead_letters=FailingTopic())


def test_a_dead_letter_keeps_what_came_so_that_it_can_be_redriven() -> None:
    _, dead_letters = received(a_raw_event(data=b"not json"))
    letter = dead_letters[0].json()

    assert letter["data_base64"] == "bm90IGpzb24="
    assert letter["attributes"]["ce-source"] == "//elsewhere"
    assert letter["stage"] == "enrich"


def test_one_bad_delivery_does_not_hold_up_its_batch() -> None:
    unreadable = Unreadable("no event", attributes={"a": "b"}, data=b"?")
    batch: list[Delivery | Unreadable] = [
        Delivery(a_raw_tweet("1")),
        unreadable,
        Delivery(a_raw_event()),
        Delivery(a_tombstone()),
    ]

    followed = follow(batch)

    assert [event.type for event in followed.enriched] == [events.ENRICHED, events.DELETED]
    assert [letter.json()["reason_class"] for letter in followed.dead_letters] == [
        "not_a_tweet",
        "unreadable",
    ]
