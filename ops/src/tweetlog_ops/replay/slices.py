"""A window cut into slices that fit into memory, by how many events each hour has."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

# What one query returns: 20,000 events of 2 KB are 40 MB here, and less than what either server
# keeps of a result.
MOST_EVENTS = 20_000

_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a window: from `since` up to but not including `until`.

    Attributes:
        events: how many it has, when they were counted.
        parts: into how many it is to be cut further, by the moments of its own events.
    """

    since: datetime
    until: datetime
    events: int
    parts: int = 1


def slices(
    hours: Sequence[tuple[datetime, int]],
    *,
    since: datetime,
    until: datetime,
    most: int = MOST_EVENTS,
) -> Iterator[Slice]:
    """Yield slices that cover the window without a gap, each of at most `most` events or parted.

    Args:
        hours: the hours that have events, in order, with their counts.
        since: where the window begins.
        until: where it ends.
        most: events in a slice.
    """
    start, events = since, 0
    for hour, count in hours:
        if events and events + count > most:
            yield Slice(start, hour, events)
            start, events = hour, 0
        events += count
        if events > most:
            end = min(hour + _HOUR, until)
            yield Slice(start, end, events, parts=-(-events // most))
            start, events = end, 0
    if start < until:
        yield Slice(start, until, events)


def parted(whole: Slice, micros: Sequence[int]) -> Iterator[Slice]:
    """Yield the slice cut at these moments, in microseconds since 1970; both ends among them."""
    inner = sorted({_EPOCH + timedelta(microseconds=one) for one in micros[1:-1]})
    cuts = [whole.since, *(one for one in inner if whole.since < one < whole.until), whole.until]
    share = whole.events // max(1, len(cuts) - 1)
    for start, end in pairwise(cuts):
        yield Slice(start, end, share)
