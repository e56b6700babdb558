"""The REST API, through google-cloud-bigquery."""

import gzip
import json
import urllib.error
import urllib.request
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery.table import PrimaryKey, TableConstraints

from contract.bigquery.clients import PROJECT
from tweetlog_local.bigquery import Running


def values(rows: Any) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows]


def primary_key(table: bigquery.Table) -> list[str]:
    constraints = table.table_constraints
    assert constraints is not None
    assert constraints.primary_key is not None
    return list(constraints.primary_key.columns)


# Datasets


def test_a_dataset_is_created_changed_listed_and_deleted(client: bigquery.Client) -> None:
    created = bigquery.Dataset(f"{PROJECT}.life")
    created.description = "first"
    created.labels = {"a": "b"}
    client.create_dataset(created)
    changed = client.get_dataset("life")
    changed.description = "second"
    client.update_dataset(changed, ["description"])
    found = client.get_dataset("life")

    assert (found.description, found.labels, found.location) == ("second", {"a": "b"}, "US")
    assert "life" in [item.dataset_id for item in client.list_datasets()]

    client.delete_dataset("life")
    with pytest.raises(exceptions.NotFound, match="Not found: Dataset p:life"):
        client.get_dataset("life")


def test_a_dataset_that_is_there_is_not_created_again(
    client: bigquery.Client, dataset: str
) -> None:
    with pytest.raises(exceptions.Conflict, match="Already Exists: Dataset"):
        client.create_dataset(dataset)

    client.create_dataset(dataset, exists_ok=True)


def test_a_dataset_with_tables_is_deleted_only_with_its_contents(
    client: bigquery.Client, dataset: str
) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (a INT64)")
    with pytest.raises(exceptions.BadRequest, match="is still in use"):
        client.delete_dataset(dataset)
    client.delete_dataset(dataset, delete_contents=True)

    with pytest.raises(exceptions.NotFound):
        client.get_table(f"{dataset}.t")


@pytest.mark.parametrize("name", ["with-dash", "main", "information_schema", "ä"])
def test_a_dataset_needs_a_name_that_is_allowed(client: bigquery.Client, name: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="Invalid dataset ID"):
        client.create_dataset(f"{PROJECT}.{name}")


def test_another_project_is_not_here(client: bigquery.Client) -> None:
    with pytest.raises(exceptions.NotFound, match="--project"):
        client.query_and_wait("SELECT * FROM `else-where.d.t`")


# Tables


def test_a_table_keeps_what_it_was_created_with(client: bigquery.Client, dataset: str) -> None:
    table = bigquery.Table(
        f"{PROJECT}.{dataset}.t",
        schema=[
            bigquery.SchemaField("id", "STRING", mode="REQUIRED", description="the key"),
            bigquery.SchemaField("at", "TIMESTAMP"),
            bigquery.SchemaField(
                "tags",
                "RECORD",
                mode="REPEATED",
                fields=[
                    bigquery.SchemaField("tag", "STRING", description="as written"),
                    bigquery.SchemaField("end", "INTEGER"),
                ],
            ),
        ],
    )
    table.time_partitioning = bigquery.TimePartitioning(field="at")
    table.clustering_fields = ["id"]
    table.description = "a table"
    table.labels = {"team": "x"}
    table.max_staleness = "0-0 0 0:15:0"
    table.table_constraints = TableConstraints(PrimaryKey(["id"]), None)
    client.create_table(table)
    found = client.get_table(f"{dataset}.t")

    assert found.schema == table.schema
    assert found.time_partitioning.field == "at"
    assert found.clustering_fields == ["id"]
    assert (found.description, found.labels) == ("a table", {"team": "x"})
    assert found.max_staleness == "0-0 0 0:15:0"
    assert primary_key(found) == ["id"]
    assert (found.table_type, found.num_rows) == ("TABLE", 0)


