import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ingestor.capture import Captured, Origin, Tweet, Unusable, event
from ingestor.line import captured
from loose_json import objects, trees
from pages_of_x import ID, a_page, a_rich_page, a_tweet, a_user, flattened
from tweetlog import events
from tweetlog.schema import schema

ORIGIN: Origin = {"file": "/tweets.jsonl", "line": 7}
RECEIVED = Draft202012Validator(schema(events.RECEIVED))


def read(line: bytes | dict[str, Any]) -> list[Captured]:
    return list(captured(line if isinstance(line, bytes) else json.dumps(line).encode(), ORIGIN))


def the_tweet(line: bytes | dict[str, Any]) -> Tweet:
    (one,) = read(line)

    assert isinstance(one, Tweet)
    return one


def the_reason(line: bytes | dict[str, Any]) -> str:
    (one,) = read(line)

    assert isinstance(one, Unusable)
    assert one.origin["line"] == 7
    return one.reason.reason_class


def test_a_payload_passes_through_untouched() -> None:
    line = b'{"matching_rules" : [ {"id":"7"} ], "data":{"text":"caf\\u00e9","id":"20"},"new":1.10}'

    assert the_tweet(line) == Tweet("20", line, ORIGIN)


def test_a_tweet_alone_is_wrapped_and_otherwise_untouched() -> None:
    line = b'{"id":"20", "text":"caf\\u00e9", "score":1.10}'

    assert the_tweet(line).payload == b'{"data":' + line + b"}"


def test_half_a_surrogate_pair_passes_through_untouched() -> None:
    line = rb'{"data":{"id":"20","text":"\ud83d"}}'

    assert the_tweet(line).payload == line


def test_what_twarc_notes_is_not_part_of_the_tweet_but_says_when_it_was_observed() -> None:
    twarc = {"version": "2", "retrieved_at": "2021-04-08T21:34:32+02:00"}
    payload = {"data": a_tweet(), "includes": {"users": []}, "matching_rules": [{"id": "7"}]}

    tweet = the_tweet({**payload, "__twarc": twarc})

    assert tweet.receivedtime == "2021-04-08T19:34:32.000Z"
    assert json.loads(tweet.payload) == payload


NO_MOMENTS = ["yesterday", "2021-04-08T21:34:32", "0001-01-01T00:00:00+10:00", 5, None]


@pytest.mark.parametrize("retrieved_at", NO_MOMENTS)
def test_an_unknown_moment_is_no_moment(retrieved_at: object) -> None:
    assert the_tweet({"data": a_tweet(), "__twarc": {"retrieved_at": retrieved_at}}) == Tweet(
        ID, b'{"data":{"id":"%s","text":"hello","author_id":"1"}}' % ID.encode(), ORIGIN
    )


def test_a_page_is_a_payload_for_each_of_its_tweets() -> None:
    page = a_rich_page()
    tweets = [one for one in read(page) if isinstance(one, Tweet)]

    assert [tweet.id for tweet in tweets] == [tweet["id"] for tweet in page["data"]]
    assert [json.loads(tweet.payload)["data"] for tweet in tweets] == page["data"]
    assert [tweet.origin["item"] for tweet in tweets] == [1, 2, 3]
    assert {tweet.receivedtime for tweet in tweets} == {"2021-04-08T19:34:32.000Z"}


def test_an_included_tweet_is_no_event_of_its_own() -> None:
    ids = [one.id for one in read(a_rich_page()) if isinstance(one, Tweet)]

    assert "1590000000000000002" not in ids


def test_a_flattened_tweet_has_its_includes_back() -> None:
    for tweet, flat in zip(read(a_rich_page()), flattened(a_rich_page()), strict=True):
        assert isinstance(tweet, Tweet)
        again, page = json.loads(the_tweet(flat).payload), json.loads(tweet.payload)

        assert again["data"] == page["data"]
        assert again["includes"].keys() == page["includes"].keys()
        assert the_tweet(flat).receivedtime == tweet.receivedtime


def test_what_stands_beside_a_flattened_tweet_goes_beside_the_data() -> None:
    rules = [{"id": "7"}]
    flat = a_tweet(author=a_user("1"), matching_rules=rules, errors=[])

    assert json.loads(the_tweet(flat).payload) == {
        "data": a_tweet(),
        "includes": {"users": [a_user("1")]},
        "matching_rules": rules,
        "errors": [],
    }


