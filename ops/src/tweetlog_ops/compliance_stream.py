"""What X's compliance streams tell, as tombstones; and reading all of them until told to stop.

X docs, "Compliance streams" (2026-08): two streams, of posts and of users, four partitions each,
for Enterprise. A stream that was cut off begins with up to five minutes of before, and what comes
twice is the same tombstone.
"""

import json
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import orjson

from tweetlog import durable, events
from tweetlog.envelope import Envelope
from tweetlog_ops.errors import CommandError

#: The most that a stream gives of the time before it was connected.
BACKFILL = timedelta(minutes=5)
PARTITIONS = (1, 2, 3, 4)
STREAMS = ("tweets", "users")

_OF_TWEETS = {"delete": "deleted", "drop": "dropped", "withheld": "withheld"}
_OF_USERS = {
    "user_delete": "deactivated",
    "user_protect": "protected",
    "user_suspend": "suspended",
    "user_withheld": "withheld",
    events.SCRUB_GEO: events.SCRUB_GEO,
}
_LIFTED = frozenset({"undrop", "user_undelete", "user_unprotect", "user_unsuspend"})
_AT_ONCE = 500
_GATHER_SECONDS = 1.0
# X: several seconds at first, and no more often than every five minutes.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 300.0


class CutOff(Exception):  # noqa: N818 - named for what is true of the stream
    """Raised when a stream ended, or could not be opened, and may be opened again."""


class Streams(Protocol):
    """What is needed of X."""

    def stream(self, name: str, partition: int, *, backfill: timedelta) -> Iterator[bytes]:
        """Yield the lines of a partition of a stream, empty ones as keep-alives.

        Raises:
            CutOff: if it ends.
            CommandError: if X refuses it for good.
        """


@dataclass(frozen=True, slots=True)
class Told:
    """What a line of a compliance stream tells.

    Attributes:
        kind: `judged`, `lifted`, `edited`, or `other` for what concerns no content here.
        tombstone: what follows; None but for `judged`.
    """

    kind: str
    tombstone: Envelope | None = None


def told(line: bytes) -> Told:
    """Return what a line tells; what is no event of a compliance stream is `other`."""
    try:
        document = orjson.loads(line)
        ((name, body),) = document["data"].items()
        return _told(str(name), body)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return Told("other")


def _told(name: str, body: Mapping[str, Any]) -> Told:
    if name in _LIFTED:
        return Told("lifted")
    if name == "tweet_edit":
        return Told("edited")
    at = datetime.fromisoformat(str(body["event_at"])).astimezone(UTC)
    time_ = events.rfc3339(at)
    if name in _OF_TWEETS:
        verdict, id = _OF_TWEETS[name], _id(body["tweet"]["id"])
        batch = _batch(verdict, at)
        return Told("judged", events.deleted(id, verdict=verdict, time=time_, batch=batch))
    if name in _OF_USERS:
        verdict, id = _OF_USERS[name], _id(body["user"]["id"])
        up_to = int(_id(body.get("up_to_tweet_id") or str(events.last_id(at))))
        batch = _batch(verdict, at)
        return Told(
            "judged", events.user_judged(id, verdict=verdict, up_to=up_to, time=time_, batch=batch)
        )
    return Told("other")


def _id(text: object) -> str:
    id = str(text)
    if not (id.isascii() and id.isdigit()):
        raise ValueError(id)
    return id


def _batch(verdict: str, at: datetime) -> str:
    """Return what the certificate counts it under: a batch a verdict and day."""
    return f"{verdict}-stream-{at:%Y%m%d}"


