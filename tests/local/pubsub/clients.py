"""The real clients against one server, and names nobody else uses."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.request import Request, urlopen
from warnings import catch_warnings

import grpc
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

PROJECT = "projects/p"
NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Clients:
    """`google-cloud-pubsub` as it comes, with the steps tests are made of."""

    address: str
    publisher: Any
    subscriber: Any

    @classmethod
    def of(cls, address: str) -> "Clients":
        publishing, subscribing = grpc.insecure_channel(address), grpc.insecure_channel(address)
        return cls(
            address,
            PublisherClient(transport=PublisherGrpcTransport(channel=publishing)),
            SubscriberClient(transport=SubscriberGrpcTransport(channel=subscribing)),
        )

    def close(self) -> None:
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()

    def topic(self, **properties: Any) -> str:
        name = f"{PROJECT}/topics/topic-{next(NUMBERS)}"
        self.publisher.create_topic(request={"name": name, **properties})
        return name

    def subscription(self, topic: str, **properties: Any) -> str:
        name = f"{PROJECT}/subscriptions/subscription-{next(NUMBERS)}"
        self.subscriber.create_subscription(request={"name": name, "topic": topic, **properties})
        return name

    def publish(self, topic: str, *texts: str | bytes, **attributes: str) -> list[str]:
        """Publish and wait for the ids."""
        data = [text.encode() if isinstance(text, str) else text for text in texts]
        futures = [self.publisher.publish(topic, each, **attributes) for each in data]
        return [future.result(timeout=20) for future in futures]

    def pull(self, subscription: str, most: int = 100, seconds: float = 5.0) -> list[Any]:
        request = {"subscription": subscription, "max_messages": most}
        return list(self.subscriber.pull(request=request, timeout=seconds).received_messages)

    def pull_now(self, subscription: str, most: int = 100) -> list[Any]:
        request = {
            "subscription": subscription,
            "max_messages": most,
            "return_immediately": True,
        }
        with catch_warnings(action="ignore", category=DeprecationWarning):
            return list(self.subscriber.pull(request=request).received_messages)

    def pull_some(self, subscription: str) -> list[Any]:
        """Pull until something comes: an empty answer is allowed at any time."""
        return next(filter(None, (self.pull(subscription) for _ in range(10))), [])

    def pull_texts(self, subscription: str, number: int) -> list[str]:
        """Pull and acknowledge until there are `number`."""
        texts: list[str] = []
        for _ in range(20):
            received = self.pull(subscription)
            self.ack(subscription, received)
            texts += [each.message.data.decode() for each in received]
            if len(texts) >= number:
                break
        return texts

    def ack(self, subscription: str, received: Sequence[Any]) -> None:
        if received:
            ack_ids = [each.ack_id for each in received]
            self.subscriber.acknowledge(subscription=subscription, ack_ids=ack_ids)

    def modify(self, subscription: str, received: Sequence[Any], seconds: int) -> None:
        self.subscriber.modify_ack_deadline(
            subscription=subscription,
            ack_ids=[each.ack_id for each in received],
            ack_deadline_seconds=seconds,
        )

    def nack(self, subscription: str, received: Sequence[Any]) -> None:
        self.modify(subscription, received, 0)


def control(url: str, what: str, method: str = "GET", body: object = None) -> tuple[int, Any]:
    """A request to the control port: status and JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{url}{what}", data=data, method=method)  # noqa: S310 - our own server
    try:
        with urlopen(request, timeout=20) as answer:  # noqa: S310 - our own server
            return answer.status, json.load(answer)
    except OSError as error:
        if not hasattr(error, "code"):
            raise
        return error.code, json.load(error)  # type: ignore[arg-type]  # an HTTPError is a file
