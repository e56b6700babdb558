"""The warehouse's own SQL on an embedded BigQuery of this process, stocked with rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from enricher.enrich import enrich_all
from ingestor.capture import Tweet, event
from ingestor.line import captured
from loader.row import rows
from local.bigquery.sql_answers import Sql
from tweetlog.delivery import Delivery
from tweetlog.envelope import Envelope
from tweetlog_local.bigquery.session import Session
from tweetlog_local.bigquery.warehouse import Warehouse
from tweetlog_ops import project
from tweetlog_ops.statements import DATASET, read

PROJECT = "tweetlog-local"
#: Where tweets are written, by layout.
WRITTEN = {"upsert": "tweets", "append": "tweets_versions"}
ENRICHED = datetime(2026, 2, 1, 12, tzinfo=UTC)

Row = dict[str, Any]


@dataclass(frozen=True)
class Stocked:
    """A warehouse with its tables and views."""

    warehouse: Warehouse
    sql: Sql
    layout: str

    def insert(self, table: str, some: Sequence[Mapping[str, Any]]) -> None:
        """Add rows: JSON values and aware datetimes by column; what is left out is NULL."""
        name = WRITTEN[self.layout] if table == "tweets" else table
        with self.warehouse.transaction() as connection:
            target = f"warehouse.{DATASET}.{name}"
            schema = connection.sql(f"SELECT * FROM {target} LIMIT 0").to_arrow_table().schema  # noqa: S608 - our own names
            added = pa.Table.from_pylist([_fitting(row, schema) for row in some], schema=schema)
            connection.register("added", added)
            connection.execute(f"INSERT INTO {target} SELECT * FROM added")  # noqa: S608 - our own names
            connection.unregister("added")

    def ask(self, query: str) -> list[Row]:
        """Return the rows of a query by column, as Python's own values."""
        outcome = self.sql.run(query)
        found: list[Row] = outcome.rows.to_pylist()
        return found


@contextmanager
def stocked(folder: Path, layout: str = "upsert") -> Iterator[Stocked]:
    """Make the warehouse in a folder, empty."""
    warehouse = Warehouse.open(folder, project=PROJECT, location="US")
    sql = Sql(Session(warehouse, dataset=DATASET))
    sql.run(f"CREATE SCHEMA {DATASET}")
    for statement in read(project.warehouse_sql(), dataset=DATASET, layout=layout):
        sql.run(statement.sql)
    try:
        yield Stocked(warehouse, sql, layout)
    finally:
        warehouse.close()


def _fitting(row: Mapping[str, Any], schema: pa.Schema) -> Row:
    return {item.name: _value(row.get(item.name), item.type) for item in schema}


def _value(value: Any, kind: pa.DataType) -> Any:
    if pa.types.is_timestamp(kind) and isinstance(value, str):
        return datetime.fromisoformat(value)
    if pa.types.is_list(kind):
        return value or []
    return value


def tweet_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    """Yield the rows of the table of tweets that lines of files end as, a row a tweet.

    Each goes the way of the services: captured, enriched, made a row; a tweet that comes again
    makes no second one here.
    """
    seen: set[str] = set()
    raws = _raws(lines)
    while group := list(islice(raws, 500)):
        for number, enriched in enumerate(enrich_all(group)):
            if isinstance(enriched, Envelope) and enriched.subject not in seen:
                seen.add(str(enriched.subject))
                # Every row loads a little later after its enrichment than the one before.
                loaded = ENRICHED + timedelta(milliseconds=40 + number)
                (made,) = rows(Delivery(enriched, "1", ENRICHED), loaded_at=loaded)
                yield dict(made.values)


def _raws(lines: Iterable[bytes]) -> Iterator[Envelope]:
    for number, line in enumerate(lines):
        for one in captured(line.strip(), {"file": "made up", "line": number}):
            if isinstance(one, Tweet):
                yield event(one)
