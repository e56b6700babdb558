"""Every view over a handful of rows, with the answers worked out by hand.

Seven tweets on two days, of which one was deleted; two rules, three holes, three dead letters.
"""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from stocked_warehouse import WRITTEN, Row, Stocked, stocked
from tweetlog import events
from tweetlog.delivery import encode

ONE, TWO = date(2026, 1, 31), date(2026, 2, 1)


def at(day: int, clock: str) -> datetime:
    hour, minute, second = map(int, clock.split(":"))
    return (
        datetime(2026, 1, 30 + day, hour, minute, second, tzinfo=UTC)
        if day == 1
        else (datetime(2026, 2, 1, hour, minute, second, tzinfo=UTC))
    )


def tag(word: str, start: int = 0) -> Row:
    return {"tag": word, "folded": word.casefold(), "start": start, "end": start + len(word) + 1}


NEWS = {"id": "r1", "tag": "news"}
UNNAMED = {"id": "r2", "tag": None}


def a_row(tweet_id: str, created_at: datetime, author: str, kind: str, **more: Any) -> Row:
    """Return a tweet that took 4 s to us, 8 s to be enriched and 10 s to the table."""
    return {
        "tweet_id": tweet_id,
        "created_at": created_at,
        "author_id": author,
        "kind": kind,
        "text": "deleted" if tweet_id == "1007" else "hello",
        "language": "en",
        "language_source": "detector",
        "language_confidence": 1.0,
        "conversation_id": tweet_id,
        "enricher_version": 16,
        "event_id": f"{tweet_id}-v16",
        "received_at": created_at + timedelta(seconds=4),
        "enriched_at": created_at + timedelta(seconds=8),
        "loaded_at": created_at + timedelta(seconds=10),
        **more,
    }


TWEETS = [
    a_row(
        "1001", at(1, "10:00:30"), "a", "original",
        x_lang="en", language_confidence=0.9, hashtags=[tag("AI"), tag("Python", 4)],
        rules=[NEWS], like_count=3, impression_count=100,
    ),
    a_row(
        "1002", at(1, "10:00:45"), "b", "retweet",
        x_lang="en", language_confidence=0.7, hashtags=[tag("ai"), tag("AI", 4)],
        rules=[NEWS, UNNAMED], retweeted_id="1001", retweet_count=5,
    ),
    a_row(
        "1003", at(1, "10:59:59"), "a", "reply",
        language="id", x_lang="in", reply_to_id="1001", conversation_id="1001", reply_count=1,
    ),
    a_row(
        "1004", at(1, "11:00:00"), "c", "quote",
        language="es", x_lang="pt", language_confidence=0.6, hashtags=[tag("ai")], rules=[NEWS],
        quoted_id="1001", quote_count=2,
    ),
    a_row(
        "1005", at(2, "00:00:00"), "a", "original",
        language="und", language_source="rule", x_lang="zxx", language_confidence=None,
        hashtags=[tag("Ai"), tag("python", 4)], rules=[UNNAMED], enricher_version=18,
        replay_id="again",
    ),
    a_row(
        "1006", at(2, "00:30:00"), "c", "reply",
        language="de", language_source="x", x_lang="de", language_confidence=0.5, rules=[NEWS],
        reply_to_id="1004", conversation_id="1004",
    ),
    a_row(
        "1007", at(2, "00:31:00"), "d", "original",
        language="fr", x_lang="es", hashtags=[tag("gone"), tag("ai", 6)], rules=[NEWS],
        like_count=1000, conversation_id="1001", enricher_version=20,
    ),
]  # fmt: skip

GAPS = [
    # From 22:00 to 02:00: two hours on either day.
    {"gap_id": "g1", "stream": "main", "from_time": at(1, "22:00:00"),
     "to_time": at(2, "02:00:00"), "cause": "stall", "repair": "search"},
    # Half of it was a hole already.
    {"gap_id": "g2", "stream": "main", "from_time": at(2, "01:00:00"),
     "to_time": at(2, "03:00:00"), "cause": "disconnect", "repair": "none", "note": "no tier"},
    # What it hid was read after all.
    {"gap_id": "g3", "stream": "main", "from_time": at(2, "05:00:00"),
     "to_time": at(2, "06:00:00"), "cause": "stall", "repair": "backfill", "complete": True,
     "recovered": 7},
]  # fmt: skip


