"""Metrics in Prometheus' text format: what was loaded, how fast, and what is on its way."""

from datetime import UTC, datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from loader.row import Row
from tweetlog.delivery import Delivery

# Each counter would come with a second one for when it was made, which nobody charts.
disable_created_metrics()  # type: ignore[no-untyped-call] # theirs

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
# From seconds to the age of an archive.
_AGES = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400, 604_800)
_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
_P = "tweetlog_loader_"


class Metrics:
    """Everything the loader counts; safe for threads."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._good = Counter(
            _P + "rows", "Rows that BigQuery confirmed.", ["table", "change"], registry=registry
        )
        self._bad = Counter(
            _P + "bad_rows", "Events sent to the dead letters.", ["reason"], registry=registry
        )
        self._postponed = Counter(
            _P + "postponed_rows", "Deliveries handed back.", ["cause"], registry=registry
        )
        self._batch = Histogram(
            _P + "batch_rows", "Rows in one append.", buckets=_ROWS, registry=registry
        )
        self._append = Histogram(
            _P + "append_seconds",
            "From sending to the answer.",
            buckets=_SECONDS,
            registry=registry,
        )
        end_to_end = Histogram(
            _P + "end_to_end_seconds",
            "Until a row was confirmed, since its tweet was created, received, published to us.",
            ["since"],
            buckets=_AGES,
            registry=registry,
        )
        self._since_created = end_to_end.labels("created")
        self._since_received = end_to_end.labels("received")
        self._since_published = end_to_end.labels("published")
        self._kinds: dict[tuple[str, str], Counter] = {}
        self._reconnects = Counter(
            _P + "reconnects", "Connections that ended by a fault.", ["cause"], registry=registry
        )
        self._in_flight = Gauge(
            _P + "in_flight_bytes", "Rows without an answer.", ["table"], registry=registry
        )

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def good(self, delivery: Delivery, row: Row) -> None:
        """Count a confirmed row, and how old what it tells is."""
        kind = row.table, row.change
        if kind not in self._kinds:  # labels() costs more than inc()
            self._kinds[kind] = self._good.labels(row.table, row.change.lower())
        self._kinds[kind].inc()
        now = datetime.now(UTC)
        _observe(self._since_created, now, _moment(delivery.event.time))
        _observe(self._since_received, now, _moment(delivery.event.extensions.get("receivedtime")))
        _observe(self._since_published, now, delivery.publish_time)

    def bad(self, reason_class: str) -> None:
        """Count a dead letter."""
        self._bad.labels(reason_class).inc()

    def postponed(self, *, setup: bool) -> None:
        """Count a delivery that is to come again."""
        self._postponed.labels("setup" if setup else "transient").inc()

    def observer(self, table: str) -> "TableMetrics":
        """Return what the writer of `table` reports to."""
        return TableMetrics(
            self._batch, self._append, self._reconnects, self._in_flight.labels(table)
        )


class TableMetrics:
    """What one table's writer reports."""

    def __init__(
        self, batch: Histogram, append: Histogram, reconnects: Counter, in_flight: Gauge
    ) -> None:
        self._batch = batch
        self._append = append
        self._reconnects = reconnects
        self._in_flight = in_flight

    def appended(self, rows: int, seconds: float) -> None:
        """Take an answered request."""
        self._batch.observe(rows)
        self._append.observe(seconds)

    def reconnected(self, cause: str) -> None:
        """Take that a connection ended by a fault."""
        self._reconnects.labels(cause).inc()

    def in_flight(self, bytes_: int) -> None:
        """Take how much is without an answer."""
        self._in_flight.set(bytes_)


def _observe(histogram: Histogram, now: datetime, since: datetime | None) -> None:
    if since is not None:
        histogram.observe((now - since).total_seconds())


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
