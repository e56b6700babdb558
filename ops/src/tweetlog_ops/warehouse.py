"""EDGE: the warehouse, in the cloud or on this machine; the same client speaks to both."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import requests
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from tweetlog_ops.errors import CommandError
from tweetlog_ops.migration import Step
from tweetlog_ops.statements import DATASET

# The client's own default hides a server that is down for ten minutes.
_RETRY = DEFAULT_RETRY.with_timeout(20.0)
_TIMEOUT = 60.0
#: What a query may be given by name; a sequence is an array of texts.
Parameter = datetime | str | int | Sequence[str]
_NONE: Mapping[str, Parameter] = MappingProxyType({})


# What BigQuery says of rows that were streamed a moment ago.
_STREAMING = "rows in the streaming buffer"


class StillStreaming(CommandError):  # noqa: N818 - named for what is true of the rows
    """Raised when rows are so young that BigQuery does not let them be changed yet."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer to a query: column names with their BigQuery types, and the rows.

    Attributes:
        bytes_read: what BigQuery read for it, which is what it bills by.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    bytes_read: int = 0

    def dicts(self) -> list[dict[str, Any]]:
        """Return each row as a dictionary."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Warehouse:
    """A dataset of BigQuery.

    Args:
        project: the Google Cloud project.
        dataset: its dataset; made by `apply` where it is missing.
        endpoint: `http://host:port` of a local server; None for Google's, or for that of
            `BIGQUERY_EMULATOR_HOST`, as Google's client has it.
    """

    def __init__(self, project: str, dataset: str = DATASET, endpoint: str | None = None) -> None:
        self.project = project
        self.dataset = dataset
        options = ClientOptions(api_endpoint=endpoint) if endpoint else None
        local = endpoint or os.environ.get("BIGQUERY_EMULATOR_HOST")
        credentials = AnonymousCredentials() if local else None  # type: ignore[no-untyped-call]
        try:
            self._client = bigquery.Client(
                project=project, credentials=credentials, client_options=options
            )
        except GoogleAuthError as reason:
            raise CommandError(f"no access to Google Cloud: {_first_line(reason)}") from None

    def query(self, sql: str, parameters: Mapping[str, Parameter] = _NONE) -> Rows:
        """Return the answer to a query; unqualified names are of this dataset.

        Args:
            sql: the query, in BigQuery's SQL.
            parameters: the query's parameters, by name.

        Raises:
            CommandError: with BigQuery's own reason.
        """
        found = self._result(sql, parameters)
        return Rows(
            tuple(field.name for field in found.schema),
            tuple(field.field_type for field in found.schema),
            tuple(row.values() for row in found),
            found.total_bytes_processed or 0,
        )

    def change(self, sql: str, parameters: Mapping[str, Parameter] = _NONE) -> int:
        """Run a statement that changes rows; return how many it changed.

        Raises:
            StillStreaming: if BigQuery cannot change some of them yet.
            CommandError: with BigQuery's own reason.
        """
        try:
            return int(self._result(sql, parameters).num_dml_affected_rows or 0)
        except CommandError as reason:
            if _STREAMING in str(reason):
                raise StillStreaming(str(reason)) from None
            raise

    def _result(self, sql: str, parameters: Mapping[str, Parameter]) -> Any:
        config = bigquery.QueryJobConfig(
            default_dataset=f"{self.project}.{self.dataset}",
            query_parameters=[_parameter(*one) for one in parameters.items()],
        )
        try:
            job = self._client.query(
                sql, job_config=config, retry=_RETRY, timeout=_TIMEOUT, job_retry=None
            )
            return job.result(retry=_RETRY, timeout=_TIMEOUT)
        except exceptions.GoogleAPICallError as reason:
            raise CommandError(f"query refused: {_first_line(reason.message)}") from None
        except exceptions.RetryError as reason:
            raise CommandError(f"warehouse not reachable: {_first_line(reason.cause)}") from None
        except requests.RequestException as reason:
            raise CommandError(f"warehouse not reachable: {_first_line(reason)}") from None
        except GoogleAuthError as reason:
            raise CommandError(f"no access to Google Cloud: {_first_line(reason)}") from None

    def apply(self, steps: Sequence[Step]) -> None:
        """Make the dataset if it is missing, and every change."""
        dataset = bigquery.Dataset(f"{self.project}.{self.dataset}")
        try:
            self._client.create_dataset(dataset, exists_ok=True, retry=_RETRY, timeout=_TIMEOUT)
        except (exceptions.GoogleAPIError, requests.RequestException) as reason:
            raise CommandError(f"dataset {self.dataset}: {_first_line(reason)}") from None
        for step in steps:
            self.query(step.sql)

    def existing(self) -> dict[str, tuple[str, ...]]:
        """Return the columns of each table and view that the dataset has."""
        return {name: self._columns(name) for name in self.names()}

    def labels(self, table: str) -> dict[str, str]:
        """Return the labels of a table or view; none where it is missing."""
        found = self._table(table) if table in self.names() else None
        return dict(found.labels) if found else {}

    def bytes_of(self, table: str) -> int:
        """Return how large a table is; 0 for a view, or where it is missing."""
        found = self._table(table) if table in self.names() else None
        return int(found.num_bytes or 0) if found else 0

    def columns(self, table: str) -> tuple[str, ...]:
        """Return the columns of a table.

        Raises:
            CommandError: if there is no such table.
        """
        return self._columns(table)

    def _columns(self, table: str) -> tuple[str, ...]:
        return tuple(field.name for field in self._table(table).schema)

    def _table(self, table: str) -> bigquery.Table:
        path = f"{self.project}.{self.dataset}.{table}"
        try:
            return self._client.get_table(path, retry=_RETRY, timeout=_TIMEOUT)
        except (exceptions.GoogleAPIError, requests.RequestException) as reason:
            raise CommandError(f"{path}: {_first_line(reason)}") from None

    def tables(self) -> set[str]:
        """Return the tables that the dataset has, without its views."""
        return {one.table_id for one in self._listed() if one.table_type == "TABLE"}

    def names(self) -> set[str]:
        """Return the tables and views that the dataset has; none where it is missing."""
        return {one.table_id for one in self._listed()}

    def _listed(self) -> list[Any]:
        try:
            return list(
                self._client.list_tables(
                    f"{self.project}.{self.dataset}", retry=_RETRY, timeout=_TIMEOUT
                )
            )
        except exceptions.NotFound:
            return []
        except (exceptions.GoogleAPIError, requests.RequestException) as reason:
            raise CommandError(f"dataset {self.dataset}: {_first_line(reason)}") from None


def _parameter(
    name: str, value: Parameter
) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    if isinstance(value, datetime):
        return bigquery.ScalarQueryParameter(name, "TIMESTAMP", value)
    if isinstance(value, int):
        return bigquery.ScalarQueryParameter(name, "INT64", value)
    if isinstance(value, str):
        return bigquery.ScalarQueryParameter(name, "STRING", value)
    return bigquery.ArrayQueryParameter(name, "STRING", list(value))


def _first_line(reason: object) -> str:
    # The client appends the errors' other fields to a message.
    lines = str(reason).split("; reason: ")[0].strip().splitlines()
    return lines[0] if lines else type(reason).__name__
