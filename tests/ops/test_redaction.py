"""A payload without what was deleted: whole, within others, and its position alone."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loose_json import trees
from tweetlog_ops.redaction import Gone, authored, covered, has_position, mentioned, redacted

PLACE = {"id": "p1", "full_name": "Vienna"}


def a_quote(kind: str = "quoted", tweets: str = "tweets") -> dict[str, Any]:
    """Return tweet 2 of user 8, which refers to tweet 1 of user 7, with that among its includes."""
    return {
        "data": {
            "id": "2",
            "text": "look",
            "author_id": "8",
            "referenced_tweets": [{"type": kind, "id": "1"}],
        },
        "includes": {
            tweets: [
                {
                    "id": "1",
                    "text": "secret",
                    "author_id": "7",
                    "attachments": {"media_keys": ["m1"]},
                    "geo": {"place_id": "p1"},
                }
            ],
            "users": [{"id": "7", "name": "deleted"}, {"id": "8", "name": "stays"}],
            "media": [{"media_key": "m1", "url": "secret"}, {"media_key": "m2"}],
            "places": [PLACE],
        },
    }


def data(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def test_nothing_of_a_deleted_tweet_stays() -> None:
    assert covered(data({"data": {"id": "1", "text": "secret"}}), Gone({"1"}))
    assert not covered(data({"data": {"id": "11", "text": "fine"}}), Gone({"1"}))


def test_nothing_of_its_retweet_stays_and_the_quote_does() -> None:
    assert covered(data(a_quote("retweeted")), Gone({"1"}))
    assert not covered(data(a_quote("quoted")), Gone({"1"}))


@pytest.mark.parametrize("tweets", ["tweets", "posts"])
def test_a_quote_loses_what_it_quotes_with_its_author_media_and_place(tweets: str) -> None:
    left = json.loads(redacted(data(a_quote(tweets=tweets)), Gone({"1"})))

    assert left["data"] == a_quote()["data"]
    assert left["includes"] == {
        tweets: [],
        "users": [{"id": "8", "name": "stays"}],
        "media": [{"media_key": "m2"}],
        "places": [],
    }


def test_what_others_refer_to_as_well_stays() -> None:
    payload = a_quote()
    payload["data"]["entities"] = {"mentions": [{"id": "7"}]}
    payload["data"]["geo"] = {"place_id": "p1"}

    left = json.loads(redacted(data(payload), Gone({"1"})))

    assert [user["id"] for user in left["includes"]["users"]] == ["7", "8"]
    assert left["includes"]["places"] == [PLACE]


def test_a_scrubbed_tweet_loses_its_position_and_nothing_else() -> None:
    payload = {
        "data": {"id": "1", "text": "stays", "geo": {"place_id": "p1"}},
        "includes": {"places": [PLACE]},
    }

    assert has_position(data(payload), Gone(positions={"1"}))
    assert json.loads(redacted(data(payload), Gone(positions={"1"}))) == {
        "data": {"id": "1", "text": "stays"},
        "includes": {"places": []},
    }


def test_an_included_tweet_loses_its_position_too() -> None:
    left = json.loads(redacted(data(a_quote()), Gone(positions={"1"})))

    assert "geo" not in left["includes"]["tweets"][0]
    assert left["includes"]["tweets"][0]["text"] == "secret"


def test_the_bytes_stay_as_they_came_when_nothing_is_to_go() -> None:
    payload = b'{ "data": {"id": "2",  "text": "x"} }'

    assert redacted(payload, Gone({"1"}, {"3"})) is payload


def test_of_what_is_no_payload_nothing_stays_that_names_it() -> None:
    assert covered(b'{"data":{"id":"1","text":"sec', Gone({"1"}))
    assert not covered(b'{"data":{"id":"12","text":"sec', Gone({"1"}))


def test_a_verdict_over_a_user_is_about_posts_up_to_one_wherever_they_stand() -> None:
    assert authored(data(a_quote()), {"7": 1, "8": 1}) == {"1": "7"}
    assert authored(data(a_quote()), {"8": 5}) == {"2": "8"}


TREES = trees("id", "data", "includes", "tweets", "users", "places", "geo", "author_id")
PAYLOADS = st.fixed_dictionaries(
    {"data": TREES | st.fixed_dictionaries({"id": st.sampled_from("123"), "geo": TREES})},
    optional={
        "includes": TREES
        | st.fixed_dictionaries(
            {"tweets": st.lists(st.fixed_dictionaries({"id": st.sampled_from("123")}))},
            optional={"users": TREES, "places": TREES},
        )
    },
)


@given(PAYLOADS | TREES)
def test_whatever_came_a_second_redaction_finds_nothing(payload: Any) -> None:
    gone = Gone({"1"}, {"2"})
    raw = data(payload)

    if not covered(raw, gone):
        left = redacted(raw, gone)
        assert redacted(left, gone) == left
        assert not has_position(left, gone)


@given(st.binary(max_size=60))
def test_any_bytes_are_read(raw: bytes) -> None:
    gone = Gone({"1"}, {"2"})

    covered(raw, gone)
    redacted(raw, gone)
    authored(raw, {"1": 5})
    mentioned(raw)
