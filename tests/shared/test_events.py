import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import A_TWEET_ID, a_raw_tweet, a_scrub, a_tombstone, a_user_verdict
from tweetlog import events
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent, Unreadable
from tweetlog.rejection import MAX_DATA_BYTES, rejected, unparsed, unreadable
from tweetlog.schema import schema


def a_gap() -> Envelope:
    return events.gap(
        stream="x",
        start=datetime(2026, 1, 1, tzinfo=UTC),
        end=datetime(2026, 1, 2, tzinfo=UTC),
        cause="stall",
        repair="search",
        revision=2,
        complete=False,
        note="retweets may be missing",
        after_id="2005990478438400000",
        before_id="2006352866304000000",
        found=12,
        recovered=7,
        unseen=["retweets"],
        rules=[
            {
                "id": "1", "tag": "cats", "repair": "search", "found": 12, "recovered": 7,
                "unseen": "retweets",
            }
        ],
    )  # fmt: skip


def a_dead_letter() -> Envelope:
    return rejected(a_raw_tweet(), InvalidEvent("a tweet has a text"), stage="enrich")


@pytest.mark.parametrize(
    "event",
    [
        a_raw_tweet(),
        a_tombstone(),
        a_scrub(),
        a_user_verdict(),
        a_user_verdict(verdict="scrub_geo"),
        a_gap(),
        a_dead_letter(),
        events.promoted(
            "tweets_v2", before="tweets", since=datetime(2026, 1, 31, tzinfo=UTC), rollback=False
        ),
    ],
)
def test_an_events_data_is_what_its_schema_says(event: Envelope) -> None:
    form = schema(event.type)

    jsonschema.validate(event.json(), form, cls=jsonschema.Draft202012Validator)
    assert event.dataschema == form["$id"] == events.types()[event.type]


@pytest.mark.parametrize("event_type", events.types())
def test_every_event_type_has_a_valid_schema(event_type: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(event_type))


@pytest.mark.parametrize("make", [a_raw_tweet, a_tombstone, a_gap, a_dead_letter])
def test_the_same_fact_is_the_same_event(make: Any) -> None:
    assert make() == make()


def test_a_tweets_time_is_the_one_in_its_id() -> None:
    event = a_raw_tweet(A_TWEET_ID)

    assert event.time == "2022-11-08T15:15:15.428Z"
    assert (event.id, event.subject) == (A_TWEET_ID, A_TWEET_ID)


def test_an_id_from_before_snowflakes_tells_no_time() -> None:
    assert events.created_at("20") is None
    assert events.received("20", b"{}", time="2006-03-21T20:50:14Z").time == "2006-03-21T20:50:14Z"


@given(st.integers(0, 10**20))
def test_any_id_has_a_time_or_none(number: int) -> None:
    moment = events.created_at(str(number))

    assert moment is None or moment.tzinfo is UTC


# Not a day from either end of the calendar, where no other time zone fits.
@given(st.datetimes(timezones=st.timezones()).filter(lambda moment: 1 < moment.year < 9999))
def test_a_time_is_written_as_x_writes_it(moment: datetime) -> None:
    written = events.rfc3339(moment)
    there = moment.astimezone(UTC)
    assert written == there.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_statements_about_one_hole_have_its_start_in_common() -> None:
    def at(hour: int, revision: int, start: int = 0) -> Envelope:
        return events.gap(
            stream="x",
            start=datetime(2026, 1, 1, start, tzinfo=UTC),
            end=datetime(2026, 1, 1, hour, tzinfo=UTC),
            cause="stall",
            repair="pending",
            revision=revision,
        )

    assert at(1, 0).subject == at(2, 1).subject != at(2, 0, start=1).subject
    assert at(1, 0).id != at(2, 1).id


@given(st.integers(29_700_859_247, 2**63 - 1))
def test_the_first_id_of_a_moment_bounds_the_ids_created_then(number: int) -> None:
    moment = events.created_at(str(number))
    assert moment is not None

    assert events.first_id(moment) <= number < events.first_id(moment + timedelta(milliseconds=1))