def test_what_sql_declares_is_what_the_api_tells(client: bigquery.Client, dataset: str) -> None:
    ddl = f"""
        CREATE TABLE IF NOT EXISTS {dataset}.t (
          id STRING NOT NULL OPTIONS (description = 'the key'),
          bucket INT64,
          at TIMESTAMP DEFAULT CURRENT_TIMESTAMP(),
          tags ARRAY<STRUCT<tag STRING OPTIONS (description = 'as written'), `end` INT64>>,
          PRIMARY KEY (id) NOT ENFORCED)
        PARTITION BY RANGE_BUCKET(bucket, GENERATE_ARRAY(0, 100, 10))
        CLUSTER BY id
        OPTIONS (description = "it's a table", max_staleness = INTERVAL 60 MINUTE,
                 labels = [('a', 'b')], friendly_name = 'T')"""
    client.query_and_wait(ddl)
    client.query_and_wait(ddl)
    found = client.get_table(f"{dataset}.t")

    assert [(item.name, item.field_type, item.mode) for item in found.schema] == [
        ("id", "STRING", "REQUIRED"),
        ("bucket", "INTEGER", "NULLABLE"),
        ("at", "TIMESTAMP", "NULLABLE"),
        ("tags", "RECORD", "REPEATED"),
    ]
    assert found.schema[0].description == "the key"
    assert found.schema[3].fields[0].description == "as written"
    assert found.schema[2].default_value_expression == "CURRENT_TIMESTAMP()"
    assert found.range_partitioning.field == "bucket"
    assert found.range_partitioning.range_.end == 100
    assert found.clustering_fields == ["id"]
    assert found.max_staleness == "0-0 0 1:0:0"
    assert (found.description, found.labels, found.friendly_name) == (
        "it's a table",
        {"a": "b"},
        "T",
    )
    assert primary_key(found) == ["id"]


def test_columns_are_added_by_the_api_and_by_sql(client: bigquery.Client, dataset: str) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (a INT64); INSERT {dataset}.t (a) VALUES (1)")
    table = client.get_table(f"{dataset}.t")
    table.schema = [*table.schema, bigquery.SchemaField("b", "STRING", mode="REPEATED")]
    client.update_table(table, ["schema"])
    for _ in range(2):
        client.query_and_wait(f"ALTER TABLE {dataset}.t ADD COLUMN IF NOT EXISTS c DATE")

    assert values(client.query_and_wait(f"SELECT * FROM {dataset}.t")) == [(1, [], None)]
    assert [item.name for item in client.get_table(f"{dataset}.t").schema] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "changed",
    [
        [bigquery.SchemaField("a", "STRING")],
        [bigquery.SchemaField("other", "INT64")],
        [bigquery.SchemaField("a", "INT64"), bigquery.SchemaField("b", "INT64", mode="REQUIRED")],
    ],
    ids=["another type", "a column is gone", "a required column more"],
)
def test_a_schema_is_not_changed_incompatibly(
    client: bigquery.Client, dataset: str, changed: list[bigquery.SchemaField]
) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (a INT64)")
    table = client.get_table(f"{dataset}.t")
    table.schema = changed

    with pytest.raises(exceptions.BadRequest, match="Provided Schema does not match"):
        client.update_table(table, ["schema"])


def test_tables_and_views_are_listed(client: bigquery.Client, dataset: str) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (a INT64)")
    client.query_and_wait(f"CREATE VIEW {dataset}.v AS SELECT a FROM {dataset}.t")

    assert [(item.table_id, item.table_type) for item in client.list_tables(dataset)] == [
        ("t", "TABLE"),
        ("v", "VIEW"),
    ]


def test_a_view_made_by_the_api_can_be_queried(client: bigquery.Client, dataset: str) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t AS SELECT 1 AS a")
    view = bigquery.Table(f"{PROJECT}.{dataset}.v")
    view.view_query = f"SELECT a + 1 AS b FROM `{PROJECT}.{dataset}.t`"
    client.create_table(view)

    assert [item.name for item in client.get_table(f"{dataset}.v").schema] == ["b"]
    assert values(client.query_and_wait(f"SELECT b FROM {dataset}.v")) == [(2,)]


