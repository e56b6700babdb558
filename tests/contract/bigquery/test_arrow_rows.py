"""Rows in Arrow's format, through Google's generated client."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types

from contract.bigquery.clients import Rows, Stream, local
from tweetlog_local.bigquery import Running

INVALID_ARGUMENT = 3
EXTRA_FIELDS = types.StorageError.StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS
TIMESTAMP = pa.timestamp("us", tz="UTC")
PLAIN = pa.schema([("id", pa.int64()), ("v", pa.string())])
MakeStream = Callable[[str], Stream]


@pytest.fixture
def table(client: bigquery.Client, writer: BigQueryWriteClient, dataset: str) -> MakeStream:
    def make(columns: str) -> Stream:
        client.query_and_wait(f"CREATE TABLE {dataset}.t {columns}")
        return Stream(writer, f"{dataset}.t", {})

    return make


def a_request(stream: Stream, schema: Any, batch: bytes | None) -> types.AppendRowsRequest:
    """Return a request; without a schema it is one that follows another."""
    data = types.AppendRowsRequest.ArrowData()
    if schema is not None:
        serialized = schema if isinstance(schema, bytes) else schema.serialize().to_pybytes()
        data.writer_schema = types.ArrowSchema(serialized_schema=serialized)
    if batch is not None:
        data.rows = types.ArrowRecordBatch(serialized_record_batch=batch)
    return types.AppendRowsRequest(write_stream=stream.name, arrow_rows=data)


def a_batch(schema: Any, rows: Sequence[Mapping[str, Any]]) -> bytes:
    return bytes(pa.RecordBatch.from_pylist(list(rows), schema=schema).serialize().to_pybytes())


def append(stream: Stream, schema: Any, *batches: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Append batches on one connection; its first request carries the schema."""
    first, *more = [a_batch(schema, batch) for batch in batches]
    following = [a_request(stream, None, batch) for batch in more]
    return stream.send([a_request(stream, schema, first), *following])


def test_rows_are_seen_by_the_next_query_and_the_schema_is_sent_once(
    plain: Stream, rows: Rows
) -> None:
    answers = append(plain, PLAIN, [{"id": 1, "v": "ä🤦"}, {"id": 2}], [{"id": 3}], [])

    assert not any(answer.error.code for answer in answers)
    assert rows(f"SELECT id, v FROM {plain.table} ORDER BY id") == [
        (1, "ä🤦"),
        (2, None),
        (3, None),
    ]


def test_every_type_arrives_as_it_was_sent(table: MakeStream, rows: Rows) -> None:
    stream = table(
        "(s STRING, i INT64, f FLOAT64, b BOOL, y BYTES, ts TIMESTAMP, dt DATETIME, d DATE, "
        "t TIME, n NUMERIC, j JSON, names ARRAY<STRING>, "
        "st STRUCT<x INT64, inner ARRAY<STRUCT<j JSON>>>, more ARRAY<INT64>)"
    )
    schema = pa.schema(
        [
            ("s", pa.string()),
            ("i", pa.int64()),
            ("f", pa.float64()),
            ("b", pa.bool_()),
            ("y", pa.binary()),
            ("ts", TIMESTAMP),
            ("dt", pa.timestamp("us")),
            ("d", pa.date32()),
            ("t", pa.time64("us")),
            ("n", pa.decimal128(38, 9)),
            ("j", pa.string()),
            ("names", pa.list_(pa.string())),
            ("st", pa.struct({"inner": pa.list_(pa.struct({"j": pa.string()})), "x": pa.int64()})),
        ]
    )
    full = {
        "s": "äé",
        "i": -(2**63),
        "f": 0.1,
        "b": False,
        "y": b"\x00\xff",
        "ts": datetime(2020, 1, 1, 0, 0, 0, 123456, UTC),
        "dt": datetime(2020, 1, 2, 3),  # noqa: DTZ001 - a DATETIME has no zone
        "d": date(2020, 1, 1),
        "t": time(1, 2, 3),
        "n": Decimal("1.25"),
        "j": '{"b": 1, "a": [null, 2.5]}',
        "names": ["a", ""],
        "st": {"x": 7, "inner": [{"j": "[1, 2]"}, {"j": None}]},
    }
    (answer,) = append(stream, schema, [full, {}, {"s": "b", "st": {"x": None, "inner": None}}])

    assert not answer.error.code
    sent, partial, empty = rows(f"SELECT * FROM {stream.table} ORDER BY s DESC NULLS LAST")
    assert sent[:10] == tuple(full.values())[:10]
    assert sent[10:12] == ({"b": 1, "a": [None, 2.5]}, ["a", ""])
    assert sent[12:] == ({"x": 7, "inner": [{"j": [1, 2]}, {"j": None}]}, [])
    assert partial[12:] == ({"x": None, "inner": []}, [])
    assert empty == (None,) * 11 + ([], None, [])


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (pa.string(), "{bad", "Invalid JSON"),
        (TIMESTAMP, 2**62, "out of allowed range"),
        (pa.date32(), 3_000_000, "out of allowed range"),
        (pa.list_(pa.string()), [None], "null element"),
        (TIMESTAMP, datetime(1999, 1, 1, tzinfo=UTC), "outside the allowed bounds"),
    ],
    ids=str,
)
def test_a_value_that_its_column_cannot_hold_is_an_error_of_its_row(
    table: MakeStream, rows: Rows, kind: pa.DataType, value: object, reason: str
) -> None:
    columns = {
        pa.string(): "v JSON",
        pa.date32(): "v DATE",
        pa.list_(pa.string()): "v ARRAY<STRING>",
        TIMESTAMP: "v TIMESTAMP",
    }
    by_day = " PARTITION BY TIMESTAMP_TRUNC(v, DAY)" if isinstance(value, datetime) else ""
    stream = table(f"({columns[kind]}){by_day}")
    made = pa.array([None, value], kind)
    batch = pa.record_batch([made], ["v"])
    (answer,) = stream.send([a_request(stream, batch.schema, batch.serialize().to_pybytes())])

    assert [error.index for error in answer.row_errors] == [1]
    assert reason in answer.row_errors[0].message
    assert rows(f"SELECT COUNT(*) FROM {stream.table}") == [(0,)]


