"""The promise in its purest form: the services' own code, without a process between them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import A_TWEET_ID, a_raw_tweet, a_tombstone
from enricher.enrich import enrich
from loader.row import DELETE, TWEETS, rows
from tweetlog import events
from tweetlog.delivery import Delivery
from tweetlog.envelope import Envelope

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class InMemoryTable:
    """A table that applies BigQuery's rule: the change with the larger sequence number wins."""

    def __init__(self) -> None:
        self._sequences: dict[str, tuple[int, ...]] = {}
        self.rows: dict[str, Any] = {}

    def change(self, key: str, sequence: str, values: Any) -> None:
        number = tuple(int(section, 16) for section in sequence.split("/"))
        if number < self._sequences.get(key, ()):
            return
        self._sequences[key] = number
        self.rows[key] = values


def run_pipeline(raw: Iterable[Envelope], table: InMemoryTable, *, at: datetime = NOON) -> None:
    """Enrich and load events, each a moment after the one before."""
    for nth, event in enumerate(raw):
        enriched = enrich(event) if event.type == events.RECEIVED else event
        delivery = Delivery(enriched, publish_time=at)
        for row in rows(delivery, loaded_at=at + timedelta(microseconds=nth)):
            if row.table == TWEETS:
                values = None if row.change == DELETE else dict(row.values)
                table.change(row.values["tweet_id"], row.sequence, values)


def test_a_replay_changes_nothing() -> None:
    raw = [a_raw_tweet("1", text="#a"), a_raw_tweet("2", text="#b"), a_raw_tweet("3")]
    table = InMemoryTable()

    run_pipeline(raw, table)
    before = dict(table.rows)
    run_pipeline([*reversed(raw), *raw], table, at=NOON + timedelta(days=1))

    assert table.rows == before
    assert len(before) == 3


def test_a_deleted_tweet_stays_deleted_through_every_replay() -> None:
    table = InMemoryTable()

    run_pipeline([a_raw_tweet(), a_tombstone(), a_raw_tweet()], table)
    run_pipeline([a_raw_tweet()], table, at=NOON + timedelta(days=400))

    assert table.rows == {A_TWEET_ID: None}


def test_the_later_observation_of_a_tweet_wins_in_any_order() -> None:
    early = a_raw_tweet(text="before").extended(receivedtime="2026-01-01T00:00:00Z")
    late = a_raw_tweet(text="after").extended(receivedtime="2026-01-02T00:00:00Z")

    for order in ([early, late], [late, early]):
        table = InMemoryTable()
        run_pipeline(order, table)

        assert table.rows[A_TWEET_ID]["text"] == "after"


FACTS = (
    a_raw_tweet("1", text="#a").extended(receivedtime="2026-01-01T00:00:00Z"),
    a_raw_tweet("1", text="#b").extended(receivedtime="2026-01-02T00:00:00Z"),
    a_raw_tweet("2", text="二"),
    a_tombstone("2"),
    a_raw_tweet("3"),
)


@given(st.permutations([*FACTS, *FACTS]))
@settings(max_examples=50)
def test_any_order_of_any_duplicates_gives_the_same_tweets(order: list[Envelope]) -> None:
    table, expected = InMemoryTable(), InMemoryTable()
    run_pipeline(FACTS, expected)

    run_pipeline(order, table)

    assert without_times(table) == without_times(expected)


def without_times(table: InMemoryTable) -> dict[str, Any]:
    return {
        key: values and {name: one for name, one in values.items() if name != "loaded_at"}
        for key, values in table.rows.items()
    }
