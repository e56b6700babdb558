"""The views against a computation in plain Python, on made-up tweets and on real ones.

`REAL_TWEETS=folder pytest tests/warehouse` compares them on the files of that folder as well.
"""

import math
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from enricher.languages import _BCP_47, _NO_LANGUAGE, LANGUAGES, said_by_x
from ingestor.files import found
from stocked_warehouse import WRITTEN, Row, Stocked, stocked, tweet_rows
from tweetlog_local.tweets import lines
from warehouse.oracle import VIEWS, grouped, lags, moment, size

TWEETS, SEED = 1_200, 11
FOLDER = os.environ.get("REAL_TWEETS", "")


def made_up() -> Iterator[bytes]:
    return lines(TWEETS, SEED, days=3.0)


def real() -> Iterator[bytes]:
    for name in found([FOLDER]):
        yield from Path(name).read_bytes().splitlines()


@pytest.fixture(
    scope="module",
    params=[
        *((layout, made_up) for layout in sorted(WRITTEN)),
        pytest.param(
            ("upsert", real),
            marks=pytest.mark.skipif(not FOLDER, reason="REAL_TWEETS names no folder of tweets"),
        ),
    ],
    ids=lambda param: f"{param[0]}-{param[1].__name__}",
)
def compared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stocked, Sequence[Row]]]:
    """A warehouse, and the tweets in it that may be shown."""
    layout, source = request.param
    tweets = list(tweet_rows(source()))
    deleted = tweets[::7]
    gone = {tweet["tweet_id"] for tweet in deleted}
    shown = [
        tweet
        for tweet in tweets
        # What is deleted is not shown, nor is a retweet of it.
        if gone.isdisjoint((tweet["tweet_id"], tweet.get("retweeted_id")))
    ]
    with stocked(tmp_path_factory.mktemp("warehouse"), layout) as made:
        made.insert("tweets", tweets)
        made.insert("deletions", [{"tweet_id": tweet["tweet_id"]} for tweet in deleted])
        yield made, shown


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_a_view_says_what_plain_python_says(
    compared: tuple[Stocked, Sequence[Row]], view: str
) -> None:
    warehouse, tweets = compared

    said = sorted((tuple(row.values()) for row in warehouse.ask(f"SELECT * FROM {view}")), key=str)  # noqa: S608 - our own names
    computed = sorted(VIEWS[view](tweets), key=str)

    assert len(said) == len(computed) > 0
    for row, wanted in zip(said, computed, strict=True):
        assert all(map(alike, row, wanted)), (row, wanted)


def test_percentiles_of_the_lag_are_where_they_belong(
    compared: tuple[Stocked, Sequence[Row]],
) -> None:
    warehouse, tweets = compared
    groups = grouped(
        tweets, lambda one: moment(one, "loaded_at").replace(minute=0, second=0, microsecond=0)
    )

    said = warehouse.ask("SELECT * FROM v_lag")

    assert {row["loaded_hour"]: row["tweets"] for row in said} == {
        hour: len(some) for hour, some in groups.items()
    }
    for row in said:
        for column in row.keys() - {"loaded_hour", "tweets"}:
            since, percent = column.split("_to_loaded_p")
            lag = lags(groups[row["loaded_hour"]], f"{since}_at")
            if not lag:
                assert row[column] is None
                continue
            # BigQuery's quantiles are approximate: within one of a hundred.
            below, up_to = bisect_left(lag, row[column]), bisect_right(lag, row[column])
            assert below / len(lag) - 0.02 <= int(percent) / 100 <= up_to / len(lag) + 0.02


def test_freshness_is_that_of_the_newest(compared: tuple[Stocked, Sequence[Row]]) -> None:
    warehouse, tweets = compared

    (said,) = warehouse.ask("SELECT * FROM v_freshness")

    assert said["tweets"] == len(tweets)
    assert said["newest_created_at"] == max(map(moment, tweets))
    assert said["newest_loaded_at"] == max(moment(one, "loaded_at") for one in tweets)
    assert said["newest_enricher_version"] == max(one["enricher_version"] for one in tweets)


def test_x_languages_are_named_as_the_enricher_names_them(tmp_path: Path) -> None:
    codes = sorted({*_BCP_47, *_NO_LANGUAGE, *LANGUAGES, "hi-Latn", "xx"})
    with stocked(tmp_path) as warehouse:
        warehouse.insert("tweets", [{"tweet_id": str(n), "x_lang": c} for n, c in enumerate(codes)])

        named = warehouse.ask("SELECT x_lang, x_language FROM v_tweets")

    assert {row["x_lang"]: row["x_language"] for row in named} == {
        code: said_by_x(code) for code in codes
    }


@pytest.mark.parametrize(
    ("count", "named"),
    [(1, "1"), (2, "2 to 4"), (9, "5 to 9"), (10, "10 to 49"), (50, "50 and more")],
)
def test_sizes_are_named_by_their_bounds(count: int, named: str) -> None:
    assert size(count) == named