def test_a_search_that_found_nothing_is_nothing() -> None:
    assert read({"meta": {"result_count": 0}}) == []
    assert read({"meta": {"result_count": 0}, "__twarc": {}}) == []
    assert read(a_page()) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"oops", "not_json"),
        (b'{"data":{"id":"20","text":"caf\xe9"}}', "not_json"),
        (b"[]", "not_a_tweet"),
        (b"7", "not_a_tweet"),
        (b"null", "not_a_tweet"),
        ({"data": "20"}, "not_a_tweet"),
        ({"data": None}, "not_a_tweet"),
        ({}, "no_id"),
        ({"data": {}}, "no_id"),
        ({"data": {"text": "x"}}, "no_id"),
        ({"data": {"id": 20, "text": "x"}}, "bad_id"),
        ({"data": {"id": "", "text": "x"}}, "bad_id"),
        ({"data": {"id": "2O", "text": "x"}}, "bad_id"),
        ({"data": {"id": "٢٠", "text": "x"}}, "bad_id"),
        ({"data": {"id": "20\n", "text": "x"}}, "bad_id"),
        ({"data": {"id": "1" * 21, "text": "x"}}, "bad_id"),
        ({"data": {"id": ["20"], "text": "x"}}, "bad_id"),
        ({"data": {"id": "20"}}, "no_text"),
        ({"data": {"id": "20", "text": None}}, "no_text"),
        ({"data": {"id": "20", "text": ["x"]}}, "no_text"),
        ({"data": a_user("20")}, "user"),
        (a_user("20"), "user"),
        ({"data": {"delete": {"tweet": {"id": "20"}}}}, "compliance_event"),
        ({"delete": {"status": {"id": 20}}}, "compliance_event"),
        ({"data": {"withheld": {"tweet": {"id": "20"}}}}, "compliance_event"),
        ({"errors": [{"title": "operational-disconnect"}]}, "x_error"),
        ({"errors": 5}, "x_error"),
        ({"id": 20, "id_str": "20", "full_text": "x"}, "not_v2"),
    ],
)
def test_what_is_not_a_tweet_has_its_reason(line: bytes | dict[str, Any], reason: str) -> None:
    assert the_reason(line) == reason


def test_a_withheld_tweet_is_a_tweet() -> None:
    withheld = a_tweet(withheld={"copyright": False, "country_codes": ["XY"]})

    assert the_tweet({"data": withheld}).id == ID


def test_what_is_not_a_tweet_leaves_the_rest_of_its_page_alone() -> None:
    good, user, number, last = read(a_page(a_tweet("1"), a_user("2"), 3, a_tweet("4")))

    assert isinstance(good, Tweet)
    assert isinstance(last, Tweet)
    assert isinstance(user, Unusable)
    assert isinstance(number, Unusable)
    assert (user.origin, user.reason.reason_class) == ({**ORIGIN, "item": 2}, "user")
    assert json.loads(user.data) == a_user("2")
    assert (number.origin["item"], number.data) == (3, b"3")


def test_the_same_line_gives_the_same_events_bytes_and_all() -> None:
    documents: list[dict[str, Any]] = [a_rich_page(), {"data": {}}, *flattened(a_rich_page())]
    for document in documents:
        assert [event(one) for one in read(document)] == [event(one) for one in read(document)]


def test_a_tweet_older_than_snowflake_ids_happened_when_it_says() -> None:
    line = {"data": a_tweet("20", created_at="2006-03-21T20:50:14.000Z")}

    assert event(the_tweet(line)).time == "2006-03-21T20:50:14.000Z"
    assert event(the_tweet({"data": a_tweet("20")})).time is None


def test_a_dead_letter_says_where_the_line_is() -> None:
    (one,) = read(b"oops")
    letter = event(one)
    document = json.loads(letter.data)

    assert letter.type == events.REJECTED
    assert document["stage"] == "ingest"
    assert document["origin"] == ORIGIN


def test_a_payload_that_fits_into_a_line_but_not_into_a_message_is_a_dead_letter() -> None:
    fits = a_tweet(text="x" * 9_950_000)
    larger = a_tweet(text="x" * 9_999_900)

    assert event(the_tweet({"data": fits})).type == events.RECEIVED
    letter = event(the_tweet({"data": larger}))

    assert letter.type == events.REJECTED
    assert json.loads(letter.data)["reason_class"] == "too_large"
    assert json.loads(letter.data)["origin"] == ORIGIN


def test_every_tweet_fits_the_contract() -> None:
    documents = [a_rich_page(), *flattened(a_rich_page()), {"data": a_tweet()}, a_tweet()]
    for document in documents:
        for one in read(document):
            assert list(RECEIVED.iter_errors(json.loads(event(one).data))) == []


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_tweet_or_have_a_reason(line: bytes) -> None:
    for one in read(line):
        assert event(one).type in {events.RECEIVED, events.REJECTED}


NAMES = ("data", "id", "text", "includes", "errors", "meta", "__twarc", "users", "author")


@given(objects(trees(*NAMES), *NAMES))
def test_any_json_is_a_tweet_or_has_a_reason(document: dict[str, Any]) -> None:
    for one in read(document):
        made = event(one)

        assert made.type == (events.RECEIVED if isinstance(one, Tweet) else events.REJECTED)
