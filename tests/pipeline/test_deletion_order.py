"""Whatever comes in whatever order: what is in the tables, and what is shown, depends on the set.

The services' own code without a process between them; a deleted tweet may even come back into the
table once BigQuery has forgotten its delete, and is still not shown.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_raw_tweet, a_scrub, a_tombstone, a_user_verdict
from cdc_table import CdcTable
from enricher import enrich as enricher
from loader.row import DELETIONS, TABLES, TWEETS, VERDICTS, rows
from tweetlog import events
from tweetlog.delivery import Delivery
from tweetlog.envelope import Envelope

KEYS = {"tweets": "tweet_id", "gaps": "gap_id", "deletions": "tweet_id", "verdicts": "verdict_id"}
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HERE = {"coordinates": {"type": "Point", "coordinates": [16.37, 48.21]}}
GEO = ("geo_latitude", "geo_longitude", "place_id", "country")
# What may differ: when it was loaded, and which of two equal events came first.
TIMES = ("loaded_at", "replay_id", "enriched_at")


def enriched(raw: Envelope, version: int) -> Envelope:
    """Return what this version of the enricher makes of it: the real one, under its number."""
    before = enricher.ENRICHER_VERSION
    enricher.ENRICHER_VERSION = version
    try:
        return enricher.enrich(raw)
    finally:
        enricher.ENRICHER_VERSION = before


def a_tweet(id: str, hour: int, version: int, replay: str, scrubbed: bool) -> Envelope:  # noqa: FBT001 - drawn
    """Return one observation of a tweet, under a version of the enricher, maybe replayed."""
    position = {} if scrubbed else {"geo": HERE}
    raw = a_raw_tweet(id, text=f"at {hour}", author_id="7", **position)
    marks = {"receivedtime": f"2026-01-01T{hour:02}:00:00Z"}
    marks |= {"replayid": replay} if replay else {}
    marks |= {"scrubbed": "geo"} if scrubbed else {}
    return enriched(raw.extended(**marks), version)


def an_edit(id: str) -> Envelope:
    """Return the edited version of a post, which has an id of its own."""
    original = str(int(id) - 3)
    return enriched(
        a_raw_tweet(id, text="edited", author_id="7", edit_history_tweet_ids=[original, id]), 10
    )


def a_retweet(id: str) -> Envelope:
    references = [{"type": "retweeted", "id": str(int(id) - 5)}]
    return enriched(a_raw_tweet(id, author_id="8", referenced_tweets=references), 10)


IDS = st.sampled_from(["1", "2", "3"])
EVENTS = st.one_of(
    st.builds(
        a_tweet,
        IDS,
        st.integers(1, 3),
        st.integers(9, 11),
        st.sampled_from(["", "r1", "r2"]),
        st.booleans(),
    ),
    st.builds(an_edit, st.sampled_from(["4", "5"])),
    st.builds(a_retweet, st.sampled_from(["6", "7"])),
    st.builds(a_tombstone, IDS, verdict=st.sampled_from(["deleted", "protected"])),
    st.builds(a_scrub, IDS),
    st.builds(
        a_user_verdict, verdict=st.sampled_from(["suspended", "scrub_geo"]), up_to=st.integers(1, 5)
    ),
)


class Warehouse:
    """The tables as change data capture keeps them, and the view over them."""

    def __init__(self) -> None:
        self.tables = {name: CdcTable(KEYS[name]) for name in TABLES}
        self.now = NOON

    def load(self, arrivals: Iterable[Envelope]) -> "Warehouse":
        for event in arrivals:
            self.now += timedelta(microseconds=1)
            for row in rows(Delivery(event, publish_time=NOON), loaded_at=self.now):
                self.tables[row.table].change(row.values, row.change, row.sequence)
        return self

    def facts(self) -> dict[str, dict[str, Any]]:
        return {name: plain(table.rows) for name, table in self.tables.items()}

    def shown(self) -> dict[str, Any]:
        """Return what `v_tweets` shows: the rule of warehouse/views/03_v_tweets.sql."""
        gone, verdicts = self.tables[DELETIONS].rows, self.tables[VERDICTS].rows

        def judged(effect: str, row: Mapping[str, Any]) -> bool:
            found = verdicts.get(f"{effect}-user-{row.get('author_id')}")
            return bool(found and int(row["tweet_id"]) <= found["up_to_tweet_id"])

        left = {
            id: row
            for id, row in self.tables[TWEETS].rows.items()
            if id not in gone and row.get("retweeted_id") not in gone and not judged("delete", row)
        }
        return plain(
            {
                id: {**row, **dict.fromkeys(GEO)}
                if f"scrub-tweet-{id}" in verdicts or judged("scrub", row)
                else row
                for id, row in left.items()
            }
        )


def plain(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        key: {name: value for name, value in row.items() if name not in TIMES}
        for key, row in found.items()
    }


@given(st.data(), st.lists(EVENTS, max_size=9))
@settings(max_examples=100, deadline=None)
def test_any_interleaving_gives_the_same_tables_and_the_same_report(
    data: st.DataObject, facts: list[Envelope]
) -> None:
    arrivals = data.draw(st.permutations(facts + facts))

    expected, found = Warehouse().load(facts), Warehouse().load(arrivals)

    assert found.facts() == expected.facts()
    assert found.shown() == expected.shown()


@given(st.lists(EVENTS, max_size=9))
@settings(max_examples=50, deadline=None)
def test_nothing_that_was_deleted_is_shown_even_after_bigquery_forgot_it(
    facts: list[Envelope],
) -> None:
    warehouse = Warehouse().load(facts)
    before = warehouse.shown()

    warehouse.tables[TWEETS].forget_deletes()
    warehouse.load(facts)

    assert warehouse.shown() == before
    deleted = {event.subject for event in facts if event.type == events.DELETED}
    assert not deleted & warehouse.shown().keys()
    scrubbed = {str(event.subject) for event in facts if event.type == events.SCRUBBED}
    assert all(before[id]["geo_latitude"] is None for id in scrubbed & before.keys())
