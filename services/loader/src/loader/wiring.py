"""EDGE: the loader put together from its settings: writers, batches, dead letters, metrics."""

import time
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from loader.batch import Batcher
from loader.growth import Growth
from loader.load import Load, LoadAll, receive, receive_all, receive_unreadable
from loader.metrics import Metrics
from loader.outcome import Outcome
from loader.row import TABLES, TWEETS, Row
from loader.settings import ON, Settings
from loader.writer import BigQuery, Limits, Writer
from tweetlog import tracing
from tweetlog.delivery import Delivery
from tweetlog.errors import Unreadable
from tweetlog.publisher import PubsubTopic, publisher_client
from tweetlog.subscription import Pulled
from tweetlog.topic import Topic

if TYPE_CHECKING:
    from tweetlog.spans import Tracer


class Loader:
    """Everything that one process needs to load events.

    Args:
        settings: the configuration.
        credentials: see `writer.credentials`.
        dead_letters: where dead letters go; by default the topic of the settings.
        limits: how much a writer holds, and for how long; by default those of the settings.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Any = None,
        *,
        dead_letters: Topic | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.metrics = Metrics()
        self.dead_letters = dead_letters or PubsubTopic(cache(publisher_client), settings.dead_path)
        self._deletes = settings.changes
        self._service = BigQuery(settings.write_endpoint, credentials)
        self._growth = (
            Growth(settings.project, credentials, settings.endpoint)
            if settings.add_columns == ON
            else None
        )
        limits = limits or Limits(
            request_bytes=settings.batch_bytes, in_flight_bytes=settings.in_flight_bytes
        )
        self.writers: Mapping[str, Writer] = {
            table: Writer(
                self._service,
                settings.table_path(table),
                changes=settings.changes or table != TWEETS,
                limits=limits,
                observer=self.metrics.observer(table),
                unknown=self._growth.of(settings.table_path(table)) if self._growth else None,
            )
            for table in TABLES
        }
        batcher = partial(
            Batcher,
            linger=settings.linger_ms / 1000,
            rows=settings.batch_rows,
            size=settings.batch_bytes,
        )
        self._one: Mapping[str, Load] = {
            table: batcher(writer.append).load for table, writer in self.writers.items()
        }
        self._all: Mapping[str, LoadAll] = {
            table: partial(_append, writer) for table, writer in self.writers.items()
        }

    def receive(self, delivery: Delivery) -> None:
        """Load one event; see `load.receive`."""
        receive(
            delivery,
            tables=self._one,
            dead_letters=self.dead_letters,
            ledger=self.metrics,
            deletes=self._deletes,
        )

    def receive_unreadable(self, reason: Unreadable) -> None:
        """Set a delivery aside that is no event."""
        receive_unreadable(reason, dead_letters=self.dead_letters, ledger=self.metrics)

    def receive_all(self, messages: Sequence[Pulled]) -> list[str]:
        """Load a batch; see `load.receive_all`."""
        return receive_all(
            messages,
            tables=self._all,
            dead_letters=self.dead_letters,
            ledger=self.metrics,
            deletes=self._deletes,
        )

    def faults(self) -> list[str]:
        """Return what stands in the way of loading; nothing when all is well."""
        found = (writer.fault() for writer in self.writers.values())
        return [fault for fault in found if fault]

    def alive(self) -> bool:
        """Return whether every thread of the writers runs."""
        return all(writer.alive() for writer in self.writers.values())

    def close(self, timeout: float = 2.0) -> None:
        """Wait for the answers that are due, `timeout` seconds in all, and end every connection."""
        deadline = time.monotonic() + timeout
        for writer in self.writers.values():
            writer.close(max(0.0, deadline - time.monotonic()))
        if self._growth:
            self._growth.close()
        self._service.close()


class TracedLoader(Loader):
    """The same, with a span of each event."""

    def __init__(self, settings: Settings, credentials: Any, tracer: "Tracer") -> None:
        super().__init__(settings, credentials)
        self._tracer = tracer

    def receive(self, delivery: Delivery) -> None:
        """Load one event."""
        with self._tracer.handling("load", [delivery.event.attributes()]):
            super().receive(delivery)

    def receive_all(self, messages: Sequence[Pulled]) -> list[str]:
        """Load a batch."""
        with self._tracer.handling_messages(
            "load", [message.attributes for message in messages]
        ) as handled:
            acks = super().receive_all(messages)
            durable = set(acks)
            for message, one in zip(messages, handled, strict=True):
                if message.ack_id not in durable:
                    one.failed("not durable yet; comes again")
        return acks

    def close(self, timeout: float = 2.0) -> None:
        """Wait for the answers that are due, end every connection, send the last spans."""
        super().close(timeout)
        self._tracer.close()


def made(settings: Settings, credentials: Any = None) -> Loader:
    """Return what loads events, traced if the settings say so."""
    tracer = tracing.opened(settings.tracing, service="loader", project=settings.project)
    return TracedLoader(settings, credentials, tracer) if tracer else Loader(settings, credentials)


def _append(writer: Writer, rows: Sequence[Row]) -> Sequence[Outcome]:
    return writer.append(rows).result()
