"""Where events are published: the one thing a service needs of the broker."""

from typing import Protocol

from tweetlog.envelope import Envelope


class Topic(Protocol):
    """Takes events and keeps them."""

    def publish(self, *events: Envelope) -> None:
        """Return once the broker has every event.

        Raises:
            PublishFailed: if it did not confirm one of them; any of them may have arrived.
        """


class InMemoryTopic:
    """A topic that is a list: for tests and for trying things out."""

    def __init__(self) -> None:
        self.events: list[Envelope] = []

    def publish(self, *events: Envelope) -> None:
        """Keep the events."""
        self.events.extend(events)
