"""The Storage Write API, through Google's generated client."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types

from contract.bigquery.clients import CHANGES, Rows, Stream, delete, local, upsert
from tweetlog_local.bigquery import Running

INVALID_ARGUMENT = 3
RESOURCE_EXHAUSTED = 8
EXTRA_FIELDS = types.StorageError.StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS


def test_appended_rows_are_seen_by_the_next_query(plain: Stream, rows: Rows) -> None:
    (response,) = plain.append([{"id": 1, "v": "a"}, {"id": 2}])

    assert not response.error.code
    assert rows(f"SELECT id, v FROM {plain.table} ORDER BY id") == [(1, "a"), (2, None)]


def test_responses_come_in_the_order_of_the_requests(plain: Stream) -> None:
    batches = [[{"id": index}] if index % 3 else [{"v": "no id"}] for index in range(30)]
    responses = plain.append(*batches)

    assert [bool(response.error.code) for response in responses] == [
        index % 3 == 0 for index in range(30)
    ]


def test_a_descriptor_is_needed_once_for_each_connection(plain: Stream, rows: Rows) -> None:
    bare = plain.request([{"id": 2}])
    bare.proto_rows.writer_schema = types.ProtoSchema()
    bare.write_stream = ""
    plain.send([plain.request([{"id": 1}]), bare])

    assert rows(f"SELECT COUNT(*) FROM {plain.table}") == [(2,)]


def test_a_connection_without_a_descriptor_is_refused(plain: Stream) -> None:
    bare = plain.request([{"id": 1}])
    bare.proto_rows.writer_schema = types.ProtoSchema()

    with pytest.raises(exceptions.InvalidArgument, match="Schema is missing"):
        plain.send([bare])


def test_a_descriptor_counts_although_its_request_was_refused(
    faults: Running, plain: Stream, rows: Rows
) -> None:
    bare = plain.request([{"id": 2}])
    bare.proto_rows.writer_schema = types.ProtoSchema()
    quota = {"kind": "response", "code": "RESOURCE_EXHAUSTED", "count": 1, "table": plain.table}
    local(faults, "/local/faults", quota)

    refused, taken = plain.send([plain.request([{"id": 1}]), bare])

    assert refused.error.code == RESOURCE_EXHAUSTED
    assert not taken.error.code
    assert rows(f"SELECT id FROM {plain.table}") == [(2,)]


def test_the_short_name_of_the_default_stream_is_accepted(plain: Stream, rows: Rows) -> None:
    request = plain.request([{"id": 1}])
    request.write_stream = plain.name.replace("/streams/_default", "/_default")
    plain.send([request])

    assert rows(f"SELECT id FROM {plain.table}") == [(1,)]


def test_bad_rows_are_named_and_no_row_of_their_request_is_written(
    plain: Stream, rows: Rows
) -> None:
    first, second = plain.append([{"id": 1}, {"v": "x"}, {"id": 3}, {}], [{"id": 9}])

    assert first.error.code == INVALID_ARGUMENT
    assert [(error.index, error.code.name) for error in first.row_errors] == [
        (1, "FIELDS_ERROR"),
        (3, "FIELDS_ERROR"),
    ]
    assert "id" in first.row_errors[0].message
    assert not second.error.code
    assert rows(f"SELECT id FROM {plain.table}") == [(9,)]


def test_every_type_arrives_as_it_was_sent(
    client: bigquery.Client, writer: BigQueryWriteClient, dataset: str, rows: Rows
) -> None:
    client.query_and_wait(
        f"CREATE TABLE {dataset}.t (s STRING, i INT64, f FLOAT64, b BOOL, y BYTES, ts TIMESTAMP, "
        "d DATE, j JSON, n NUMERIC, names ARRAY<STRING>, st STRUCT<x INT64, inner ARRAY<INT64>>)"
    )
    stream = Stream(
        writer,
        f"{dataset}.t",
        {
            "s": "string",
            "i": "int64",
            "f": "double",
            "b": "bool",
            "y": "bytes",
            "ts": "int64",
            "d": "int32",
            "j": "string",
            "n": "string",
            "names": ["string"],
            "st": {"x": "int64", "inner": ["int64"]},
        },
    )
    row = {
        "s": "äé🤦",
        "i": -(2**63),
        "f": 0.1,
        "b": False,
        "y": b"\x00\xff",
        "ts": 1577836800123456,
        "d": 18262,
        "j": '{"b": 1, "a": [null, 2.5]}',
        "n": "1.250",
        "names": ["a", ""],
        "st": {"x": 7, "inner": [1, 2]},
    }
    (response,) = stream.append([row, {}])

    assert not response.error.code
    full, empty = rows(f"SELECT * FROM {dataset}.t ORDER BY s DESC")
    assert full[:6] == (
        "äé🤦",
        -(2**63),
        0.1,
        False,
        b"\x00\xff",
        datetime(2020, 1, 1, 0, 0, 0, 123456, UTC),
    )
    assert [str(value) for value in full[6:9]] == [
        "2020-01-01",
        "{'b': 1, 'a': [None, 2.5]}",
        "1.25",
    ]
    assert full[9:] == (["a", ""], {"x": 7, "inner": [1, 2]})
    assert empty == (None,) * 9 + ([], None)


@pytest.mark.parametrize(
    ("fields", "row", "reason"),
    [
        ({"j": "string"}, {"j": "{bad"}, "Invalid JSON"),
        ({"ts": "int64"}, {"ts": 2**62}, "out of allowed range"),
        ({"d": "int32"}, {"d": 3_000_000}, "out of allowed range"),
        ({"n": "string"}, {"n": "1e40"}, "out of allowed range"),
        ({"i": "uint64"}, {"i": 2**63}, "out of allowed range"),
        ({"s": "bytes"}, {"s": b"\xff"}, "UTF-8"),
    ],
)
def test_a_value_that_its_column_cannot_hold_is_an_error_of_its_row(
    client: bigquery.Client,
    writer: BigQueryWriteClient,
    dataset: str,
    *,
    fields: dict[str, str],
    row: dict[str, Any],
    reason: str,
) -> None:
    client.query_and_wait(
        f"CREATE TABLE {dataset}.t (s STRING, i INT64, ts TIMESTAMP, d DATE, j JSON, n NUMERIC)"
    )
    (response,) = Stream(writer, f"{dataset}.t", fields).append([{}, row])

    assert [error.index for error in response.row_errors] == [1]
    assert reason in response.row_errors[0].message


def test_a_field_that_the_table_lacks_is_a_schema_mismatch(plain: Stream) -> None:
    wider = replace(plain, fields={**plain.fields, "more": "string"})
    (response,) = wider.append([{"id": 1, "more": "x"}])
    error = types.StorageError.deserialize(response.error.details[0].value)

    assert response.error.code == INVALID_ARGUMENT
    assert error.code == EXTRA_FIELDS
    assert "more" in error.error_message


def test_a_field_of_another_type_is_a_mismatch(plain: Stream) -> None:
    (response,) = replace(plain, fields={"id": "int64", "v": "int64"}).append([{"id": 1, "v": 2}])

    assert response.error.code == INVALID_ARGUMENT
    assert "mismatched" in response.error.message


def test_a_message_without_a_required_column_is_a_mismatch(plain: Stream) -> None:
    (response,) = replace(plain, fields={"v": "string"}).append([{"v": "x"}])

    assert response.error.code == INVALID_ARGUMENT
    assert "id" in response.error.message


def test_a_table_that_grew_is_announced_and_takes_the_wider_message(
    client: bigquery.Client, plain: Stream, rows: Rows
) -> None:
    def requests() -> Any:
        yield plain.request([{"id": 1}])
        client.query_and_wait(f"ALTER TABLE {plain.table} ADD COLUMN w INT64")
        yield plain.request([{"id": 2}])
        yield replace(plain, fields={**plain.fields, "w": "int64"}).request([{"id": 3, "w": 7}])

    answers = list(plain.client.append_rows(requests(), retry=None, timeout=30))

    assert [[field.name for field in answer.updated_schema.fields] for answer in answers] == [
        [],
        ["id", "v", "w"],
        [],
    ]
    assert rows(f"SELECT id, w FROM {plain.table} ORDER BY id") == [(1, None), (2, None), (3, 7)]


def test_a_table_that_is_not_there_ends_the_call(plain: Stream, dataset: str) -> None:
    with pytest.raises(exceptions.NotFound, match=r"was not found"):
        replace(plain, table=f"{dataset}.nowhere").append([{"id": 1}])


def test_other_streams_than_the_default_are_refused(plain: Stream) -> None:
    request = plain.request([{"id": 1}])
    request.write_stream = plain.name.replace("_default", "s1")

    with pytest.raises(exceptions.MethodNotImplemented):
        plain.send([request])
    with pytest.raises(exceptions.MethodNotImplemented):
        plain.client.create_write_stream(
            parent=plain.name.removesuffix("/streams/_default"),
            write_stream=types.WriteStream(),
            retry=None,
        )


def test_a_request_of_more_than_20_megabytes_is_refused(plain: Stream) -> None:
    with pytest.raises(exceptions.InvalidArgument, match="too large"):
        plain.append([{"id": 1, "v": "x" * 20_971_520}])


def test_the_default_stream_tells_the_schema_when_asked_for_all(keyed: Stream) -> None:
    full = keyed.client.get_write_stream(request={"name": keyed.name, "view": "FULL"})
    basic = keyed.client.get_write_stream(request={"name": keyed.name})

    assert [(field.name, field.type_.name, field.mode.name) for field in full.table_schema.fields][
        :3
    ] == [("id", "INT64", "REQUIRED"), ("v", "STRING", "NULLABLE"), ("tags", "STRUCT", "REPEATED")]
    assert not basic.table_schema.fields


def test_many_connections_never_get_each_others_answers(plain: Stream, rows: Rows) -> None:
    def write(worker: int) -> list[bool]:
        batches = [
            [{"id": worker * 1000 + index}] if (worker + index) % 2 else [{"v": "bad"}]
            for index in range(50)
        ]
        return [not answer.error.code for answer in plain.append(*batches)]

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(write, range(8)))

    assert outcomes == [[(worker + index) % 2 == 1 for index in range(50)] for worker in range(8)]
    assert rows(f"SELECT COUNT(*), COUNT(DISTINCT id) FROM {plain.table}") == [(200, 200)]


# Change data capture


def test_a_replay_changes_nothing(keyed: Stream, rows: Rows) -> None:
    batch = [upsert("1/1", id=index, v=f"v{index}") for index in range(100)]
    keyed.append(batch)
    before = rows(f"SELECT * FROM {keyed.table} ORDER BY id")
    keyed.append([*batch, *reversed(batch)], batch[:10])

    assert rows(f"SELECT * FROM {keyed.table} ORDER BY id") == before
    assert len(before) == 100


def test_the_greater_sequence_wins_in_any_order_of_arrival(keyed: Stream, rows: Rows) -> None:
    keyed.append([upsert("A/0", id=1, v="new"), upsert("9/FF", id=1, v="old")])
    keyed.append([upsert("9/FFFF", id=1, v="older")])

    assert rows(f"SELECT v FROM {keyed.table}") == [("new",)]


def test_sections_are_compared_as_numbers(keyed: Stream, rows: Rows) -> None:
    keyed.append([upsert("FFF/B", id=1, v="b")], [upsert("fff/abc", id=1, v="abc")])
    keyed.append([upsert("FFF/1B", id=1, v="1b")])

    assert rows(f"SELECT v FROM {keyed.table}") == [("abc",)]


def test_of_equal_sequences_the_latest_arrival_wins(keyed: Stream, rows: Rows) -> None:
    keyed.append([upsert("1", id=1, v="a"), upsert("1", id=1, v="b")], [upsert("1", id=1, v="c")])

    assert rows(f"SELECT v FROM {keyed.table}") == [("c",)]


def test_without_a_sequence_the_latest_arrival_wins(keyed: Stream, rows: Rows) -> None:
    keyed.append([upsert(id=1, v="a")], [upsert(id=1, v="b"), upsert(id=1, v="c")])

    assert rows(f"SELECT v FROM {keyed.table}") == [("c",)]


def test_a_deleted_row_stays_deleted_when_an_older_upsert_comes(keyed: Stream, rows: Rows) -> None:
    keyed.append([upsert("1", id=1, v="a"), upsert("1", id=2, v="b")], [delete("3", id=1)])
    keyed.append([upsert("2", id=1, v="late")])

    assert rows(f"SELECT id FROM {keyed.table}") == [(2,)]


def test_a_deleted_row_comes_back_with_a_greater_sequence(keyed: Stream, rows: Rows) -> None:
    keyed.append([delete("3", id=1)], [upsert("4", id=1, v="again")])

    assert rows(f"SELECT id, v FROM {keyed.table}") == [(1, "again")]


def test_a_delete_needs_only_the_key(
    client: bigquery.Client, writer: BigQueryWriteClient, dataset: str, rows: Rows
) -> None:
    client.query_and_wait(
        f"CREATE TABLE {dataset}.t (a STRING NOT NULL, b INT64 NOT NULL, v STRING NOT NULL, "
        "PRIMARY KEY (a, b) NOT ENFORCED)"
    )
    whole = Stream(writer, f"{dataset}.t", {"a": "string", "b": "int64", "v": "string", **CHANGES})
    whole.append([upsert(a="x", b=1, v="1"), upsert(a="x", b=2, v="2")])
    (response,) = replace(whole, fields={"a": "string", "b": "int64", **CHANGES}).append(
        [delete(a="x", b=1)]
    )

    assert not response.error.code
    assert rows(f"SELECT b FROM {dataset}.t") == [(2,)]


def test_an_upsert_replaces_the_whole_row(keyed: Stream, rows: Rows) -> None:
    keyed.append([upsert("1", id=1, v="a", tags=[{"tag": "x", "n": 1}])], [upsert("2", id=1)])

    assert rows(f"SELECT * FROM {keyed.table}") == [(1, None, [])]


def test_an_upsert_replaces_a_row_that_sql_wrote(
    client: bigquery.Client, keyed: Stream, rows: Rows
) -> None:
    client.query_and_wait(f"INSERT INTO {keyed.table} (id, v) VALUES (1, 'sql')")
    keyed.append([upsert("1", id=1, v="stream")])

    assert rows(f"SELECT v FROM {keyed.table}") == [("stream",)]


@pytest.mark.parametrize("number", ["G", "1/2/3/4/5", "11112222333344445", "/1", "1/", " 1"])
def test_a_malformed_sequence_is_an_error_of_its_row(keyed: Stream, number: str) -> None:
    (response,) = keyed.append([upsert("1", id=1), upsert(number, id=2)])

    assert [error.index for error in response.row_errors] == [1]
    assert "_CHANGE_SEQUENCE_NUMBER" in response.row_errors[0].message


def test_an_unknown_change_type_is_refused(keyed: Stream) -> None:
    (response,) = keyed.append([{"id": 1, "_CHANGE_TYPE": "MERGE"}])

    assert "not a valid CHANGE_TYPE" in response.row_errors[0].message


def test_one_connection_does_not_mix_changes_with_plain_rows(keyed: Stream, rows: Rows) -> None:
    first, second, third = keyed.append([upsert(id=1)], [{"id": 2}], [upsert(id=3), {"id": 4}])

    assert not first.error.code
    assert "not a valid CHANGE_TYPE" in second.row_errors[0].message
    assert "not a valid CHANGE_TYPE" in third.row_errors[0].message
    assert rows(f"SELECT id FROM {keyed.table}") == [(1,)]


def test_plain_rows_to_a_keyed_table_are_appended(keyed: Stream, rows: Rows) -> None:
    keyed.append([{"id": 1}, {"id": 1, "_CHANGE_TYPE": "INSERT"}])

    assert rows(f"SELECT COUNT(*) FROM {keyed.table}") == [(2,)]


def test_changes_need_a_primary_key(plain: Stream) -> None:
    (response,) = replace(plain, fields={**plain.fields, **CHANGES}).append([upsert(id=1)])

    assert response.error.code == INVALID_ARGUMENT
    assert "primary key" in response.error.message


@pytest.mark.parametrize("verb", ["UPDATE {} SET v = 'x' WHERE TRUE", "DELETE FROM {} WHERE TRUE"])
def test_rows_of_a_table_that_receives_upserts_are_not_changed_by_sql(
    client: bigquery.Client, keyed: Stream, verb: str
) -> None:
    keyed.append([upsert(id=1)])

    with pytest.raises(exceptions.BadRequest, match="streaming buffer"):
        client.query_and_wait(verb.format(keyed.table))


def test_a_table_that_receives_upserts_can_be_truncated(
    client: bigquery.Client, keyed: Stream, rows: Rows
) -> None:
    keyed.append([upsert("5", id=1)])
    client.query_and_wait(f"TRUNCATE TABLE {keyed.table}")
    keyed.append([upsert("1", id=1)])

    assert rows(f"SELECT id FROM {keyed.table}") == [(1,)]


# The ten-year rule


def micros(when: datetime) -> int:
    return int(when.timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("kind", "partition"), [("TIMESTAMP", "DATE(at)"), ("TIMESTAMP", "TIMESTAMP_TRUNC(at, MONTH)")]
)
def test_streaming_into_partitions_by_time_is_bounded(
    client: bigquery.Client,
    writer: BigQueryWriteClient,
    dataset: str,
    kind: str,
    partition: str,
) -> None:
    client.query_and_wait(f"CREATE TABLE {dataset}.t (at {kind}) PARTITION BY {partition}")
    now = datetime.now(UTC)
    when = [now, now - timedelta(days=3700), now - timedelta(days=3600), now + timedelta(days=400)]
    (response,) = Stream(writer, f"{dataset}.t", {"at": "int64"}).append(
        [*({"at": micros(at)} for at in when), {}]
    )

    assert [error.index for error in response.row_errors] == [1, 3]


def test_streaming_into_partitions_by_integer_is_not(
    client: bigquery.Client, writer: BigQueryWriteClient, dataset: str, rows: Rows
) -> None:
    client.query_and_wait(
        f"CREATE TABLE {dataset}.t (bucket INT64, at TIMESTAMP) "
        "PARTITION BY RANGE_BUCKET(bucket, GENERATE_ARRAY(0, 100, 1))"
    )
    old = micros(datetime(2006, 3, 21, tzinfo=UTC))
    Stream(writer, f"{dataset}.t", {"bucket": "int64", "at": "int64"}).append(
        [{"bucket": 1, "at": old}]
    )

    assert rows(f"SELECT EXTRACT(YEAR FROM at) FROM {dataset}.t") == [(2006,)]
