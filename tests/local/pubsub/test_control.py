"""The control port's manners towards garbage; what it answers is in test_service."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.pubsub.builders import House
from tweetlog_local.pubsub.control import Control
from tweetlog_local.pubsub.faults import KINDS, Faults, Rule, RuleError, parse


def test_a_rule_fires_as_often_as_it_says() -> None:
    rule = Rule("lose_ack", count=2)

    assert [rule.fires() for _ in range(4)] == [True, True, False, False]
    assert rule.fired == 2


def test_chance_is_the_same_every_time() -> None:
    one, two = (Rule("lose_ack", probability=0.5, seed=3) for _ in range(2))
    fired = [one.fires() for _ in range(100)]

    assert fired == [two.fires() for _ in range(100)]
    assert 30 < sum(fired) < 70


def test_a_rule_keeps_to_its_scope_by_full_or_short_name() -> None:
    faults = Faults()
    faults.add([{"kind": "refuse_publish", "topic": "tweets"}])

    assert faults.fire("refuse_publish", "projects/p/topics/tweets")
    assert not faults.fire("refuse_publish", "projects/p/topics/other-tweets")
    assert not faults.fire("lose_publish", "projects/p/topics/tweets")


def test_one_bad_rule_keeps_out_all() -> None:
    faults = Faults()
    with pytest.raises(RuleError):
        faults.add([{"kind": "lose_ack"}, {"kind": "no such"}])

    assert faults.shown() == []


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({}, "kind must be one of"),
        ({"kind": "lose_ack", "fired": 3}, "'fired' is unknown"),
        ({"kind": "lose_ack", "topic": "t"}, "lose_ack is about a subscription"),
        ({"kind": "refuse_publish", "subscription": "s"}, "refuse_publish is about a topic"),
        ({"kind": "refuse_publish", "code": "OK"}, "code must be a gRPC status"),
        ({"kind": "lose_ack", "count": 1.5}, "count must be of type int"),
        ({"kind": "lose_ack", "count": True}, "count must be of type int"),
        ({"kind": "lose_ack", "seconds": -1}, "seconds must not be negative"),
    ],
    ids=str,
)
def test_a_bad_rule_is_refused(rule: object, reason: str) -> None:
    with pytest.raises(RuleError) as error:
        parse(rule)

    assert reason in str(error.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
fields = st.sampled_from(["kind", "topic", "subscription", "code", "seconds", "count", "seed"])


@given(st.dictionaries(fields, json_values | st.sampled_from(sorted(KINDS))) | json_values)
def test_any_json_is_a_rule_or_refused(value: object) -> None:
    try:
        outcome: object = parse(value)
    except RuleError as error:
        outcome = error

    assert isinstance(outcome, Rule | RuleError)


async def converse(data: bytes, house: House) -> bytes:
    server = await asyncio.start_server(Control(house.broker).serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(data)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer


def test_requests_on_one_connection_are_answered_in_turn(house: House) -> None:
    request = b"GET /faults HTTP/1.1\r\nhost: x\r\n\r\n"

    assert asyncio.run(converse(request * 3, house)).count(b"HTTP/1.1 200 OK") == 3


@given(st.binary(max_size=100) | st.just(b"GET /wait-idle?timeout=x HTTP/1.1\r\n\r\n"))
@settings(max_examples=30, deadline=None)
def test_garbage_ends_its_own_connection_at_most(data: bytes) -> None:
    with TemporaryDirectory() as directory:
        house = House(Path(directory))
        answer = asyncio.run(converse(data, house))
        house.close()

    assert answer == b"" or answer.startswith(b"HTTP/1.1 40")
