"""The replay itself: read, publish at a rate, keep how far it came; in this order, again and again.

Events go out unchanged, bytes and attributes, but for the extension that names their replay.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from tweetlog import events
from tweetlog_ops.errors import CommandError
from tweetlog_ops.replay.pace import Pace
from tweetlog_ops.replay.record import Record, advanced
from tweetlog_ops.replay.source import Logged, Source

_ATTRIBUTE = "ce-replayid"


class ReplayTopic(Protocol):
    """Takes messages and keeps them."""

    def publish(self, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        """Return once the broker has every message.

        Raises:
            PublishFailed: if it did not confirm one of them.
        """


class Probe(Protocol):
    """Looks at what comes out of the replay lane."""

    def version(self) -> int | None:
        """Return the version of the enricher that answered, None if none did for a while."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What a replay works with.

    Attributes:
        topic: where events go.
        keep: keeps the record, durably.
        show: shows how far it came.
        say: tells a person why it does not go on.
        stopped: whether it is to stop after the batch in hand.
        probe: looks whether the lane answers; None where it has answered already.
        wait: waits so many seconds; ends early when it is to stop.
        clock: tells seconds.
        patience: seconds to wait for the first answer.
    """

    topic: ReplayTopic
    keep: Callable[[Record], None]
    show: Callable[[Record], None]
    say: Callable[[str], object]
    stopped: Callable[[], bool]
    probe: Probe | None
    wait: Callable[[float], object]
    clock: Callable[[], float] = time.monotonic
    patience: float = 300.0


def play(
    record: Record, source: Source, hands: Hands, *, pace: Pace, version: int | None = None
) -> Record:
    """Publish what the record has not published yet; return it as it then stands.

    The first events go one by one, until one of them has come out of the lane: that shows which
    version of the enricher works there before everything is sent to it.

    Args:
        record: how far it came.
        source: the events.
        hands: what it works with.
        pace: how fast.
        version: which enricher is to answer; any if None.

    Raises:
        CommandError: if the lane does not answer, or as another version.
        PublishFailed: if the replay topic does not confirm.
    """
    coming = source.read(record.done.position)
    answered = hands.probe is None
    began = ended = hands.clock()
    while batch := _batch(coming, pace.batch if answered else 1):
        sent = [one for one in batch if one and not one.covered]
        hands.wait(pace.wait(len(sent), hands.clock()))
        if hands.stopped():
            return record
        hands.topic.publish([_replayed(one, record.replay) for one in sent])
        last, ended = ended, hands.clock()
        record = _after(record, batch, ended - last)
        hands.keep(record)
        source.settle()
        hands.show(record)
        if not answered and hands.probe and _is_enriched(sent):
            record, answered = _asked(record, hands.probe, version)
            hands.keep(record)
            if not answered and not hands.stopped():
                _check_patience(record, hands, hands.clock() - began)
    record = replace(record, published_all=True)
    hands.keep(record)
    return record


def _batch(coming: Iterator[Logged | None], most: int) -> list[Logged | None]:
    """Return the next events, as many as are there; an empty list at the end."""
    batch: list[Logged | None] = []
    for one in islice(coming, most):
        batch.append(one)
        if one is None:
            break
    return batch


def _after(record: Record, batch: Sequence[Logged | None], seconds: float) -> Record:
    seen = [one for one in batch if one]
    if not seen:
        return replace(record, done=replace(record.done, seconds=record.done.seconds + seconds))
    sent = [one for one in seen if not one.covered]
    return advanced(
        record,
        seen[-1].position,
        published=len(sent),
        tweets=sum(one.type == events.RECEIVED for one in sent),
        covered=len(seen) - len(sent),
        data_bytes=sum(len(one.data) for one in sent),
        seconds=seconds,
    )


def _replayed(logged: Logged, replay: str) -> tuple[bytes, Mapping[str, str]]:
    return logged.data, {**logged.attributes, _ATTRIBUTE: replay}


def _is_enriched(sent: Sequence[Logged]) -> bool:
    return any(one.type == events.RECEIVED for one in sent)


def _asked(record: Record, probe: Probe, version: int | None) -> tuple[Record, bool]:
    """Return the record with the version that answered, and whether one did.

    Raises:
        CommandError: if it is another than was asked for, or than answered when this began.
    """
    found = probe.version()
    if found is None:
        return record, False
    wanted = version if version is not None else record.version
    if wanted not in (None, found):
        sent = record.done.published
        raise CommandError(
            f"the enricher of the replay lane has version {found}, not {wanted}: deploy that one "
            f"there first (locally: --enricher); {sent} of the events went to it so far"
        )
    return replace(record, version=found), True


def _check_patience(record: Record, hands: Hands, seconds: float) -> None:
    """Say that the lane has not answered for so long; give up when that is too long."""
    line = (
        f"the replay lane does not answer: of {record.done.published:,} events nothing came out "
        f"of enricher-replay in {seconds:.0f} s"
    )
    if seconds > hands.patience:
        raise CommandError(f"{line}; see whether it runs, and v_dead_letters")
    hands.say(f"{line}; waiting for {hands.patience:.0f} s")
