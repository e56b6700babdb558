from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetlog_local.bigquery.arrow_rows import ArrowDecoder
from tweetlog_local.bigquery.batch import Batch, SchemaMismatch
from tweetlog_local.bigquery.schema import Field

NOW = 1_780_000_000_000_000
NEEDED = Field("need", "STRING", "REQUIRED")
FIELDS = (
    Field("id", "INTEGER", "REQUIRED"),
    Field("place", "RECORD", fields=(NEEDED, Field("path", "JSON", "REPEATED"))),
    Field("later", "STRING", "REPEATED"),
)
PLACE = pa.struct({"need": pa.string(), "path": pa.list_(pa.string())})
SCHEMA = pa.schema([("id", pa.int64()), ("place", PLACE)])


def a_decoder() -> ArrowDecoder:
    return ArrowDecoder.of(SCHEMA.serialize().to_pybytes(), FIELDS, None)


def a_batch(*rows: dict[str, Any]) -> bytes:
    return bytes(pa.RecordBatch.from_pylist(list(rows), schema=SCHEMA).serialize().to_pybytes())


def decoded(*rows: dict[str, Any]) -> Batch:
    return a_decoder().decode(a_batch(*rows), NOW)


def test_what_a_batch_leaves_out_is_null_or_empty() -> None:
    batch = decoded({"id": 1}, {"id": 2, "place": {"need": "x"}})

    assert not batch.errors
    assert batch.changes is None
    assert batch.columns.to_pylist() == [
        {"id": 1, "place": None, "later": []},
        {"id": 2, "place": {"need": "x", "path": []}, "later": []},
    ]


def test_json_is_kept_without_white_space_wherever_it_stands() -> None:
    batch = decoded({"id": 1, "place": {"need": "x", "path": ['{ "a": 1 }', "[ 2 ]"]}})

    assert batch.columns["place"].to_pylist() == [{"need": "x", "path": ['{"a":1}', "[2]"]}]


def test_a_required_part_of_a_struct_may_be_absent_only_with_the_struct() -> None:
    batch = decoded({"id": 1}, {"id": 2, "place": {"path": []}}, {"id": 3, "place": {"need": ""}})

    assert [(error.index, error.message) for error in batch.errors] == [
        (1, "Missing required field: need")
    ]


def test_a_struct_that_cannot_have_its_required_part_does_not_fit() -> None:
    schema = pa.schema([("id", pa.int64()), ("place", pa.struct({"path": pa.list_(pa.string())}))])

    with pytest.raises(SchemaMismatch, match=r"The required field place\.need is missing"):
        ArrowDecoder.of(schema.serialize().to_pybytes(), FIELDS, None)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_batch_or_refused(data: bytes) -> None:
    try:
        a_decoder().decode(data, NOW)
    except SchemaMismatch:
        return


@given(st.data())
def test_a_damaged_batch_is_read_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(
        a_batch({"id": 1, "place": {"need": "xyz", "path": ["1", "[]"]}}, {"id": 2})
    )
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        batch = a_decoder().decode(bytes(damaged), NOW)
    except SchemaMismatch:
        return
    assert batch.errors or batch.columns.num_rows == a_decoder().count(bytes(damaged))


def test_a_batch_that_is_wrong_only_as_a_whole_is_refused_as_a_whole() -> None:
    good = a_batch({"id": 1}, {"id": 2, "place": {"need": "x", "path": []}})
    rows, nulls = (2).to_bytes(8, "little"), (1).to_bytes(8, "little")
    assert good.count(rows + nulls) == 1  # of `place`: how many, and how many of them are NULL
    more_nulls_than_rows = good.replace(rows + nulls, rows + (99).to_bytes(8, "little"))

    with pytest.raises(SchemaMismatch, match="Null count exceeds array length"):
        a_decoder().decode(more_nulls_than_rows, NOW)
