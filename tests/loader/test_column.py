"""Columns: what a field that has none yet would need."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.column import column_type


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x", "STRING"),
        (True, "BOOL"),
        (1, "INT64"),
        (0.5, "FLOAT64"),
        (["a", "b"], "ARRAY<STRING>"),
        ([], "JSON"),
        ([1], "JSON"),
        ({"a": 1}, "JSON"),
        ([{"a": 1}], "JSON"),
    ],
)
def test_the_type_follows_from_a_value(value: object, expected: str) -> None:
    assert column_type("emoji", value) == expected


@pytest.mark.parametrize(
    "name", ["", "größe", "a-b", "1st", "a" * 301, "_CHANGE_TYPE", "_partitiontime", "__ROOT__x"]
)
def test_a_name_that_bigquery_does_not_take_has_no_column(name: str) -> None:
    assert column_type(name, "x") is None


@given(st.text(), st.none() | st.booleans() | st.lists(st.text()) | st.integers())
def test_any_field_has_a_type_or_none(name: str, value: object) -> None:
    assert column_type(name, value) in {None, "STRING", "BOOL", "INT64", "JSON", "ARRAY<STRING>"}
