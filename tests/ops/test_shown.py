"""What reports may show: the view over tweets, tombstones and verdicts, in BigQuery's SQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.bigquery.sql_answers import Sql
from tweetlog_local.bigquery.session import Session
from tweetlog_local.bigquery.warehouse import Warehouse
from tweetlog_ops import statements

WAREHOUSE = Path(__file__).parents[2] / "warehouse"
# Two posts of user 7, one of user 8, and a retweet by 8 of the first.
TWEETS = """
INSERT INTO tweetlog.{table} (tweet_id, author_id, retweeted_id, geo_latitude, country) VALUES
  ('100', '7', NULL, 1.5, 'AT'), ('200', '7', NULL, 2.5, 'AT'), ('300', '8', NULL, 3.5, 'AT'),
  ('400', '8', '100', NULL, NULL);
"""
EVERYTHING = {"100": 1.5, "200": 2.5, "300": 3.5, "400": None}


@pytest.fixture(scope="module", params=statements.LAYOUTS)
def tables(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Sql]:
    folder = tmp_path_factory.mktemp("warehouse")
    warehouse = Warehouse.open(folder, project="p", location="US")
    runner = Sql(Session(warehouse))
    runner.run("CREATE SCHEMA tweetlog")
    for one in statements.read(WAREHOUSE, dataset="tweetlog", layout=request.param):
        runner.run(one.sql)
    runner.run(TWEETS.format(table="tweets" if request.param == "upsert" else "tweets_versions"))
    yield runner
    warehouse.close()


@pytest.fixture
def sql(tables: Sql) -> Sql:
    tables.run("TRUNCATE TABLE tweetlog.deletions; TRUNCATE TABLE tweetlog.verdicts")
    return tables


def shown(sql: Sql) -> dict[str, float | None]:
    return dict(sql.rows("SELECT tweet_id, geo_latitude FROM tweetlog.v_tweets"))


def test_without_a_verdict_everything_is_shown(sql: Sql) -> None:
    assert shown(sql) == EVERYTHING


def test_a_deleted_tweet_and_its_retweets_are_not_shown(sql: Sql) -> None:
    sql.run("INSERT INTO tweetlog.deletions (tweet_id) VALUES ('100')")

    assert shown(sql).keys() == {"200", "300"}


def test_a_users_posts_up_to_one_are_not_shown_and_later_ones_are(sql: Sql) -> None:
    sql.run(
        "INSERT INTO tweetlog.verdicts (verdict_id, effect, user_id, up_to_tweet_id) "
        "VALUES ('delete-user-7', 'delete', '7', 150)"
    )

    assert "100" not in shown(sql)
    assert shown(sql)["200"] == 2.5


def test_a_scrubbed_position_is_not_shown_and_the_tweet_is(sql: Sql) -> None:
    sql.run(
        "INSERT INTO tweetlog.verdicts (verdict_id, effect, tweet_id) "
        "VALUES ('scrub-tweet-300', 'scrub', '300')"
    )

    assert shown(sql) == EVERYTHING | {"300": None}
    assert sql.rows("SELECT country FROM tweetlog.v_tweets WHERE tweet_id = '300'") == [[None]]


def test_a_users_positions_up_to_one_post_are_not_shown(sql: Sql) -> None:
    sql.run(
        "INSERT INTO tweetlog.verdicts (verdict_id, effect, user_id, up_to_tweet_id) "
        "VALUES ('scrub-user-7', 'scrub', '7', 100)"
    )

    assert shown(sql) == EVERYTHING | {"100": None}


def test_verdicts_of_both_kinds_over_one_user_each_count(sql: Sql) -> None:
    sql.run(
        "INSERT INTO tweetlog.verdicts (verdict_id, effect, user_id, up_to_tweet_id) VALUES "
        "('delete-user-7', 'delete', '7', 100), ('scrub-user-7', 'scrub', '7', 200)"
    )

    assert shown(sql) == {"200": None, "300": 3.5, "400": None}


def test_a_tombstone_that_is_there_twice_makes_no_tweet_shown_or_doubled(sql: Sql) -> None:
    sql.run(
        "INSERT INTO tweetlog.deletions (tweet_id) VALUES ('100'), ('100'); "
        "INSERT INTO tweetlog.verdicts (verdict_id, effect, tweet_id) VALUES "
        "('scrub-tweet-300', 'scrub', '300'), ('scrub-tweet-300', 'scrub', '300')"
    )

    assert sorted(sql.rows("SELECT tweet_id FROM tweetlog.v_tweets")) == [["200"], ["300"]]


def test_a_verdict_over_a_user_up_to_nothing_hides_nothing(sql: Sql) -> None:
    sql.run(
        "INSERT INTO tweetlog.verdicts (verdict_id, effect, user_id, up_to_tweet_id) "
        "VALUES ('delete-user-7', 'delete', '7', NULL)"
    )

    assert shown(sql) == EVERYTHING
