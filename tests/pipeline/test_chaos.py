"""A small chaos; the large one is a command anyone can run."""

from pathlib import Path

import pytest

from tweetlog_command import Pipeline, tweetlog
from tweetlog_local.tweets import expected


@pytest.mark.slow
@pytest.mark.parametrize("delivery", ["push", "pull"])
def test_nothing_is_lost_or_doubled_while_everything_fails(tmp_path: Path, delivery: str) -> None:
    folder = tmp_path / "data"

    done = tweetlog(
        "chaos",
        *("--data-dir", str(folder), "--delivery", delivery),
        *("--tweets", "2000", "--kills", "5", "--seed", "3"),
    )

    assert done.code == 0, done.err
    assert "verify: clean: 0 missing, 0 doubled" in done.out
    assert f"rejected, and no tweets: {expected(2000).poison}\n" in done.out
    assert "rejected, although good: 0\n" in done.out
    # The ingestor may be done before its turn comes.
    assert done.err.count("died; started again") >= 4
    assert Pipeline(folder).value("SELECT COUNT(*) FROM tweets") == expected(2000).tweets
