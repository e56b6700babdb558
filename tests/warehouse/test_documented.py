"""What stands beside the SQL: columns that are described, and costs that are true."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlglot import exp, parse_one

from stocked_warehouse import stocked, tweet_rows
from tweetlog_local.tweets import lines
from tweetlog_ops import project
from tweetlog_ops.report import looker, questions
from tweetlog_ops.statements import Statement, columns, read

# Columns of v_tweets that are computed, with what they are computed from.
COMPUTED = {"created_date": "created_at", "x_language": "x_lang"}
# These show rows of a table as they are.
ROWS_THEMSELVES = {"tweets_current", "v_tweets", "v_raw_events", "v_dead_letters"}


def statements() -> dict[str, Statement]:
    return {one.name: one for one in read(project.warehouse_sql(), dataset="tweetlog")}


@cache
def views() -> Mapping[str, str]:
    return {name: one.sql for name, one in statements().items() if one.kind == "view"}


COUNTING = sorted(views().keys() - ROWS_THEMSELVES)
OVER_TWEETS = [name for name in COUNTING if "Reads of each tweet" in views()[name]]
# What v_tweets reads of every tweet to leave out what was deleted.
NEEDED = {"tweet_id", "author_id", "retweeted_id"}


@pytest.mark.parametrize("view", COUNTING)
def test_every_column_of_a_view_says_what_it_is(view: str) -> None:
    created = parse_one(views()[view], dialect="bigquery")
    documented = {item.name: item.find(exp.Property) for item in created.this.expressions}

    assert None not in documented.values()
    assert list(documented) == [item.alias_or_name for item in created.expression.selects]


def test_descriptions_reach_the_warehouse(tmp_path: Path) -> None:
    with stocked(tmp_path) as warehouse:
        said = warehouse.ask(
            "SELECT description FROM tweetlog.INFORMATION_SCHEMA.COLUMN_FIELD_PATHS "
            "WHERE table_name = 'v_hourly' AND column_name = 'tweets'"
        )

    assert said == [{"description": "How many tweets; may be summed."}]


def test_a_view_of_tweets_reads_no_table_of_them_but_by_the_current_one() -> None:
    direct = {
        name for name, sql in views().items() if re.search(r"\btweetlog\.tweets\b(?!\.)", sql)
    }

    assert direct == {"tweets_current"}


@pytest.mark.parametrize("view", OVER_TWEETS)
def test_the_columns_that_a_view_reads_are_named(view: str) -> None:
    assert set(named(view)) == columns_read(view)


@pytest.mark.parametrize("view", OVER_TWEETS)
def test_the_bytes_that_a_view_reads_are_estimated(view: str) -> None:
    estimate = re.search(r"^-- Bytes: about ([\d,]+) a tweet\.$", views()[view], re.MULTILINE)
    assert estimate, "the header says how many bytes a tweet are read"

    measured = sum(bytes_of()[column] for column in named(view))

    assert float(estimate[1]) == pytest.approx(measured, rel=0.15)


def test_the_document_says_of_every_view_what_it_reads() -> None:
    table = (project.root() / "docs" / "reports.md").read_text()
    said: dict[str, str] = {}
    for line in re.findall(r"^\| (`v_.*) \|$", table, re.MULTILINE):
        names, _, size = line.split(" | ") if line.count(" | ") == 2 else (line, "", "")
        said |= dict.fromkeys(re.findall(r"`(v_\w+)`", names), size)

    assert said.keys() | {"tweets_current"} >= views().keys()
    for view in OVER_TWEETS:
        assert said[view] == str(estimated(view)), view


def looker_studio() -> str:
    return (project.root() / "docs" / "looker-studio.md").read_text()


def charts() -> list[tuple[str, list[str]]]:
    """Return the charts that the document lays out: the view that each asks, and its fields."""
    row = r"^\|[^|]*\| (\w[^|]*) \| `(v_\w+)` \|(.*)\|$"
    found: list[tuple[str, list[str]]] = []
    for chart, view, cells in re.findall(row, looker_studio(), re.MULTILINE):
        fields = re.findall(r"`(\w+)`", cells)
        # A scorecard shows one figure.
        found += [(view, [one]) for one in fields] if chart == "scorecards" else [(view, fields)]
    return found


def test_looker_studio_is_laid_out_with_fields_that_the_views_have() -> None:
    described = {
        name: {item.name for item in parse_one(sql, dialect="bigquery").this.expressions}
        for name, sql in views().items()
    }

    assert len(charts()) > 15
    for view, fields in charts():
        assert fields, view
        assert set(fields) <= described[view], view
    assert {view for view, _ in charts()} <= set(looker.SOURCES.values())


def test_looker_studio_has_the_aliases_of_the_link() -> None:
    cells = re.findall(r"\| `(\w+)` \| `(v_\w+)` (?=\|)", looker_studio())

    assert dict(cells) == looker.SOURCES


def test_a_look_at_all_pages_of_looker_studio_reads_what_the_document_says() -> None:
    said = re.search(r"\((\d+) charts, about ([\d.]+) kB a tweet\)", looker_studio())
    assert said

    assert int(said[1]) == len(charts())
    read_by_charts = sum(estimated(view) for view, _ in charts() if view in OVER_TWEETS)
    assert float(said[2]) * 1000 == pytest.approx(read_by_charts, rel=0.05)


def estimated(view: str) -> int:
    """Return the bytes a tweet that the header of a view says."""
    said = re.search(r"^-- Bytes: about (\d+) a tweet\.$", views()[view], re.MULTILINE)
    assert said, view
    return int(said[1])


def named(view: str) -> list[str]:
    """Return the columns that a view's header names, and those that every view reads."""
    listed = re.search(
        r"^-- Reads of each tweet what v_tweets needs(?:, and ((?:[^.]|\n)*))?\.",
        views()[view],
        re.MULTILINE,
    )
    assert listed
    return [*NEEDED, *re.findall(r"\w+", (listed[1] or "").replace("\n-- ", " "))]


