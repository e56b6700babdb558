"""The language of rules: what matches what, and what is refused."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetlog_local.x_api.grammar import InvalidRuleError, parsed
from tweetlog_local.x_api.matching import features, matcher
from tweetlog_local.x_api.rulebook import Added, Rulebook
from tweetlog_local.x_api.tiers import PAY_PER_USE


def a_payload(text: str = "", includes: dict[str, Any] | None = None, **tweet: Any) -> Any:
    made = {"id": "1790000000000000001", "text": text, "author_id": "7", "lang": "en", **tweet}
    users = [{"id": "7", "username": "Ann", "name": "Ann", "description": "trains"}]
    return {"data": made, "includes": {"users": users, **(includes or {})}}


def matches(rule: str, payload: Any, *, search: bool = False) -> bool:
    return matcher(parsed(rule, search=search), search=search)(features(payload, search=search))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("train", "The TRAIN is late"),
        ("coca-cola", "a Coca Cola, please"),
        ('"last minute"', "in the last minute!"),
        ('"coast train"~2', "the train to the coast"),
        ("sea OR train ice", "the sea"),
        ("(sea OR train) ice", "train on ice"),
        ("train -bus", "train"),
        ("電車", "朝の電車は空いていた"),
        ("🚆", "by 🚆 tonight"),
    ],
)
def test_a_rule_matches_what_it_should(rule: str, text: str) -> None:
    assert matches(rule, a_payload(text))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("train", "the trains are late"),
        ('"last minute"', "the minute that came last"),
        ('"coast train"~1', "the train that goes to the coast"),
        ("sea OR train ice", "train"),
        ("(sea OR train) ice", "the sea"),
        ("train -bus", "train and bus"),
        ("#train", "a train"),
    ],
)
def test_a_rule_does_not_match_what_it_should_not(rule: str, text: str) -> None:
    assert not matches(rule, a_payload(text))


def test_operators_look_at_their_part_of_a_tweet() -> None:
    entities = {
        "hashtags": [{"tag": "Rail"}],
        "mentions": [{"username": "Bob", "id": "8"}],
        "urls": [{"url": "https://t.co/x", "expanded_url": "https://news.example/rail"}],
        "cashtags": [{"tag": "ACME"}],
    }
    reply = a_payload(
        "hi",
        entities=entities,
        in_reply_to_user_id="8",
        referenced_tweets=[{"type": "replied_to", "id": "5"}],
        conversation_id="4",
    )
    for rule in (
        "#rail", "@bob", "$acme", "from:ann", "from:7", "to:8", "url:news.example", "bio:trains",
        "from:ann is:reply", "from:ann has:hashtags has:links -is:retweet", "from:ann lang:en",
        "conversation_id:4", "in_reply_to_tweet_id:5", "from:ann sample:100",
    ):  # fmt: skip
        assert matches(rule, reply), rule
    for rule in ("from:bob", "from:ann is:quote", "from:ann has:media", "from:ann lang:de"):
        assert not matches(rule, reply), rule


def test_the_stream_reads_a_quoted_text_and_diacritics_and_the_search_neither() -> None:
    quote = a_payload(
        "so true: café",
        referenced_tweets=[{"type": "quoted", "id": "5"}],
        includes={"tweets": [{"id": "5", "text": "the train is late"}]},
    )

    assert matches("train", quote)
    assert not matches("train", quote, search=True)
    assert not matches("cafe", quote)
    assert matches("cafe", quote, search=True)


def test_a_sample_is_the_same_tweets_again_and_grows_with_its_share() -> None:
    tweets = [features(a_payload("a", id=str(number))) for number in range(1000)]

    def taken(percent: int) -> set[int]:
        rule = matcher(parsed(f"a sample:{percent}"))
        return {number for number, tweet in enumerate(tweets) if rule(tweet)}

    assert taken(10) == taken(10)
    assert taken(10) < taken(50) < taken(100)
    assert 50 < len(taken(10)) < 200


@pytest.mark.parametrize(
    ("rule", "detail"),
    [
        ("h:m", "Reference to invalid operator 'h' (at position 1)."),
        ("h:m", "Reference to invalid field 'h' (at position 1)."),
        ("lang:en", "Rules must contain at least one positive, standalone operator"),
        ("-train", "Rules must contain at least one positive, standalone operator"),
        ("a -(b OR c)", "Only a single clause can be negated (at position 3)."),
        ("(a OR b", "missing ')' at '<EOF>' (at position 8)."),
        ("a) b", "missing EOF at ')' (at position 2)."),
        ("a OR", "no viable alternative at input '<EOF>' (at position 5)."),
        ('a "b', "no viable alternative at character '\"' (at position 3)."),
        ("a is:nice", "Reference to invalid value 'nice' of operator 'is' (at position 3)."),
        ("a sample:0", "The sample: operator takes a whole number from 1 to 100 (at position 3)."),
    ],
)
def test_a_rule_that_x_refuses_says_why_and_where(rule: str, detail: str) -> None:
    with pytest.raises(InvalidRuleError) as refused:
        parsed(rule)

    assert any(line.startswith(detail) for line in refused.value.details)


def test_the_search_knows_neither_samples_nor_bios() -> None:
    for rule in ("a sample:10", "bio:trains"):
        parsed(rule)
        with pytest.raises(InvalidRuleError, match="not available in current product"):
            parsed(rule, search=True)


@given(st.text())
def test_any_text_is_a_rule_or_is_refused(text: str) -> None:
    tweet = features(a_payload(text))
    with suppress(InvalidRuleError):
        assert matcher(parsed(text))(tweet) in {True, False}


def test_rules_are_matched_from_when_they_take_effect_until_they_are_gone() -> None:
    book = Rulebook(PAY_PER_USE, delay=20)
    added = book.add([("train", "t")], now=100)
    assert isinstance(added, Added)
    tweet = features(a_payload("train"))

    book.delete([added.created[0].id], now=200)

    assert [len(book.matching(tweet, at)) for at in (100, 119, 120, 219, 220)] == [0, 0, 1, 1, 0]


def test_an_invalid_rule_keeps_the_others_out_and_a_duplicate_does_not() -> None:
    book = Rulebook(PAY_PER_USE, delay=0)

    book.add([("train", None), ("h:m", None)], now=1)
    assert len(book) == 0
    book.add([("train", None), ("train", "again"), ("bus", None)], now=1)
    assert [rule.value for rule in book] == ["train", "bus"]


def test_a_dry_run_changes_nothing() -> None:
    book = Rulebook(PAY_PER_USE, delay=0)

    added = book.add([("train", None)], now=1, dry_run=True)

    assert isinstance(added, Added)
    assert len(added.created) == 1
    assert len(book) == 0


def test_the_features_of_real_looking_payloads_need_no_field_but_the_id() -> None:
    assert features({"data": {"id": "1"}}).words == ()
