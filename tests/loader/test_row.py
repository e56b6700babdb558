"""Rows: what an event says about the tables."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import A_TWEET_ID, a_scrub, a_tombstone, a_user_verdict
from enriched import LOADED, PUBLISHED, a_delivery, an_enriched_tweet
from loader.row import DELETE, DELETIONS, GAPS, TWEETS, UPSERT, VERDICTS, Row, rows
from tweetlog import events
from tweetlog.delivery import Delivery
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent

START = datetime(2026, 1, 1, tzinfo=UTC)


A_GAP: dict[str, Any] = {"stream": "main", "start": START, "cause": "stall", "repair": "search"}


def a_gap(end: datetime = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)) -> Envelope:
    return events.gap(**A_GAP, end=end)


def rows_of(event: Envelope, loaded_at: datetime = LOADED) -> tuple[Row, ...]:
    return rows(a_delivery(event), loaded_at=loaded_at)


def of_type(type_: str, data: Any) -> Envelope:
    return Envelope("1", "//s", type_, json.dumps(data).encode())


def test_a_tweet_is_one_upsert_of_its_fields() -> None:
    (row,) = rows_of(an_enriched_tweet(text="hi", like_count=3))

    assert (row.table, row.change) == (TWEETS, UPSERT)
    assert row.values["text"] == "hi"
    assert row.values["like_count"] == 3


def test_the_raw_payload_and_the_pseudo_columns_are_no_columns() -> None:
    (row,) = rows_of(an_enriched_tweet())

    assert not {"raw", "_CHANGE_TYPE", "_CHANGE_SEQUENCE_NUMBER"} & row.values.keys()


def test_a_row_knows_where_it_comes_from() -> None:
    event = an_enriched_tweet(version=7).extended(replayid="again")

    (row,) = rows_of(event)

    assert row.values["event_id"] == f"{A_TWEET_ID}-v7"
    assert row.values["replay_id"] == "again"
    assert row.values["enriched_at"] == PUBLISHED
    assert row.values["loaded_at"] == LOADED


def test_a_field_that_nobody_knows_yet_stays_in_the_row() -> None:
    (row,) = rows_of(an_enriched_tweet(emoji=["x"]))

    assert row.values["emoji"] == ["x"]


def test_of_equal_changes_the_first_load_has_the_larger_number() -> None:
    (first,) = rows_of(an_enriched_tweet())
    (later,) = rows_of(an_enriched_tweet(), LOADED.replace(microsecond=789013))

    assert first.sequence.split("/")[:3] == later.sequence.split("/")[:3]
    assert int(first.sequence.split("/")[3], 16) == int(later.sequence.split("/")[3], 16) + 1


def test_a_gap_is_a_row_of_gaps() -> None:
    (row,) = rows_of(a_gap())

    assert (row.table, row.change) == (GAPS, UPSERT)
    assert row.values == {
        "gap_id": a_gap().subject,
        "stream": "main",
        "from_time": "2026-01-01T00:00:00.000Z",
        "to_time": "2026-01-01T00:01:00.000Z",
        "cause": "stall",
        "repair": "search",
        "revision": 0,
        "complete": False,
        "event_id": a_gap().id,
        "loaded_at": LOADED,
    }


def test_a_repaired_gap_takes_the_place_of_the_one_that_was_open_longer() -> None:
    (opened,) = rows_of(a_gap(end=START + timedelta(hours=9)))
    (repaired,) = rows_of(events.gap(**A_GAP, end=START + timedelta(hours=1), revision=10))
    (before,) = rows_of(events.gap(**A_GAP, end=START + timedelta(hours=1), revision=9))

    assert opened.values["gap_id"] == repaired.values["gap_id"]
    numbers = [
        [int(section, 16) for section in row.sequence.split("/")]
        for row in (opened, before, repaired)
    ]
    assert numbers == sorted(numbers)


def test_a_gap_without_a_subject_is_known_by_its_id() -> None:
    (row,) = rows_of(of_type(events.GAP, json.loads(a_gap().data)))

    assert row.values["gap_id"] == row.values["event_id"]


def test_a_tombstone_is_kept_before_it_deletes() -> None:
    kept, deletes = rows_of(a_tombstone(verdict="withheld"))

    assert (kept.table, kept.change) == (DELETIONS, UPSERT)
    assert kept.values["verdict"] == "withheld"
    assert (deletes.table, deletes.change) == (TWEETS, DELETE)
    assert deletes.values == {"tweet_id": A_TWEET_ID}


def test_a_tombstone_keeps_no_content() -> None:
    data = json.loads(a_tombstone().data) | {"text": "what was deleted"}

    made = rows_of(of_type(events.DELETED, data))

    assert "what was deleted" not in repr(made)


def test_a_tombstone_names_the_batch_that_asked_for_it() -> None:
    kept, _ = rows_of(a_tombstone().extended(batchid="b1"))

    assert kept.values["batch_id"] == "b1"


def test_a_scrub_is_kept_and_deletes_nothing() -> None:
    (kept,) = rows_of(a_scrub())

    assert (kept.table, kept.change) == (VERDICTS, UPSERT)
    assert kept.values["verdict_id"] == f"scrub-tweet-{A_TWEET_ID}"
    assert (kept.values["effect"], kept.values["tweet_id"]) == ("scrub", A_TWEET_ID)


@pytest.mark.parametrize(("verdict", "effect"), [("protected", "delete"), ("scrub_geo", "scrub")])
def test_a_users_verdict_is_kept_with_the_last_post_that_it_is_about(
    verdict: str, effect: str
) -> None:
    (kept,) = rows_of(a_user_verdict("7", verdict=verdict, up_to=99))

    assert kept.table == VERDICTS
    assert kept.values["verdict_id"] == f"{effect}-user-7"
    assert (kept.values["verdict"], kept.values["up_to_tweet_id"]) == (verdict, 99)


def test_of_two_verdicts_over_a_user_the_one_that_reaches_further_counts() -> None:
    (near,), (far,) = rows_of(a_user_verdict(up_to=1)), rows_of(a_user_verdict(up_to=2**62))

    assert [int(one, 16) for one in near.sequence.split("/")] < [
        int(one, 16) for one in far.sequence.split("/")
    ]


def test_a_delete_that_is_sent_again_has_the_same_number() -> None:
    before = rows_of(a_tombstone())[1]
    after = rows_of(a_tombstone(), LOADED.replace(year=2030))[1]

    assert before == after


def test_a_table_without_deletes_gets_the_tombstone_alone() -> None:
    made = rows(a_delivery(a_tombstone()), loaded_at=LOADED, deletes=False)

    assert [row.table for row in made] == [DELETIONS]


@pytest.mark.parametrize("type_", [events.RECEIVED, events.REJECTED, "somebody.elses.v1"])
def test_a_type_without_a_table_is_unknown(type_: str) -> None:
    with pytest.raises(InvalidEvent, match="no table") as refused:
        rows_of(of_type(type_, {}))

    assert refused.value.reason_class == "unknown_type"


@pytest.mark.parametrize(
    ("event", "reason_class"),
    [
        (of_type(events.ENRICHED, []), "not_an_object"),
        (an_enriched_tweet(without=("tweet_id",)), "invalid_tweet_id"),
        (of_type(events.ENRICHED, {"tweet_id": "1x"}), "invalid_tweet_id"),
        (an_enriched_tweet(without=("_CHANGE_SEQUENCE_NUMBER",)), "invalid_sequence"),
        (an_enriched_tweet(_CHANGE_SEQUENCE_NUMBER="1/2"), "invalid_sequence"),
        (an_enriched_tweet(_CHANGE_SEQUENCE_NUMBER="2/1/1"), "invalid_sequence"),
        (of_type(events.SCRUBBED, {"tweet_id": "1"}), "invalid_time"),
        (of_type(events.USER_DELETED, {"user_id": "x"}), "invalid_user_id"),
        (of_type(events.USER_DELETED, {"user_id": "1"}), "invalid_up_to_tweet_id"),
        (an_enriched_tweet(_CHANGE_TYPE="DELETE"), "invalid_change"),
        (of_type(events.GAP, {"from": "2026-01-01T00:00:00Z", "to": "soon"}), "invalid_time"),
        (of_type(events.GAP, json.loads(a_gap().data) | {"revision": -1}), "invalid_revision"),
        (of_type(events.GAP, json.loads(a_gap().data) | {"revision": 2**70}), "invalid_revision"),
        (of_type(events.DELETED, {"tweet_id": "1", "deleted_at": 5}), "invalid_time"),
        (of_type(events.DELETED, {"deleted_at": "2026-01-01T00:00:00Z"}), "invalid_tweet_id"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_its_class(
    event: Envelope, reason_class: str
) -> None:
    with pytest.raises(InvalidEvent) as refused:
        rows_of(event)

    assert refused.value.reason_class == reason_class


def test_no_tweet_can_claim_the_rank_of_a_tombstone() -> None:
    event = an_enriched_tweet(_CHANGE_SEQUENCE_NUMBER=f"{'F' * 16}/1/1")

    with pytest.raises(InvalidEvent, match="tombstone"):
        rows_of(event)


@given(
    st.sampled_from([events.ENRICHED, events.GAP, events.DELETED]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
)
def test_garbage_is_refused_and_nothing_else_is_raised(type_: str, data: object) -> None:
    with pytest.raises(InvalidEvent):
        rows_of(of_type(type_, data))


def test_what_is_kept_in_the_event_store_alone_becomes_no_row() -> None:
    event = events.promoted("tweets_v2", before="tweets", since=LOADED, rollback=False)

    assert rows(Delivery(event, publish_time=PUBLISHED), loaded_at=LOADED) == ()