def test_a_view_that_cannot_be_run_is_not_created(client: bigquery.Client, dataset: str) -> None:
    with pytest.raises(exceptions.NotFound, match=r"was not found"):
        client.query_and_wait(f"CREATE VIEW {dataset}.v AS SELECT a FROM {dataset}.nowhere")

    assert list(client.list_tables(dataset)) == []


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT (SELECT COUNT(*) FROM a), (SELECT COUNT(*) FROM b)", (1, 2)),
        ("SELECT (SELECT COUNT(*) FROM a), (SELECT COUNT(*) FROM shown)", (1, 1)),
        ("SELECT (SELECT COUNT(*) FROM shown), (SELECT MAX(id) FROM shown)", (1, "2")),
        ("SELECT (SELECT COUNT(*) FROM a), (SELECT COUNT(*) FROM shown_again)", (1, 1)),
        ("SELECT COUNT(*), MIN(s.id) FROM a JOIN shown AS s ON TRUE", (1, "2")),
        ("WITH shown AS (SELECT 7 AS id) SELECT id, (SELECT COUNT(*) FROM a) FROM shown", (7, 1)),
        ("SELECT (SELECT COUNT(*) FROM shown) UNION ALL SELECT 5 ORDER BY 1 LIMIT 1", (1,)),
        ("SELECT COUNT(*) FROM a WHERE 1 IN (SELECT COUNT(*) FROM shown)", (1,)),
    ],
)
def test_views_are_counted_side_by_side(
    client: bigquery.Client, dataset: str, sql: str, answer: tuple[object, ...]
) -> None:
    config = bigquery.QueryJobConfig(default_dataset=f"{PROJECT}.{dataset}")
    client.query_and_wait(
        f"""
        CREATE TABLE {dataset}.a (up_to INT64); INSERT INTO {dataset}.a (up_to) VALUES (1);
        CREATE TABLE {dataset}.b (id STRING); INSERT INTO {dataset}.b (id) VALUES ('1'), ('2');
        CREATE VIEW {dataset}.shown AS SELECT id FROM {dataset}.b AS t
          WHERE NOT EXISTS (
            SELECT 1 FROM {dataset}.a WHERE SAFE_CAST(t.id AS INT64) <= a.up_to);
        CREATE VIEW {dataset}.shown_again AS
          SELECT s.id FROM {dataset}.shown AS s JOIN {dataset}.shown AS r ON r.id = s.id
        """
    )

    (row,) = client.query_and_wait(sql, job_config=config)

    assert tuple(row.values()) == answer


def test_what_duckdb_cannot_plan_is_refused_with_a_way_out(
    client: bigquery.Client, dataset: str
) -> None:
    client.query_and_wait(
        f"CREATE TABLE {dataset}.a (n INT64); CREATE TABLE {dataset}.b (id STRING)"
    )
    inner = f"SELECT 1 FROM {dataset}.a WHERE SAFE_CAST(t.id AS INT64) <= a.n"
    counted = f"SELECT COUNT(*) FROM {dataset}.b AS t WHERE EXISTS ({inner})"

    with pytest.raises(exceptions.BadRequest, match="put the query into a WITH at the top"):
        client.query_and_wait(f"SELECT 1, ({counted})")

    (row,) = client.query_and_wait(f"WITH found AS ({counted}) SELECT 1, (SELECT * FROM found)")
    assert tuple(row.values()) == (1, 0)


def test_a_table_is_deleted_once(client: bigquery.Client, dataset: str) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (a INT64)")
    client.delete_table(f"{dataset}.t")
    with pytest.raises(exceptions.NotFound):
        client.delete_table(f"{dataset}.t")

    client.delete_table(f"{dataset}.t", not_found_ok=True)


# Rows


def test_rows_are_listed_in_pages(client: bigquery.Client, dataset: str) -> None:
    client.query_and_wait(
        f"CREATE TABLE {dataset}.t AS SELECT a FROM UNNEST(GENERATE_ARRAY(1, 25)) AS a"
    )
    pages = client.list_rows(f"{dataset}.t", page_size=10).pages

    assert [page.num_items for page in pages] == [10, 10, 5]


def test_inserted_rows_are_kept(client: bigquery.Client, dataset: str) -> None:
    client.query_and_wait(
        f"CREATE TABLE {dataset}.t (a INT64, b STRING, at TIMESTAMP, j JSON, tags ARRAY<STRING>, "
        "st STRUCT<x FLOAT64>)"
    )
    row = {
        "a": "9007199254740993",
        "b": "x",
        "at": "2020-01-01T00:00:00Z",
        "j": '{"k": 1}',
        "tags": ["p"],
        "st": {"x": 1.5},
    }

    assert client.insert_rows_json(f"{dataset}.t", [row, {}], row_ids=[None, None]) == []
    assert values(client.query_and_wait(f"SELECT * FROM {dataset}.t ORDER BY a")) == [
        (None, None, None, None, [], None),
        (9007199254740993, "x", datetime(2020, 1, 1, tzinfo=UTC), {"k": 1}, ["p"], {"x": 1.5}),
    ]