def a_rejection(number: int, moment: datetime, reason_class: str) -> Row:
    return {
        "message_id": str(number),
        "publish_time": moment,
        "attributes": (
            f'{{"ce-id": "{number}-ingest-{reason_class}", '
            '"ce-type": "tweetlog.event.rejected.v1"}'
        ),
        "data": (
            f'{{"stage": "ingest", "reason_class": "{reason_class}", '
            f'"reason": "{reason_class} number {number}", "rejected_id": "{number}"}}'
        ),
    }


DEAD_LETTERS = [
    a_rejection(1, at(1, "10:00:00"), "not_json"),
    a_rejection(2, at(1, "12:00:00"), "not_json"),
    a_rejection(3, at(2, "10:00:00"), "no_id"),
    # The same again: one event.
    a_rejection(3, at(2, "11:00:00"), "no_id"),
]


def a_message(number: int, moment: datetime, tweet_id: str) -> Row:
    return {
        "message_id": str(number),
        "publish_time": moment,
        "attributes": (
            f'{{"ce-id": "{tweet_id}", "ce-source": "//x", '
            '"ce-type": "tweetlog.tweet.received.v1"}'
        ),
        "data": "{}",
    }


def a_promotion(number: int, when: datetime, table: str, *, before: str, rollback: bool) -> Row:
    event = events.promoted(table, before=before, since=when, rollback=rollback)
    data, attributes = encode(event)
    return a_message(number, when, event.id) | {
        "data": data.decode(),
        "attributes": json.dumps(attributes),
    }


MESSAGES = [
    a_message(1, at(1, "10:00:00"), "1001"),
    a_message(2, at(1, "10:00:01"), "1001"),
    a_message(3, at(1, "10:00:02"), "1002"),
    a_message(4, at(2, "10:00:00"), "1001"),
    a_promotion(5, at(2, "11:00:00"), "tweets_v2", before="tweets", rollback=False),
    a_promotion(6, at(2, "11:00:00"), "tweets_v2", before="tweets", rollback=False),
    a_promotion(7, at(2, "12:00:00"), "tweets", before="tweets_v2", rollback=True),
]

