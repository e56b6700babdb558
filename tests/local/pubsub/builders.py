"""What the tests of the embedded Pub/Sub are made of: a clock, messages, and a broker to hand."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tweetlog_local.pubsub.api import PubsubMessage, Subscription, Topic
from tweetlog_local.pubsub.broker import Broker, Delivery, LiveSubscription
from tweetlog_local.pubsub.delivery import Holder
from tweetlog_local.pubsub.faults import Faults
from tweetlog_local.pubsub.log import Log

TOPIC = "projects/p/topics/tweets"
SUBSCRIPTION = "projects/p/subscriptions/reader"


@dataclass(slots=True)
class Clock:
    """Time that passes when it is told to."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


@dataclass(slots=True)
class House:
    """A broker over a data directory, with the steps a client would take."""

    path: Path
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    broker: Broker = field(init=False)
    starts: int = 0

    def __post_init__(self) -> None:
        self._open()

    def _open(self) -> None:
        self.starts += 1
        epoch = str(self.starts)
        self.broker = Broker(Log(self.path), clock=self.clock, faults=self.faults, epoch=epoch)

    def close(self) -> None:
        self.broker.log.close()

    def restart(self) -> None:
        """As after a kill: nothing is flushed that was not."""
        self.close()
        self._open()

    def topic(self, name: str = TOPIC, **properties: Any) -> str:
        self.broker.create_topic(Topic(name=name, **properties))
        return name

    def subscription(
        self, name: str = SUBSCRIPTION, topic: str = TOPIC, **properties: Any
    ) -> LiveSubscription:
        wanted = Subscription(name=name, topic=topic, **properties)
        return self.broker.create_subscription(wanted)

    def find(self, name: str = SUBSCRIPTION) -> LiveSubscription:
        return self.broker.subscription(name)

    def publish(self, *texts: str, topic: str = TOPIC, **attributes: str) -> list[str]:
        messages = [PubsubMessage(data=text.encode(), attributes=attributes) for text in texts]
        return self.broker.publish(self.broker.topic(topic), messages)

    def take(self, subscription: LiveSubscription, limit: int = 100) -> list[Delivery]:
        return self.broker.take(
            subscription, Holder(), limit=limit, max_bytes=10_000_000, seconds=10.0
        )

    def texts(self, subscription: LiveSubscription, limit: int = 100) -> list[str]:
        return [text_of(delivery) for delivery in self.take(subscription, limit)]

    def drain(self, subscription: LiveSubscription) -> list[str]:
        """Take and acknowledge all there is now."""
        deliveries = self.take(subscription, 1000)
        self.broker.ack(subscription, [each.ack_id for each in deliveries])
        return [text_of(delivery) for delivery in deliveries]


def text_of(delivery: Delivery) -> str:
    data: bytes = PubsubMessage.FromString(delivery.body).data
    return data.decode()
