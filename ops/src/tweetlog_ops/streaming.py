"""X's compliance streams, followed on a site until somebody says stop."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from tweetlog import events
from tweetlog.envelope import Envelope
from tweetlog_ops.compliance_stream import Follower, Heard, Listener, Streams
from tweetlog_ops.lane import LIVE
from tweetlog_ops.message import carrying
from tweetlog_ops.publishing import Publisher
from tweetlog_ops.site import Site
from tweetlog_ops.sweep import Swept, sweep

_INTERRUPTED = 130


def followed(
    site: Site,
    x: Streams,
    *,
    partitions: Sequence[int],
    progress: Path,
    every: float,
    patience: float,
    report: Callable[[Swept], int],
    say: Callable[[str], object],
) -> int:
    """Follow the streams until SIGTERM or Ctrl-C; return the exit code.

    Args:
        site: where tombstones are published, and content is removed.
        x: X.
        partitions: which of each stream.
        progress: the file that says until when they were heard.
        every: seconds between two sweeps.
        patience: as for `sweep`.
        report: says what a sweep did, and returns the exit code of it.
        say: shows a line of progress.
    """
    heard = Heard.read(progress)
    site.start_live()
    codes: list[int] = []

    def swept() -> None:
        site.drain(*site.live_subscriptions())
        codes.append(report(sweep(site, patience=patience, say=say)))

    with _stoppable() as (stop, signals), Publisher(site.project) as publisher:

        def publish(tombstones: Sequence[Envelope]) -> None:
            site.tend()
            publisher.publish([carrying(one, LIVE.raw) for one in tombstones])

        listener = Listener(x, stop, say)
        names = listener.start(partitions)
        missed = heard.missed(names, datetime.now(UTC))
        if missed:
            since, until = map(events.rfc3339, missed)
            say(f"not heard from {since} to {until}: `tweetlog compliance run` asks about all")
        say(f"listening to {len(names)} partitions")
        follower = Follower(listener, heard, publish, swept, every)
        try:
            follower.follow()
        finally:
            stop.set()
    told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(follower.counts.items()))
    say(f"stopped; X told {told or 'nothing'}")
    return _INTERRUPTED if signal.SIGINT in signals else max(codes, default=0)


@contextmanager
def _stoppable() -> Iterator[tuple[threading.Event, list[int]]]:
    """Turn Ctrl-C and SIGTERM into an end after what is in hand."""
    stop, came = threading.Event(), list[int]()

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        stop.set()

    before = {one: signal.signal(one, note) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop, came
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