def test_a_row_with_a_known_insert_id_is_taken_once(client: bigquery.Client, dataset: str) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (a INT64)")
    for _ in range(2):
        client.insert_rows_json(f"{dataset}.t", [{"a": 1}, {"a": 1}], row_ids=["x", "y"])

    assert values(client.query_and_wait(f"SELECT a FROM {dataset}.t")) == [(1,), (1,)]


@pytest.mark.parametrize(
    "verb",
    [
        "UPDATE {} SET a = 2 WHERE TRUE",
        "DELETE FROM {} WHERE TRUE",
        "MERGE {} t USING (SELECT 1 AS a) s ON t.a = s.a WHEN MATCHED THEN DELETE",
    ],
)
def test_inserted_rows_are_in_the_streaming_buffer_at_first(
    client: bigquery.Client, dataset: str, verb: str
) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (a INT64)")
    client.query_and_wait(f"INSERT INTO {dataset}.t (a) VALUES (0)")
    client.query_and_wait(f"UPDATE {dataset}.t SET a = 1 WHERE TRUE")
    client.insert_rows_json(f"{dataset}.t", [{"a": 1}])

    with pytest.raises(exceptions.BadRequest, match="rows in the streaming buffer"):
        client.query_and_wait(verb.format(f"{dataset}.t"))
    assert values(client.query_and_wait(f"SELECT a FROM {dataset}.t")) == [(1,), (1,)]


def test_a_bad_row_stops_the_others_unless_bad_rows_are_skipped(
    client: bigquery.Client, dataset: str
) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (n INT64)")
    rows: list[dict[str, Any]] = [{"n": 1}, {"n": "bad"}, {"m": 1}]
    stopped = client.insert_rows_json(f"{dataset}.t", rows)
    skipped = client.insert_rows_json(f"{dataset}.t", rows, skip_invalid_rows=True)

    assert [error["errors"][0]["reason"] for error in stopped] == ["stopped", "invalid", "invalid"]
    assert stopped[1]["errors"][0] == {
        "reason": "invalid",
        "location": "n",
        "debugInfo": "",
        "message": "Cannot convert value to integer (bad value): bad",
    }
    assert [error["index"] for error in skipped] == [1, 2]
    assert values(client.query_and_wait(f"SELECT n FROM {dataset}.t")) == [(1,)]


def test_unknown_fields_are_ignored_on_request(client: bigquery.Client, dataset: str) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (n INT64)")

    assert (
        client.insert_rows_json(f"{dataset}.t", [{"n": 1, "m": 2}], ignore_unknown_values=True)
        == []
    )


# Queries


def test_values_of_every_type_come_back(client: bigquery.Client) -> None:
    (row,) = client.query_and_wait(
        "SELECT 1 AS i, 1.5 AS f, TRUE AS b, 'x' AS s, b'\\x00' AS y, NUMERIC '1.25' AS n, "
        "TIMESTAMP '2020-01-01 00:00:00.123456' AS ts, DATE '2020-01-02' AS d, "
        "DATETIME '2020-01-02 03:04:05' AS dt, JSON '{\"a\": 1}' AS j, [1, 2] AS a, "
        "STRUCT(1 AS x, ['p'] AS y) AS st, CAST('nan' AS FLOAT64) AS nan, NULL AS nothing"
    )

    assert row["nan"] != row["nan"]
    assert {key: value for key, value in row.items() if key != "nan"} == {
        "i": 1,
        "f": 1.5,
        "b": True,
        "s": "x",
        "y": b"\x00",
        "n": Decimal("1.25"),
        "ts": datetime(2020, 1, 1, 0, 0, 0, 123456, tzinfo=UTC),
        "d": date(2020, 1, 2),
        "dt": datetime(2020, 1, 2, 3, 4, 5),  # noqa: DTZ001 (a DATETIME has no zone)
        "j": {"a": 1},
        "a": [1, 2],
        "st": {"x": 1, "y": ["p"]},
        "nothing": None,
    }


def test_a_large_result_comes_in_pages(client: bigquery.Client) -> None:
    job = client.query("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS x ORDER BY x")
    result = job.result(page_size=7000)

    assert [row.x for row in result] == list(range(1, 25001))
    assert result.total_rows == 25000


