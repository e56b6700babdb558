import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ingestor.capture import Tweet, Unusable
from ingestor.files import of_line
from ingestor.reading import lines as lines_of
from tweetlog import events
from tweetlog.schema import schema
from tweetlog_local.tweets import Expected, expected, lines, no_tweets
from tweetlog_local.tweets.oddities import POISONS
from tweetlog_local.tweets.sequence import MAX_TWEETS

MANY = 3_000
Object = dict[str, Any]


@cache
def made(tweets: int, seed: int = 1) -> tuple[bytes, ...]:
    return tuple(lines(tweets, seed))


@cache
def received(tweets: int, seed: int = 1) -> tuple[Tweet | Unusable, ...]:
    """Return what the ingestor makes of the lines."""
    read = lines_of(io.BytesIO(b"".join(made(tweets, seed))))
    steps = itertools.chain.from_iterable(of_line("made up", line) for line in read)
    return tuple(step for step in steps if isinstance(step, Tweet | Unusable))


@cache
def payloads() -> tuple[Object, ...]:
    return tuple(json.loads(one.payload) for one in received(MANY) if isinstance(one, Tweet))


def tweets_in(payload: Object) -> Iterator[Object]:
    """Yield the tweet and those included, with X's old names."""
    includes = payload.get("includes", {})
    for tweet in (payload["data"], *includes.get("tweets", []), *includes.get("posts", [])):
        yield {name.replace("post", "tweet"): value for name, value in tweet.items()}


@pytest.mark.parametrize(("tweets", "seed"), [(500, 1), (500, -7), (20, 2**70)])
def test_the_same_seed_and_number_give_the_same_bytes(tweets: int, seed: int) -> None:
    assert list(lines(tweets, seed)) == list(lines(tweets, seed))


def test_another_seed_is_another_world() -> None:
    assert not set(made(300, seed=1)) & set(made(300, seed=2)) - {b"{}\n"}


@pytest.mark.parametrize("tweets", [0, 1, 10, 20, 30, 50, 100, 777, MANY])
def test_the_counts_are_known_beforehand(tweets: int) -> None:
    all_lines = made(tweets)
    read = received(tweets)
    ids = Counter(one.id for one in read if isinstance(one, Tweet))
    repeated = Counter(all_lines)
    again = sum(isinstance(one, Tweet) and one.receivedtime is not None for one in read)
    poison = sum(isinstance(one, Unusable) for one in read)
    duplicates = ids.total() - len(ids) - again

    assert sum(count - 1 for line, count in repeated.items() if b'"data"' in line) >= duplicates
    assert expected(tweets) == Expected(
        lines=len(all_lines),
        tweets=len(ids),
        duplicates=duplicates,
        observed_again=again,
        poison=poison,
        hostile=expected(tweets).hostile,
    )


def test_which_lines_are_no_tweets_is_known_beforehand() -> None:
    numbers = [one.origin["line"] for one in received(MANY) if isinstance(one, Unusable)]

    assert list(no_tweets(MANY)) == numbers


def test_there_are_poison_lines_of_every_kind_each_with_its_reason() -> None:
    reasons = Counter(
        one.reason.reason_class for one in received(MANY) if isinstance(one, Unusable)
    )

    assert reasons.total() == expected(MANY).poison >= len(POISONS)
    assert reasons.keys() == {
        *("not_json", "user", "no_id", "compliance_event", "no_text", "bad_id", "x_error"),
        *("duplicate_key",),
    }


def test_every_tweet_fits_the_contract() -> None:
    contract = Draft202012Validator(schema(events.RECEIVED))
    for payload in payloads()[:1_000]:
        assert list(contract.iter_errors(payload)) == []


SIGNS = {"hashtags": "#\uff03", "mentions": "@", "cashtags": "$"}


