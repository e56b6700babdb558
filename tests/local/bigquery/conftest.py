"""A warehouse of this process, with one table of everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.bigquery.sql_answers import Sql
from tweetlog_local.bigquery.session import Session
from tweetlog_local.bigquery.warehouse import Warehouse

PROJECT = "p"
TABLES = """
CREATE SCHEMA d;
CREATE TABLE d.t (
  id INT64, s STRING, ts TIMESTAMP, day DATE, f FLOAT64, j JSON, b BOOL, n NUMERIC,
  tags ARRAY<STRUCT<tag STRING, n INT64>>, names ARRAY<STRING>, st STRUCT<x INT64, y STRING>);
INSERT INTO d.t (id, s, ts, day, f, j, b, n, tags, names, st) VALUES
  (1, 'Ab', TIMESTAMP '2020-01-05 10:11:12.345678', DATE '2020-01-05', 1.5,
   JSON '{"a": {"b": [1, "x"]}, "ce-id": "q", "A": 9}', TRUE, NUMERIC '1.25',
   [STRUCT('x' AS tag, 1 AS n), STRUCT('y', 2)], ['p', 'q'], STRUCT(1 AS x, 'z' AS y)),
  (2, 'cD', TIMESTAMP '2021-03-31 23:59:59+02', DATE '2021-03-31', 2.5, JSON '[10, 20]', FALSE,
   NULL, [], [], NULL),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE d.keyed (id INT64, v STRING, PRIMARY KEY (id) NOT ENFORCED);
"""


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    opened = Warehouse.open(tmp_path, project=PROJECT, location="US")
    yield opened
    opened.close()


@pytest.fixture
def sql(warehouse: Warehouse) -> Sql:
    runner = Sql(Session(warehouse))
    runner.run(TABLES)
    return runner


@pytest.fixture(scope="session")
def shared_sql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sql]:
    """For queries that change nothing."""
    folder = tmp_path_factory.mktemp("warehouse")
    opened = Warehouse.open(folder, project=PROJECT, location="US")
    runner = Sql(Session(opened))
    runner.run(TABLES)
    yield runner
    opened.close()