@dataclass(slots=True)
class Heard:
    """Since when each partition has been listened to without a hole, and until when; in a file.

    Attributes:
        path: the file.
        until: when each was heard last, by `stream/partition`.
    """

    path: Path
    until: dict[str, datetime] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Heard":
        """Return what the file says; nothing if there is none.

        Raises:
            CommandError: if it is another file.
        """
        try:
            document = json.loads(path.read_text())
            return cls(path, {k: datetime.fromisoformat(v) for k, v in document.items()})
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError, AttributeError, TypeError) as reason:
            line = f"{path}: not what this command wrote ({reason}); give another --progress"
            raise CommandError(line, exit_code=2) from None

    def keep(self) -> None:
        """Return once the file says so."""
        document = {name: at.isoformat() for name, at in sorted(self.until.items())}
        durable.write(self.path, json.dumps(document).encode())

    def missed(self, names: Sequence[str], now: datetime) -> tuple[datetime, datetime] | None:
        """Return what no backfill gives: from the last that was heard to five minutes ago."""
        known = [self.until[name] for name in names if name in self.until]
        if not known or min(known) >= now - BACKFILL:
            return None
        return min(known), now - BACKFILL


@dataclass(slots=True)
class Listener:
    """Reads partitions, each in a thread of its own, into one queue.

    Attributes:
        x: X.
        stop: ends it.
        say: is told why a stream is opened again.
        pause: waits so many seconds, or until it is to stop.
    """

    x: Streams
    stop: threading.Event
    say: Callable[[str], object]
    lines: "queue.Queue[tuple[str, bytes]]" = field(default_factory=lambda: queue.Queue(10_000))
    refused: list[CommandError] = field(default_factory=list)

    def start(self, partitions: Sequence[int]) -> list[str]:
        """Begin to read; return what the partitions are called."""
        places = [(stream, number) for stream in STREAMS for number in partitions]
        for stream, number in places:
            name = f"{stream}/{number}"
            threading.Thread(
                target=self._read, args=(stream, number, name), name=name, daemon=True
            ).start()
        return [f"{stream}/{number}" for stream, number in places]

    def batch(self) -> list[tuple[str, bytes]]:
        """Return what has come, after a moment at most.

        Raises:
            CommandError: if X refuses a stream for good.
        """
        if self.refused:
            raise self.refused[0]
        found: list[tuple[str, bytes]] = []
        until = time.monotonic() + _GATHER_SECONDS
        while len(found) < _AT_ONCE and not self.stop.is_set():
            try:
                found.append(self.lines.get(timeout=max(0.01, until - time.monotonic())))
            except queue.Empty:
                break
            if time.monotonic() > until:
                break
        return found

    def _read(self, stream: str, number: int, name: str) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self.stop.is_set():
            try:
                for line in self.x.stream(stream, number, backfill=BACKFILL):
                    self.lines.put((name, line))
                    pause = _FIRST_PAUSE_SECONDS
                    if self.stop.is_set():
                        return
            except CutOff as reason:
                if self.stop.is_set():
                    return
                self.say(f"{name}: {reason}; again in {pause:.0f} s")
                self.stop.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            except CommandError as reason:
                self.refused.append(reason)
                return


@dataclass(slots=True)
class Follower:
    """Turns what a listener hears into tombstones, publishes them, and has them swept.

    Attributes:
        listener: what hears.
        heard: until when; kept after what was heard is durable.
        publish: returns once the log has the tombstones.
        sweep: removes the content.
        every: seconds between two sweeps.
    """

    listener: Listener
    heard: Heard
    publish: Callable[[Sequence[Envelope]], None]
    sweep: Callable[[], None]
    every: float
    clock: Callable[[], float] = time.monotonic
    counts: Counter[str] = field(default_factory=Counter)

    def follow(self) -> None:
        """Do so until the listener is to stop; sweep once more at the end."""
        swept_at, fresh = self.clock(), 0
        while not self.listener.stop.is_set():
            fresh += self._take(self.listener.batch())
            if fresh and self.clock() - swept_at >= self.every:
                self.sweep()
                swept_at, fresh = self.clock(), 0
        if fresh:
            self.sweep()

    def _take(self, batch: Sequence[tuple[str, bytes]]) -> int:
        if not batch:
            return 0
        found = [told(line) for _, line in batch if line]
        self.counts.update(one.kind for one in found)
        tombstones = [one.tombstone for one in found if one.tombstone]
        if tombstones:
            self.publish(tombstones)
        now = datetime.now(UTC)
        self.heard.until |= {name: now for name, _ in batch}
        self.heard.keep()
        return len(tombstones)