def test_an_enriched_event_is_of_one_raw_event_and_one_version() -> None:
    event = events.enriched(a_raw_tweet(), b"{}", version=3)

    assert event.id == f"{A_TWEET_ID}-v3"
    assert event.extensions["causationid"] == A_TWEET_ID


MOMENTS = st.datetimes(min_value=datetime(2006, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - its form


def parsed(sequence: str) -> list[int]:
    return [int(section, 16) for section in sequence.split("/")]


def test_a_scrubbed_change_outranks_every_version_and_no_tombstone() -> None:
    newest = parsed(events.sequence(version=2**40, observed=datetime(2030, 1, 1, tzinfo=UTC)))
    scrubbed = parsed(events.sequence(version=1, observed=None, scrubbed=True))
    gone = parsed(events.sequence(version=0, observed=None, tombstone=True))

    assert newest < scrubbed < gone


@given(st.datetimes(min_value=datetime(2011, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - its form
def test_the_last_id_of_a_moment_was_created_then_and_the_next_one_after(moment: datetime) -> None:
    last = events.created_at(str(events.last_id(moment)))
    following = events.created_at(str(events.last_id(moment) + 1))

    assert last is not None
    assert following is not None
    assert last <= moment < following


@given(
    st.tuples(st.booleans(), st.integers(0, 2**40), MOMENTS),
    st.tuples(st.booleans(), st.integers(0, 2**40), MOMENTS),
)
def test_a_sequence_orders_tombstone_then_version_then_observation(
    one: tuple[bool, int, datetime], other: tuple[bool, int, datetime]
) -> None:
    def key(change: tuple[bool, int, datetime]) -> tuple[bool, int, int]:
        return change[0], change[1], int(change[2].timestamp() * 1000)

    def number(change: tuple[bool, int, datetime]) -> list[int]:
        observed = change[2].replace(tzinfo=UTC)
        return parsed(events.sequence(version=change[1], observed=observed, tombstone=change[0]))

    assert (number(one) < number(other)) == (key(one) < key(other))


def test_a_dead_letter_gives_back_what_was_rejected() -> None:
    raw = a_raw_tweet().extended(replayid="r1")
    letter = rejected(raw, InvalidEvent("no", reason_class="bad"), stage="enrich").json()

    assert letter["attributes"]["ce-replayid"] == "r1"
    assert letter["data_base64"].encode() == base64.b64encode(raw.data)
    assert (letter["rejected_id"], letter["stage"], letter["reason_class"]) == (
        A_TWEET_ID,
        "enrich",
        "bad",
    )


def test_a_dead_letters_id_is_what_stage_and_reason_class() -> None:
    raw = a_raw_tweet()
    first = rejected(raw, InvalidEvent("at byte 7", reason_class="bad"), stage="enrich")
    again = rejected(raw, InvalidEvent("at byte 9", reason_class="bad"), stage="enrich")
    elsewhere = rejected(raw, InvalidEvent("at byte 7", reason_class="bad"), stage="load")

    assert first.id == again.id != elsewhere.id


def test_a_line_that_is_no_tweet_is_known_by_where_it_stands() -> None:
    reason = InvalidEvent("not JSON", reason_class="not_json")

    def letter(line: int) -> Envelope:
        return unparsed(b"{", reason, stage="ingest", origin={"file": "a", "line": line})

    assert letter(1) == letter(1)
    assert letter(1).id != letter(2).id
    assert letter(2).json()["origin"] == {"file": "a", "line": 2}


def test_what_is_too_large_for_a_message_is_cut_and_says_so() -> None:
    letter = unparsed(
        b"x" * (MAX_DATA_BYTES + 1), InvalidEvent("too long"), stage="ingest", origin={}
    )

    assert len(letter.data) < 200_000
    assert letter.json()["data_complete"] is False
    assert letter.json()["data_bytes"] == MAX_DATA_BYTES + 1


@given(st.text(), st.binary(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_whatever_was_rejected_makes_a_valid_dead_letter(
    reason: str, data: bytes, attributes: dict[str, str]
) -> None:
    letter = unreadable(Unreadable(reason, attributes=attributes, data=data), stage="load")

    jsonschema.validate(json.loads(letter.data), schema(events.REJECTED))
