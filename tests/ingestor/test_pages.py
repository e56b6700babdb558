import copy
from typing import Any

from hypothesis import given

from ingestor.pages import shelf
from loose_json import objects, trees
from pages_of_x import a_page, a_rich_page, a_tweet, a_user


def payloads(page: dict[str, Any]) -> list[dict[str, Any]]:
    includes = shelf(page)
    return [includes.payload(page, tweet) for tweet in page["data"]]


def ids(payload: dict[str, Any], kind: str) -> list[str]:
    return [one.get("id", one.get("media_key")) for one in payload["includes"].get(kind, [])]


def test_a_tweet_keeps_what_it_refers_to_and_nothing_else() -> None:
    _, reply, plain = payloads(a_rich_page())

    assert ids(reply, "users") == ["3", "4"]
    assert ids(reply, "media") == ["3_1"]
    assert ids(reply, "polls") == ["9"]
    assert ids(reply, "places") == ["abc"]
    assert "tweets" not in reply["includes"]
    assert plain == {"data": plain["data"], "includes": {"users": [a_user("5")]}}


def test_a_retweet_keeps_its_original_with_author_and_media_and_what_that_quotes() -> None:
    retweet, _, _ = payloads(a_rich_page())

    assert ids(retweet, "tweets") == ["1590000000000000002", "1590000000000000003"]
    assert ids(retweet, "users") == ["1", "2", "3"]
    assert ids(retweet, "media") == ["7_2"]


def test_an_error_stays_with_the_tweet_it_is_about() -> None:
    retweet, reply, plain = payloads(a_rich_page())

    assert [error.get("value") for error in retweet["errors"]] == ["USER2"]
    assert [error.get("resource_id") for error in reply["errors"]] == ["1590000000000000099"]
    assert "errors" not in plain


def test_the_rules_that_matched_stay_with_each_tweet() -> None:
    page = a_page(a_tweet("1"), a_tweet("2"), matching_rules=[{"id": "7", "tag": "cats"}])

    assert [payload["matching_rules"] for payload in payloads(page)] == [
        [{"id": "7", "tag": "cats"}]
    ] * 2


def test_a_tweet_of_the_page_counts_as_included() -> None:
    quote = a_tweet("2", referenced_tweets=[{"type": "quoted", "id": "1"}])
    quoted = a_tweet("1", author_id="8")
    first, second = payloads(a_page(quote, quoted, includes={"users": [a_user("8")]}))

    assert first["includes"] == {"users": [a_user("8")], "tweets": [quoted]}
    assert second["includes"] == {"users": [a_user("8")]}


def test_both_of_the_names_that_x_uses_are_understood() -> None:
    quote = a_tweet("2", referenced_posts=[{"type": "quoted", "id": "1"}])
    page = a_page(quote, includes={"posts": [a_tweet("1", note_post={"text": "long"})]})

    assert payloads(page)[0]["includes"] == page["includes"]


def test_an_edit_keeps_the_versions_before_it_but_not_itself() -> None:
    edit = a_tweet("2", edit_history_tweet_ids=["1", "2"])
    page = a_page(edit, includes={"tweets": [a_tweet("1"), edit]})

    assert ids(payloads(page)[0], "tweets") == ["1"]


def test_a_mention_in_a_long_post_keeps_its_user() -> None:
    note = {"text": "@user7", "entities": {"mentions": [{"username": "USER7"}]}}
    page = a_page(a_tweet("2", note_tweet=note), includes={"users": [a_user("7"), a_user("8")]})

    assert ids(payloads(page)[0], "users") == ["7"]


def test_an_include_of_a_new_kind_goes_with_the_tweet_that_names_it() -> None:
    page = a_page(
        a_tweet("1", community_id="55"),
        a_tweet("2"),
        includes={"communities": [{"id": "55"}, {"id": "56"}]},
    )

    assert payloads(page)[0]["includes"] == {"communities": [{"id": "55"}]}
    assert "includes" not in payloads(page)[1]


def test_kinds_do_not_share_their_ids() -> None:
    page = a_page(a_tweet("2", author_id="9"), includes={"polls": [{"id": "9"}]})

    assert "includes" not in payloads(page)[0]


def test_a_chain_of_replies_does_not_drag_the_whole_page_along() -> None:
    chain = [
        a_tweet(str(n), referenced_tweets=[{"type": "replied_to", "id": str(n + 1)}])
        for n in range(1, 50)
    ]

    assert max(len(ids(payload, "tweets")) for payload in payloads(a_page(*chain))[:-1]) == 2


NAMES = (
    *("referenced_tweets", "attachments", "media_keys", "geo", "place_id", "entities", "mentions"),
    *("note_tweet", "users", "id", "tweets", "media", "urls", "username", "author_id", "article"),
)
TREE = trees(*NAMES)


@given(objects(TREE, *NAMES), TREE, TREE)
def test_no_shape_of_a_page_breaks_it(tweet: dict[str, Any], includes: Any, errors: Any) -> None:
    page = {"data": [tweet], "includes": includes, "errors": errors}
    before = copy.deepcopy(page)

    assert payloads(page)[0]["data"] == tweet
    assert page == before
