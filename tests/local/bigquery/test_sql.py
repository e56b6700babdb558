import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.bigquery.sql_answers import Sql
from local.bigquery.sql_cases import EXPRESSIONS, QUERIES, REFUSED
from tweetlog_local.bigquery import dialect
from tweetlog_local.bigquery.errors import ApiError
from tweetlog_local.bigquery.functions import FUNCTIONS
from tweetlog_local.bigquery.statements import run, script

ALL = [(text, answer) for family in EXPRESSIONS.values() for text, answer in family]


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return math.isclose(found, expected)
    return bool(found == expected and type(found) is type(expected))


@pytest.mark.parametrize(("text", "answer"), ALL, ids=[text for text, _ in ALL])
def test_an_expression_has_bigquerys_value(shared_sql: Sql, text: str, answer: Any) -> None:
    (found,) = shared_sql.row(f"SELECT {text}")

    assert same(found, answer), found


@pytest.mark.parametrize(("query", "answer"), QUERIES, ids=[query for query, _ in QUERIES])
def test_a_query_has_bigquerys_rows(shared_sql: Sql, query: str, answer: list[list[Any]]) -> None:
    assert shared_sql.rows(query) == answer


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=[text for text, _ in REFUSED])
def test_what_is_not_right_is_refused_with_the_reason(
    shared_sql: Sql, text: str, reason: str
) -> None:
    with pytest.raises(ApiError) as refusal:
        shared_sql.run(text)

    assert reason in refusal.value.message
    assert "\n" not in refusal.value.message


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_without_arguments_runs_or_is_refused(shared_sql: Sql, name: str) -> None:
    message = name
    try:
        shared_sql.run(f"SELECT {name}()")
    except ApiError as refusal:
        message = refusal.message.upper()

    assert name.rpartition(".")[2] in message


@given(text=st.text(alphabet="SELECTFROMWHEREabc*(),.'`1 \"\\;@?[]{}<>=", max_size=60))
def test_garbage_is_refused_and_never_breaks_the_parser(text: str) -> None:
    code = 400
    try:
        script(text)
    except ApiError as refusal:
        code = refusal.code

    assert code == 400


def test_unnamed_columns_are_counted_from_zero(shared_sql: Sql) -> None:
    outcome = shared_sql.run("SELECT 1, 2 AS b, 3")

    assert [item.name for item in outcome.fields] == ["f0_", "b", "f1_"]


def test_types_of_a_result_are_bigquerys(shared_sql: Sql) -> None:
    outcome = shared_sql.run("SELECT * FROM d.t")

    assert [item.sql_type() for item in outcome.fields] == [
        "INT64",
        "STRING",
        "TIMESTAMP",
        "DATE",
        "FLOAT64",
        "JSON",
        "BOOL",
        "NUMERIC",
        "ARRAY<STRUCT<tag STRING, n INT64>>",
        "ARRAY<STRING>",
        "STRUCT<x INT64, y STRING>",
    ]


def test_a_dry_run_knows_the_columns_and_reads_nothing(shared_sql: Sql) -> None:
    (statement,) = dialect.parse("SELECT id, ERROR('read') AS e FROM d.t")
    outcome = run(statement, shared_sql.session, dry=True)

    assert [item.name for item in outcome.fields] == ["id", "e"]
    assert outcome.rows.num_rows == 0


def test_malformed_json_in_a_column_is_null_and_not_an_error(sql: Sql) -> None:
    sql.run("CREATE TABLE d.texts AS SELECT x FROM UNNEST(['{bad', '{\"a\": 1}']) AS x")

    found = sql.rows("SELECT JSON_VALUE(x, '$.a'), JSON_QUERY(x, '$.a') FROM d.texts ORDER BY 1")
    assert found == [[None, None], ["1", "1"]]


def test_safe_cast_of_a_column_is_null_where_it_fails(sql: Sql) -> None:
    sql.run("CREATE TABLE d.texts AS SELECT x FROM UNNEST(['1', 'x', NULL]) AS x")

    assert sql.rows("SELECT SAFE_CAST(x AS INT64) AS n FROM d.texts ORDER BY n DESC") == [
        [1],
        [None],
        [None],
    ]
