"""A subscription's delivery state as bytes: what must survive a restart, and nothing else."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

import orjson

from tweetlog_local.pubsub.delivery import Again
from tweetlog_local.pubsub.ranges import Ranges


@dataclass(slots=True)
class Counters:
    """What has happened on a subscription since it was created."""

    delivered: int = 0
    acked: int = 0
    nacked: int = 0
    dead_lettered: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """What is acknowledged, what failed and when it is due, and the counts."""

    acked: Ranges
    again: tuple[Again, ...] = ()
    counters: Counters = field(default_factory=Counters)


def encode(acked: Ranges, again: Iterable[Again], counters: Counters) -> bytes:
    """The state as bytes."""
    failed = [(each.id, each.failures, each.due) for each in again]
    return orjson.dumps({"acked": list(acked), "again": failed, "counters": asdict(counters)})


def decode(data: bytes) -> State:
    """The state that `encode` wrote."""
    stored = orjson.loads(data)
    return State(
        acked=Ranges(stored["acked"]),
        again=tuple(Again(*each) for each in stored["again"]),
        counters=Counters(**stored["counters"]),
    )


def encode_acked(acked: Ranges) -> bytes:
    """A snapshot's acknowledged ids as bytes."""
    return orjson.dumps(list(acked))


def decode_acked(data: bytes) -> Ranges:
    """The ids that `encode_acked` wrote."""
    return Ranges(orjson.loads(data))
