"""What a source hands over: tweets as they came, what is not a tweet, and how far it has read.

Every source (files today, X's stream and search) speaks this, so that what follows it,
batching, publishing and confirming, is written once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tweetlog import events
from tweetlog.delivery import check_size
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent
from tweetlog.rejection import rejected, unparsed

STAGE = "ingest"
#: Where something was read: file, line, item. Part of what makes a dead letter the same one.
Origin = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Tweet:
    """A tweet as X gave it.

    Attributes:
        id: X's id, decimal digits.
        payload: the X v2 payload: `data`, `includes`, `matching_rules`, `errors`.
        origin: where it was read.
        time: its creation as X states it, for ids that do not tell (before November 2010).
        receivedtime: when it was observed, where an archive says so.
    """

    id: str
    payload: bytes = field(repr=False)
    origin: Origin
    time: str | None = None
    receivedtime: str | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something that is not a tweet: its bytes, why, and where it was read."""

    data: bytes = field(repr=False)
    reason: InvalidEvent
    origin: Origin


@dataclass(frozen=True, slots=True)
class Stated:
    """An event that the source itself states: a hole in a stream."""

    event: Envelope


@dataclass(frozen=True, slots=True)
class Mark:
    """A place from which the source can go on: everything before it was handed over.

    Attributes:
        place: which input, by its name.
        line: how many of its lines are behind this mark.
        complete: whether the input ends here.
    """

    place: str
    line: int
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing more is at hand for now: what was handed over should not wait for company."""


Captured = Tweet | Unusable
Step = Captured | Stated | Mark | Pause


class Source(Protocol):
    """Reads tweets from somewhere, in order, and can go on from a mark."""

    def steps(self) -> Iterator[Step]:
        """Yield what is read, each input's progress marked, in bounded memory."""

    def confirmed(self, mark: Mark) -> None:
        """Take note that everything before `mark` is durable."""


def event(captured: Captured | Stated) -> Envelope:
    """Return the event to publish: the tweet received, the dead letter, or what was stated."""
    if isinstance(captured, Stated):
        return captured.event
    if isinstance(captured, Unusable):
        return unparsed(captured.data, captured.reason, stage=STAGE, origin=captured.origin)
    received = events.received(
        captured.id, captured.payload, time=captured.time, receivedtime=captured.receivedtime
    )
    try:
        check_size(received)
    except InvalidEvent as reason:
        return rejected(received, reason, stage=STAGE, origin=captured.origin)
    return received
