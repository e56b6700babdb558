"""The holes of a stream, kept durably and stated to the world; safe for threads."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from ingestor.capture import Stated
from ingestor.x import repair
from ingestor.x.buffer import Buffer, Item
from ingestor.x.holes import BACKFILL, PENDING, Hole, Searched, event
from ingestor.x.metrics import Metrics
from ingestor.x.state import State
from tweetlog import events

log = logging.getLogger(__name__)

# An open hole is stated when it is this long, and then now and again: reports should see it.
_FIRST_STATEMENT = timedelta(seconds=60)
_NEXT_STATEMENT = timedelta(minutes=10)
# A backfill is over when the stream has gone on for so long, by the times of its tweets, without
# one that was there before. The clock alone would prove nothing where we are slow to read.
_CAUGHT_UP = timedelta(seconds=10)
# A reconnect that takes longer is more than routine.
_SHORT_SECONDS = 5.0


class Gaps:
    """What happens to holes.

    Args:
        state: where they are kept.
        buffer: what states them.
        metrics: where they are counted.
        stream: the stream's name.
        speed: divides every wait.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        state: State,
        buffer: Buffer,
        metrics: Metrics,
        *,
        stream: str,
        speed: float = 1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._buffer = buffer
        self._metrics = metrics
        self._stream = stream
        self._speed = speed
        self._clock = clock
        self._lock = threading.RLock()
        self._stated: datetime | None = None
        self._filling: dict[datetime, tuple[int, int]] = {}
        # Ids: the first that can be new, the newest that came, and the newest that had come when
        # one came last that is not new.
        self._first_new = self._newest = self._behind = 0
        # What became of holes, on its way to the broker behind the tweets that it tells of.
        self._results: dict[datetime, Hole] = {}

    @property
    def now(self) -> datetime:
        """The moment."""
        return datetime.fromtimestamp(self._clock(), UTC)

    @property
    def open_seconds(self) -> float:
        """How long nobody has listened by now."""
        with self._lock:
            hole = self._state.holes.open
            return max(0.0, (self.now - hole.start).total_seconds()) if hole else 0.0

    @property
    def pending(self) -> list[Hole]:
        """The ended holes that wait for a repair."""
        with self._lock:
            known = self._state.holes.known
            return [one for one in known if one.repair == PENDING and not self._is_told(one)]

    def recover(self) -> None:
        """Take up what a run before has left: the hole since, and what was not said yet."""
        with self._lock:
            position = self._state.position
            if position.heard is not None:
                due = self._first_due(position.heard)
                self._state.holes.recover(position.heard, self.now, position.ending, due)
                self._state.save_holes()
            for hole in self._state.holes.unsaid():
                self._say(hole)

    def begin(self, start: datetime, cause: str) -> None:
        """Note that nobody listens since `start`."""
        with self._lock:
            self.unfilled()
            hole = self._state.holes.begin(start, self.now, cause)
            self._state.save_holes()
            self._stated = hole.start

    def end(self, end: datetime, *, minutes: int | None) -> None:
        """Note that we listen again, with so many minutes of backfill on their way."""
        with self._lock:
            holes = self._state.holes
            closed = holes.close(end, repair=PENDING, due=self._first_due(end))
            if closed is not None:
                self._metrics.gaps.labels(closed.cause).inc()
                seconds = ((closed.end or end) - closed.start).total_seconds()
                self._metrics.gap_seconds.labels(closed.cause).inc(seconds)
                level = logging.WARNING if seconds > _SHORT_SECONDS else logging.INFO
                log.log(level, "nobody listened for %.1f s (%s)", seconds, closed.cause)
            if minutes is not None:
                back = end - timedelta(minutes=minutes)
                filled = [one for one in self.pending if one.start >= back]
                self._filling = {one.start: (0, 0) for one in filled}
                self._first_new = self._newest = self._behind = events.first_id(end)
            self._state.save_holes()
            if closed is not None:
                self._say(closed)

    def still(self) -> None:
        """State now and again that nobody listens."""
        with self._lock:
            hole = self._state.holes.open
            if hole is None or self._stated is None:
                return
            first = self._stated == hole.start
            pause = (_FIRST_STATEMENT if first else _NEXT_STATEMENT) / self._speed
            if self.now - self._stated >= pause:
                stated = self._state.holes.still(self.now)
                self._stated = self.now
                self._state.save_holes()
                if stated is not None:
                    self._say(stated)

    def tweet(self, id: int, *, new: bool) -> None:
        """Count a tweet that a backfill may have brought."""
        if not self._filling:
            return
        with self._lock:
            self._newest = max(self._newest, id)
            if id < self._first_new:
                self._behind = self._newest
            for start, (found, recovered) in self._filling.items():
                hole = self._state.holes.of(start)
                if hole is not None and hole.bounds[0] < id < hole.bounds[1]:
                    self._filling[start] = (found + 1, recovered + new)
                    return

    @property
    def filling(self) -> bool:
        """Whether a backfill is on its way."""
        return bool(self._filling)

    @property
    def caught_up(self) -> bool:
        """Whether only new tweets have come for so long that the backfill must be over."""
        milliseconds = (self._newest >> 22) - (self._behind >> 22)
        return timedelta(milliseconds=milliseconds) >= _CAUGHT_UP / self._speed

    def filled(self) -> None:
        """Note that a backfill has come to its end: X has given everything that it had."""
        with self._lock:
            filling, self._filling = self._filling, {}
            for start, (found, recovered) in filling.items():
                hole = self._state.holes.of(start)
                if hole is not None:
                    self._repaired(
                        hole.changed(
                            repair=BACKFILL,
                            complete=True,
                            found=found,
                            recovered=recovered,
                            searched=(),
                            due=None,
                        )
                    )

    def unfilled(self) -> None:
        """Note that a backfill did not come to its end: its holes are still to be filled."""
        with self._lock:
            self._filling = {}

    def due(self) -> list[Hole]:
        """Return the holes to be searched for now; those that a backfill is filling are not."""
        with self._lock:
            if self._filling:
                return []
            return [one for one in self._state.holes.due(self.now) if not self._is_told(one)]

    def searched(self, hole: Hole) -> None:
        """Note what became of a hole; its tweets were handed on before."""
        with self._lock:
            self._repaired(hole)

    def advance(self, searched: Mapping[datetime, tuple[Searched, ...]]) -> None:
        """Note how far the search for some holes has come, once the broker has what it found.

        A crash before that costs the tweets, and they are searched for again.
        """
        self._buffer.when_published(partial(self._advanced, searched))

    def _advanced(self, searched: Mapping[datetime, tuple[Searched, ...]]) -> None:
        with self._lock:
            for start, parts in searched.items():
                hole = self._state.holes.of(start)
                if hole is not None:
                    self._state.holes.put(replace(hole, searched=parts))
            self._state.save_holes()

    def postpone(self, holes: Sequence[Hole], until: datetime) -> None:
        """Look at some holes again later."""
        with self._lock:
            for one in holes:
                hole = self._state.holes.of(one.start)
                if hole is not None:
                    self._state.holes.put(replace(hole, due=until))
            self._state.save_holes()

    def _repaired(self, hole: Hole) -> None:
        """State what became of a hole, behind its tweets; it is so once the broker has them all.

        Until then the hole is kept as it was: a crash costs tweets that only memory had, and the
        next start searches for them again.
        """
        self._results[hole.start] = hole
        self._metrics.repairs.labels(hole.repair).inc()
        self._buffer.sync()
        self._say(hole)

    def _first_due(self, end: datetime) -> datetime | None:
        return repair.first_due(end, speed=self._speed)

    def _say(self, hole: Hole) -> None:
        """Publish a statement, and note when the broker has it."""
        done = partial(self._said, hole.start, hole.revision)
        self._buffer.keep(Item(Stated(event(hole, self._stream)), None, self._clock(), done=done))

    def _said(self, start: datetime, revision: int) -> None:
        with self._lock:
            result = self._results.get(start)
            if result is not None and result.revision == revision:
                self._state.holes.put(replace(self._results.pop(start), confirmed=revision))
            self._state.holes.confirm(start, revision)
            self._state.save_holes()

    def _is_told(self, hole: Hole) -> bool:
        """Whether what became of it is on its way."""
        return hole.start in self._results
