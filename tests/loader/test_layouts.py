"""Both layouts of tweets on the embedded BigQuery: the same events, the same reports.

The loader's whole way but the subscription: batches in any order, over several threads, the real
writer, the warehouse's own SQL.
"""

import random
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from builders import a_tombstone
from cdc_table import CdcTable
from embedded_warehouse import LAYOUTS, READ, ROOT, Warehouse
from enriched import LOADED, a_delivery, an_enriched_tweet, pulled
from loader.row import TWEETS, rows
from loader.wiring import Loader
from tweetlog.envelope import Envelope

pytestmark = pytest.mark.servers

START = datetime(2026, 1, 1, tzinfo=UTC)


def a_tweet(tweet_id: str, version: int, hour: int) -> Envelope:
    seen = START + timedelta(hours=hour)
    return an_enriched_tweet(
        tweet_id,
        version=version,
        observed=seen,
        received_at=seen.isoformat(),
        text=f"version {version}, seen at {hour}",
    )


def facts(prefix: str) -> list[Envelope]:
    """Return versions, observations and tombstones of ten tweets."""
    return [
        *(a_tweet(f"{prefix}{n}", version, n % 3) for n in range(10) for version in (9, 10)),
        *(a_tweet(f"{prefix}{n}", 10, hour) for n in range(5) for hour in (1, 2)),
        *(a_tombstone(f"{prefix}{n}") for n in (2, 7)),
    ]


def load(loader: Loader, events: Sequence[Envelope], size: int = 7) -> None:
    """Load the events in batches over several threads; every one is acknowledged."""
    batches = [pulled(events[n : n + size]) for n in range(0, len(events), size)]
    with ThreadPoolExecutor(4) as pool:
        acks = list(pool.map(loader.receive_all, batches))
    assert acks == [[one.ack_id for one in batch] for batch in batches]


def expected(events: Sequence[Envelope]) -> dict[str, tuple[int, str]]:
    """Return version and text of each tweet that is left, by BigQuery's rules in memory."""
    table = CdcTable("tweet_id")
    for event in events:
        for row in rows(a_delivery(event), loaded_at=LOADED):
            if row.table == TWEETS:
                table.change(row.values, row.change, row.sequence)
    return {key: (row["enricher_version"], row["text"]) for key, row in table.rows.items()}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order_of_duplicates_versions_and_tombstones_gives_the_same_report(
    warehouse: Warehouse, layout: str, seed: int
) -> None:
    prefix = f"{1 + seed}{len(layout)}000"
    told = facts(prefix)
    arrivals = [*told, *told, *told]
    random.Random(seed).shuffle(arrivals)  # noqa: S311 - an order, not a secret
    loader = warehouse.loader(layout)

    load(loader, arrivals)

    found = warehouse.live(layout, prefix)
    assert {key: row[:2] for key, row in found.items()} == expected(told)
    assert len(found) == 8
    loader.close()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_replay_changes_no_row_not_even_its_times(warehouse: Warehouse, layout: str) -> None:
    prefix = f"9{len(layout)}000"
    told = facts(prefix)
    loader = warehouse.loader(layout)
    load(loader, told)
    before = warehouse.live(layout, prefix)

    load(loader, [event.extended(replayid="again") for event in reversed(told)])

    assert warehouse.live(layout, prefix) == before
    assert len(before) == 8
    loader.close()


def test_a_tweet_of_2006_loads_in_both_layouts(warehouse: Warehouse) -> None:
    first = an_enriched_tweet("20", created_at="2006-03-21T20:50:14.000Z", text="just setting up")

    for layout, table in READ.items():
        loader = warehouse.loader(layout)
        load(loader, [first])
        loader.close()

        found = warehouse.query(f"SELECT created_at FROM tweetlog.{table} WHERE tweet_id = '20'")  # noqa: S608 - our own names
        assert found == [(datetime(2006, 3, 21, 20, 50, 14, tzinfo=UTC),)]


def test_both_layouts_have_the_same_columns(warehouse: Warehouse) -> None:
    upserted, appended, view = (
        [
            (field.name, field.field_type, field.mode, [inner.name for inner in field.fields])
            for field in warehouse.client.get_table(f"tweetlog.{name}").schema
        ]
        for name in ("tweets", "tweets_versions", "tweets_latest")
    )

    assert appended == upserted
    assert [column[0] for column in view] == [column[0] for column in upserted]


def test_the_documented_compaction_leaves_one_row_a_tweet_and_no_deleted_content(
    warehouse: Warehouse,
) -> None:
    documented = re.search(
        r"```sql\n(DELETE FROM tweetlog\.tweets_versions.*?)```",
        (ROOT / "docs" / "loading.md").read_text(),
        re.DOTALL,
    )
    assert documented
    prefix = "88000"
    loader = warehouse.loader("append")
    load(loader, [*facts(prefix), *facts(prefix)], size=1)
    before = warehouse.live("append", prefix)

    warehouse.query(documented[1])

    left = warehouse.query(
        f"SELECT tweet_id FROM tweetlog.tweets_versions WHERE STARTS_WITH(tweet_id, '{prefix}')"  # noqa: S608 - our own names
    )
    assert warehouse.live("append", prefix) == before
    assert sorted(row[0] for row in left) == sorted(before)
    loader.close()


def test_a_field_without_a_column_gets_one_where_that_is_switched_on(
    warehouse: Warehouse,
) -> None:
    loader = warehouse.loader("upsert", TWEETLOG_ADD_COLUMNS="on")
    deadline = time.monotonic() + 20
    loaded = 0
    while not loaded or "mood" not in (loader.writers[TWEETS].columns() or ()):
        load(loader, [an_enriched_tweet(f"7700{loaded:03}", mood="good")])
        loaded += 1
        assert time.monotonic() < deadline, "the column did not come"
    load(loader, [an_enriched_tweet(f"7700{loaded:03}", mood="good")])
    loader.close()

    found = warehouse.query(
        "SELECT mood, JSON_VALUE(extra, '$.mood') FROM tweetlog.tweets "
        "WHERE STARTS_WITH(tweet_id, '7700') ORDER BY tweet_id"
    )
    assert found[0] == (None, "good")
    assert found[-1] == ("good", None)
    assert len(found) == loaded + 1
