"""Runs BigQuery's SQL on the embedded warehouse, and returns plain values."""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from tweetlog_local.bigquery import wire
from tweetlog_local.bigquery.session import Outcome, Session
from tweetlog_local.bigquery.statements import run, script


@dataclass(frozen=True)
class Sql:
    session: Session

    def run(self, text: str) -> Outcome:
        """Run a script; return what its last statement did."""
        for statement in script(text):
            outcome = run(statement, self.session)
        list(wire.rows(outcome.rows, outcome.fields, int64_timestamps=True))
        return outcome

    def rows(self, query: str) -> list[list[Any]]:
        """Return the rows of a query."""
        found = self.run(query).rows
        columns = [column.to_pylist() for column in found.columns]
        return [[plain(value) for value in row] for row in zip(*columns, strict=True)]

    def row(self, query: str) -> list[Any]:
        """Return the one row of a query."""
        (only,) = self.rows(query)
        return only


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value
