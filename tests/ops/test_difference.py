"""The comparison of two tables of tweets, on the embedded BigQuery."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.bigquery.sql_answers import Sql
from tweetlog_local.bigquery.session import Session
from tweetlog_local.bigquery.warehouse import Warehouse
from tweetlog_ops import difference, statements
from tweetlog_ops.difference import Difference, Pair

WAREHOUSE = Path(__file__).parents[2] / "warehouse"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sql]:
    folder = tmp_path_factory.mktemp("warehouse")
    warehouse = Warehouse.open(folder, project="p", location="US")
    runner = Sql(Session(warehouse))
    runner.run("CREATE SCHEMA tweetlog")
    for one in statements.read(WAREHOUSE, dataset="tweetlog"):
        runner.run(one.sql)
    runner.run(statements.candidate(WAREHOUSE, dataset="tweetlog", name="tweets_v2").sql)
    yield runner
    warehouse.close()


@pytest.fixture
def sql(server: Sql) -> Sql:
    for name in ("tweets", "tweets_v2", "deletions", "verdicts"):
        server.run(f"TRUNCATE TABLE tweetlog.{name}")
    return server


TABLES = difference.pair(
    "tweets",
    "tweets_v2",
    {
        one: ["tweet_id", "loaded_at", "text", "language", "like_count", "hashtags"]
        for one in ("tweets", "tweets_v2")
    },
)


def dicts(sql: Sql, query: str) -> list[dict[str, Any]]:
    outcome = sql.run(query)
    rows: list[dict[str, Any]] = outcome.rows.to_pylist()
    return rows


def compared(sql: Sql, tables: Pair = TABLES, number: int = 2) -> Difference:
    (counted,) = dicts(sql, difference.counts(tables))
    places = [n for n in range(len(tables.columns)) if counted[f"c{n}"]]
    sampled = dicts(sql, difference.samples(tables, places, number)) if places else []
    queries = (difference.versions, difference.languages, difference.hashtags)
    shifts = tuple(dicts(sql, query(tables)) for query in queries)
    return difference.difference(tables, counted, sampled, shifts)


def fill(sql: Sql, table: str, *rows: str) -> None:
    columns = "tweet_id, text, language, like_count, hashtags, loaded_at, enricher_version"
    sql.run(f"INSERT INTO tweetlog.{table} ({columns}) VALUES {', '.join(rows)}")  # noqa: S608 - our own values


def a_row(
    tweet_id: str, text: str = "'t'", language: str = "'en'", likes: str = "1", tags: str = ""
) -> str:
    hashtags = ", ".join(
        f"STRUCT('{one}' AS tag, '{one}' AS folded, 0 AS start, 1 AS `end`)" for one in tags.split()
    )
    kind = "ARRAY<STRUCT<tag STRING, folded STRING, start INT64, `end` INT64>>"
    return (
        f"('{tweet_id}', {text}, {language}, {likes}, {kind}[{hashtags}], CURRENT_TIMESTAMP(), 40)"
    )


def test_equal_tables_differ_in_nothing(sql: Sql) -> None:
    fill(sql, "tweets", a_row("1", tags="a"), a_row("2", language="NULL"))
    fill(sql, "tweets_v2", a_row("2", language="NULL"), a_row("1", tags="a"))

    found = compared(sql)

    assert found.rows == {"both": 2, "lost": 0, "added": 0, "changed": 0}
    assert found.columns == []
    assert "no column differs" in difference.report(TABLES, found)


def test_rows_and_columns_that_differ_are_counted_each_once(sql: Sql) -> None:
    fill(sql, "tweets", a_row("1"), a_row("2"), a_row("3", tags="a"), a_row("4", likes="NULL"))
    fill(
        sql,
        "tweets_v2",
        a_row("2", text="'u'", language="'de'"),
        a_row("3", language="NULL"),
        a_row("4"),
        a_row("5"),
        a_row("6"),
    )

    found = compared(sql)

    assert found.rows == {"both": 3, "lost": 1, "added": 2, "changed": 3}
    assert found.columns == [
        ("text", 1, 0, 0),
        ("language", 2, 0, 1),
        ("like_count", 1, 1, 0),
        ("hashtags", 1, 0, 1),
    ]
    assert found.samples["language"] == [("2", '"en"', '"de"'), ("3", '"en"', "null")]


def test_samples_are_few_and_short(sql: Sql) -> None:
    fill(sql, "tweets", *(a_row(str(n)) for n in range(1, 6)))
    fill(sql, "tweets_v2", *(a_row(str(n), text=f"'{'x' * 500}'") for n in range(1, 6)))

    found = compared(sql)

    assert [one[0] for one in found.samples["text"]] == ["1", "2"]
    assert max(len(after) for _, _, after in found.samples["text"]) == 100


def test_what_was_deleted_is_no_difference(sql: Sql) -> None:
    fill(sql, "tweets", a_row("1"), a_row("2"))
    fill(sql, "tweets_v2", a_row("2"))
    sql.run("INSERT INTO tweetlog.deletions (tweet_id) VALUES ('1')")

    assert compared(sql).rows == {"both": 1, "lost": 0, "added": 0, "changed": 0}


def test_the_biggest_shifts_come_first(sql: Sql) -> None:
    fill(sql, "tweets", *(a_row(str(n), tags="a b") for n in range(1, 6)))
    fill(
        sql,
        "tweets_v2",
        *(a_row(str(n), language="'de'", tags="a") for n in range(1, 4)),
        a_row("4", language="'fr'", tags="a b c"),
        a_row("5", tags="a b"),
    )

    found = compared(sql)

    assert [tuple(one.values()) for one in found.languages] == [("en", "de", 3), ("en", "fr", 1)]
    assert [tuple(one.values()) for one in found.hashtags] == [("b", 5, 2), ("c", 0, 1)]
    text = difference.report(TABLES, found)
    assert "languages, the biggest shifts:" in text
    assert "rows by enricher version" in text


def test_columns_of_one_table_are_named_and_not_compared() -> None:
    tables = difference.pair("a", "b", {"a": ["tweet_id", "x", "y"], "b": ["tweet_id", "y", "z"]})

    assert tables.columns == ("y",)
    assert tables.lone == (("a", "x"), ("b", "z"))


def test_the_hash_of_a_table_is_that_of_its_content_in_any_order(sql: Sql) -> None:
    made = statements.candidate(WAREHOUSE, dataset="tweetlog", name="tweets_v2").sql
    columns = list(statements.columns(made))  # of every type that there is
    fill(sql, "tweets", a_row("1", tags="a"), a_row("2"))
    fill(sql, "tweets_v2", a_row("2"), a_row("1", tags="a"))

    def hashed(name: str) -> list[Any]:
        return sql.row(difference.content_hash(name, columns))

    before = hashed("tweets")
    assert before == hashed("tweets_v2")
    assert before[0] == 2
    sql.run("UPDATE tweetlog.tweets_v2 SET like_count = 2 WHERE tweet_id = '1'")
    assert hashed("tweets_v2") != before
