"""Odd lines on a stream, and what backfill and recovery give again; tweepy listens."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from local.x_api.house import House, eventually
from x_client import Collector

pytestmark = pytest.mark.servers
ENTERPRISE = pytest.mark.parametrize("x", [{"tier": "enterprise"}], indirect=True)


def ids(stream: Collector) -> list[str]:
    return [json.loads(line)["data"]["id"] for line in stream.lines]


def heard(x: House, fault: dict[str, Any]) -> list[Any]:
    """Return what is heard of two tweets with a fault in between."""
    stream = x.collecting()
    x.lab.fault(**fault)
    x.tell({"text": "train one"}, {"text": "train two"})
    eventually(lambda: stream.lines and b"train two" in stream.lines[-1])
    return [json.loads(line) for line in stream.lines]


def test_a_tweet_may_come_twice(ruled: House) -> None:
    lines = heard(ruled, {"kind": "repeat", "times": 2})

    assert [line["data"]["text"] for line in lines] == ["train one"] * 3 + ["train two"]


def test_a_tag_may_be_missing(ruled: House) -> None:
    lines = heard(ruled, {"kind": "untag"})

    assert ["tag" in line["matching_rules"][0] for line in lines] == [False, True]


def test_a_tweet_may_come_with_an_error(ruled: House) -> None:
    lines = heard(ruled, {"kind": "partial_error"})

    assert ["errors" in line for line in lines] == [True, False]
    assert lines[0]["errors"][0]["title"] == "Not Found Error"


@pytest.mark.parametrize(
    ("fault", "key"),
    [
        ({"kind": "unknown_message"}, "stream_notice"),
        ({"kind": "bare_error"}, "title"),
        ({"kind": "line", "text": '{"made": "up"}'}, "made"),
    ],
)
def test_a_line_may_be_no_tweet(ruled: House, fault: dict[str, Any], key: str) -> None:
    lines = heard(ruled, fault)

    assert [key in line for line in lines] == [True, False, False]


def test_tweets_may_come_in_another_order(ruled: House) -> None:
    stream = ruled.collecting()
    ruled.lab.fault("delay")
    told = ruled.tell({"text": "train one"}, {"text": "train two"})
    eventually(lambda: len(stream.lines) > 1)

    assert ids(stream) == told[::-1]


def test_a_stall_holds_everything_back_and_lets_it_go(ruled: House) -> None:
    stream = ruled.collecting()
    ruled.lab.fault("stall", seconds=1)
    eventually(lambda: ruled.lab.get("faults")[0]["fired"])
    told = ruled.tell({"text": "train one"}, {"text": "train two"})
    eventually(lambda: ruled.lab.get("stats")["waiting"] == 0)
    before = list(stream.lines)
    eventually(lambda: len(stream.lines) == 2)

    assert before == []
    assert ids(stream) == told


def test_after_a_disconnect_message_a_stream_may_stay_and_say_nothing(ruled: House) -> None:
    stream = ruled.collecting()
    ruled.lab.fault("disconnect", stay=True, bare=True, upstream=False)
    message = json.loads(eventually(lambda: stream.lines)[0])
    ruled.tell({"text": "train"})
    alive = stream.keep_alives
    eventually(lambda: stream.keep_alives > alive + 2)

    assert message["disconnect_type"] == "OperationalDisconnect"
    assert len(stream.lines) == 1


@pytest.mark.parametrize("kind", ["reset", "cut", "end", "tear"])
def test_what_comes_after_a_broken_tweet_is_lost_and_known(ruled: House, kind: str) -> None:
    stream = ruled.collecting()
    ruled.lab.fault(kind, after=1)

    told = ruled.tell({"text": "train 1"}, {"text": "train 2"}, {"text": "train 3"})

    eventually(lambda: stream.end)
    assert ruled.lab.get("ids", delivered="false") == told[1:]
    assert json.loads(stream.lines[0])["data"]["id"] == told[0]


@ENTERPRISE
def test_a_backfill_gives_again_what_was_before(ruled: House) -> None:
    missed = ruled.tell({"text": "train one"}, {"text": "train two"}, {"text": "a bus"})
    eventually(lambda: ruled.lab.get("stats")["waiting"] == 0)

    stream = ruled.collecting(backfill_minutes=1)
    eventually(lambda: len(stream.lines) == 2)
    live = ruled.tell({"text": "train three"})
    eventually(lambda: len(stream.lines) == 3)

    assert ids(stream) == missed[:2] + live


@ENTERPRISE
def test_a_recovery_gives_a_time_again_and_ends(ruled: House) -> None:
    start = ruled.lab.get("stats")["now"]
    missed = ruled.tell({"text": "train one"}, {"text": "train two"})
    eventually(lambda: ruled.lab.get("stats")["waiting"] == 0)
    end = ruled.lab.get("stats")["now"]

    stream = ruled.collect(start_time=_iso(start - 1), end_time=_iso(end))
    eventually(lambda: stream.end)

    assert ids(stream) == missed


@ENTERPRISE
def test_two_connections_get_the_same_and_a_third_is_turned_away(ruled: House) -> None:
    first, second, third = ruled.collecting(), ruled.collecting(), ruled.collect()
    told = ruled.tell({"text": "train"})
    eventually(lambda: first.lines and second.lines)

    assert (ids(first), ids(second)) == (told, told)
    assert eventually(lambda: third.end) == ("http", 429)


def test_a_backfill_is_refused_where_the_tier_has_none(ruled: House) -> None:
    stream = ruled.collect(backfill_minutes=1)

    assert eventually(lambda: stream.end) == ("http", 400)


@pytest.mark.parametrize("x", [{"rate": 500.0, "tweets": 300, "latency": 0.5}], indirect=True)
def test_made_up_tweets_come_once_each_and_a_little_out_of_order(x: House) -> None:
    x.add_rules(("the", "the"))
    stream = x.collecting()
    eventually(lambda: x.lab.get("stats")["finished"])
    stats = x.lab.get("stats")
    eventually(lambda: len(stream.lines) == stats["matched"])

    got = ids(stream)
    assert stats["existed"] == 300
    assert len(got) > 20
    assert sorted(got) == x.lab.get("ids", rule="the")
    assert got != sorted(got)


@pytest.mark.parametrize("x", [{"month_cap": 2}], indirect=True)
def test_at_the_months_cap_nothing_is_given_any_more(ruled: House) -> None:
    stream = ruled.collecting()
    ruled.tell({"text": "train one"}, {"text": "train two"})
    assert eventually(lambda: stream.end) == ("closed", 200)

    answer = ruled.call("GET", "/2/tweets/search/stream")

    assert (answer.status_code, answer.json()["title"]) == (429, "UsageCapExceeded")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
