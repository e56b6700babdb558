"""From a raw event to the enriched one: pure, the same alone and in a batch, never surprised."""

import json
import random
import time
from collections.abc import Callable
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import A_TWEET_ID, a_raw_tweet
from enricher import enrich as module
from enricher.enrich import ENRICHER_VERSION, ENRICHMENTS, enrich, enrich_all
from golden_corpus import cases
from loose_json import objects, trees
from tweetlog import events
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent
from tweetlog.schema import schema

NAMES = (
    *("id", "text", "author_id", "lang", "entities", "hashtags", "mentions", "cashtags", "urls"),
    *("start", "end", "tag", "username", "url", "expanded_url", "note_tweet", "referenced_tweets"),
    *("type", "retweeted", "tweets", "users", "media", "places", "attachments", "media_keys"),
    *("geo", "place_id", "coordinates", "bbox", "public_metrics", "like_count", "created_at"),
)
# Lone surrogates too: JSON can carry them.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=200)
VALID = jsonschema.Draft202012Validator(schema(events.ENRICHED))


def raw(payload: Any, **changes: Any) -> Envelope:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    given = {"id": "1", "source": events.TWEETS, "type": events.RECEIVED, "data": data}
    return Envelope(**{**given, **changes})


def row(event: Envelope) -> dict[str, Any]:
    columns: dict[str, Any] = event.json()
    return columns


def sections(event: Envelope) -> list[int]:
    return [int(part, 16) for part in row(event)["_CHANGE_SEQUENCE_NUMBER"].split("/")]


def test_what_was_scrubbed_outranks_what_was_not_and_is_an_event_of_its_own() -> None:
    whole, scrubbed = enrich(a_raw_tweet()), enrich(a_raw_tweet().extended(scrubbed="geo"))

    assert sections(whole) < sections(scrubbed)
    assert sections(whole)[1:] == sections(scrubbed)[1:]
    assert scrubbed.id == f"{whole.id}-scrubbed"


def test_the_enriched_event_follows_from_the_raw_one() -> None:
    tweet = a_raw_tweet().extended(replayid="r1", traceparent="00-1-2-01")
    event = enrich(tweet)

    assert event.id == f"{A_TWEET_ID}-v{ENRICHER_VERSION}"
    assert (event.type, event.source) == (events.ENRICHED, events.ENRICHER)
    assert (event.subject, event.time) == (tweet.subject, tweet.time)
    assert event.extensions == {
        "causationid": tweet.id,
        "replayid": "r1",
        "traceparent": "00-1-2-01",
    }


def test_the_payload_is_spliced_in_byte_for_byte() -> None:
    payload = b' {"data":{"text" : "caf\\u00e9 \\ud83d",\n"id":"20"} , "odd": 1.0e+2 }\n'

    assert enrich(raw(payload)).data.endswith(b',"raw":' + payload + b"}")


def test_the_row_says_where_it_comes_from() -> None:
    columns = row(enrich(a_raw_tweet()))

    assert columns["raw_event_id"] == A_TWEET_ID
    assert columns["enricher_version"] == ENRICHER_VERSION
    assert columns["_CHANGE_TYPE"] == "UPSERT"


def test_the_time_of_receipt_decides_between_two_observations() -> None:
    earlier = a_raw_tweet().extended(receivedtime="2026-01-01T00:00:00Z")
    later = a_raw_tweet().extended(receivedtime="2026-01-01T00:00:01+00:00")

    assert row(enrich(later))["received_at"] == "2026-01-01T00:00:01.000Z"
    assert sections(enrich(later)) > sections(enrich(earlier)) > sections(enrich(a_raw_tweet()))


def test_a_higher_version_decides_over_any_time_of_receipt() -> None:
    event = a_raw_tweet().extended(receivedtime="2099-01-01T00:00:00Z")

    assert sections(enrich(event))[:2] == [0, ENRICHER_VERSION]


def test_a_time_of_receipt_that_is_no_time_is_left_out() -> None:
    columns = row(enrich(a_raw_tweet().extended(receivedtime="yesterday")))

    assert columns["received_at"] is None


def test_the_time_of_the_event_is_the_last_resort() -> None:
    old = raw({"data": {"id": "20", "text": "x"}}, time="2006-03-21T20:50:14Z")

    assert row(enrich(old))["created_at"] == "2006-03-21T20:50:14.000Z"


@pytest.mark.parametrize(
    ("data", "reason_class"),
    [
        (b"", "not_json"),
        (b"\xff", "not_json"),
        (b'{"data": NaN}', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"data": {"id": "1", "text": "x"}} trailing', "not_json"),
        (b"[]", "not_a_tweet"),
        (b'{"data": []}', "not_a_tweet"),
        (b'{"data": {"id": "1"}}', "not_a_tweet"),
        (b'{"data": {"id": "1", "text": null}}', "not_a_tweet"),
        (b'{"data": {"id": 1, "text": "x"}}', "not_a_tweet"),
        (b'{"data": {"id": "1a", "text": "x"}}', "not_a_tweet"),
        (b'{"data": {"id": "111111111111111111111", "text": "x"}}', "not_a_tweet"),
    ],
)
def test_what_is_no_post_is_invalid(data: bytes, reason_class: str) -> None:
    with pytest.raises(InvalidEvent) as reason:
        enrich(raw(data))

    assert reason.value.reason_class == reason_class
    assert len(str(reason.value)) < 200


