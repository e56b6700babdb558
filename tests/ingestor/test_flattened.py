import copy
from typing import Any

from hypothesis import given

from ingestor.flattened import unflatten
from ingestor.pages import shelf
from loose_json import objects, trees
from pages_of_x import a_page, a_rich_page, a_tweet, a_user, flattened


def by_id(includes: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {
        kind: sorted(some, key=lambda one: one.get("media_key") or one["id"])
        for kind, some in includes.items()
    }


def test_taken_apart_it_is_what_the_page_gives_for_the_same_tweet() -> None:
    page = a_rich_page()
    page.pop("__twarc")
    includes = shelf(page)
    for tweet, flat in zip(page["data"], flattened(page), strict=True):
        payload = includes.payload(page, tweet)

        plain, found = unflatten(flat)

        assert plain == tweet
        assert by_id(found) == by_id(payload["includes"])


def test_a_tweet_that_was_never_flattened_comes_back_equal() -> None:
    for tweet in a_rich_page()["data"]:
        assert unflatten(tweet) == (tweet, {})


def test_what_twarc_could_not_find_leaves_no_trace() -> None:
    tweet = a_tweet(
        author={},
        in_reply_to_user={},
        attachments={"media_keys": ["3_1"], "media": [{}], "poll": {}},
        referenced_tweets=[{"type": "quoted", "id": "7"}],
    )

    plain, includes = unflatten(tweet)

    assert plain == a_tweet(
        attachments={"media_keys": ["3_1"]}, referenced_tweets=[{"type": "quoted", "id": "7"}]
    )
    assert includes == {}


def test_the_same_user_is_included_once_with_all_that_is_known() -> None:
    mention = {"start": 0, "end": 6, "username": "user1", "id": "1", "location": "Leeds"}
    tweet = a_tweet(author=a_user("1", verified=True), entities={"mentions": [mention]})

    plain, includes = unflatten(tweet)

    assert includes == {"users": [a_user("1", verified=True, location="Leeds")]}
    assert plain["entities"]["mentions"] == [{"start": 0, "end": 6, "username": "user1", "id": "1"}]


def test_what_is_not_recognised_stays_where_it_is() -> None:
    tweet = a_tweet(author="ann", geo={"place_id": 5, "full_name": "x"}, attachments=[1], new={})

    assert unflatten(tweet) == (tweet, {})


NAMES = (
    *("author", "referenced_tweets", "type", "attachments", "media", "media_key", "poll", "geo"),
    *("place_id", "entities", "mentions", "username", "note_tweet", "id", "in_reply_to_user"),
)


@given(objects(trees(*NAMES), *NAMES))
def test_no_shape_breaks_it(tweet: dict[str, Any]) -> None:
    before = copy.deepcopy(tweet)

    unflatten(tweet)

    assert tweet == before


def test_flattening_in_these_tests_is_the_inverse() -> None:
    page = a_page(a_tweet("1"), includes={"users": [a_user("1")]})

    assert flattened(page) == [a_tweet("1", author=a_user("1"))]
