"""Dead letters on their way back: which stage, which bytes, and what cannot go."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import A_TWEET_ID, a_raw_tweet
from enriched import an_enriched_tweet
from tweetlog.delivery import from_message, message_attributes
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent
from tweetlog.rejection import MAX_DATA_BYTES, rejected, unparsed
from tweetlog_ops import letters
from tweetlog_ops.errors import CommandError
from tweetlog_ops.letters import Letter

REJECTED_AT = datetime(2026, 1, 2, tzinfo=UTC)
BAD = InvalidEvent("a tweet has a text", reason_class="no_text")


def a_letter(event: Envelope, *, stage: str = "enrich", **row: Any) -> Letter:
    """Return the letter of an event that one of our services rejected."""
    return letters.letter(a_row(rejected(event, BAD, stage=stage), **row))


def a_row(rejection: Envelope, **row: Any) -> dict[str, Any]:
    return {
        "event_id": rejection.id,
        "kind": "rejected",
        "stage": rejection.json()["stage"],
        "data": rejection.data.decode(),
        "attributes": message_attributes(rejection),
        "subject": rejection.subject,
        "status": "open",
        "redrives": 0,
        "removed_at": None,
        **row,
    }


def an_exhausted_letter(event: Envelope, subscription: str) -> Letter:
    broker = {
        "CloudPubSubDeadLetterSourceSubscription": subscription,
        "CloudPubSubDeadLetterSourceDeliveryCount": "100",
    }
    row = {
        "event_id": f"{event.id}-{subscription}",
        "kind": "exhausted",
        "stage": subscription,
        "data": event.data.decode(),
        "attributes": json.dumps(message_attributes(event) | broker),
        "subject": event.subject,
        "status": "open",
        "redrives": 0,
        "removed_at": None,
    }
    return letters.letter(row)


def test_what_the_enricher_rejected_goes_to_the_enricher_alone() -> None:
    message = letters.unchanged(a_letter(a_raw_tweet()))

    assert message.topic == "tweets-raw-replay"
    assert message.data == a_raw_tweet().data


def test_what_the_loader_rejected_goes_to_the_loader_alone() -> None:
    message = letters.unchanged(a_letter(an_enriched_tweet(), stage="loader"))

    assert message.topic == "tweets-enriched-replay"


@pytest.mark.parametrize(
    ("subscription", "topic"),
    [
        ("tweets-raw-enricher", "tweets-raw-replay"),
        ("tweets-raw-replay-enricher", "tweets-raw-replay"),
        ("tweets-enriched-loader", "tweets-enriched-replay"),
        ("tweets-enriched-replay-loader", "tweets-enriched-replay"),
    ],
)
def test_exhausted_deliveries_go_to_the_service_that_failed_them(
    subscription: str, topic: str
) -> None:
    message = letters.unchanged(an_exhausted_letter(a_raw_tweet(), subscription))

    assert message.topic == topic
    assert message.data == a_raw_tweet().data
    assert not any(name.startswith("CloudPubSub") for name in message.attributes)


def test_a_stage_that_no_topic_leads_to_is_said() -> None:
    with pytest.raises(CommandError, match="no topic leads to the stage 'somewhere'"):
        letters.check(a_letter(a_raw_tweet(), stage="somewhere"))


def test_nothing_of_the_event_changes_but_the_mark() -> None:
    raw = a_raw_tweet().extended(traceparent="00-1-2-01")
    message = letters.unchanged(a_letter(raw))

    event = from_message(message.data, message.attributes).event
    assert event.extensions["replayid"].startswith("redrive-")
    assert event == raw.extended(replayid=event.extensions["replayid"])


def test_an_attempt_has_one_mark_however_often_it_is_begun() -> None:
    first, again = a_letter(a_raw_tweet()), a_letter(a_raw_tweet())
    next_attempt = a_letter(a_raw_tweet(), redrives=1)

    assert letters.unchanged(first) == letters.unchanged(again)
    assert letters.unchanged(first).attributes != letters.unchanged(next_attempt).attributes


def test_a_letter_that_holds_only_the_beginning_is_refused_and_says_where_the_whole_is() -> None:
    large = unparsed(
        b"x" * (MAX_DATA_BYTES + 1), BAD, stage="ingest", origin={"file": "a.jsonl", "line": 7}
    )

    with pytest.raises(CommandError, match=r"only the beginning.*: file a\.jsonl, line 7"):
        letters.check(letters.letter(a_row(large)))


def test_a_letter_whose_content_was_removed_is_refused() -> None:
    row = a_row(rejected(a_raw_tweet(), BAD, stage="enrich"), removed_at=REJECTED_AT)
    emptied = orjson.loads(row["data"]) | {"data_base64": "", "data_complete": False}
    removed = letters.letter({**row, "data": orjson.dumps(emptied).decode()})
    in_part = letters.letter(row)

    with pytest.raises(CommandError, match="its content was removed"):
        letters.check(removed)
    letters.check(in_part)


def test_a_patch_reads_the_event_and_what_it_prints_takes_its_place_in_the_log() -> None:
    one = a_letter(a_raw_tweet(text="x"))
    document = json.loads(letters.for_patch(one))
    document["data"]["data"]["text"] = "mended"

    message = letters.mended(one, json.dumps(document).encode())

    assert message.topic == "tweets-raw"
    assert json.loads(message.data)["data"]["text"] == "mended"
    event = from_message(message.data, message.attributes).event
    assert (event.id, event.subject) == (A_TWEET_ID, A_TWEET_ID)
    assert event.extensions["replayid"].startswith("redrive-")


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        (b"sorry", "not a structured CloudEvent"),
        (b"{}", "not a CloudEvent: specversion, id, source, type missing"),
        (b'{"specversion":"1.0","id":"2","source":"//api.x.com/2/tweets","type":"t"}', "id is '2'"),
        (
            b'{"specversion":"1.0","id":"1590000000000000000","source":"//s","type":"t"}',
            "source is '//s'",
        ),
    ],
)
def test_what_a_patch_prints_is_the_same_event_or_refused(printed: bytes, says: str) -> None:
    with pytest.raises(CommandError, match=says) as refused:
        letters.mended(a_letter(a_raw_tweet()), printed)

    assert str(refused.value).startswith(f"{A_TWEET_ID}-enrich-no_text: ")


def test_what_is_not_json_reaches_the_patch_in_base64() -> None:
    broken = Envelope("1", "//s", "tweetlog.tweet.received.v1", b"{broken")

    document = json.loads(letters.for_patch(a_letter(broken)))

    assert base64.b64decode(document["data_base64"]) == b"{broken"


def test_a_patch_of_the_ingestors_reads_the_bytes_as_they_came() -> None:
    letter = letters.letter(a_row(unparsed(b"{cut", BAD, stage="ingest", origin={"line": 1})))

    assert letters.for_patch(letter) == b"{cut"


ATTRIBUTES = st.dictionaries(
    st.sampled_from(["ce-id", "ce-type", "ce-source", "ce-specversion", "x", "content-type"]),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
)


@given(ATTRIBUTES, st.binary(max_size=50))
def test_any_message_is_redriven_byte_for_byte(attributes: dict[str, str], data: bytes) -> None:
    document = {"attributes": attributes, "data_base64": base64.b64encode(data).decode()}
    row = a_row(rejected(a_raw_tweet(), BAD, stage="enrich"))
    one = letters.letter({**row, "data": orjson.dumps(document).decode()})

    message = letters.unchanged(one)

    assert message.data == data
    marked = dict(message.attributes)
    assert marked.pop(letters.REPLAY_ID)
    assert marked == {k: v for k, v in attributes.items() if k != letters.REPLAY_ID}
    assert json.loads(letters.for_patch(one))


@given(st.text(max_size=50))
def test_a_patch_that_changes_nothing_changes_nothing(text: str) -> None:
    raw = a_raw_tweet(text=text)
    one = a_letter(raw)

    message = letters.mended(one, letters.for_patch(one))

    assert json.loads(message.data) == json.loads(raw.data)