def test_a_post_that_no_message_can_carry_is_invalid() -> None:
    with pytest.raises(InvalidEvent) as reason:
        enrich(a_raw_tweet(text="x" * 5_000_000))

    assert reason.value.reason_class == "too_large"


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.family}: {case.name}")
def test_a_row_is_as_its_schema_says(case: Any) -> None:
    VALID.validate(row(enrich(raw(case.payload))))


@settings(deadline=None)
@given(TEXTS)
def test_no_text_is_refused(text: str) -> None:
    event = enrich(a_raw_tweet(text=text))

    VALID.validate(row(event))


@settings(deadline=None)
@given(st.fixed_dictionaries({"data": objects(trees(*NAMES), *NAMES)}) | trees("data", *NAMES))
def test_anything_is_a_valid_row_or_an_invalid_event(payload: Any) -> None:
    try:
        event = enrich(raw(payload))
    except InvalidEvent:
        return
    VALID.validate(row(event))


@settings(max_examples=30, deadline=None)
@given(st.lists(TEXTS | st.sampled_from([c.payload["data"]["text"] for c in cases()])))
def test_a_batch_gives_the_same_bytes_as_one_by_one(texts: list[str]) -> None:
    tweets = [a_raw_tweet(str(n + 1), text=text) for n, text in enumerate(texts)]

    assert enrich_all(tweets) == [enrich(tweet) for tweet in tweets]


def test_a_large_batch_gives_the_same_bytes_as_one_by_one() -> None:
    words = ("gut", "sol", "mar", "das", "alles", "nein", "casa", "brr", "hm", "tak", "det", "ni")
    dice = random.Random(1)  # noqa: S311 - no secret
    texts = [" ".join(dice.choices(words, k=dice.randint(1, 9))) for _ in range(700)]
    tweets = [a_raw_tweet(str(n + 1), text=text) for n, text in enumerate(texts)]

    assert enrich_all(tweets) == [enrich(tweet) for tweet in tweets]


def test_one_invalid_event_leaves_the_rest_of_its_batch_alone() -> None:
    good, bad = a_raw_tweet(), raw(b"?")

    first, second, third = enrich_all([good, bad, good])

    assert first == third == enrich(good)
    assert isinstance(second, InvalidEvent)


def test_an_invalid_event_keeps_nothing_of_its_batch_in_memory() -> None:
    (nonsense,) = enrich_all([raw(b"?")])
    assert isinstance(nonsense, InvalidEvent)
    assert nonsense.__traceback__ is None
    assert nonsense.__context__ is None


def test_the_order_of_the_enrichments_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    before = row(enrich(a_raw_tweet(text="#a @b $c http://d.e")))
    shuffled = list(module._SINGLY)  # noqa: SLF001 - the order is all that is shuffled
    random.Random(2).shuffle(shuffled)  # noqa: S311 - no secret
    monkeypatch.setattr(module, "_SINGLY", shuffled)

    assert row(enrich(a_raw_tweet(text="#a @b $c http://d.e"))) == before


def test_the_version_is_even_if_and_only_if_everything_is_installed() -> None:
    assert (ENRICHER_VERSION % 2 == 0) is all(one.complete for one in ENRICHMENTS)


PIECES = (
    "#|#a|a#|\uff03|#\u0301|/#a|#1|a.|a.a/#|@|@a|a@|RT @a |$A |http://|http://.|http://a.,"
    "|https://t.co/a|https://a.b/c?d#|&|&amp;|\u202e|\u200d|x\u0300|\U0001f469\u200d|\u3042"
    "|\x00| |1|ja|lo|rs|wk|xd|kk"
)
# What almost matches for as long as possible.
NEARLY = (
    "#...a...#|#...a...://|#...1...a#|@...a...@|$...A...!|https://...,... |/#...a....|l...o...k"
)


@pytest.mark.parametrize(
    "shape", [f"...{piece}..." for piece in PIECES.split("|")] + NEARLY.split("|")
)
@pytest.mark.parametrize("partial", [False, True])
def test_time_grows_no_faster_than_the_text(shape: str, *, partial: bool) -> None:
    head, piece, tail = shape.split("...", maxsplit=2)
    retweeted = [{"type": "retweeted", "id": "2"}] if partial else []

    def a_post(length: int) -> Envelope:
        text = head + (piece * length)[:length] + tail
        return a_raw_tweet(text=text, referenced_tweets=retweeted)

    # Eight times the text takes 8 times the time if it is linear, and 64 if it is quadratic.
    assert seconds(lambda: enrich(a_post(24_000))) < 30 * seconds(lambda: enrich(a_post(3_000)))


def seconds(work: Callable[[], object]) -> float:
    """Return the least processor time of a few runs, at least a millisecond."""
    times = []
    for _ in range(3):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return max(min(times), 0.001)


def test_the_event_is_one_json_document() -> None:
    assert set(orjson.loads(enrich(a_raw_tweet()).data)) >= {"tweet_id", "raw"}