def test_text_that_is_no_utf8_is_an_error_of_its_row(plain: Stream, rows: Rows) -> None:
    data = pa.array([b"fine", b"\xff\xfe"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, data.buffers())
    batch = pa.record_batch([pa.array([1, 2]), text], schema=PLAIN)
    (answer,) = plain.send([a_request(plain, PLAIN, batch.serialize().to_pybytes())])

    assert [error.index for error in answer.row_errors] == [1]
    assert rows(f"SELECT COUNT(*) FROM {plain.table}") == [(0,)]


def test_bad_rows_are_named_and_the_connection_goes_on(plain: Stream, rows: Rows) -> None:
    first, second = append(plain, PLAIN, [{"id": 1}, {"v": "x"}, {"id": 3}, {}], [{"id": 9}])

    assert first.error.code == INVALID_ARGUMENT
    assert [error.index for error in first.row_errors] == [1, 3]
    assert first.row_errors[0].message == "Missing required field: id"
    assert not second.error.code
    assert rows(f"SELECT id FROM {plain.table}") == [(9,)]


def test_a_field_that_the_table_lacks_is_a_schema_mismatch(plain: Stream) -> None:
    wider = pa.schema([*PLAIN, ("more", pa.string())])
    (answer,) = append(plain, wider, [{"id": 1, "more": "x"}])
    error = types.StorageError.deserialize(answer.error.details[0].value)

    assert answer.error.code == INVALID_ARGUMENT
    assert error.code == EXTRA_FIELDS
    assert "'more'" in error.error_message


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (pa.schema([("id", pa.int64()), ("v", pa.int64())]), "the Arrow type is int64"),
        (pa.schema([("id", pa.int32())]), "the BigQuery field is INT64, in Arrow int64"),
        (pa.schema([("v", pa.string())]), "The required field id is missing in the Arrow schema"),
        (pa.schema([*PLAIN, ("_CHANGE_TYPE", pa.string())]), "send protobuf rows"),
        (b"no schema", "Invalid Arrow schema"),
    ],
    ids=str,
)
def test_a_schema_that_does_not_fit_the_table_is_refused(
    plain: Stream, schema: Any, reason: str
) -> None:
    (answer,) = plain.send([a_request(plain, schema, a_batch(PLAIN, [{"id": 1}]))])

    assert answer.error.code == INVALID_ARGUMENT
    assert reason in answer.error.message


def test_what_is_no_record_batch_is_refused_and_the_connection_goes_on(
    plain: Stream, rows: Rows
) -> None:
    garbage = [b"garbage", a_batch(PLAIN, [{"id": 1, "v": "x" * 99}])[:-80]]
    requests = [a_request(plain, PLAIN, one) for one in garbage]
    answers = plain.send([*requests, a_request(plain, None, a_batch(PLAIN, [{"id": 2}]))])

    assert [answer.error.code for answer in answers] == [INVALID_ARGUMENT] * 2 + [0]
    assert "Invalid Arrow record batch" in answers[0].error.message
    assert rows(f"SELECT id FROM {plain.table}") == [(2,)]


def test_rows_of_the_other_format_need_a_schema_of_their_own(plain: Stream, rows: Rows) -> None:
    arrow = a_request(plain, PLAIN, a_batch(PLAIN, [{"id": 1}]))
    bare = plain.request([{"id": 3}])
    bare.proto_rows.writer_schema = types.ProtoSchema()

    with pytest.raises(exceptions.InvalidArgument, match="Schema is missing"):
        plain.send([arrow, bare])
    plain.send([arrow, plain.request([{"id": 2}]), arrow])

    assert rows(f"SELECT id FROM {plain.table} ORDER BY id") == [(1,), (1,), (1,), (2,)]


def test_the_first_answer_after_the_table_grew_has_its_new_schema(
    client: bigquery.Client, plain: Stream
) -> None:
    def requests() -> Any:
        yield a_request(plain, PLAIN, a_batch(PLAIN, [{"id": 1}]))
        client.query_and_wait(f"ALTER TABLE {plain.table} ADD COLUMN more STRING")
        yield a_request(plain, None, a_batch(PLAIN, [{"id": 2}]))

    metadata = [("x-goog-request-params", f"write_stream={plain.name}")]
    answers = list(plain.client.append_rows(requests(), retry=None, timeout=60, metadata=metadata))

    assert [len(answer.updated_schema.fields) for answer in answers] == [0, 3]


def test_a_fault_names_rows_by_the_value_of_a_column(
    faults: Running, plain: Stream, rows: Rows
) -> None:
    rule = {"kind": "rows", "column": "v", "value": "poison", "table": plain.table, "count": 1}
    local(faults, "/local/faults", rule)
    batch = [{"id": 1, "v": "fine"}, {"id": 2, "v": "poison"}]
    refused, taken = append(plain, PLAIN, batch, batch)

    assert [error.index for error in refused.row_errors] == [1]
    assert not taken.error.code
    assert rows(f"SELECT COUNT(*) FROM {plain.table}") == [(2,)]
