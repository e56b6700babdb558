"""`tweetlog replay` with real processes: over what was loaded, and beside what is live."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import a_payload
from newer_enricher import NEWER_VERSION, a_newer_enricher
from tweetlog_command import Pipeline, UnderWay
from tweetlog_local.tweets import expected, lines

# On a machine that others use too; each command starts services of its own.
pytestmark = pytest.mark.timeout(900)

TWEETS, SEED = 400, 3
# All columns but times and the replay: what must be the same however a row was made.
CONTENT = "SELECT * EXCEPT (enriched_at, loaded_at, replay_id) FROM tweets_current ORDER BY 1"


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_newer_enricher(tmp_path_factory.mktemp("newer"))


@pytest.fixture
def live(tmp_path: Path) -> Iterator[UnderWay]:
    """A run through which made-up tweets have been played, and which waits for more."""
    pipeline = Pipeline(tmp_path / "data")
    with pipeline.under_way("--delivery", "pull", "-", stdin=subprocess.PIPE) as run:
        assert run.process.stdin is not None
        run.process.stdin.write(b"".join(lines(TWEETS, SEED)).decode(errors="surrogateescape"))
        run.process.stdin.flush()
        run.await_rows(expected(TWEETS).tweets)
        yield run


def fates(out: str) -> dict[str, int]:
    """Return the report's account: what became of how many tweets."""
    lines = out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("tweets examined"))
    names = ["examined", *lines[at].split()[2:]]
    return dict(zip(names, map(int, lines[at + 2].split()), strict=True))


def live_tweets(first: int) -> Iterator[str]:
    """Yield lines of tweets, without an end."""
    number = first
    while True:
        yield json.dumps(a_payload(str(number), text=f"live {number} #now")) + "\n"
        number += 1


def test_a_replay_is_quoted_changes_what_is_older_and_nothing_the_second_time(
    live: UnderWay, newer: Path, tmp_path: Path
) -> None:
    made, pipeline = expected(TWEETS).tweets, live.pipeline
    way = ("--enricher", str(newer), "--version", str(NEWER_VERSION))

    quoted = pipeline.replay("--dry-run")
    assert quoted.code == 0, quoted.err
    assert "read raw_events" in quoted.out
    assert "nothing was sent" in quoted.out
    assert not (pipeline.folder / "replay.json").exists()

    before = pipeline.rows(CONTENT)
    same = pipeline.replay("--rate", "2000")
    assert same.code == 0, same.err
    assert fates(same.out)["unchanged"] == fates(same.out)["examined"] == made
    assert "verify: clean" in same.out

    some = [row["tweet_id"] for row in before[:7]]
    ids = tmp_path / "ids.csv"
    ids.write_text("tweet_id\n" + "\n".join(some) + "\n")
    part = pipeline.replay("--ids", str(ids), *way)
    assert part.code == 0, part.err
    assert fates(part.out)["changed"] == fates(part.out)["examined"] == 7

    whole = pipeline.replay(*way)
    assert whole.code == 0, whole.err
    assert fates(whole.out)["changed"] == made - 7
    changed = pipeline.rows("SELECT * FROM tweets ORDER BY tweet_id")
    assert {row["client"] for row in changed} == {"newer"}
    assert len({row["replay_id"] for row in changed}) == 2
    assert [row["text"] for row in changed] == [row["text"] for row in before]

    second = pipeline.replay(*way)
    assert second.code == 0, second.err
    assert fates(second.out)["changed"] == 0
    assert pipeline.rows("SELECT * FROM tweets ORDER BY tweet_id") == changed

    wrong = pipeline.replay("--version", "99")
    assert wrong.code == 1
    assert "not 99" in wrong.err
    assert "Traceback" not in wrong.err
