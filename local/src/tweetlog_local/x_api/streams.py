"""EDGE. An open stream: tweets as they are due, keep-alives, and everything that can go wrong."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import orjson

from tweetlog_local.x_api import framing, problems
from tweetlog_local.x_api.connections import Connection
from tweetlog_local.x_api.faults import Fault
from tweetlog_local.x_api.framing import Coding
from tweetlog_local.x_api.http import JSON, head
from tweetlog_local.x_api.log import Entry
from tweetlog_local.x_api.platform import Platform
from tweetlog_local.x_api.projection import Projection, rendered
from tweetlog_local.x_api.timeline import Post
from tweetlog_local.x_api.verdicts import News

# What a made reader may have before it (a rate of 0): about this much is under way at once.
_FULL = 1_000_000
_AT_ONCE = 100
_HALF_A_TWEET = b'{"data":{"id":"17900000000000000'
_UNKNOWN = {"stream_notice": {"kind": "made_up", "detail": "A type of message that is new."}}
_BARE_ERROR = {
    "title": "Internal Server Error",
    "type": "about:blank",
    "status": 500,
    "detail": "Something went wrong.",
}
_PARTIAL_ERROR = problems.tweet_not_found("456", "referenced_tweets.id")


@dataclass(slots=True)
class Wire:
    """The client's end of a stream: bytes out, and the ways to end it."""

    writer: asyncio.StreamWriter
    coding: Coding

    def send(self, data: bytes, *, flush: bool = True) -> None:
        """Send bytes of the body as one chunk."""
        self.writer.write(framing.chunk(self.coding.data(data, flush=flush)))

    def waiting(self) -> int:
        """Return how many bytes the client has not taken yet, beyond what the system holds."""
        return self.writer.transport.get_write_buffer_size()

    def end(self) -> None:
        """End the body as HTTP does, and the connection."""
        self.writer.write(framing.chunk(self.coding.end()) + framing.END)
        self.writer.close()

    def break_off(self, data: bytes, *, reset: bool) -> None:
        """Send the first half of a chunk, and no more: with a reset, or just gone."""
        whole = framing.chunk(self.coding.data(data))
        self.writer.write(whole[: len(whole) // 2])
        if reset:
            self.reset()
        else:
            self.writer.transport.abort()

    def reset(self) -> None:
        """Let the client see a TCP reset."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@dataclass(slots=True)
class Stream:
    """One open stream.

    Attributes:
        wants: which tweets it gives.
        tells: which events about tweets and users it gives.
        ends_at_last: whether it ends when it has given what it began with: a recovery.
        sent: how many it gave.
        ended: is set when it is over.
    """

    platform: Platform
    connection: Connection
    wire: Wire
    path: str
    projection: Projection
    wants: Callable[[Post], bool]
    tells: Callable[[News], bool]
    entry: Entry
    ends_at_last: bool = False
    sent: int = 0
    over: bool = False
    muted: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _last: float = 0.0
    _stalled_until: float = 0.0
    _held: deque[Post] = field(default_factory=deque)
    _late: list[bytes] = field(default_factory=list)

    def start(self, *, packed: bool, headers: dict[str, str]) -> None:
        """Send the head."""
        coding = {"content-encoding": "gzip"} if packed else {}
        lines = {"content-type": JSON, **headers, **coding, "transfer-encoding": "chunked"}
        self.wire.writer.write(head(200, {**lines, "connection": "close"}))
        self._last = self.platform.clock.now()

    def give(self, posts: Sequence[Post]) -> None:
        """Take tweets that are due."""
        wanted = [post for post in posts if self.wants(post)]
        if not wanted or self.over or self.muted:
            return
        if self._stalled() or (self._held and self.full):
            self._held.extend(wanted)
        elif self.platform.faults.concern_lines(self.path):
            self._give_one_by_one(wanted)
        else:
            self._give_together(wanted)

    def begin_with(self, posts: Iterable[Post]) -> None:
        """Give tweets that were before, as fast as they are read."""
        self._held.extend(posts)

    def tell(self, news: News) -> None:
        """Take an event of the compliance streams."""
        if self.tells(news) and not self.over and not self.muted:
            self._write(orjson.dumps(news.line) + b"\r\n")
            self.sent += 1

    def tick(self) -> None:
        """Do what is due by itself: faults, what a stall held back, keep-alives."""
        if self.over or self._stalled():
            return
        self._give_held()
        self._end_at_last()
        self._idle_fault()
        self._keep_alive()
        self._check_reader()
        self._check_cap()

    @property
    def full(self) -> bool:
        """Whether its client has to read first."""
        return self.wire.waiting() > _FULL

    def close(self, reason: str, *, by_client: bool = False) -> None:
        """Note that it is over; the wire was dealt with already."""
        if self.over:
            return
        self.over = True
        now = self.platform.clock.now()
        self.platform.connections.ended(self.connection, now, reason, by_client=by_client)
        self.entry |= {"ended": now, "reason": reason, "tweets": self.sent}
        self.ended.set()

    def kill(self, reason: str) -> None:
        """End it politely: somebody wants its place, or the connections API says so."""
        if not self.over:
            self.wire.end()
            self.close(reason)

    def _give_together(self, posts: Sequence[Post]) -> None:
        lines = [self._line(post) for post in posts]
        self._write(b"".join(lines))
        self._count(posts)

    def _give_one_by_one(self, posts: Sequence[Post]) -> None:
        for at, post in enumerate(posts):
            line = self._line(post)
            fault = self.platform.faults.on_stream(self.path, self.sent, idle=False)
            if fault and not self._happens(fault, line):
                if self._stalled():
                    self._held.extendleft(reversed(posts[at:]))
                return
            self._give_one(post, line)

    def _give_one(self, post: Post, line: bytes) -> None:
        fault = self.platform.faults.on_line(self.path, self.sent)
        if fault is None:
            self._write(line + b"".join(self._late))
            self._late.clear()
        else:
            self._note(fault)
            self._give_oddly(fault, line)
        self._count([post])

    def _give_oddly(self, fault: Fault, line: bytes) -> None:
        if fault.kind == "repeat":
            self._write(line * (1 + fault.times))
        elif fault.kind == "untag":
            self._write(_without_tags(line))
        elif fault.kind == "partial_error":
            self._write(_with_error(line))
        elif fault.kind == "split":
            for piece in framing.pieces(line, fault.bytes):
                self._write(piece)
        elif fault.kind == "hold_gzip":
            self._write(line, flush=False)
        else:
            self._late.append(line)

    def _happens(self, fault: Fault, line: bytes) -> bool:
        """Let a fault happen; return whether tweets go on to be given at once."""
        self._note(fault)
        if fault.kind == "stall":
            seconds = fault.seconds or float("inf")
            self._stalled_until = self.platform.clock.now() + seconds
            return False
        said = _SAID.get(fault.kind)
        if said or fault.kind == "line":
            self._write((said or fault.text.encode()) + b"\r\n")
            return True
        self._end_by(fault, line)
        return False

    def _end_by(self, fault: Fault, line: bytes) -> None:
        half = line[: len(line) // 2]
        if fault.kind == "disconnect":
            self._write(problems.disconnect(upstream=fault.upstream, bare=fault.bare) + b"\r\n")
            self.muted = True
            if fault.stay:
                return
        if fault.kind in {"reset", "cut"}:
            self.wire.break_off(line, reset=fault.kind == "reset")
        elif fault.kind == "end_slow_reader":
            self.wire.writer.transport.abort()
        else:
            if fault.kind == "tear":
                self._write(half)
            self.wire.end()
        self.close(_REASONS.get(fault.kind, "OperationalDisconnect"))

    def _idle_fault(self) -> None:
        if not self.muted and self.platform.faults:
            fault = self.platform.faults.on_stream(self.path, self.sent, idle=True)
            if fault:
                self._happens(fault, _HALF_A_TWEET)

    def _give_held(self) -> None:
        while self._held and not (self.full or self.over or self.muted or self._stalled()):
            count = min(len(self._held), _AT_ONCE)
            self.give([self._held.popleft() for _ in range(count)])

    def _end_at_last(self) -> None:
        if self.ends_at_last and not self._held:
            self.kill("recovery complete")

    def _keep_alive(self) -> None:
        clock = self.platform.clock
        silence = clock.now() - self._last
        waits = self.over or self._held
        if not waits and silence >= clock.lasting(self.platform.settings.keep_alive):
            self._write(b"\r\n")

    def _check_reader(self) -> None:
        settings = self.platform.settings
        if not self.over and settings.rate and self.wire.waiting() > settings.slow_reader:
            self.wire.writer.transport.abort()
            self.close("SlowReader")

    def _check_cap(self) -> None:
        platform = self.platform
        if not self.over and platform.usage.is_used_up(platform.clock.now()):
            self.kill("usage cap exceeded")

    def _stalled(self) -> bool:
        return self.platform.clock.now() < self._stalled_until

    def _write(self, data: bytes, *, flush: bool = True) -> None:
        self.wire.send(data, flush=flush)
        self._last = self.platform.clock.now()

    def _count(self, posts: Iterable[Post]) -> None:
        now = self.platform.clock.now()
        for post in posts:
            post.delivered += 1
            self.sent += 1
            self.platform.usage.read(post.id, now)

    def _note(self, fault: Fault) -> None:
        self.entry["fault"] = fault.kind

    def _line(self, post: Post) -> bytes:
        if post.draft is None:
            return self._rendered(self.platform.timeline.line(post), post)
        key = (self.projection, tuple(rule.id for rule in post.matched))
        known = post.draft.memory.get(key)
        if known is None:
            known = post.draft.memory[key] = self._rendered(post.draft.line, post)
        return post.draft.stamped(known, post.id, post.ms)

    def _rendered(self, line: bytes, post: Post) -> bytes:
        rules = [rule.named() for rule in post.matched]
        return rendered(line, self.projection, rules) + b"\r\n"


_REASONS = {"end_slow_reader": "SlowReader", "reset": "UpstreamUncleanDisconnect"}
_SAID = {
    "unknown_message": orjson.dumps(_UNKNOWN),
    "bare_error": orjson.dumps(_BARE_ERROR),
}


def _without_tags(line: bytes) -> bytes:
    payload = orjson.loads(line)
    for rule in payload.get("matching_rules", []):
        rule.pop("tag", None)
    return orjson.dumps(payload) + b"\r\n"


def _with_error(line: bytes) -> bytes:
    payload = orjson.loads(line)
    payload["errors"] = [*payload.get("errors", []), _PARTIAL_ERROR]
    return orjson.dumps(payload) + b"\r\n"