# Each view with its rows, sorted.
EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    "v_minutely": [
        (at(1, "10:00:00"), 2, 2),
        (at(1, "10:59:00"), 1, 1),
        (at(1, "11:00:00"), 1, 1),
        (at(2, "00:00:00"), 1, 1),
        (at(2, "00:30:00"), 1, 1),
    ],
    "v_hourly": [
        (at(1, "10:00:00"), 3, 2),
        (at(1, "11:00:00"), 1, 1),
        (at(2, "00:00:00"), 2, 2),
    ],
    "v_daily": [
        (ONE, "en", 2, 2, 1, 3),
        (ONE, "es", 1, 1, 0, 0),
        (ONE, "id", 1, 1, 0, 0),
        (TWO, "de", 1, 1, 0, 0),
        (TWO, "und", 1, 1, 0, 0),
    ],
    # X's retired `in` is Indonesian, which is no difference.
    "v_languages": [
        ("de", 1, 0.5, 0),
        ("en", 2, pytest.approx(0.8), 0),
        ("es", 1, 0.6, 1),
        ("id", 1, 1.0, 0),
        ("und", 1, None, 0),
    ],
    "v_languages_hourly": [
        (at(1, "10:00:00"), "en", 2, pytest.approx(0.8), 2, 0, 0, 0),
        (at(1, "10:00:00"), "id", 1, 1.0, 1, 0, 0, 0),
        (at(1, "11:00:00"), "es", 1, 0.6, 0, 1, 0, 0),
        (at(2, "00:00:00"), "de", 1, 0.5, 1, 0, 0, 1),
        (at(2, "00:00:00"), "und", 1, None, 0, 0, 1, 0),
    ],
    "v_language_differences": [(ONE, "es", "pt", 1, 0.6)],
    # On the first day `ai` is written AI twice, ai twice: of equals the first by code points. The
    # tweet that has both spellings is one tweet.
    "v_hashtags": [
        (ONE, "ai", "AI", 4, 3),
        (ONE, "python", "Python", 1, 1),
        (TWO, "ai", "Ai", 1, 1),
        (TWO, "python", "python", 1, 1),
    ],
    "v_hashtag_spellings": [("ai", "AI", 3, 5), ("python", "Python", 2, 2)],
    # Of the 24 hours before 11:00 one had `ai` in two tweets: 2/24 an hour. Midnight is 13 hours
    # after that, with three tweets behind it.
    "v_hashtags_rising": [
        (at(1, "10:00:00"), "ai", "AI", 2, 0.0, 2.0),
        (at(1, "10:00:00"), "python", "Python", 1, 0.0, 1.0),
        (at(1, "11:00:00"), "ai", "ai", 1, 2 / 24, pytest.approx((22 / 24) / (26 / 24) ** 0.5)),
        (at(2, "00:00:00"), "ai", "Ai", 1, 3 / 24, pytest.approx((21 / 24) / (27 / 24) ** 0.5)),
        (at(2, "00:00:00"), "python", "python", 1, 1 / 24,
         pytest.approx((23 / 24) / (25 / 24) ** 0.5)),
    ],
    "v_hashtag_pairs": [
        (ONE, "ai", "python", "AI", "Python", 1),
        (TWO, "ai", "python", "Ai", "python", 1),
    ],
    # The retweet has both rules: half its price each.
    "v_rules": [
        (ONE, "r1", "news", 3, 2, pytest.approx(0.0125), 3, 2, 1),
        (ONE, "r2", "r2", 1, 0, pytest.approx(0.0025), 1, 1, 1),
        (ONE, None, "(none)", 1, 0, 0.0, 1, 1, 0),
        (TWO, "r1", "news", 1, 1, pytest.approx(0.005), 1, 1, 0),
        (TWO, "r2", "r2", 1, 1, pytest.approx(0.005), 1, 1, 0),
    ],
    # January and February are months of their own.
    "v_spend": [
        (ONE, 3, pytest.approx(0.015), pytest.approx(0.015)),
        (TWO, 2, pytest.approx(0.01), pytest.approx(0.01)),
    ],
    "v_authors": [(ONE, "1", 2, 2), (ONE, "2 to 4", 1, 2), (TWO, "1", 2, 2)],
    # 1001 and 1004 have an answer each, by the account itself; 1002 and 1005 have none.
    "v_conversations": [
        (ONE, "1", 1, 1, 0, 1.0),
        (ONE, "2 to 4", 2, 4, 2, 1.0),
        (TWO, "1", 1, 1, 0, 1.0),
    ],
    "v_reach": [
        (ONE, "original", 1, 1, 0, 3, 0, 0, 0, 100),
        (ONE, "quote", 1, 1, 1, 0, 0, 0, 2, 0),
        (ONE, "reply", 1, 1, 1, 0, 0, 1, 0, 0),
        (ONE, "retweet", 1, 1, 1, 0, 5, 0, 0, 0),
        (TWO, "original", 1, 1, 0, 0, 0, 0, 0, 0),
        (TWO, "reply", 1, 1, 1, 0, 0, 0, 0, 0),
    ],
    # 10:59:59 was loaded ten seconds later: in the next hour.
    "v_lag": [
        (at(1, "10:00:00"), 2, 10.0, 10.0, 10.0, 6.0, 6.0, 2.0, 2.0),
        (at(1, "11:00:00"), 2, 10.0, 10.0, 10.0, 6.0, 6.0, 2.0, 2.0),
        (at(2, "00:00:00"), 2, 10.0, 10.0, 10.0, 6.0, 6.0, 2.0, 2.0),
    ],
    "v_freshness": [(6, at(2, "00:30:00"), at(2, "00:30:10"), 18, 2000, 2000)],
    "v_enricher_versions": [
        (16, 5, pytest.approx(5 / 6), 0, at(1, "10:00:38"), at(2, "00:30:08")),
        (18, 1, pytest.approx(1 / 6), 1, at(2, "00:00:08"), at(2, "00:00:08")),
    ],
    "v_gaps": [
        ("g1", "main", at(1, "22:00:00"), at(2, "02:00:00"), 14400.0, "stall", "search",
         False, 0, None),
        ("g2", "main", at(2, "01:00:00"), at(2, "03:00:00"), 7200.0, "disconnect", "none",
         False, 0, "no tier"),
        ("g3", "main", at(2, "05:00:00"), at(2, "06:00:00"), 3600.0, "stall", "backfill",
         True, 7, None),
    ],
    # Two hours of 24; then three: an hour is in two of the holes, and the third one is mended.
    "v_completeness": [
        (ONE, 4, 1, 7200.0, pytest.approx(22 / 24)),
        (TWO, 2, 2, 10800.0, pytest.approx(21 / 24)),
    ],
    "v_rejections": [
        (ONE, "rejected", "ingest", "not_json", 2, "not_json number 1",
         at(1, "10:00:00"), at(1, "12:00:00")),
        (TWO, "rejected", "ingest", "no_id", 1, "no_id number 3",
         at(2, "10:00:00"), at(2, "10:00:00")),
    ],
    "v_duplicates": [
        (ONE, "tweetlog.tweet.received.v1", 3, 2, 1),
        (TWO, "tweetlog.tweet.received.v1", 1, 1, 0),
        (TWO, "tweetlog.table.promoted.v1", 3, 2, 1),
    ],
    "v_promotions": [
        (at(2, "11:00:00"), "tweets_v2", "tweets", False),
        (at(2, "12:00:00"), "tweets", "tweets_v2", True),
    ],
}  # fmt: skip

