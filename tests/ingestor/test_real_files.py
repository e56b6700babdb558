"""Real files of tweets, where there are some: `REAL_TWEETS=folder pytest tests/ingestor`."""

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ingestor.capture import Tweet, Unusable, event
from ingestor.files import FileSource, found
from tweetlog import events
from tweetlog.schema import schema

FOLDER = os.environ.get("REAL_TWEETS", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="REAL_TWEETS names no folder of tweets")


def captured(*names: str) -> list[Tweet | Unusable]:
    source = FileSource(found(names))
    steps = list(source.steps())

    assert source.failures == []
    return [step for step in steps if isinstance(step, Tweet | Unusable)]


def documents() -> Iterator[Any]:
    for name in found([FOLDER]):
        for line in Path(name).read_bytes().splitlines():
            yield json.loads(line)


def test_every_tweet_in_the_files_is_an_event_and_everything_else_a_dead_letter() -> None:
    items = list(
        itertools.chain.from_iterable(
            data if isinstance(data := document.get("data", document), list) else [data]
            for document in documents()
        )
    )
    tweets = [item["id"] for item in items if "text" in item]
    made = captured(FOLDER)

    assert [one.id for one in made if isinstance(one, Tweet)] == tweets
    assert sum(isinstance(one, Unusable) for one in made) == len(items) - len(tweets)


def test_every_event_fits_the_contract_and_is_the_same_again() -> None:
    contract = Draft202012Validator(schema(events.RECEIVED))
    once = [event(one) for one in captured(FOLDER)]

    assert once == [event(one) for one in captured(FOLDER)]
    for made in once:
        assert made.type == events.REJECTED or list(contract.iter_errors(made.json())) == []


def test_every_tweet_has_its_author_and_what_the_page_knew_of_its_original() -> None:
    included = {
        tweet["id"]
        for document in documents()
        for tweet in document.get("includes", {}).get("tweets", [])
    }
    for one in captured(FOLDER):
        if not isinstance(one, Tweet):
            continue
        payload = json.loads(one.payload)
        tweet, includes = payload["data"], payload.get("includes", {})
        users = {user["id"] for user in includes.get("users", [])}
        referenced = {reference["id"] for reference in tweet.get("referenced_tweets", [])}

        assert tweet["author_id"] in users
        assert referenced & included <= {other["id"] for other in includes.get("tweets", [])}


def test_flattened_tweets_have_the_includes_that_their_pages_give() -> None:
    flat, pages = (
        {
            one.id: json.loads(one.payload)
            for one in captured(f"{FOLDER}/{name}.jsonl")
            if isinstance(one, Tweet)
        }
        for name in ("flat", "noflat")
    )

    assert flat.keys() == pages.keys()
    for id, payload in flat.items():
        for kind in payload["includes"].keys() | pages[id]["includes"].keys():
            one, other = (
                {
                    include.get("media_key") or include["id"]
                    for include in some["includes"].get(kind, [])
                }
                for some in (payload, pages[id])
            )

            assert one == other
