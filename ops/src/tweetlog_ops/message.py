"""What an operator's command publishes: a message and the topic that it goes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tweetlog.delivery import encode
from tweetlog.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way: the topic's name, and what it carries."""

    topic: str
    data: bytes = field(repr=False)
    attributes: Mapping[str, str]


def carrying(event: Envelope, topic: str) -> Message:
    """Return the message that carries an event to a topic.

    Raises:
        InvalidEvent: if it is larger than a message may be.
    """
    return Message(topic, *encode(event))
