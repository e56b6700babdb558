from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetlog_ops import project
from tweetlog_ops.errors import CommandError
from tweetlog_ops.statements import read, split


def test_tables_come_before_views_and_each_may_be_repeated() -> None:
    found = read(project.warehouse_sql(), dataset="tweetlog")

    kinds = [one.kind for one in found]
    assert kinds == sorted(kinds)
    assert {one.name for one in found} >= {
        "raw_events",
        "tweets",
        "dead_letters",
        "gaps",
        "deletions",
        "v_tweets",
    }
    assert all("IF NOT EXISTS" in one.sql or "OR REPLACE" in one.sql for one in found)


def test_another_dataset_takes_the_place_everywhere() -> None:
    for one in read(project.warehouse_sql(), dataset="social"):
        assert "tweetlog.tweets" not in one.sql
        assert f"social.{one.name}" in one.sql
        assert "'tweetlog.event.rejected.v1'" in one.sql or "rejected.v1" not in one.sql


def test_semicolons_in_text_and_comments_end_nothing() -> None:
    script = "SELECT ';' -- a; b\n, \"x;y\";\n-- only; a comment\nSELECT `a;b`;"

    assert split(script) == [
        "SELECT ';' -- a; b\n, \"x;y\"",
        "-- only; a comment\nSELECT `a;b`",
    ]


def test_an_escaped_quote_does_not_end_its_text() -> None:
    assert split(r"SELECT 'it\'s; one';SELECT 2") == [r"SELECT 'it\'s; one'", "SELECT 2"]


@given(st.text(alphabet="ab;-'\"`\\\n "))
def test_splitting_any_text_ends(script: str) -> None:
    assert all(part.strip() for part in split(script))


def test_a_statement_that_makes_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tables.sql").write_text("DROP TABLE tweetlog.tweets;")

    with pytest.raises(CommandError, match="makes neither a table nor a view"):
        read(tmp_path, dataset="tweetlog")
