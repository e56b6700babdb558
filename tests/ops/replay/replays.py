"""What tests of replays are made of: a record, and logged messages."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tweetlog import events
from tweetlog_ops.replay.record import Position, Record
from tweetlog_ops.replay.selection import Selection
from tweetlog_ops.replay.source import Logged

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def a_selection(**more: Any) -> Selection:
    window: dict[str, Any] = {"since": NOON, "until": NOON + timedelta(hours=1), "asked": NOON}
    return Selection(**(window | more))


def a_record(**more: Any) -> Record:
    plain: dict[str, Any] = {
        "replay": "r1",
        "place": "here",
        "source": "raw_events",
        "table": "tweets",
        "chosen": a_selection(),
        "expected": 10,
    }
    return Record(**(plain | more))


def a_message(nth: int, *, type: str = events.RECEIVED, covered: bool = False) -> Logged:
    return Logged(
        Position(NOON + timedelta(seconds=nth), str(nth)),
        type,
        b"" if covered else b'{"nth": %d}' % nth,
        {"ce-id": str(nth), "ce-type": type, "content-type": "application/json"},
        covered,
    )


class AList:
    """A source that is a list, and notes what it was told is durable."""

    def __init__(self, *messages: Logged | None) -> None:
        self.messages = messages
        self.yielded = 0
        self.settled = 0

    def read(self, after: Position | None) -> Iterator[Logged | None]:
        for one in self.messages:
            if one is None or after is None or one.position.order > after.order:
                self.yielded += 1
                yield one

    def settle(self) -> None:
        self.settled = self.yielded


class ATopic:
    """A replay topic that is a list, and writes into a journal."""

    def __init__(self, journal: list[str]) -> None:
        self.messages: list[tuple[bytes, Mapping[str, str]]] = []
        self._journal = journal

    def publish(self, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        self.messages.extend(messages)
        self._journal.append(f"published {len(messages)}")

    @property
    def ids(self) -> list[str]:
        return [attributes["ce-id"] for _, attributes in self.messages]
