"""What a line of the stream is: counted, told apart, and handed on before the next one is read."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from ingestor.capture import Captured, Origin, Unusable
from ingestor.line import payload
from ingestor.loose import members, objects, words
from ingestor.x.answers import Cause, Ended, disconnect
from ingestor.x.buffer import Buffer, Item
from ingestor.x.metrics import Metrics
from ingestor.x.seen import Seen
from ingestor.x.spill import Record
from ingestor.x.state import Ledger, StateUnusable
from tweetlog import events
from tweetlog.errors import InvalidEvent

_INCLUDED = ("tweets", "posts")


class Watcher(Protocol):
    """Who wants to know of each tweet: the repair that waits for it."""

    def tweet(self, id: int, *, new: bool) -> None:
        """Take note of a tweet."""


class Intake:
    """Takes what was read, by the stream and by searches, from two threads at once.

    Args:
        buffer: where tweets go.
        ledger: where Posts are counted.
        metrics: where everything is counted.
        stream: the stream's name.
        kick: ends the connection.
        watcher: is told of each tweet of the stream.
        clock: seconds since 1970.

    Attributes:
        heard: when the last byte came, in seconds since 1970.
        tweets: how many tweets were new.
    """

    def __init__(
        self,
        buffer: Buffer,
        ledger: Ledger,
        metrics: Metrics,
        *,
        stream: str,
        kick: Callable[[Ended], None],
        watcher: Watcher,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._buffer = buffer
        self._ledger = ledger
        self._metrics = metrics
        self._stream = stream
        self._kick = kick
        self._watcher = watcher
        self._clock = clock
        self._seen = Seen()
        self._lock = threading.Lock()
        self.heard = 0.0
        self.tweets = 0

    def line(self, line: bytes) -> None:
        """Take a line of the stream."""
        now = self.heard = self._clock()
        self._metrics.bytes.inc(len(line))
        origin, moment = _origin(self._stream, now)
        try:
            tweet, document = payload(line, origin, moment)
        except InvalidEvent as reason:
            self._strange(line, Unusable(line, reason, origin), now)
            return
        if self.tweet(int(tweet.id), document):
            self._metrics.tweet(now, int(tweet.id), _tags(document))
            self._put(Item(tweet, line, now))

    def keep_alive(self) -> None:
        """Take a keep-alive."""
        self.heard = self._clock()
        self._metrics.keep_alives.inc()

    def tweet(self, id: int, document: Mapping[str, Any], *, streamed: bool = True) -> bool:
        """Count a tweet that was read, durably; return whether it is new."""
        with self._lock:
            new = self._seen.add(id)
        self._count(id, *_included(document))
        if streamed:
            self._watcher.tweet(id, new=new)
        if new:
            self.tweets += 1
        else:
            self._metrics.duplicates.inc()
        return new

    def _count(self, *ids: int, unknown: int = 0) -> None:
        try:
            left = self._ledger.read(*ids, unknown=unknown)
        except StateUnusable as reason:
            self._kick(Ended(Cause.STATE, str(reason), opened=True))
            return
        if left == 0:
            self._kick(Ended(Cause.BUDGET, "the budget is used up", opened=True))

    def _strange(self, line: bytes, unusable: Unusable, now: float) -> None:
        ended = disconnect(_parsed(line))
        if ended is not None:
            self._kick(ended)
            return
        # What cannot be read may be a tweet, and is billed if it is.
        if unusable.reason.reason_class == "not_json":
            self._count(unknown=1)
        self._metrics.unusable.labels(unusable.reason.reason_class).inc()
        self._put(Item(unusable, line, now))

    def _put(self, item: Item) -> None:
        try:
            kept = self._buffer.put(item)
        except OSError as reason:
            self._kick(Ended(Cause.STATE, f"the spill: {reason.strerror}", opened=True))
            self._buffer.keep(item)
            return
        if not kept:
            self._kick(Ended(Cause.BACK_PRESSURE, "memory and spill are full", opened=True))
            self._buffer.keep(item)


def captured(record: Record, stream: str) -> Captured:
    """Return what a line was, again: the same bytes at the same moment are the same."""
    origin, moment = _origin(stream, record.received)
    try:
        return payload(record.line, origin, moment)[0]
    except InvalidEvent as reason:
        return Unusable(record.line, reason, origin)


def _origin(stream: str, received: float) -> tuple[Origin, str]:
    moment = events.rfc3339(datetime.fromtimestamp(received, UTC))
    return {"stream": stream, "received": moment}, moment


def _included(document: Mapping[str, Any]) -> Iterator[int]:
    """Yield the ids of tweets that came with one: they may be billed like it."""
    includes = members(document, "includes")
    for name in _INCLUDED:
        if name in includes:
            for one in objects(includes[name]):
                for id in words(one.get("id")):
                    if id.isdecimal():
                        yield int(id)


def _tags(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the rules that brought a tweet, by tag; X's schema has the tag optional."""
    for rule in objects(document.get("matching_rules")):
        yield next(words(rule.get("tag"), rule.get("id")), "")


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