def parameter(name: str | None, kind: str, value: Any) -> bigquery.ScalarQueryParameter:
    return bigquery.ScalarQueryParameter(name, kind, value)


def test_named_parameters_are_filled_in(client: bigquery.Client) -> None:
    config = bigquery.QueryJobConfig(
        query_parameters=[
            parameter("i", "INT64", 7),
            parameter("s", "STRING", "it's 'quoted' \\ \n"),
            parameter("ts", "TIMESTAMP", datetime(2020, 1, 1, 12, tzinfo=UTC)),
            parameter("d", "DATE", date(2020, 1, 2)),
            parameter("b", "BOOL", value=True),
            parameter("y", "BYTES", b"\x00\xff"),
            parameter("nothing", "STRING", None),
            parameter("path", "STRING", "$.a"),
            bigquery.ArrayQueryParameter("a", "STRING", ["x", "y"]),
            bigquery.StructQueryParameter(
                "st", parameter("x", "INT64", 1), parameter("y", "STRING", "z")
            ),
        ]
    )
    (row,) = client.query_and_wait(
        "SELECT @i + 1, @s, TIMESTAMP_TRUNC(@ts, DAY), DATE_ADD(@d, INTERVAL @i DAY), NOT @b, @y, "
        "@nothing, JSON_VALUE('{\"a\": 5}', @path), 'y' IN UNNEST(@a), @st.y, ARRAY_LENGTH(@a)",
        job_config=config,
    )

    assert tuple(row.values()) == (
        8,
        "it's 'quoted' \\ \n",
        datetime(2020, 1, 1, tzinfo=UTC),
        date(2020, 1, 9),
        False,
        b"\x00\xff",
        None,
        "5",
        True,
        "z",
        2,
    )


def test_positional_parameters_are_filled_in(client: bigquery.Client) -> None:
    config = bigquery.QueryJobConfig(
        query_parameters=[parameter(None, "INT64", 5), parameter(None, "STRING", "x")]
    )

    assert values(client.query_and_wait("SELECT ?, ?", job_config=config)) == [(5, "x")]


def test_a_default_dataset_completes_names(client: bigquery.Client, dataset: str) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t AS SELECT 1 AS a")
    config = bigquery.QueryJobConfig(default_dataset=f"{PROJECT}.{dataset}")
    client.query_and_wait("CREATE VIEW v AS SELECT a FROM t", job_config=config)

    assert values(client.query_and_wait(f"SELECT a FROM {dataset}.v")) == [(1,)]


def test_changes_tell_how_many_rows_they_touched(client: bigquery.Client, dataset: str) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (a INT64, b STRING)")
    insert = client.query(f"INSERT INTO {dataset}.t (a) SELECT * FROM UNNEST([1, 2, 3])")
    insert.result()
    update = client.query(f"UPDATE {dataset}.t SET b = 'x' WHERE a > 1")
    update.result()
    merge = client.query(
        f"MERGE {dataset}.t AS t USING (SELECT 3 AS a UNION ALL SELECT 4) AS s ON t.a = s.a "
        "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a)"
    )
    merge.result()

    assert insert.num_dml_affected_rows == 3
    assert insert.dml_stats is not None
    assert insert.dml_stats.inserted_row_count == 3
    assert update.num_dml_affected_rows == 2
    assert merge.num_dml_affected_rows == 2
    assert values(client.query_and_wait(f"SELECT a, b FROM {dataset}.t ORDER BY a")) == [
        (1, None),
        (2, "x"),
        (4, None),
    ]


def test_a_script_runs_in_order_and_returns_the_last_rows(
    client: bigquery.Client, dataset: str
) -> None:
    job = client.query(
        f"CREATE TABLE {dataset}.t (a INT64); INSERT INTO {dataset}.t (a) VALUES (1); "
        f"SELECT a FROM {dataset}.t; -- the end"
    )

    assert values(job.result()) == [(1,)]
    assert job.statement_type == "SCRIPT"


def test_a_failing_script_keeps_what_came_before(client: bigquery.Client, dataset: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="Unrecognized name: nope"):
        client.query_and_wait(f"CREATE TABLE {dataset}.t (a INT64); SELECT nope FROM {dataset}.t")

    assert client.get_table(f"{dataset}.t").num_rows == 0


