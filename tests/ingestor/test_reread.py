"""What the ingestor rejected, read once more by its own code."""

import base64
import json
from typing import Any

import pytest

from ingestor.capture import event
from ingestor.line import captured
from ingestor.reread import reread
from tweetlog import events

ORIGIN: dict[str, str | int] = {"file": "tweets.jsonl", "line": 7}


def read_again(data: bytes) -> list[dict[str, Any]]:
    line = json.dumps({"data_base64": base64.b64encode(data).decode(), "origin": ORIGIN})
    (answer,) = reread([line.encode()])
    found: list[dict[str, Any]] = json.loads(answer)["events"]
    return found


def test_a_line_that_is_a_tweet_now_is_the_event_that_it_was_received() -> None:
    (found,) = read_again(b'{"data":{"id":"1","text":"mended"}}')

    assert found["type"] == events.RECEIVED
    assert found["attributes"]["ce-id"] == "1"
    assert base64.b64decode(found["data_base64"]) == b'{"data":{"id":"1","text":"mended"}}'


@pytest.mark.parametrize("line", [b"{cut", b'{"data":{"id":"1"}}', b"[1]"])
def test_a_line_that_is_none_still_is_the_same_rejection(line: bytes) -> None:
    (before,) = [event(one) for one in captured(line, ORIGIN)]

    (found,) = read_again(line)

    assert found["type"] == events.REJECTED
    assert found["attributes"]["ce-id"] == before.id
