"""What a replay will cost and how long it will take, leg by leg, before anything is sent.

Prices are the public list prices of September and October 2026 for US regions, without free
tiers. Pub/Sub: $40 per TiB of throughput, at least 1,000 bytes a request. BigQuery: $6.25 per TiB
read on demand; Storage Write API: $0.025 per GiB. Cloud Run: $0.40 per million requests and
$0.000024 per vCPU-second of a request.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tweetlog_ops.answers import table

_TIB = 2**40
_GIB = 2**30
_PUBSUB = 40 / _TIB
_READ = 6.25 / _TIB
_WRITE = 0.025 / _GIB
_REQUEST = 0.40e-6
_VCPU_SECOND = 0.000024
_LEAST_REQUEST = 1_000
# A push delivery is a request of its own; what it costs in vCPU-seconds is measured in bench/.
_PUSH_SECONDS = 0.0026
# Bytes of an enriched event for each byte of its raw event, and of its row; measured over made-up
# tweets (`tweetlog run`, the embedded Pub/Sub's own counts).
ENRICHED = 1.75
ROW = 0.45
_APPLY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is to be replayed.

    Attributes:
        events: how many events.
        covered: how many of them a tombstone covers, which are read and not sent.
        event_bytes: the mean size of an event, attributes included.
        table_bytes: what the table of tweets has, which each apply of changes reads.
        rate: events a second; 0 for as fast as it goes.
    """

    events: int
    covered: int
    event_bytes: float
    table_bytes: int
    rate: int

    @property
    def sent(self) -> int:
        """How many events go through the lane."""
        return self.events - self.covered

    @property
    def seconds(self) -> float | None:
        """How long it takes at the rate; None without one."""
        return self.sent / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class Leg:
    """One part of the way, with what it carries and costs."""

    name: str
    events: int
    bytes: float
    dollars: float


def legs(size: Size) -> tuple[Leg, ...]:
    """Return the quote, leg by leg."""
    return tuple(_legs(size))


def _legs(size: Size) -> Iterator[Leg]:
    raw = size.sent * size.event_bytes
    enriched = raw * ENRICHED
    read = size.events * size.event_bytes
    least = size.sent * _LEAST_REQUEST
    push = size.sent * (_REQUEST + _PUSH_SECONDS * _VCPU_SECOND / 2)
    yield Leg("read raw_events (BigQuery)", size.events, read, read * _READ)
    yield Leg("publish to the replay topic (Pub/Sub)", size.sent, raw, raw * _PUBSUB)
    yield Leg("deliver to enricher-replay", size.sent, raw, max(raw, least) * _PUBSUB + push)
    yield Leg("publish enriched events (Pub/Sub)", size.sent, enriched, enriched * _PUBSUB)
    yield Leg(
        "deliver to loader-replay", size.sent, enriched, max(enriched, least) * _PUBSUB + push
    )
    yield Leg("append rows (Storage Write API)", size.sent, raw * ROW, raw * ROW * _WRITE)
    applied = size.table_bytes * _applies(size)
    yield Leg("apply changes to the table (BigQuery)", 0, applied, applied * _READ)


def _applies(size: Size) -> int:
    """How often the changes are applied: at most every 15 minutes (max_staleness), and once more.

    Each reads the whole table (docs/decisions/0003-no-date-partition.md).
    """
    if not size.sent:
        return 0
    seconds = size.seconds or 0.0
    return int(seconds // _APPLY.total_seconds()) + 1


def shown(found: Sequence[Leg], size: Size) -> str:
    """Return the quote as lines for a person."""
    rows = [[leg.name, leg.events, readable(leg.bytes), _dollars(leg.dollars)] for leg in found]
    total = sum(leg.dollars for leg in found)
    rows.append(["all", size.sent, "", _dollars(total)])
    lines = [table(["leg", "events", "bytes", "dollars"], ["", "INT64", "INT64", "INT64"], rows)]
    if size.covered:
        lines.append(f"{size.covered:,} are covered by tombstones and are not sent\n")
    seconds = size.seconds
    if seconds is None:
        lines.append("without --rate as fast as it goes\n")
    else:
        lines.append(f"{span(seconds)} at {size.rate:,} events a second\n")
    lines.append("list prices of 2026, without free tiers, deliveries by push (docs/replay.md)\n")
    return "".join(lines)


def readable(count: float) -> str:
    """Return a number of bytes as a person reads it."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:  # noqa: PLR2004 - decimal units
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def span(seconds: float) -> str:
    """Return a time as a person reads it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _dollars(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.5f}"
