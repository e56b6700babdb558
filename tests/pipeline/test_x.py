"""The whole pipeline from a stream: the local X API, the three services, the local cloud."""

from pathlib import Path

import pytest

from tweetlog_command import Pipeline, tweetlog

RUN = ("--source", "x", "--tweets", "400", "--rate", "200")
LOOK = """
SELECT
  (SELECT COUNT(*) FROM tweets) AS loaded,
  (SELECT STRING_AGG(DISTINCT rule.tag) FROM tweets, UNNEST(rules) AS rule) AS tags,
  (SELECT STRING_AGG(cause) FROM gaps) AS causes
"""
TAGS = {f"tweetlog:{tag}" for tag in ("trains", "goals", "news", "books", "parks")}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_tweet_of_the_stream_is_a_row_and_time_without_a_listener_is_a_hole(
    tmp_path: Path,
) -> None:
    pipeline = Pipeline(tmp_path / "data")

    done = pipeline.run(*RUN)

    assert done.code == 0, done.err
    assert "reading the local X API: made-up tweets, 200 a second, for nothing" in done.err
    assert "verify: clean: 0 missing, 0 doubled" in done.out
    assert "X: 400 tweets happened" in done.out
    assert "lost without a word: 0" in done.out
    (first,) = pipeline.rows(LOOK)
    assert f"{first['loaded']} of them are in the table" in done.out
    assert first["loaded"] > 100
    assert set(first["tags"].split(",")) == TAGS
    assert first["causes"] is None

    again = pipeline.run(*RUN, "--seed", "8")

    assert again.code == 0, again.err
    assert "lost without a word: 0" in again.out
    (second,) = pipeline.rows(LOOK)
    assert second["loaded"] > first["loaded"]
    assert second["causes"] == "shutdown"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_lost_that_can_be_repaired_while_x_and_everything_else_fails(
    tmp_path: Path,
) -> None:
    done = tweetlog(
        "chaos",
        *("--source", "x", "--data-dir", str(tmp_path / "data"), "--delivery", "pull"),
        *("--tweets", "2500", "--kills", "5", "--seed", "4"),
    )

    assert done.code == 0, done.err + done.out
    assert "verify: clean: 0 missing, 0 doubled" in done.out
    assert "X: 2,500 tweets happened" in done.out
    assert "lost without a word: 0" in done.out
    assert "NOT REPAIRED" not in done.out
    assert "started again: what it missed is a hole" in done.err
