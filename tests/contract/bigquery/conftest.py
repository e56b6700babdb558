from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient

from contract.bigquery.clients import PROJECT, Rows, Stream, local, rest_client, write_client
from tweetlog_local.bigquery import Running, running

NUMBERS = count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("bigquery"), project=PROJECT) as up:
        yield up


@pytest.fixture(scope="session")
def client(server: Running) -> bigquery.Client:
    return rest_client(server)


@pytest.fixture(scope="session")
def writer(server: Running) -> BigQueryWriteClient:
    return write_client(server)


@pytest.fixture
def dataset(client: bigquery.Client) -> str:
    """A dataset of the test's own."""
    name = f"d{next(NUMBERS)}"
    client.create_dataset(name)
    return name


@pytest.fixture
def rows(client: bigquery.Client) -> Rows:
    def query(sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in client.query_and_wait(sql)]

    return query


@pytest.fixture
def faults(server: Running) -> Iterator[Running]:
    """The server, without any rule when the test is over."""
    yield server
    local(server, "/local/faults", method="DELETE")


@pytest.fixture
def keyed(client: bigquery.Client, writer: BigQueryWriteClient, dataset: str) -> Stream:
    """A table with a primary key, and a stream of upserts and deletes to it."""
    client.query_and_wait(
        f"CREATE TABLE {dataset}.keyed (id INT64 NOT NULL, v STRING, "
        "tags ARRAY<STRUCT<tag STRING, n INT64>>, PRIMARY KEY (id) NOT ENFORCED)"
    )
    fields = {
        "id": "int64",
        "v": "string",
        "tags": [{"tag": "string", "n": "int64"}],
        "_CHANGE_TYPE": "string",
        "_CHANGE_SEQUENCE_NUMBER": "string",
    }
    return Stream(writer, f"{dataset}.keyed", fields)


@pytest.fixture
def plain(client: bigquery.Client, writer: BigQueryWriteClient, dataset: str) -> Stream:
    """A table without a key, and a stream of rows to it."""
    client.query_and_wait(f"CREATE TABLE {dataset}.plain (id INT64 NOT NULL, v STRING)")
    return Stream(writer, f"{dataset}.plain", {"id": "int64", "v": "string"})