def test_entities_stand_where_they_say() -> None:
    found: Counter[str] = Counter()
    for payload in payloads():
        for tweet in tweets_in(payload):
            for part in (tweet, tweet.get("note_tweet", {})):
                for kind, some in part.get("entities", {}).items():
                    found[kind] += len(some)
                    for one in some:
                        written = part["text"][one["start"] : one["end"]]
                        name = one.get("tag") or one.get("username") or one.get("url")

                        assert written == name if kind == "urls" else written[1:] == name
                        assert kind == "urls" or written[0] in SIGNS[kind]
    assert found.keys() == {"hashtags", "mentions", "cashtags", "urls"}


def test_ids_rise_are_unique_and_agree_with_their_moments() -> None:
    start, firsts = (
        datetime(2026, 1, 5, tzinfo=UTC),
        dict.fromkeys(
            (payload["data"]["id"], payload["data"]["created_at"]) for payload in payloads()
        ),
    )
    # A duplicate of an earlier tweet comes later; the first time of each is in order.
    moments = [(int(id), created_at) for id, created_at in firsts]

    assert moments == sorted(moments)
    assert len({id for id, _ in moments}) == MANY
    for id, created_at in moments:
        moment = events.created_at(str(id))

        assert moment is not None
        assert events.rfc3339(moment.replace(microsecond=0)) == created_at
        assert start <= moment < start + timedelta(days=7)


def test_any_window_will_do() -> None:
    start = datetime(2019, 2, 3, 4, 5, tzinfo=UTC)
    ids = [json.loads(line)["data"]["id"] for line in lines(9, start=start, days=0.01)]

    for id in ids:
        moment = events.created_at(id)

        assert moment is not None
        assert start <= moment < start + timedelta(days=0.01)


def test_tweets_of_the_same_millisecond_have_ids_of_their_own() -> None:
    crowded = lines(3_000, days=1 / 864_000)
    ids = {line[15:34] for line in crowded if line[34:42] == b'","text"'}

    assert len(ids) == 3_000
    assert len({int(id) >> 22 for id in ids}) <= 101


def test_a_retweet_is_cut_and_its_original_is_whole() -> None:
    cut = whole = missing = shortened = 0
    for payload in payloads():
        tweet, *included = tweets_in(payload)
        (reference,) = tweet.get("referenced_tweets") or [{"type": "", "id": ""}]
        if reference["type"] != "retweeted":
            continue
        assert re.match(r"RT @\w+: ", tweet["text"])
        assert len(tweet["text"]) <= 140
        if not included:
            missing += 1
            assert payload["errors"][0]["resource_id"] == reference["id"]
            continue
        (original,) = included
        body = tweet["text"].split(": ", 1)[1]
        assert original["id"] == reference["id"]
        if body == original["text"]:
            whole += 1
        else:
            cut += 1
            assert body.endswith("…")
            assert original["text"].startswith(body[:-1])
            own, full = (
                [tag["tag"] for tag in one.get("entities", {}).get("hashtags", [])]
                for one in (tweet, original)
            )
            shortened += own != full
            assert full[: len(own)] == own

    assert min(cut, whole, shortened) > 50
    assert missing > 10


def test_a_long_post_says_everything_in_its_note() -> None:
    notes = [
        tweet
        for payload in payloads()
        for tweet in tweets_in(payload)
        if "note_tweet" in tweet and tweet["text"] != tweet["note_tweet"]["text"][:279] + "…"
    ]
    long = [
        tweet for payload in payloads() for tweet in tweets_in(payload) if "note_tweet" in tweet
    ]

    assert notes == []
    assert len(long) > 50
    assert any(tweet["note_tweet"].get("entities") != tweet.get("entities") for tweet in long)


