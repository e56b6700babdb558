"""The small pure parts: paths, hosts, fingerprints, patterns, options, errors, remembered ids."""

from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetlog_local.bigquery import dialect
from tweetlog_local.bigquery.calendar_parts import elements
from tweetlog_local.bigquery.definitions import interval_text, options, partitioning
from tweetlog_local.bigquery.errors import ApiError, Invalid, InvalidQuery, NotFound, Unsupported
from tweetlog_local.bigquery.farm_fingerprint import fingerprint
from tweetlog_local.bigquery.insert_all import MEMORY_SECONDS, Seen
from tweetlog_local.bigquery.json_paths import duckdb_path
from tweetlog_local.bigquery.messages import refusal
from tweetlog_local.bigquery.names import TableName
from tweetlog_local.bigquery.python_functions import net_host
from tweetlog_local.bigquery.schema import Field, from_resource, literal, quoted


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", "$"),
        ("$.a.b[0]", '$."a"."b"[0]'),
        ('$."ce-id"', '$."ce-id"'),
        ('$."a.b"[1]', '$."a.b"[1]'),
        ("$['a'][\"b\"]", '$."a"."b"'),
    ],
)
def test_keys_of_a_json_path_are_quoted(path: str, expected: str) -> None:
    assert duckdb_path(path) == expected


@pytest.mark.parametrize("path", ["", "a", "$.*", "$[*]", "$..a", "$.", "$[-1]", "$[", '$."a'])
def test_what_is_no_json_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidQuery, match="JSONPath"):
        duckdb_path(path)


# From BigQuery's documentation of NET.HOST.
@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("", None),
        ("http://abc.xyz", "abc.xyz"),
        ("//user:password@a.b:80/path?query", "a.b"),
        ("https://[::1]:80", "[::1]"),
        ("http://例子.卷筒纸.中国", "例子.卷筒纸.中国"),
        ("    www.*Example*.Co.UK    ", "www.*Example*.Co.UK"),
        ("mailto:?to=&subject=&body=", "mailto"),
    ],
)
def test_a_host_is_taken_from_a_url(url: str, host: str | None) -> None:
    assert net_host(url) == host


# The first three from BigQuery's documentation, the others made with google/farmhash itself.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1footrue", -1541654101129638711),
        ("2applefalse", 2794438866806483259),
        ("3true", -4880158226897771312),
        ("", -7286425919675154353),
        ("a", -5528939962900187677),
        ("hello world, this is 25.", -7313575187116715739),
        ("x" * 40, -1443147843654566764),
        ("x" * 64, 6916188127298655160),
        ("y" * 65, -5200241565861125540),
        ("z" * 200, 8728890208429024092),
    ],
)
def test_fingerprints_are_farmhashs(text: str, expected: int) -> None:
    assert fingerprint(text.encode()) == expected


@given(pattern=st.text(alphabet="%YmdE345S*-_ abc", max_size=12))
def test_the_elements_of_a_pattern_are_the_pattern(pattern: str) -> None:
    assert "".join(elements(pattern)) == pattern


def option(text: str) -> Any:
    statement = dialect.parse(f"CREATE TABLE d.t (a INT64) OPTIONS (x = {text})")[0]
    return options(statement.args["properties"])["x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'it\\'s'", "it's"),
        ("TRUE", True),
        ("NULL", None),
        ("5", 5.0),
        ("[('a', 'b')]", [("a", "b")]),
        ("INTERVAL 90 MINUTE", "0-0 0 1:30:0"),
        ("INTERVAL 2 DAY", "0-0 2 0:0:0"),
    ],
)
def test_options_are_plain_values(text: str, value: object) -> None:
    assert option(text) == value


