"""Playing files of tweets into the log: the parts put together, and what is left at the end."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ingestor.capture import Step
from ingestor.cursor import Cursor
from ingestor.files import FileSource
from ingestor.progress import shown
from ingestor.pump import Pump, limited, paced
from tweetlog.topic import Topic


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be played and how.

    Attributes:
        inputs: files by absolute path, `-` for standard input.
        rate: tweets a second at most, or None.
        limit: tweets at most, or None.
    """

    inputs: tuple[str, ...]
    rate: float | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What was done, as it is printed."""

    read: int
    published: int
    rejected: int
    files: int
    seconds: float


def play(
    order: Order,
    raw: Topic,
    dead: Topic,
    *,
    stop: threading.Event,
    cursor: Cursor | None = None,
) -> tuple[Summary, list[str]]:
    """Publish everything in the inputs; return what was done and what could not be read.

    Raises:
        CursorUnusable: if the cursor cannot be written.
        PublishFailed: if a stop was asked for before everything read was confirmed.
    """
    began = time.monotonic()
    source = _source(order, cursor)
    pump = Pump(raw, dead, stop=stop)
    try:
        with shown(lambda: pump.tally):
            pump.run(source, _steps(order, source, stop))
    finally:
        if cursor:
            cursor.close()
    tally = pump.tally
    seconds = round(time.monotonic() - began, 3)
    summary = Summary(tally.read, tally.published, tally.rejected, source.opened, seconds)
    return summary, source.failures


def _source(order: Order, cursor: Cursor | None) -> FileSource:
    if cursor is None:
        return FileSource(order.inputs)
    left = [name for name in order.inputs if name not in cursor.complete]
    return FileSource(left, start=cursor.lines, confirm=cursor.confirmed)


def _steps(order: Order, source: FileSource, stop: threading.Event) -> Iterator[Step]:
    steps = source.steps()
    if order.limit is not None:
        steps = limited(steps, order.limit)
    if order.rate is not None:
        steps = paced(steps, order.rate, wait=stop.wait)
    return steps