def test_a_dry_run_tells_the_columns_and_changes_nothing(
    client: bigquery.Client, dataset: str
) -> None:
    config = bigquery.QueryJobConfig(dry_run=True)
    job = client.query("SELECT 1 AS a, 'x' AS b", job_config=config)
    client.query(f"CREATE TABLE {dataset}.t (a INT64)", job_config=config)

    assert [item.name for item in job.schema or ()] == ["a", "b"]
    assert job.total_bytes_processed == 0
    assert list(client.list_tables(dataset)) == []


def test_a_job_can_be_found_again(client: bigquery.Client) -> None:
    job = client.query("SELECT 1 AS a")
    again = client.get_job(job.job_id)
    client.cancel_job(job.job_id)

    assert isinstance(again, bigquery.QueryJob)
    assert (again.state, again.statement_type) == ("DONE", "SELECT")
    assert values(again.result()) == [(1,)]
    assert job.job_id in [item.job_id for item in client.list_jobs()]


def test_a_failed_job_tells_why(client: bigquery.Client) -> None:
    job = client.query("SELECT nope")
    with pytest.raises(exceptions.BadRequest, match="Unrecognized name: nope"):
        job.result()

    assert client.get_job(job.job_id).error_result == {
        "reason": "invalidQuery",
        "location": "query",
        "message": "Unrecognized name: nope",
    }


def test_errors_have_bigquerys_shape(server: Running) -> None:
    request = urllib.request.Request(  # noqa: S310 (http, to ourselves)
        f"{server.rest}/bigquery/v2/projects/{PROJECT}/queries",
        data=json.dumps({"query": "SELECT NOW()", "useLegacySql": False}).encode(),
    )
    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(request, timeout=10)  # noqa: S310 (as above)
    error = json.loads(failure.value.read())["error"]

    assert failure.value.code == 400
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["errors"][0]["reason"] == "invalidQuery"
    assert error["errors"][0]["location"] == "query"
    assert error["message"].startswith("Function NOW is not supported by the embedded BigQuery")


def test_a_compressed_request_is_read(server: Running) -> None:
    request = urllib.request.Request(  # noqa: S310 (http, to ourselves)
        f"{server.rest}/projects/{PROJECT}/queries",
        data=gzip.compress(json.dumps({"query": "SELECT 1 AS a"}).encode()),
        headers={"Content-Encoding": "gzip"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 (as above)
        body = json.loads(answer.read())

    assert body["rows"] == [{"f": [{"v": "1"}]}]


@pytest.mark.parametrize("body", [b"{bad", b"[]", b"\x1f\x8b"])
def test_a_request_that_is_not_json_is_refused(server: Running, body: bytes) -> None:
    request = urllib.request.Request(  # noqa: S310 (http, to ourselves)
        f"{server.rest}/bigquery/v2/projects/{PROJECT}/queries", data=body
    )
    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(request, timeout=10)  # noqa: S310 (as above)

    assert failure.value.code == 400


def test_load_jobs_are_refused(client: bigquery.Client, dataset: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="Only query jobs"):
        client.load_table_from_uri("gs://x/y", f"{PROJECT}.{dataset}.t")


def test_the_emulator_variable_is_all_a_client_needs(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", server.rest)
    credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]
    client = bigquery.Client(project=PROJECT, credentials=credentials)

    assert values(client.query_and_wait("SELECT 1")) == [(1,)]


def test_a_change_to_a_table_that_was_changed_meanwhile_is_refused(
    client: bigquery.Client, dataset: str
) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (a INT64)")
    stale, fresh = client.get_table(f"{dataset}.t"), client.get_table(f"{dataset}.t")
    fresh.description = "first"
    client.update_table(fresh, ["description"])
    stale.description = "second"

    with pytest.raises(exceptions.PreconditionFailed):
        client.update_table(stale, ["description"])
    assert client.get_table(f"{dataset}.t").description == "first"


def test_a_destination_of_a_query_is_refused(client: bigquery.Client, dataset: str) -> None:
    config = bigquery.QueryJobConfig(destination=f"{PROJECT}.{dataset}.t")

    with pytest.raises(exceptions.BadRequest, match="destinationTable"):
        client.query("SELECT 1", job_config=config)


def test_columns_of_a_result_have_different_names(client: bigquery.Client) -> None:
    with pytest.raises(exceptions.BadRequest, match="Duplicate column names"):
        client.query_and_wait("SELECT 1 AS a, 2 AS A")