def columns_read(view: str) -> set[str]:
    """Return the columns of the table of tweets that a view needs, through other views as well."""
    return columns_of(parse_one(views()[view], dialect="bigquery").expression)


def columns_of(query: Any) -> set[str]:
    """Return the columns of the table of tweets that a query over views needs."""
    known = columns(statements()["tweets"].sql)
    found = {COMPUTED.get(item.name, item.name) for item in query.find_all(exp.Column)} & {*known}
    for table in query.find_all(exp.Table):
        if table.name in OVER_TWEETS:
            found |= columns_read(table.name)
    return found | NEEDED


# Each is asked once a look; the counts of accounts once more.
LOOK = {
    "extent": questions.EXTENT,
    "spellings": questions.SPELLINGS,
    "rules": questions.RULES,
    "groups": questions.GROUPS["HOUR"],
    "people": questions.people(questions.Filters())[0],
    "lag": questions.LAG,
    "completeness": questions.COMPLETENESS,
    "versions": questions.VERSIONS,
    "spend": questions.SPEND,
}


def test_a_look_of_the_report_reads_what_the_document_says() -> None:
    text = (project.root() / "docs" / "reports.md").read_text()
    said = re.search(r"One look reads about (\d+) bytes a tweet", text)
    assert said

    read = [columns_of(parse_one(query, dialect="bigquery")) for query in LOOK.values()]
    measured = sum(bytes_of()[column] for some in read for column in some)

    assert float(said[1]) == pytest.approx(measured, rel=0.1)


@cache
def bytes_of() -> Mapping[str, float]:
    """Return the mean size of each column of made-up tweets, as BigQuery counts."""
    tweets = list(tweet_rows(lines(2_000, 5)))
    names = columns(statements()["tweets"].sql)
    return {name: sum(logical(tweet.get(name)) for tweet in tweets) / len(tweets) for name in names}


def logical(value: Any) -> int:
    """Return the logical size of a value: BigQuery's documentation of data type sizes.

    A NULL takes nothing; a text 2 bytes and its UTF-8; a number or a time 8; a truth value 1.
    """
    if isinstance(value, dict):
        return sum(map(logical, value.values()))
    if isinstance(value, list):
        return sum(map(logical, value))
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", value):
        return 2 + len(value.encode())
    return {type(None): 0, bool: 1}.get(type(value), 8)