@given(minutes=st.integers(0, 10_000))
def test_an_interval_of_minutes_is_written_in_hours_and_minutes(minutes: int) -> None:
    interval = dialect.parse(f"SELECT INTERVAL {minutes} MINUTE")[0].expressions[0]
    hours, left = divmod(minutes, 60)

    assert interval_text(interval) == f"0-0 0 {hours}:{left}:0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DATE(at)", {"timePartitioning": {"type": "DAY", "field": "at"}}),
        ("at", {"timePartitioning": {"type": "DAY", "field": "at"}}),
        ("TIMESTAMP_TRUNC(at, HOUR)", {"timePartitioning": {"type": "HOUR", "field": "at"}}),
        ("DATE_TRUNC(day, MONTH)", {"timePartitioning": {"type": "MONTH", "field": "day"}}),
    ],
)
def test_partitions_are_read(text: str, expected: object) -> None:
    expression = dialect.parse(f"SELECT {text}")[0].expressions[0]

    assert partitioning(expression) == expected


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ({"name": "1a", "type": "STRING"}, "Invalid field name"),
        ({"name": "a b", "type": "STRING"}, "Invalid field name"),
        ({"name": "a", "type": "GEOGRAPHY"}, "GEOGRAPHY is not supported"),
        ({"name": "a", "type": "STRING", "mode": "MANY"}, "must be one of"),
        ({"name": "a", "type": "RECORD"}, "has no schema"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused(resource: dict[str, Any], reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        from_resource(resource)


@given(name=st.text(max_size=20))
def test_a_quoted_name_is_one_name_whatever_it_holds(name: str) -> None:
    text = quoted(name)

    assert text[1:-1].replace('""', "") == name.replace('"', "")


@given(value=st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_a_literal_is_read_back_as_it_was(value: str) -> None:
    assert duckdb.execute(f"SELECT {literal(value)}").fetchall() == [(value,)]


def test_types_are_written_as_in_sql() -> None:
    nested = Field(
        "a", "RECORD", "REPEATED", (Field("x", "INTEGER"), Field("end", "JSON", "REPEATED"))
    )

    assert nested.sql_type() == "ARRAY<STRUCT<x INT64, end ARRAY<JSON>>>"
    assert nested.duckdb_type() == 'STRUCT("x" BIGINT, "end" JSON[])[]'


@pytest.mark.parametrize(
    ("error", "code", "reason", "status"),
    [
        (InvalidQuery("x"), 400, "invalidQuery", "INVALID_ARGUMENT"),
        (Unsupported("X", "y"), 400, "invalidQuery", "INVALID_ARGUMENT"),
        (NotFound("x"), 404, "notFound", "NOT_FOUND"),
    ],
)
def test_an_error_has_bigquerys_code_reason_and_status(
    error: ApiError, code: int, reason: str, status: str
) -> None:
    body = error.body()["error"]

    assert (body["code"], body["errors"][0]["reason"], body["status"]) == (code, reason, status)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Conversion Error: Could not convert string 'BigQuery: Bad x' to INT64", "Bad x"),
        (
            "Invalid Input Error: BigQuery: Array index 5 is out of bounds",
            "Array index 5 is out of bounds",
        ),
        ('Binder Error: Referenced column "a" not found in FROM clause!', "Unrecognized name: a"),
        ("Constraint Error: NOT NULL constraint failed: t.id", "Required field id cannot be null"),
        ("Something else\n\nLINE 1: SELECT", "Something else"),
        (
            "Binder Error: Macro bq_date() does not support the supplied arguments.",
            "No matching signature for date with arguments of these types",
        ),
    ],
)
def test_duckdbs_errors_are_said_as_bigquerys(text: str, said: str) -> None:
    assert refusal(duckdb.Error(text)).message == said


def test_an_insert_id_is_remembered_for_a_minute() -> None:
    now = [0.0]
    seen = Seen(lambda: now[0])
    table, other = TableName("p", "d", "t"), TableName("p", "d", "u")

    assert seen.fresh(table, "x")
    assert not seen.fresh(table, "x")
    assert seen.fresh(other, "x")
    now[0] = MEMORY_SECONDS
    assert seen.fresh(table, "x")
