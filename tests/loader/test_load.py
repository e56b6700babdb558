"""The step: what is confirmed, what is set aside, what comes again, and in which order."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from builders import A_TWEET_ID, a_raw_tweet, a_tombstone
from enriched import LOADED, PUBLISHED, a_delivery, an_enriched_tweet, pulled
from loader.load import NotLoaded, receive, receive_all, receive_unreadable
from loader.outcome import CONFIRMED, Outcome, Postponed, Refused
from loader.row import DELETIONS, TABLES, TWEETS, Row
from tweetlog import events
from tweetlog.delivery import Delivery
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent, PublishFailed, Unreadable
from tweetlog.rejection import rejected
from tweetlog.subscription import Pulled
from tweetlog.topic import InMemoryTopic


class Ledger:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def good(self, delivery: Delivery, row: Row) -> None:
        self.told.append(f"good {delivery.event.id} {row.table}")

    def bad(self, reason_class: str) -> None:
        self.told.append(f"bad {reason_class}")

    def postponed(self, *, setup: bool) -> None:
        self.told.append(f"postponed {setup}")


class Table:
    """Takes rows; the outcomes are told to it beforehand."""

    def __init__(self, name: str, journal: list[str], outcomes: dict[str, Outcome]) -> None:
        self.name = name
        self.journal = journal
        self.outcomes = outcomes

    def load(self, row: Row) -> Outcome:
        self.journal.append(f"{row.change} {self.name}")
        return self.outcomes.get(self.name, CONFIRMED)

    def load_all(self, rows: Sequence[Row]) -> list[Outcome]:
        self.journal.append(f"{len(rows)} rows {self.name}")
        return [self.outcomes.get(str(row.values.get("tweet_id")), CONFIRMED) for row in rows]


class DeafTopic:
    """A topic that confirms nothing."""

    def publish(self, *_events: Envelope) -> None:
        raise PublishFailed("no answer")


NAMES = TABLES


def received(
    event: Envelope,
    outcomes: dict[str, Outcome] | None = None,
    *,
    dead: InMemoryTopic | None = None,
    ledger: Ledger | None = None,
) -> list[str]:
    """Receive one event and return the journal of what was written."""
    journal: list[str] = []
    tables = {name: Table(name, journal, outcomes or {}).load for name in NAMES}
    receive(
        a_delivery(event),
        tables=tables,
        dead_letters=dead if dead is not None else InMemoryTopic(),
        ledger=ledger or Ledger(),
        clock=lambda: LOADED,
    )
    return journal


def received_all(
    messages: Sequence[Pulled],
    outcomes: dict[str, Outcome] | None = None,
    *,
    journal: list[str] | None = None,
    dead: InMemoryTopic | DeafTopic | None = None,
) -> list[str]:
    """Receive a batch and return the ack ids."""
    journal = journal if journal is not None else []
    tables = {name: Table(name, journal, outcomes or {}).load_all for name in NAMES}
    return receive_all(
        messages,
        tables=tables,
        dead_letters=dead if dead is not None else InMemoryTopic(),
        ledger=Ledger(),
        clock=lambda: LOADED,
    )


def reasons(dead: InMemoryTopic) -> list[str]:
    return [json.loads(event.data)["reason_class"] for event in dead.events]


def test_a_tweet_is_written_and_acked() -> None:
    ledger = Ledger()

    assert received(an_enriched_tweet(), ledger=ledger) == ["UPSERT tweets"]
    assert ledger.told == [f"good {A_TWEET_ID}-v1 tweets"]


def test_a_tombstone_is_kept_before_it_deletes() -> None:
    assert received(a_tombstone()) == ["UPSERT deletions", "DELETE tweets"]


def test_a_tombstone_that_is_not_kept_deletes_nothing_yet() -> None:
    ledger = Ledger()

    with pytest.raises(NotLoaded, match="later"):
        received(a_tombstone(), {DELETIONS: Postponed("later")}, ledger=ledger)

    assert ledger.told == ["postponed False"]


def test_a_refused_row_is_dead_lettered_with_the_reason_and_acked() -> None:
    dead, ledger = InMemoryTopic(), Ledger()

    received(an_enriched_tweet(), {TWEETS: Refused("too old")}, dead=dead, ledger=ledger)

    letter = json.loads(dead.events[0].data)
    assert (letter["stage"], letter["reason"]) == ("loader", "too old")
    assert letter["rejected_id"] == f"{A_TWEET_ID}-v1"
    assert ledger.told == ["bad refused_by_bigquery"]


def test_what_may_succeed_later_is_neither_acked_nor_dead_lettered() -> None:
    dead = InMemoryTopic()

    with pytest.raises(NotLoaded):
        received(an_enriched_tweet(), {TWEETS: Postponed("no table", setup=True)}, dead=dead)

    assert dead.events == []


def test_an_unknown_type_goes_to_the_dead_letters() -> None:
    dead = InMemoryTopic()

    assert received(a_raw_tweet(), dead=dead) == []
    assert reasons(dead) == ["unknown_type"]


def test_a_rejection_that_strays_to_us_goes_to_the_dead_letters_as_it_is() -> None:
    dead = InMemoryTopic()
    stray = rejected(a_raw_tweet(), InvalidEvent("no text"), stage="enricher")

    received(stray, dead=dead)

    assert dead.events == [stray]


def test_a_delivery_is_not_acked_when_its_dead_letter_is_not_confirmed() -> None:
    with pytest.raises(PublishFailed):
        receive(a_delivery(a_raw_tweet()), tables={}, dead_letters=DeafTopic(), ledger=Ledger())


def test_a_delivery_that_is_no_event_is_kept_with_its_bytes() -> None:
    dead, ledger = InMemoryTopic(), Ledger()
    reason = Unreadable("not an event", attributes={}, data=b"\xff", message_id="7")

    receive_unreadable(reason, dead_letters=dead, ledger=ledger)

    assert json.loads(dead.events[0].data)["data_base64"] == "/w=="
    assert ledger.told == ["bad unreadable"]


# --- batches


def test_a_batch_is_one_append_for_each_table_tombstones_first() -> None:
    journal: list[str] = []
    tweets = [an_enriched_tweet(str(n)) for n in (1, 2, 3)]
    gap = events.gap(
        stream="s",
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2026, 1, 2, tzinfo=UTC),
        cause="stall",
        repair="search",
    )

    acks = received_all(pulled([*tweets, gap, a_tombstone()]), journal=journal)

    assert journal == ["1 rows deletions", "1 rows gaps", "4 rows tweets"]
    assert acks == [str(n) for n in range(5)]


def test_in_a_batch_each_message_has_its_own_fate() -> None:
    dead = InMemoryTopic()
    batch = pulled([*(an_enriched_tweet(str(n)) for n in (1, 2, 3)), a_raw_tweet("4")])

    acks = received_all(batch, {"1": Postponed("later"), "2": Refused("bad")}, dead=dead)

    assert acks == ["1", "2", "3"]
    assert sorted(reasons(dead)) == ["refused_by_bigquery", "unknown_type"]


def test_a_message_that_is_no_event_is_set_aside_and_the_others_go_on() -> None:
    dead = InMemoryTopic()
    junk = Pulled(b"junk", {}, message_id="9", publish_time=PUBLISHED, ack_id="ack-junk")

    acks = received_all([junk, *pulled([an_enriched_tweet()])], dead=dead)

    assert acks == ["ack-junk", "0"]
    assert reasons(dead) == ["unreadable"]


def test_a_message_is_not_acked_when_its_dead_letter_is_not_confirmed() -> None:
    acks = received_all(pulled([an_enriched_tweet(), a_raw_tweet()]), dead=DeafTopic())

    assert acks == ["0"]


@pytest.mark.parametrize("outcome", [Postponed("later"), Refused("bad")])
def test_in_a_batch_too_a_tombstone_that_is_not_kept_deletes_nothing_yet(outcome: Outcome) -> None:
    journal: list[str] = []
    tombstones = pulled([a_tombstone("1"), a_tombstone("2")])

    received_all(tombstones, {"1": outcome}, journal=journal)

    assert journal == ["2 rows deletions", "1 rows tweets"]


def test_a_batch_is_appended_before_it_is_acked() -> None:
    journal: list[str] = []

    acks = received_all(pulled([an_enriched_tweet("1"), an_enriched_tweet("2")]), journal=journal)
    journal.append(f"acked {len(acks)}")

    assert journal == ["2 rows tweets", "acked 2"]