def test_all_that_x_has_is_there() -> None:
    seen: Counter[str] = Counter()
    for payload in payloads():
        tweet, includes = next(tweets_in(payload)), payload["includes"]
        seen.update(f"reference {one['type']}" for one in tweet.get("referenced_tweets", []))
        seen.update(f"media {one['type']}" for one in includes.get("media", []))
        seen.update(f"include {kind}" for kind in includes)
        seen.update(f"member {name}" for name in tweet)
        seen.update(f"beside {name}" for name in payload)
        seen.update(["new names"] * ("edit_history_post_ids" in payload["data"]))
        seen.update(["edit"] * (len(tweet["edit_history_tweet_ids"]) > 1))
        seen.update(
            ["untagged rule"] * any("tag" not in r for r in payload.get("matching_rules", []))
        )
        seen.update(["point"] * ("coordinates" in tweet.get("geo", {})))
        urls = tweet.get("entities", {}).get("urls", [])
        seen.update(["unwound"] * any("unwound_url" in url for url in urls))

    for thing in (
        *("reference retweeted", "reference quoted", "reference replied_to", "edit", "point"),
        *("media photo", "media video", "media animated_gif", "include users", "include tweets"),
        *("include posts", "include media", "include places", "include polls", "new names"),
        *("member note_tweet", "member geo", "member attachments", "member in_reply_to_user_id"),
        *("beside errors", "beside matching_rules", "untagged rule", "unwound"),
    ):
        assert seen[thing] > 5, thing


def test_many_languages_and_x_own_codes_are_there() -> None:
    codes = Counter(payload["data"]["lang"] for payload in payloads())

    assert {"in", "iw", "und", "zxx", "qme", "qht", "qam", "qst", "qct", "art"} <= codes.keys()
    assert len(codes) >= 36
    assert codes.most_common(1)[0][0] == "en"


def test_hashtags_come_in_every_kind() -> None:
    tags = {
        tag["tag"]
        for payload in payloads()
        for tag in payload["data"].get("entities", {}).get("hashtags", [])
    }

    assert {"python", "Python", "PYTHON", "東京", "rock", "C", "caf\u00e9", "cafe\u0301"} <= tags
    assert any("\uff03東京" in payload["data"]["text"] for payload in payloads())


def test_a_trend_comes_up_peaks_and_fades() -> None:
    by_day = Counter(
        json.loads(line)["data"]["created_at"][:10]
        for line in made(MANY)
        if line.startswith(b'{"data":{"id"') and b'"tag":"HarbourFestival"' in line
    )

    assert by_day["2026-01-10"] > 3 * by_day["2026-01-08"]
    assert by_day["2026-01-10"] > 3 * by_day["2026-01-07"]


def test_some_people_and_tags_are_much_more_popular_than_others() -> None:
    authors: Counter[str] = Counter(payload["data"]["author_id"] for payload in payloads())
    retweeted = Counter(
        reference["id"]
        for payload in payloads()
        for reference in next(tweets_in(payload)).get("referenced_tweets", [])
    )

    assert authors.most_common(1)[0][1] > 4 * MANY / len(authors)
    assert retweeted.most_common(1)[0][1] > 10


def test_hostile_texts_are_tweets_all_the_same() -> None:
    texts = [payload["data"]["text"] for payload in payloads()]

    assert any("\u202e" in text for text in texts)
    assert any("\x00" in text for text in texts)
    assert any("\ud83d" in text for text in texts)
    assert any("\u2028" in text for text in texts)
    assert any(
        len(tweet["note_tweet"]["text"]) == 25_000
        for payload in payloads()
        for tweet in tweets_in(payload)
        if "note_tweet" in tweet
    )


def test_what_was_observed_again_is_the_same_tweet_with_higher_counts_and_a_later_moment() -> None:
    first: dict[str, Object] = {}
    again = 0
    for one in received(MANY):
        if not isinstance(one, Tweet):
            continue
        tweet = json.loads(one.payload)["data"]
        if one.receivedtime is None:
            first.setdefault(one.id, tweet)
            continue
        again += 1
        before = first[one.id]
        assert one.receivedtime > tweet["created_at"]
        assert tweet["public_metrics"]["like_count"] > before["public_metrics"]["like_count"]
        assert {**tweet, "public_metrics": 0} == {**before, "public_metrics": 0}

    assert again == expected(MANY).observed_again


def test_there_are_not_more_tweets_than_ids() -> None:
    with pytest.raises(ValueError, match="there are 0 to 100,000,000"):
        next(lines(MAX_TWEETS + 1))
