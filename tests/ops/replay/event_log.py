"""The warehouse's own tables on the embedded BigQuery, with an event store filled by hand."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from embedded_warehouse import an_embedded_warehouse
from tweetlog_ops import project, statements
from tweetlog_ops.replay.record import Position
from tweetlog_ops.replay.selection import Selection
from tweetlog_ops.replay.source import EventStore, Logged
from tweetlog_ops.warehouse import Parameter, Warehouse

RECEIVED = "tweetlog.tweet.received.v1"
_TABLES = ("raw_events", "deletions", "verdicts", "dead_letters", "tweets", "gaps")


@dataclass
class Log:
    """A warehouse whose event store is filled by hand."""

    warehouse: Warehouse

    def ask(self, sql: str, parameters: Mapping[str, Parameter]) -> Sequence[dict[str, Any]]:
        return self.warehouse.query(sql, parameters).dicts()

    def run(self, sql: str) -> None:
        self.warehouse.query(sql)

    def add(self, *messages: tuple[datetime, str, Mapping[str, Any]]) -> None:
        """Add messages: when, their id and their payload."""
        rows = ", ".join(
            f"('{at.isoformat()}', '{number}', {literal(json.dumps(payload))}, "
            f"JSON {literal(json.dumps(envelope(payload)))})"
            for at, number, payload in messages
        )
        columns = "publish_time, message_id, data, attributes"
        self.run(f"INSERT INTO raw_events ({columns}) VALUES {rows}")  # noqa: S608 - our own values

    def clear(self) -> None:
        """Empty every table."""
        for table in _TABLES:
            self.run(f"TRUNCATE TABLE {table}")

    def read(
        self, selection: Selection, after: Position | None = None, most: int = 100
    ) -> list[Logged]:
        return list(EventStore(self.ask, selection, most=most).read(after))


def literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def envelope(payload: Mapping[str, Any]) -> dict[str, str]:
    tweet_id = payload["data"]["id"]
    return {"ce-id": tweet_id, "ce-type": RECEIVED, "ce-subject": tweet_id, "x": 'a"b\\c'}


@contextmanager
def an_event_log(folder: Path) -> Iterator[Log]:
    """Run the embedded BigQuery over a folder, with the warehouse's tables and views."""
    with an_embedded_warehouse(folder) as embedded:
        warehouse = Warehouse("tweetlog-local", endpoint=embedded.server.rest)
        for one in statements.read(project.warehouse_sql(), dataset="tweetlog"):
            warehouse.query(one.sql)
        yield Log(warehouse)
