from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ops.replay.replays import AList, ATopic, a_message, a_record
from tweetlog import events
from tweetlog_ops.errors import CommandError
from tweetlog_ops.replay.pace import Pace
from tweetlog_ops.replay.play import Hands, play
from tweetlog_ops.replay.record import Record
from tweetlog_ops.replay.source import Source


@dataclass
class ALane:
    """What comes out of the replay lane: the versions that answer, one a look."""

    answers: list[int | None]

    def version(self) -> int | None:
        return self.answers.pop(0) if self.answers else None


@dataclass
class Table:
    """Hands that write everything into one journal, and stop after so many records."""

    stop_after: int = 10**9
    lane: ALane | None = None
    journal: list[str] = field(default_factory=list)
    kept: list[Record] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    settled: Callable[[], None] = lambda: None
    now: float = 0.0

    def __post_init__(self) -> None:
        self.topic = ATopic(self.journal)

    def play(self, record: Record, source: Source, **more: Any) -> Record:
        pace = more.pop("pace", Pace(0, most=3))
        return play(record, source, self.hands(), pace=pace, **more)

    def hands(self) -> Hands:
        return Hands(
            topic=self.topic,
            keep=self.keep,
            show=lambda _: None,
            say=self.said.append,
            stopped=lambda: len(self.kept) >= self.stop_after,
            probe=self.lane,
            wait=self.wait,
            clock=self.clock,
            patience=60.0,
        )

    def keep(self, record: Record) -> None:
        self.kept.append(record)
        self.journal.append(f"kept {record.done.published}")
        self.settled()

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)

    def clock(self) -> float:
        self.now += 10.0
        return self.now


def test_a_batch_is_recorded_after_it_was_confirmed() -> None:
    table = Table()

    table.play(a_record(), AList(*(a_message(n) for n in range(5))))

    assert table.journal == ["published 3", "kept 3", "published 2", "kept 5", "kept 5"]


def test_events_go_out_unchanged_but_for_the_name_of_their_replay() -> None:
    table, message = Table(), a_message(1)

    table.play(a_record(replay="r7"), AList(message))

    ((data, attributes),) = table.topic.messages
    assert data == message.data
    assert attributes == {**message.attributes, "ce-replayid": "r7"}


def test_what_a_tombstone_covers_is_counted_and_not_sent() -> None:
    table = Table()

    record = table.play(a_record(), AList(a_message(1), a_message(2, covered=True), a_message(3)))

    assert table.topic.ids == ["1", "3"]
    assert (record.done.published, record.done.covered) == (2, 1)


def test_a_replay_that_stopped_anywhere_goes_on_behind_its_last_record() -> None:
    messages = [a_message(n, covered=n % 5 == 0) for n in range(1, 12)]
    for stop in range(1, 4):
        first, second = Table(stop_after=stop), Table()
        stopped = first.play(a_record(), AList(*messages))

        done = second.play(stopped, AList(*messages))

        assert first.topic.ids + second.topic.ids == [str(n) for n in range(1, 12) if n % 5]
        assert done.published_all
        assert done.done.published + done.done.covered == 11
        assert not stopped.published_all


def test_a_source_learns_what_is_durable_only_after_the_record() -> None:
    source = AList(a_message(1), None, a_message(2))
    seen: list[int] = []
    table = Table(settled=lambda: seen.append(source.settled))

    table.play(a_record(), source)

    assert seen == [0, 2, 3]


def test_events_wait_for_their_rate() -> None:
    table = Table()
    table.clock = lambda: 0.0  # type: ignore[method-assign]

    table.play(a_record(), AList(*(a_message(n) for n in range(6))), pace=Pace(8, most=3))

    assert table.waited == [0.0, 0.25, 0.5]


def test_one_event_goes_alone_until_the_lane_answers() -> None:
    table = Table(lane=ALane([None, 41]))

    record = table.play(a_record(), AList(*(a_message(n) for n in range(8))))

    published = [line for line in table.journal if line.startswith("published")]
    assert published == ["published 1", "published 1", "published 3", "published 3"]
    assert record.version == 41


def test_a_hole_in_the_stream_is_not_expected_to_be_enriched() -> None:
    table = Table(lane=ALane([41]))

    record = table.play(a_record(), AList(a_message(1, type=events.GAP), a_message(2)))

    assert record.version == 41


def test_another_version_than_was_asked_for_ends_it_after_one_event() -> None:
    table = Table(lane=ALane([40]))

    with pytest.raises(CommandError, match="has version 40, not 99"):
        table.play(a_record(), AList(a_message(1), a_message(2)), version=99)

    assert table.topic.ids == ["1"]


def test_a_replay_is_not_resumed_by_another_version() -> None:
    table = Table(lane=ALane([41]))

    with pytest.raises(CommandError, match="has version 41, not 40"):
        table.play(a_record(version=40), AList(a_message(1)))


def test_a_lane_that_does_not_answer_is_one_line() -> None:
    table = Table(lane=ALane([]))

    with pytest.raises(CommandError, match="does not answer: of 3 events nothing came out"):
        table.play(a_record(), AList(*(a_message(n) for n in range(8))))

    assert "nothing came out of enricher-replay" in table.said[0]
