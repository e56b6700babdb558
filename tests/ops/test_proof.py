"""The comparison of log and table, on the embedded BigQuery with the warehouse's own tables."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from builders import a_payload
from ops.replay.event_log import Log, an_event_log
from ops.replay.replays import NOON
from tweetlog_ops.checking import proven
from tweetlog_ops.verify import Verdict

pytestmark = pytest.mark.servers
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    with an_event_log(tmp_path_factory.mktemp("bigquery")) as log:
        yield log


@pytest.fixture
def log(server: Log) -> Log:
    """Return a log of the tweets 1 to 4, an hour apart, of which all but 4 are rows."""
    server.clear()
    server.add(*((NOON + n * HOUR, str(n), a_payload(str(n))) for n in (1, 2, 3, 4)))
    load(server, "1", "2", "3")
    return server


def load(log: Log, *ids: str, at: datetime = NOON + 5 * HOUR, replay: str = "NULL") -> None:
    rows = ", ".join(f"('{one}', TIMESTAMP '{at.isoformat()}', {replay})" for one in ids)
    log.run(f"INSERT INTO tweets (tweet_id, loaded_at, replay_id) VALUES {rows}")  # noqa: S608 - our own


def tombstone(log: Log, *ids: str, at: datetime = NOON + 6 * HOUR) -> None:
    rows = ", ".join(f"('{one}', 'deleted', TIMESTAMP '{at.isoformat()}')" for one in ids)
    log.run(f"INSERT INTO deletions (tweet_id, verdict, loaded_at) VALUES {rows}")  # noqa: S608 - our own


def counts(verdict: Verdict) -> dict[str, int]:
    names = ("logged", "loaded", "rejected", "deleted", "missing", "doubled", "messages")
    return {name: verdict.total(name) for name in names if verdict.total(name)}


def test_what_is_missing_is_counted_and_named(log: Log) -> None:
    verdict = proven(log.warehouse)

    assert counts(verdict) == {"logged": 4, "loaded": 3, "missing": 1, "messages": 4}
    assert [one["event_id"] for one in verdict.faults] == ["4"]
    assert len(verdict.windows) == 4


def test_a_message_that_was_stored_twice_is_one_event(log: Log) -> None:
    log.add((NOON + HOUR, "1", a_payload("1")), (NOON + 9 * HOUR, "9", a_payload("2")))

    assert counts(proven(log.warehouse)) == {"logged": 4, "loaded": 3, "missing": 1, "messages": 6}


def test_a_row_that_stands_twice_is_named(log: Log) -> None:
    load(log, "2", "4")

    verdict = proven(log.warehouse)

    assert counts(verdict)["doubled"] == 1
    assert [(one["fault"], one["event_id"]) for one in verdict.faults] == [("doubled", "2")]


def test_a_window_is_proven_alone(log: Log) -> None:
    verdict = proven(log.warehouse, since=NOON + 2 * HOUR, until=NOON + 4 * HOUR)

    assert verdict.clean
    assert counts(verdict) == {"logged": 2, "loaded": 2, "messages": 2}


def test_the_hashes_of_log_and_table_agree_where_all_is_well(log: Log) -> None:
    missing = proven(log.warehouse)
    load(log, "4")
    whole = proven(log.warehouse)

    assert whole.hashed("logged") == whole.hashed("loaded") == missing.hashed("logged")
    assert missing.hashed("loaded") != missing.hashed("logged")


def test_a_row_that_was_never_logged_is_named(log: Log) -> None:
    load(log, "4", "99")

    verdict = proven(log.warehouse)

    assert not verdict.clean
    assert [one["event_id"] for one in verdict.unlogged] == ["99"]


def test_within_a_window_rows_that_a_replay_wrote_may_be_of_older_events(log: Log) -> None:
    log.add((NOON - 99 * DAY, "old", a_payload("50")))
    load(log, "4", "98", at=NOON + 5 * HOUR)
    load(log, "50", at=NOON + 5 * HOUR, replay="'r1'")

    verdict = proven(log.warehouse, since=NOON, until=NOON + 9 * HOUR)

    assert [one["event_id"] for one in verdict.unlogged] == ["98"]
    assert [one["event_id"] for one in proven(log.warehouse).unlogged] == ["98"]


def test_deleted_content_is_found_wherever_it_is(log: Log) -> None:
    tombstone(log, "3", "4")
    found = proven(log.warehouse)
    assert {(one["place"], one["tweet_id"]) for one in found.content} == {
        ("raw_events", "3"),
        ("raw_events", "4"),
        ("tweets", "3"),
    }
    assert not found.clean

    log.run(
        "UPDATE raw_events SET data = NULL, removed_at = CURRENT_TIMESTAMP() "
        "WHERE message_id IN ('3', '4')"
    )
    log.run("DELETE FROM tweets WHERE tweet_id = '3'")

    verdict = proven(log.warehouse)
    assert verdict.clean
    assert counts(verdict) == {"logged": 4, "loaded": 2, "deleted": 2, "messages": 4}
    assert verdict.tombstones == [
        {"verdict": "deleted", "effect": "tweet deleted", "tombstones": 2}
    ]


def test_a_tombstone_of_a_moment_ago_has_the_grace_that_an_event_has(log: Log) -> None:
    load(log, "4")
    tombstone(log, "3", at=datetime.now(NOON.tzinfo) - timedelta(seconds=5))

    assert not proven(log.warehouse).clean
    assert proven(log.warehouse, grace=HOUR).clean


def test_another_table_of_tweets_is_proven_by_its_name(log: Log) -> None:
    log.run("CREATE OR REPLACE TABLE tweets_v2 AS SELECT * FROM tweets WHERE tweet_id < '3'")

    assert counts(proven(log.warehouse, table="tweets_v2"))["missing"] == 2
    assert counts(proven(log.warehouse))["missing"] == 1
