from tweetlog_ops import project
from tweetlog_ops.migration import steps
from tweetlog_ops.statements import columns, read

SQL = project.warehouse_sql()


def everything(layout: str = "upsert") -> dict[str, list[str]]:
    return {
        one.name: list(columns(one.sql)) if one.kind == "table" else []
        for one in read(SQL, dataset="tweetlog", layout=layout)
    }


def test_an_empty_dataset_gets_every_table_before_every_view() -> None:
    planned = steps(read(SQL, dataset="tweetlog"), {}, dataset="tweetlog")

    words = [step.words for step in planned]
    assert words[0] == "make table raw_events"
    assert "make view v_tweets" in words
    assert all(word.startswith("make ") for word in words)


def test_a_whole_dataset_gets_its_views_renewed_and_nothing_else() -> None:
    planned = steps(read(SQL, dataset="tweetlog"), everything(), dataset="tweetlog")

    assert planned
    assert all(step.words.startswith("renew view ") for step in planned)


def test_a_missing_column_is_added_with_its_type() -> None:
    existing = everything()
    existing["tweets"].remove("hashtags")

    (added,) = [
        step
        for step in steps(read(SQL, dataset="d"), existing, dataset="d")
        if step.words == "add column tweets.hashtags"
    ]

    assert added.sql.startswith(
        "ALTER TABLE d.tweets ADD COLUMN IF NOT EXISTS `hashtags` ARRAY<STRUCT<tag STRING, "
    )


def test_the_columns_of_a_table_are_those_its_sql_says() -> None:
    sql = """CREATE TABLE IF NOT EXISTS d.t (
      id STRING NOT NULL OPTIONS (description = 'a, b) c'), -- x, y
      `end` ARRAY<STRUCT<a INT64, b ARRAY<STRING>>>,
      PRIMARY KEY (id) NOT ENFORCED
    ) CLUSTER BY id"""

    assert columns(sql) == {
        "id": "STRING OPTIONS (description = 'a, b) c')",
        "end": "ARRAY<STRUCT<a INT64, b ARRAY<STRING>>>",
    }


def test_both_layouts_have_the_same_columns_for_a_tweet() -> None:
    assert everything("append")["tweets_versions"] == everything()["tweets"]


def test_in_the_append_layout_views_read_the_latest_versions() -> None:
    found = {one.name: one.sql for one in read(SQL, dataset="d", layout="append")}

    assert "tweets" not in found
    assert found["tweets_current"].endswith("SELECT * FROM d.tweets_latest")
    assert "FROM d.tweets_current AS t" in found["v_tweets"]
