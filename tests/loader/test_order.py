"""The promise at the table: any order of any changes, however often each comes, is one table."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from builders import a_scrub, a_tombstone, a_user_verdict
from cdc_table import CdcTable
from enriched import LOADED, a_delivery, an_enriched_tweet
from loader.row import DELETIONS, TABLES, TWEETS, rows
from tweetlog import events
from tweetlog.envelope import Envelope

KEYS = {
    "tweets": "tweet_id",
    "gaps": "gap_id",
    "deletions": "tweet_id",
    "verdicts": "verdict_id",
}
START = datetime(2026, 1, 1, tzinfo=UTC)
OBSERVED = [START + timedelta(hours=n) for n in range(3)]


def a_gap(revision: int, hours: int) -> Envelope:
    end = START + timedelta(hours=hours)
    return events.gap(
        stream="main", start=START, end=end, cause="stall", repair="search", revision=revision
    )


TWEET_IDS = st.sampled_from(["1", "2", "3"])
EVENTS = st.one_of(
    st.builds(
        lambda tweet_id, version, observed: an_enriched_tweet(
            tweet_id, version=version, observed=observed, text=f"{version} {observed}"
        ),
        TWEET_IDS,
        st.integers(9, 11),  # as texts these would sort 10, 11, 9
        st.sampled_from(OBSERVED),
    ),
    st.builds(a_tombstone, TWEET_IDS),
    st.builds(a_scrub, TWEET_IDS),
    st.builds(
        a_user_verdict, verdict=st.sampled_from(["protected", "scrub_geo"]), up_to=st.integers(1, 3)
    ),
    st.builds(a_gap, st.integers(9, 11), st.integers(1, 3)),
)


class Warehouse:
    """The three tables, and a clock that goes on with each load."""

    def __init__(self) -> None:
        self.tables = {name: CdcTable(KEYS[name]) for name in TABLES}
        self.now = LOADED

    def load(self, arrivals: Sequence[Envelope]) -> "Warehouse":
        for event in arrivals:
            self.now += timedelta(microseconds=1)
            for row in rows(a_delivery(event), loaded_at=self.now):
                self.tables[row.table].change(row.values, row.change, row.sequence)
        return self

    def rows(self) -> dict[str, dict[str, Any]]:
        return {name: dict(table.rows) for name, table in self.tables.items()}

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return the rows without the moment of loading."""
        return {
            name: {
                key: {column: value for column, value in row.items() if column != "loaded_at"}
                for key, row in table.items()
            }
            for name, table in self.rows().items()
        }


@given(st.data(), st.lists(EVENTS, max_size=8))
def test_any_interleaving_of_duplicates_versions_and_tombstones_is_one_table(
    data: st.DataObject, facts: list[Envelope]
) -> None:
    arrivals = data.draw(st.permutations(facts + facts))

    assert Warehouse().load(arrivals).facts() == Warehouse().load(facts).facts()


@given(st.lists(EVENTS, max_size=8), st.lists(EVENTS, max_size=8))
def test_what_is_loaded_again_changes_no_row_not_even_its_times(
    facts: list[Envelope], replay: list[Envelope]
) -> None:
    warehouse = Warehouse().load(facts)
    before = warehouse.rows()

    again = [event for event in replay if event in facts]
    warehouse.load([*again, *facts])

    assert warehouse.rows() == before


def test_the_replay_of_a_version_does_not_even_leave_its_replay_id() -> None:
    warehouse = Warehouse().load([an_enriched_tweet("1")])

    warehouse.load([an_enriched_tweet("1").extended(replayid="again")])

    assert warehouse.rows()[TWEETS]["1"]["replay_id"] is None


def test_a_newer_version_overwrites_and_an_older_one_does_not() -> None:
    newer, older = an_enriched_tweet(version=10), an_enriched_tweet(version=9)

    for arrivals in ([newer, older], [older, newer]):
        (row,) = Warehouse().load(arrivals).rows()[TWEETS].values()

        assert row["enricher_version"] == 10


def test_a_tombstone_that_is_sent_again_deletes_what_a_replay_brought_back() -> None:
    warehouse = Warehouse().load([an_enriched_tweet("1"), a_tombstone("1")])
    warehouse.tables[TWEETS].forget_deletes()  # as BigQuery does after two days

    warehouse.load([an_enriched_tweet("1")])
    brought_back = set(warehouse.rows()[TWEETS])
    warehouse.load([a_tombstone("1")])

    assert brought_back == {"1"}
    assert warehouse.rows()[TWEETS] == {}
    assert set(warehouse.rows()[DELETIONS]) == {"1"}
