"""A replay's record: what it is, and how far it has come. Durable after every batch.

A replay that was killed goes on from its record. What it published since the last one is
published again, which changes nothing.
"""

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tweetlog import durable
from tweetlog_ops.errors import CommandError
from tweetlog_ops.replay import selection
from tweetlog_ops.replay.selection import Selection

_FORMAT = 1
_WRONG_CALL = 2


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the event store: the last message whose publication was confirmed."""

    publish_time: datetime
    message_id: str

    @property
    def order(self) -> tuple[datetime, str]:
        """What messages are read in the order of."""
        return self.publish_time, self.message_id


@dataclass(frozen=True, slots=True)
class Done:
    """How much a replay has done.

    Attributes:
        published: events confirmed by the replay topic.
        tweets: how many of them are tweets.
        covered: events that were passed over, since a tombstone covers them.
        data_bytes: what was published.
        seconds: how long it worked, over all its runs.
        position: the last event that was published or passed over; None before the first.
    """

    published: int = 0
    tweets: int = 0
    covered: int = 0
    data_bytes: int = 0
    seconds: float = 0.0
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A replay.

    Attributes:
        replay: its id, which every event carries as `replayid`.
        place: where: project and dataset, or the data folder.
        source: `raw_events`, or the topic that is read.
        table: the table of tweets that its lane writes to.
        chosen: the events.
        expected: how many events there were when it began; 0 where that cannot be known.
        version: the enricher version that its lane has; None until it has answered.
        published_all: whether every event was published.
        finished: whether it was reported.
    """

    replay: str
    place: str
    source: str
    table: str
    chosen: Selection
    expected: int
    version: int | None = None
    published_all: bool = False
    finished: bool = False
    done: Done = Done()

    @property
    def percent(self) -> int:
        """How much of what was expected was published or passed over."""
        if self.published_all:
            return 100
        seen = self.done.published + self.done.covered
        return min(99, 100 * seen // self.expected) if self.expected else 0


class RecordFile:
    """The file that keeps a record; the ids of its selection lie beside it.

    Args:
        path: the file.
        every: seconds between two writes that only say that it came further: in a bucket, an object
            may be written once a second (Cloud Storage quotas). What goes out in between goes out
            once more after a kill, and changes nothing.
        clock: tells seconds.
    """

    def __init__(
        self, path: Path, *, every: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self._every = every
        self._clock = clock
        self._ids = path.with_suffix(".ids")
        self._kept: tuple[float, Record] | None = None

    def exists(self) -> bool:
        """Whether there is a record."""
        return self.path.exists()

    def read(self) -> Record:
        """Return the record.

        Raises:
            CommandError: if the file is missing or is none.
        """
        try:
            document = json.loads(self.path.read_text())
            if document.pop("format") != _FORMAT:
                raise ValueError("another format")
            has_ids = document["chosen"]["ids"] is not None
            ids = self._ids.read_text().split() if has_ids else None
            return _record(document, ids)
        except FileNotFoundError:
            line = f"{self.path}: no replay's record there; start one without --resume"
            raise CommandError(line, exit_code=_WRONG_CALL) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as reason:
            line = f"{self.path}: not a replay's record ({reason}); give another --progress"
            raise CommandError(line, exit_code=_WRONG_CALL) from None

    def create(self, record: Record) -> None:
        """Keep the record of a new replay."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if record.chosen.ids is not None:
                self._ids.write_text("\n".join(record.chosen.ids) + "\n")
            self.keep(record)
        except OSError as reason:
            raise CommandError(f"{self.path}: {reason.strerror}", exit_code=_WRONG_CALL) from None

    def keep(self, record: Record) -> None:
        """Return once the record will be found, whatever happens to us, or a slightly older one."""
        now = self._clock()
        if (
            self._kept
            and now - self._kept[0] < self._every
            and _only_further(self._kept[1], record)
        ):
            return
        document = {"format": _FORMAT, **_document(record)}
        durable.write(self.path, json.dumps(document, indent=1).encode())
        self._kept = (now, record)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the record for this process alone.

        Raises:
            CommandError: if another one holds it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                line = f"{self.path}: this replay is under way; wait for it, or give another"
                raise CommandError(f"{line} --progress", exit_code=_WRONG_CALL) from None
            yield


def _only_further(before: Record, record: Record) -> bool:
    return replace(before, done=record.done) == record


def check_same(found: Record, asked: Mapping[str, Any], *, path: Path) -> None:
    """Raise CommandError if what is asked for is another replay than the record's.

    Args:
        found: the record.
        asked: what was named: `since`, `until`, `table`, `place` and the like; what is None was
            not.
        path: where the record is.
    """
    named = {name: getattr(found, name) for name in ("place", "source", "table")}
    kept = found.chosen.document() | named
    for name, value in asked.items():
        if value is not None and kept[name] != value:
            line = f"{path}: the record of another replay ({found.replay}): its {_said(name)} is "
            line += f"{kept[name]}, and {value} was asked for; resume it as it is, or give another"
            raise CommandError(f"{line} --progress", exit_code=_WRONG_CALL)


def advanced(
    record: Record,
    position: Position,
    *,
    published: int = 0,
    tweets: int = 0,
    covered: int = 0,
    data_bytes: int = 0,
    seconds: float = 0.0,
) -> Record:
    """Return the record after a batch that ends at `position`."""
    before = record.done
    done = Done(
        published=before.published + published,
        tweets=before.tweets + tweets,
        covered=before.covered + covered,
        data_bytes=before.data_bytes + data_bytes,
        seconds=before.seconds + seconds,
        position=position,
    )
    return replace(record, done=done)


def _said(name: str) -> str:
    return {"since": "--from", "until": "--to", "table": "--into"}.get(name, name)


def _document(record: Record) -> dict[str, Any]:
    position = record.done.position
    place = position and [position.publish_time.isoformat(), position.message_id]
    document = {**asdict(record), "chosen": record.chosen.document()}
    return {**document, "done": {**asdict(record.done), "position": place}}


def _record(document: dict[str, Any], ids: list[str] | None) -> Record:
    done = document["done"]
    place = done["position"]
    position = place and Position(datetime.fromisoformat(place[0]), str(place[1]))
    return Record(
        **{
            **document,
            "chosen": selection.from_document(document["chosen"], ids),
            "done": Done(**{**done, "position": position}),
        }
    )
