from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto
from hypothesis import given
from hypothesis import strategies as st

from contract.bigquery.clients import descriptor
from tweetlog_local.bigquery.batch import Batch, SchemaMismatch
from tweetlog_local.bigquery.rows import Decoder, message_class
from tweetlog_local.bigquery.schema import Field

NOW = 1_780_000_000_000_000
MESSAGE: dict[str, Any] = {
    "id": "int64",
    "at": "int64",
    "raw": "string",
    "tags": [{"tag": "string", "n": "int64"}],
    "place": {"name": "string", "path": ["string"]},
}
FIELDS = (
    Field("id", "INTEGER", "REQUIRED"),
    Field("at", "TIMESTAMP"),
    Field("raw", "JSON"),
    Field("tags", "RECORD", "REPEATED", (Field("tag", "STRING"), Field("n", "INTEGER"))),
    Field(
        "place",
        "RECORD",
        fields=(Field("name", "STRING", "REQUIRED"), Field("path", "STRING", "REPEATED")),
    ),
    Field("later", "STRING", "REPEATED"),
)


def decoded(rows: list[Any], message: dict[str, Any] | None = None) -> Batch:
    described = descriptor(message or MESSAGE).SerializeToString()
    made = message_class(described)
    data = [row if isinstance(row, bytes) else made(**row).SerializeToString() for row in rows]
    return Decoder.of(described, FIELDS, (), None).decode(data, NOW)


def test_what_a_message_leaves_out_is_null_or_empty() -> None:
    batch = decoded([{"id": 1}])

    assert batch.columns.to_pylist() == [
        {"id": 1, "at": None, "raw": None, "tags": [], "place": None, "later": []}
    ]


def test_structs_and_arrays_are_kept_among_rows_without_them() -> None:
    rows: list[Any] = [
        {"id": 1},
        {"id": 2, "tags": [{"tag": "a"}, {"n": 2}], "place": {"name": "x", "path": ["p", "q"]}},
        {"id": 3, "place": {"name": "y"}},
    ]
    found = decoded(rows).columns.to_pylist()

    assert [row["tags"] for row in found] == [
        [],
        [{"tag": "a", "n": None}, {"tag": None, "n": 2}],
        [],
    ]
    assert [row["place"] for row in found] == [
        None,
        {"name": "x", "path": ["p", "q"]},
        {"name": "y", "path": []},
    ]


def test_a_required_part_of_a_struct_is_needed_only_where_the_struct_is() -> None:
    batch = decoded([{"id": 1}, {"id": 2, "place": {"path": ["p"]}}])

    assert [(error.index, error.message) for error in batch.errors] == [
        (1, "Missing required field: name")
    ]


@given(data=st.binary(max_size=60))
def test_garbage_is_a_row_or_an_error_of_its_row(data: bytes) -> None:
    batch = decoded([{"id": 1}, data])

    assert batch.columns.num_rows == 2 or [error.index for error in batch.errors] == [1]


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {"id": st.integers(-(2**63), 2**63 - 1)},
            optional={
                "raw": st.sampled_from(['{"a":1}', "[null,1.5]", '"x"']),
                "tags": st.lists(
                    st.fixed_dictionaries({"tag": st.text(max_size=5), "n": st.integers(0, 9)}),
                    max_size=3,
                ),
            },
        ),
        max_size=8,
    )
)
def test_rows_come_out_as_they_went_in(rows: list[dict[str, Any]]) -> None:
    found = decoded(rows).columns.select(["id", "raw", "tags"]).to_pylist()

    assert found == [
        {"id": row["id"], "raw": row.get("raw"), "tags": row.get("tags", [])} for row in rows
    ]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"id": "int64", "more": "string"}, "extra fields: 'more'"),
        ({"id": "int64", "tags": [{"nope": "string"}]}, "extra fields: 'tags.nope'"),
        ({"id": "string"}, "mismatched"),
        ({"id": ["int64"]}, "is repeated"),
        ({"id": "int64", "tags": {"tag": "string"}}, "is not repeated"),
        ({"id": "int64", "tags": ["string"]}, "needs a message"),
        ({"at": "int64"}, "required field id is missing"),
        ({"id": "int64", "place": {"path": ["string"]}}, "required field place.name is missing"),
        ({"id": "int64", "_CHANGE_TYPE": "string"}, "no primary key"),
    ],
)
def test_a_message_that_does_not_fit_the_table_is_refused(
    message: dict[str, Any], reason: str
) -> None:
    with pytest.raises(SchemaMismatch, match=reason):
        decoded([], message)


def test_a_broken_descriptor_is_refused() -> None:
    broken = DescriptorProto(name="Row")
    broken.field.add(name="a", number=1, type=11, type_name="Nowhere", label=1)

    with pytest.raises(SchemaMismatch, match="Invalid proto schema"):
        message_class(broken.SerializeToString())
