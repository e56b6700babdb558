"""The filtered stream over loopback, with tweepy as the witness that it is X's."""

import json
from typing import Any

import pytest
import requests

from local.x_api.house import STREAM, House, eventually

pytestmark = pytest.mark.servers
TLS = pytest.mark.parametrize("x", [{}, {"server": "tls"}], indirect=True, ids=["plain", "tls"])


@TLS
def test_a_tweet_reaches_tweepy_with_what_was_asked_for(x: House) -> None:
    rules = x.add_rules(("train", "trains"))
    stream = x.collecting(tweet_fields=["lang", "created_at"])

    (id,) = x.tell({"text": "a train", "lang": "en", "source": "made"})
    line = eventually(lambda: stream.lines)[0]

    shown = json.loads(line)
    assert shown["data"].keys() == {"id", "text", "edit_history_tweet_ids", "lang", "created_at"}
    assert shown["data"]["id"] == id
    assert shown["matching_rules"] == [{"id": rules.data[0].id, "tag": "trains"}]


def test_a_rule_without_a_tag_shows_none(x: House) -> None:
    x.add_rules(("train", None))
    stream = x.collecting()

    x.tell({"text": "a train"})
    line = eventually(lambda: stream.lines)[0]

    assert [*json.loads(line)["matching_rules"][0]] == ["id"]


def test_keep_alives_come_when_nothing_else_does(ruled: House) -> None:
    stream = ruled.collecting()

    eventually(lambda: stream.keep_alives > 2)

    assert stream.lines == []


def test_without_rules_there_is_a_conflict(x: House) -> None:
    stream = x.collect()

    assert eventually(lambda: stream.end) == ("http", 409)


def test_a_second_connection_is_turned_away_and_a_freed_one_is_not(ruled: House) -> None:
    first = ruled.collecting()

    second = ruled.collect()
    assert eventually(lambda: second.end) == ("http", 429)

    first.disconnect()
    first.thread.join()
    ruled.collecting()


@pytest.mark.parametrize("x", [{"second": "replace"}], indirect=True)
def test_a_second_connection_may_replace_the_first(ruled: House) -> None:
    first = ruled.collecting()

    ruled.collecting()

    assert eventually(lambda: first.end) == ("closed", 200)


@pytest.mark.parametrize("x", [{"ghost": 3600}], indirect=True)
def test_a_stream_that_its_client_broke_off_is_counted_on(ruled: House) -> None:
    first = ruled.collecting()
    first.disconnect()
    eventually(lambda: ruled.lab.get("stats")["open"] == 0)

    second = ruled.collect()

    assert eventually(lambda: second.end) == ("http", 429)


def test_only_the_right_token_is_let_in(x: House) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": x.up.token}):
        answer = requests.get(x.up.url + STREAM + "/rules", headers=headers, timeout=30)
        assert answer.status_code == 401
        assert answer.json()["title"] == "Unauthorized"


def test_the_fifty_first_connect_is_too_many(x: House) -> None:
    answers = [x.call("GET", STREAM) for _ in range(51)]

    assert [answer.status_code for answer in answers] == [409] * 50 + [429]
    assert answers[-1].json()["title"] == "Too Many Requests"
    assert answers[-1].headers["x-rate-limit-remaining"] == "0"
    assert 0 < int(answers[-1].headers["x-rate-limit-reset"]) - x.lab.get("stats")["now"] < 901


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ({"kind": "end"}, "closed"),
        ({"kind": "tear"}, "closed"),
        ({"kind": "disconnect"}, "closed"),
        ({"kind": "reset"}, "network"),
        ({"kind": "cut"}, "network"),
        ({"kind": "end_slow_reader"}, "network"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else value,
)
@TLS
def test_a_stream_ends_as_it_is_told_to(ruled: House, fault: dict[str, Any], end: str) -> None:
    stream = ruled.collecting()

    ruled.lab.fault(**fault)

    assert eventually(lambda: stream.end)[0] == end
    entry = ruled.lab.log()[-1]
    assert (entry["fault"], entry["status"]) == (fault["kind"], 200)


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ({"kind": "answer", "problem": "unauthorized"}, ("http", 401)),
        ({"kind": "answer", "problem": "credits"}, ("http", 402)),
        ({"kind": "answer", "problem": "not_enrolled"}, ("http", 403)),
        ({"kind": "answer", "problem": "no_rules"}, ("http", 409)),
        ({"kind": "answer", "problem": "rate_limit"}, ("http", 429)),
        ({"kind": "answer", "problem": "too_many_connections"}, ("http", 429)),
        ({"kind": "answer", "problem": "usage_cap"}, ("http", 429)),
        ({"kind": "answer", "problem": "unavailable_html"}, ("http", 503)),
        ({"kind": "answer", "problem": "unavailable_empty"}, ("http", 503)),
        ({"kind": "hang_up"}, ("network", None)),
        ({"kind": "empty_body"}, ("closed", 200)),
    ],
    ids=lambda value: value.get("problem", value["kind"]) if isinstance(value, dict) else "",
)
def test_a_connect_fails_as_it_is_told_to(ruled: House, fault: dict[str, Any], end: Any) -> None:
    ruled.lab.fault(**fault)

    stream = ruled.collect()

    assert eventually(lambda: stream.end) == end
    ruled.collecting()


@pytest.mark.parametrize("x", [{"server": "tls"}], indirect=True)
def test_a_certificate_that_cannot_be_trusted_is_shown_once(ruled: House) -> None:
    ruled.lab.fault("untrusted")

    stream = ruled.collect()

    assert eventually(lambda: stream.end) == ("network", None)
    ruled.collecting()


def test_connections_are_refused_for_a_while(ruled: House) -> None:
    ruled.lab.fault("refuse", seconds=1)

    with pytest.raises(requests.ConnectionError):
        ruled.call("GET", STREAM)
    eventually(lambda: _is_reached(ruled))
    ruled.collecting()


def test_what_existed_is_known_whether_or_not_somebody_listened(ruled: House) -> None:
    missed = ruled.tell({"text": "train one"}, {"text": "no match"})
    eventually(lambda: ruled.lab.get("stats")["waiting"] == 0)
    stream = ruled.collecting()
    heard = ruled.tell({"text": "train two"})
    eventually(lambda: stream.lines)

    assert ruled.lab.get("ids") == missed + heard
    assert ruled.lab.get("ids", rule="trains", delivered="false") == missed[:1]
    assert ruled.lab.get("ids", rule="trains", delivered="true") == heard


def test_a_fault_that_is_none_is_refused_with_what_is_known(x: House) -> None:
    faults: list[tuple[dict[str, Any], str]] = [
        ({"kind": "melt"}, "kind must be one of"),
        ({"kind": "end", "speed": 1}, "'speed' is unknown"),
        ({"kind": "end", "seconds": "3"}, "seconds must be of type"),
        ({"kind": "answer", "problem": "gone"}, "problem must be one of"),
    ]
    for fault, words in faults:
        answer = x.ask_lab("faults", fault)
        assert answer.status_code == 400
        assert words in answer.json()["error"]


def _is_reached(x: House) -> bool:
    try:
        return x.call("GET", STREAM + "/rules").ok
    except requests.ConnectionError:
        return False
