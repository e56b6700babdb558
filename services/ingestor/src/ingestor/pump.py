"""From a source to the topics: batches, several in flight, confirmed in the order read.

A mark is confirmed only when everything before it is durable. While the broker does not answer,
publishing is tried again and again and nothing more is read, so that memory stays bounded.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial

from ingestor.capture import Captured, Mark, Pause, Source, Stated, Step, Tweet, event
from tweetlog.envelope import Envelope
from tweetlog.errors import PublishFailed
from tweetlog.events import REJECTED
from tweetlog.topic import Topic

log = logging.getLogger(__name__)

# Within what the Pub/Sub client sends as one request (1,000 messages, 10 MB).
MAX_EVENTS = 1_000
MAX_BYTES = 4_000_000
IN_FLIGHT = 4

_LONGEST_WAIT = 30.0
# What a stop waits for events that are on their way; a healthy broker needs milliseconds.
_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.25
# After so many a person is told why nothing moves.
_POLLS_IN_SILENCE = 8
_SHOWN = 300
# At a pace, tweets within this long go out together.
_TOGETHER_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Tally:
    """What was done so far: lines read, events confirmed by kind, and the place."""

    read: int = 0
    published: int = 0
    rejected: int = 0
    place: str = ""
    line: int = 0


@dataclass(slots=True)
class Batch:
    """Events that are published together, and the mark behind them."""

    raw: list[Envelope] = field(default_factory=list)
    dead: list[Envelope] = field(default_factory=list)
    bytes: int = 0
    lines: int = 0
    marks: list[Mark] = field(default_factory=list)

    def add(self, captured: Captured | Stated) -> None:
        """Take one event."""
        made = event(captured)
        (self.dead if made.type == REJECTED else self.raw).append(made)
        self.bytes += len(made.data)

    def mark(self, mark: Mark) -> None:
        """Note how far this batch reaches; of one place only the last mark counts."""
        self.lines += not mark.complete
        if self.marks and self.marks[-1].place == mark.place:
            self.marks.pop()
        self.marks.append(mark)

    @property
    def full(self) -> bool:
        """Whether it should go out."""
        return len(self.raw) + len(self.dead) >= MAX_EVENTS or self.bytes >= MAX_BYTES


def batches(steps: Iterator[Step]) -> Iterator[Batch]:
    """Yield the steps in batches; at a pause what there is, even nothing."""
    batch = Batch()
    for step in steps:
        if isinstance(step, Mark):
            batch.mark(step)
            continue
        if not isinstance(step, Pause):
            batch.add(step)
        if batch.full or isinstance(step, Pause):
            yield batch
            batch = Batch()
    yield batch


class Pump:
    """Publishes what a source yields.

    Args:
        raw: takes the tweets.
        dead: takes what is none.
        stop: when set, reading ends and what is in flight is waited for.
        in_flight: batches that are on their way at most.
    """

    def __init__(
        self, raw: Topic, dead: Topic, *, stop: threading.Event, in_flight: int = IN_FLIGHT
    ) -> None:
        self._raw = raw
        self._dead = dead
        self._stop = stop
        self._in_flight = in_flight
        self._flights: deque[tuple[Batch, Future[None]]] = deque()
        self.tally = Tally()

    def run(self, source: Source, steps: Iterator[Step] | None = None) -> None:
        """Publish until the source ends or a stop is asked for.

        Args:
            source: what is read, and told what is durable.
            steps: its steps, if something stands between (a limit, a pace).

        Raises:
            PublishFailed: if a stop was asked for before everything read was confirmed.
        """
        for batch in batches(self._until_stopped(steps or source.steps())):
            while len(self._flights) >= self._in_flight or self._landed():
                self._land(source)
            if batch.marks or batch.raw or batch.dead:
                self._flights.append((batch, _launch(partial(self._publish, batch))))
        while self._flights:
            self._land(source)

    def _until_stopped(self, steps: Iterator[Step]) -> Iterator[Step]:
        """Yield the steps; at a stop up to the next mark, so that no line is left half done."""
        whole = True
        for step in steps:
            if whole and self._stop.is_set():
                return
            whole = isinstance(step, Mark) or (whole and isinstance(step, Pause))
            yield step

    def _landed(self) -> bool:
        return bool(self._flights) and self._flights[0][1].done()

    def _land(self, source: Source) -> None:
        batch, flight = self._flights.popleft()
        self._wait(flight)
        for mark in batch.marks:
            source.confirmed(mark)
        self.tally = _counted(self.tally, batch)

    def _wait(self, flight: Future[None]) -> None:
        polls = 0
        while not self._stop.is_set():
            try:
                return flight.result(timeout=_POLL_SECONDS)
            except TimeoutError:
                polls += 1
                if polls == _POLLS_IN_SILENCE:
                    log.warning("no answer from the broker yet; waiting, nothing is lost")
        try:
            flight.result(timeout=_GRACE_SECONDS)
        except TimeoutError:
            raise PublishFailed("the broker did not answer before the stop") from None

    def _publish(self, batch: Batch) -> None:
        """Publish until the broker has every event; give up only at a stop."""
        attempt = 0
        while True:
            try:
                return self._publish_once(batch)
            except PublishFailed as reason:
                attempt += 1
                wait = _backoff(attempt)
                log.warning("%s; again in %.1f s (attempt %d)", _line(reason), wait, attempt)
                if self._stop.wait(wait):
                    raise

    def _publish_once(self, batch: Batch) -> None:
        if batch.raw:
            self._raw.publish(*batch.raw)
        if batch.dead:
            self._dead.publish(*batch.dead)


def _launch(work: Callable[[], None]) -> Future[None]:
    """Run `work` in a thread that does not keep the process alive, as a stop needs."""
    future: Future[None] = Future()

    def run() -> None:
        try:
            work()
        except BaseException as reason:  # noqa: BLE001 - raised again in the thread that waits
            future.set_exception(reason)
        else:
            future.set_result(None)

    threading.Thread(target=run, name="publish", daemon=True).start()
    return future


def _backoff(attempt: int) -> float:
    """Return how long to wait, with full jitter over the upper half."""
    most = min(_LONGEST_WAIT, 0.25 * 2.0 ** min(attempt, 10))
    return random.uniform(most / 2, most)  # noqa: S311 - no secret


def _line(reason: Exception) -> str:
    return " ".join(str(reason).split())[:_SHOWN]


def _counted(tally: Tally, batch: Batch) -> Tally:
    last = batch.marks[-1] if batch.marks else None
    return replace(
        tally,
        read=tally.read + batch.lines,
        published=tally.published + len(batch.raw),
        rejected=tally.rejected + len(batch.dead),
        place=last.place if last else tally.place,
        line=last.line if last else tally.line,
    )


def limited(steps: Iterator[Step], tweets: int) -> Iterator[Step]:
    """Yield the steps up to and with this many tweets, and the mark behind the last one."""
    for step in steps:
        if isinstance(step, Tweet):
            if tweets == 0:
                return
            tweets -= 1
        yield step
        if tweets == 0 and isinstance(step, Mark):
            return


def paced(
    steps: Iterator[Step],
    rate: float,
    *,
    wait: Callable[[float], object],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Step]:
    """Yield at most `rate` tweets a second, evenly; none waits long for the others of its batch."""
    start, tweets = clock(), 0
    paused = start
    for step in steps:
        if isinstance(step, Tweet):
            due = start + tweets / rate
            if due > clock():
                if due - paused > _TOGETHER_SECONDS:
                    paused = due
                    yield Pause()
                wait(due - clock())
            tweets += 1
        yield step
