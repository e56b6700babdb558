"""What a caller gets, seen without a server."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from local.pubsub.builders import SUBSCRIPTION, House
from tweetlog_local.pubsub.api import PullRequest
from tweetlog_local.pubsub.consumers import Consumers
from tweetlog_local.pubsub.replay import Snapshots
from tweetlog_local.pubsub.subscriber import Subscriber


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller with so many seconds left until it gives up, or with all the time there is."""

    seconds: float | None

    def time_remaining(self) -> float | None:
        """Say how many."""
        return self.seconds


def pulled(house: House, caller: Caller) -> list[bytes]:
    """Return the messages that the caller is given, as their bytes."""
    consumers = Consumers(house.broker, {})

    async def pull() -> Any:
        consumers.changed(house.find())
        snapshots = Snapshots(house.broker)
        subscriber = Subscriber(house.broker, snapshots, consumers, _no_table)
        return await subscriber.Pull(PullRequest(subscription=SUBSCRIPTION, max_messages=9), caller)

    return [one.message for one in asyncio.run(pull()).received_messages]


async def _no_table(_: Any) -> None:
    pass


@pytest.mark.parametrize("seconds", [5.0, None])
def test_a_caller_who_waits_is_given_what_there_is(house: House, seconds: float | None) -> None:
    house.topic()
    house.subscription()
    house.publish("one", "two")
    assert len(pulled(house, Caller(seconds))) == 2


def test_what_comes_too_late_for_its_caller_is_there_for_the_next_at_once(house: House) -> None:
    house.topic()
    subscription = house.subscription()
    house.publish("one", "two")
    assert pulled(house, Caller(0.0)) == []
    assert house.texts(subscription) == ["one", "two"]
    assert subscription.counters.nacked == 0
