"""Builders for the X source: payloads as the stream gives them, and a source without a network."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ingestor.x.answers import Cause, Ended, Refused
from ingestor.x.budget import Budget
from ingestor.x.buffer import Buffer, Item
from ingestor.x.gaps import Gaps
from ingestor.x.intake import Intake, captured
from ingestor.x.metrics import Metrics
from ingestor.x.rules import Existing
from ingestor.x.spill import Spill
from ingestor.x.state import Ledger, State
from tweetlog import events
from tweetlog.envelope import Envelope

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
A_RULE = Existing("11", "from:somebody -is:retweet", "tweetlog:plain")


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def an_id(seconds: float, number: int = 0) -> int:
    """Return the id of a tweet that was created so long after noon."""
    return events.first_id(at(seconds)) + number


def a_line(id: int, **more: Any) -> bytes:
    """Return a tweet as the stream gives it."""
    rules = [{"id": "11", "tag": "tweetlog:plain"}]
    return json.dumps(
        {"data": {"id": str(id), "text": "hello"}, "matching_rules": rules, **more}
    ).encode()


class Clock:
    """Seconds since 1970 that pass only when told."""

    def __init__(self) -> None:
        self.now = NOON.timestamp()

    def __call__(self) -> float:
        return self.now

    def to(self, seconds: float) -> None:
        """Go to so many seconds after noon."""
        self.now = at(seconds).timestamp()


@dataclass
class Offline:
    """The parts around the connection, in a folder, with a clock of their own."""

    folder: Path
    budget: Budget = field(default_factory=Budget)
    memory: int = 10_000_000
    disk: int = 10_000_000
    clock: Clock = field(default_factory=Clock)
    kicks: list[Ended] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.state = State(self.folder / "state", "127.0.0.1")
        self.ledger: Ledger = self.state.ledger(self.budget, self.clock)
        self.metrics = Metrics()
        spill = Spill(self.folder / "state" / "spill", self.disk)
        self.buffer = Buffer(spill, lambda record: captured(record, "main"), self.memory)
        self.gaps = Gaps(self.state, self.buffer, self.metrics, stream="main", clock=self.clock)
        self.intake = Intake(
            self.buffer,
            self.ledger,
            self.metrics,
            stream="main",
            kick=self.kicks.append,
            watcher=self.gaps,
            clock=self.clock,
        )

    def again(self) -> "Offline":
        """Return what a process finds that starts after this one has died."""
        self.state.close()
        return Offline(self.folder, self.budget, self.memory, self.disk, self.clock)

    def published(self) -> list[Item]:
        """Take everything as the broker would, and confirm it."""
        items: list[Item] = []
        while group := self.buffer.take():
            items += [item for _, item in group]
            self.buffer.confirmed(group[-1][0])
        return items

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"tweetlog_ingestor_{name}", labels) or 0.0

    def known(self) -> Sequence[Any]:
        return self.state.holes.known


def gap_events(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Return the data of the gap events among what was published."""
    found: list[dict[str, Any]] = []
    for item in items:
        event = getattr(item.what, "event", None)
        if isinstance(event, Envelope):
            found.append(event.json())
    return found


class FakeSearch:
    """Recent search over a list of tweets, in pages, newest first; refuses as told."""

    def __init__(self, ids: Sequence[int], *, page: int = 100) -> None:
        self.ids = ids
        self.page = page
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.refusals: list[Ended] = []
        self.text = "found"
        self.before: Callable[[], None] = lambda: None

    def search(self, query: str, **params: Any) -> Mapping[str, Any]:
        self.asked.append((query, params))
        self.before()
        if self.refusals:
            raise Refused(self.refusals.pop(0))
        between = (id for id in self.ids if params["since_id"] < id < params["until_id"])
        found = sorted(between, reverse=True)
        start = int(params.get("next_token", 0))
        size = min(self.page, params["max_results"])
        page = found[start : start + size]
        meta: dict[str, Any] = {"result_count": len(page)}
        if start + size < len(found):
            meta["next_token"] = str(start + size)
        data = [{"id": str(id), "text": self.text, "author_id": "7"} for id in page]
        includes = {"users": [{"id": "7", "username": "somebody"}]}
        return {"data": data, "includes": includes, "meta": meta} if page else {"meta": meta}


def refusal(cause: Cause, *, reset_at: float | None = None) -> Ended:
    return Ended(cause, f"told to: {cause}", reset_at=reset_at)