#: Views whose rows are not counts: their own tests are elsewhere.
ROWS_THEMSELVES = {"tweets_current", "v_tweets", "v_raw_events", "v_dead_letters"}


@pytest.fixture(scope="module", params=sorted(WRITTEN))
def warehouse(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stocked]:
    with stocked(tmp_path_factory.mktemp("warehouse"), request.param) as made:
        made.insert("tweets", TWEETS)
        made.insert("deletions", [{"tweet_id": "1007", "verdict": "deleted"}])
        made.insert("gaps", GAPS)
        made.insert("dead_letters", DEAD_LETTERS)
        made.insert("raw_events", MESSAGES)
        yield made


@pytest.mark.parametrize("view", sorted(EXPECTED))
def test_a_view_says_what_was_worked_out_by_hand(warehouse: Stocked, view: str) -> None:
    found = [tuple(row.values()) for row in warehouse.ask(f"SELECT * FROM {view}")]  # noqa: S608 - our own names

    assert sorted(found, key=str) == sorted(EXPECTED[view], key=str)


def test_every_view_is_here(warehouse: Stocked) -> None:
    views = {
        row["table_name"]
        for row in warehouse.ask("SELECT table_name FROM tweetlog.INFORMATION_SCHEMA.VIEWS")
    }

    assert views - {"tweets_latest"} == set(EXPECTED) | ROWS_THEMSELVES


def test_a_deleted_tweet_is_in_no_view(warehouse: Stocked) -> None:
    assert warehouse.ask("SELECT COUNT(*) AS n FROM v_tweets WHERE tweet_id = '1007'") == [{"n": 0}]
    for view in EXPECTED:
        assert not any(
            hidden in row.values()
            for row in warehouse.ask(f"SELECT * FROM {view}")  # noqa: S608 - our own names
            for hidden in ("gone", "fr", 1000, 20)
        ), view


def test_a_view_over_nothing_is_no_error(tmp_path: Any) -> None:
    with stocked(tmp_path) as empty:
        for view in sorted(EXPECTED.keys() | ROWS_THEMSELVES):
            found = empty.ask(f"SELECT * FROM {view}")  # noqa: S608 - our own names
            assert found == [] or view == "v_freshness"
