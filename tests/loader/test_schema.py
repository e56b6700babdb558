"""The encoder: any row of a table becomes that table's bytes, and nothing is lost on the way."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from google.cloud.bigquery_storage_v1.types import TableFieldSchema, TableSchema
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from loader.row import Row
from loader.schema import Encoder
from tweetlog.errors import InvalidEvent

Type = TableFieldSchema.Type
Mode = TableFieldSchema.Mode


def field(name: str, type_: int, *, repeated: bool = False, fields: Any = ()) -> TableFieldSchema:
    mode = Mode.REPEATED if repeated else Mode.NULLABLE
    return TableFieldSchema(name=name, type_=type_, mode=mode, fields=list(fields))


COLUMNS = (
    field("tweet_id", Type.STRING),
    field("likes", Type.INT64),
    field("score", Type.DOUBLE),
    field("sensitive", Type.BOOL),
    field("created_at", Type.TIMESTAMP),
    field("day", Type.DATE),
    field("picture", Type.BYTES),
    field("price", Type.NUMERIC),
    field("place", Type.GEOGRAPHY),
    field("media", Type.STRING, repeated=True),
    field("seen_at", Type.TIMESTAMP, repeated=True),
    field(
        "hashtags",
        Type.STRUCT,
        repeated=True,
        fields=[field("tag", Type.STRING), field("end", Type.INT64)],
    ),
    field(
        "edit",
        Type.STRUCT,
        fields=[
            field("at", Type.TIMESTAMP),
            field("by", Type.STRUCT, fields=[field("id", Type.STRING)]),
        ],
    ),
    field("extra", Type.JSON),
)


def an_encoder(
    *columns: TableFieldSchema, changes: bool = False, without: tuple[str, ...] = ()
) -> Encoder:
    kept = [column for column in columns or COLUMNS if column.name not in without]
    return Encoder(TableSchema.pb(TableSchema(fields=kept)), changes=changes)


def decoded(encoder: Encoder, data: bytes) -> Any:
    """Read the bytes as BigQuery does: by the descriptor alone."""
    file = descriptor_pb2.FileDescriptorProto(name="theirs.proto", syntax="proto2")
    file.message_type.add().CopyFrom(encoder.descriptor)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(encoder.descriptor.name)
    ).FromString(data)


def written(values: Mapping[str, Any], encoder: Encoder | None = None) -> Any:
    encoder = encoder or an_encoder()
    return decoded(encoder, encoder.encode(Row("tweets", values, "0/1/1")))


def test_plain_values_go_as_they_are() -> None:
    row = written(
        {"tweet_id": "1", "likes": 2, "score": 0.5, "sensitive": True, "place": "POINT(1 2)"}
    )

    assert (row.tweet_id, row.likes, row.score, row.sensitive) == ("1", 2, 0.5, True)
    assert row.place == "POINT(1 2)"


def test_a_null_is_the_absence_of_a_value() -> None:
    row = written({"tweet_id": "1", "likes": None})

    assert not row.HasField("likes")


def test_a_zero_and_an_empty_text_are_values() -> None:
    row = written({"tweet_id": "", "likes": 0, "sensitive": False})

    assert all(row.HasField(name) for name in ("tweet_id", "likes", "sensitive"))


def test_a_whole_number_is_a_number_too() -> None:
    assert written({"score": 1}).score == 1.0


def test_the_other_types_are_converted_as_bigquery_wants_them() -> None:
    row = written({"day": "2026-01-02", "picture": "/w==", "price": 12.5})

    assert (row.day, row.picture, row.price) == (20455, b"\xff", "12.5")


@pytest.mark.parametrize(
    "moment",
    [
        "2026-01-02T03:04:05.678901Z",
        "2026-01-02T05:04:05.678901+02:00",
        datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        datetime(2026, 1, 2, 1, 4, 5, 678901, tzinfo=timezone(timedelta(hours=-2))),
    ],
)
def test_a_time_is_microseconds_since_1970(moment: object) -> None:
    assert written({"created_at": moment}).created_at == 1_767_323_045_678_901


@given(st.datetimes(timezones=st.just(UTC)))
def test_no_time_loses_a_microsecond(moment: datetime) -> None:
    micros = written({"created_at": moment.isoformat()}).created_at

    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros) == moment


def test_structs_and_arrays_keep_their_shape() -> None:
    row = written(
        {
            "media": ["photo", "video"],
            "hashtags": [{"tag": "a", "end": 2}, {"tag": "b", "end": None}],
            "seen_at": ["1970-01-01T00:00:01Z"],
            "edit": {"at": "1970-01-01T00:00:01Z", "by": {"id": "7"}},
        }
    )

    assert list(row.media) == ["photo", "video"]
    assert [(h.tag, h.end) for h in row.hashtags] == [("a", 2), ("b", 0)]
    assert list(row.seen_at) == [1_000_000]
    assert (row.edit.at, row.edit.by.id) == (1_000_000, "7")


def test_a_field_without_a_column_is_kept_in_extra() -> None:
    row = written({"tweet_id": "1", "emoji": ["x"], "mood": None})

    assert json.loads(row.extra) == {"emoji": ["x"]}


def test_extra_of_the_event_itself_is_kept_beside_it() -> None:
    assert json.loads(written({"extra": {"a": 1}, "b": 2}).extra) == {"a": 1, "b": 2}
    assert json.loads(written({"extra": [1], "b": 2}).extra) == {"extra": [1], "b": 2}


def test_a_struct_with_a_field_of_its_own_is_kept_whole_in_extra() -> None:
    hashtags = [{"tag": "a", "end": 2, "emoji": True}]

    row = written({"hashtags": hashtags, "edit": {"at": "1970-01-01T00:00:01Z", "why": 1}})

    assert [(h.tag, h.end) for h in row.hashtags] == [("a", 2)]
    assert row.edit.at == 1_000_000
    assert json.loads(row.extra) == {
        "hashtags": hashtags,
        "edit": {"at": "1970-01-01T00:00:01Z", "why": 1},
    }


def test_a_table_without_extra_refuses_what_it_has_no_column_for() -> None:
    with pytest.raises(InvalidEvent, match="no column for emoji"):
        written({"emoji": "x"}, an_encoder(without=("extra",)))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("tweet_id", 1),
        ("likes", "1"),
        ("likes", True),
        ("likes", 1.0),
        ("likes", 2**63),
        ("score", "1"),
        ("score", True),
        ("sensitive", 1),
        ("created_at", "yesterday"),
        ("created_at", "2026-01-02T03:04:05"),
        ("created_at", 5),
        ("day", "today"),
        ("picture", "*"),
        ("picture", 5),
        ("price", True),
        ("media", "photo"),
        ("media", [1]),
        ("media", [None]),
        ("hashtags", {"tag": "a"}),
        ("hashtags", ["a"]),
        ("hashtags", [{"tag": 1}]),
        ("hashtags", [{"end": True}]),
        ("edit", "x"),
        ("edit", {"at": "soon"}),
        ("edit", {"at": "soon", "unknown": 1}),
    ],
)
def test_a_value_that_does_not_fit_names_its_column(column: str, value: object) -> None:
    with pytest.raises(InvalidEvent, match=f"column {column}.* does not fit") as refused:
        written({"tweet_id": "1", column: value} if column != "tweet_id" else {column: value})

    assert refused.value.reason_class == "does_not_fit"


def test_changes_carry_their_kind_and_their_number() -> None:
    encoder = an_encoder(changes=True)

    row = decoded(encoder, encoder.encode(Row("tweets", {"tweet_id": "1"}, "0/2/3", "DELETE")))

    assert getattr(row, "_CHANGE_TYPE") == "DELETE"  # noqa: B009 - a name of BigQuery's, not private to us
    assert getattr(row, "_CHANGE_SEQUENCE_NUMBER") == "0/2/3"  # noqa: B009 - as above


def test_a_field_cannot_take_the_place_of_a_pseudo_column() -> None:
    encoder = an_encoder(changes=True)

    row = decoded(encoder, encoder.encode(Row("gaps", {"_CHANGE_TYPE": "x", "b": 1}, "0/2/3")))

    assert getattr(row, "_CHANGE_TYPE") == "UPSERT"  # noqa: B009 - as above
    assert json.loads(row.extra) == {"_CHANGE_TYPE": "x", "b": 1}


def test_the_two_layouts_differ_in_the_pseudo_columns_alone() -> None:
    names = {
        changes: [one.name for one in an_encoder(changes=changes).descriptor.field]
        for changes in (True, False)
    }

    assert names[True] == [*names[False], "_CHANGE_TYPE", "_CHANGE_SEQUENCE_NUMBER"]


def test_the_descriptor_stands_alone_as_bigquery_demands() -> None:
    descriptor = an_encoder().descriptor

    inner = [one.type_name for one in descriptor.field if one.type_name]
    assert all(name.startswith(".Row.") for name in inner)
    assert len(descriptor.nested_type) == 2


def test_a_column_that_protobuf_cannot_name_leaves_its_values_in_extra() -> None:
    encoder = an_encoder(field("tweet_id", Type.STRING), field("größe", Type.INT64), COLUMNS[-1])

    row = written({"tweet_id": "1", "größe": 5}, encoder)

    assert json.loads(row.extra) == {"größe": 5}


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([c.name for c in COLUMNS]) | st.text(), JSONS))
def test_garbage_is_refused_or_kept_and_nothing_else_is_raised(values: dict[str, Any]) -> None:
    encoder = an_encoder()
    try:
        row = written(values, encoder)
    except InvalidEvent:
        return
    unknown = {k for k, v in values.items() if v is not None and k not in encoder.columns}

    assert not unknown or unknown <= json.loads(row.extra).keys()
