"""The whole pipeline with real processes: three services and the local cloud."""

import gzip
import json
import random
import socket
from pathlib import Path

import pytest

from builders import a_payload
from tweetlog_command import Pipeline, tweetlog
from tweetlog_local.tweets import expected

# All of a row, its times included: a second run must not rewrite even those.
CONTENT = "SELECT * FROM tweets ORDER BY tweet_id"
TWEETS, SEED = 400, 3


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """A pipeline through which made-up tweets have been played once."""
    pipeline = Pipeline(tmp_path_factory.mktemp("played") / "data")
    done = pipeline.run("--tweets", str(TWEETS), "--seed", str(SEED))
    assert done.code == 0, done.err
    assert "verify: clean" in done.out
    return pipeline


def test_every_tweet_is_a_row_and_every_poison_line_a_dead_letter(played: Pipeline) -> None:
    made = expected(TWEETS)

    assert played.value("SELECT COUNT(*) FROM tweets") == made.tweets
    assert played.value("SELECT COUNT(*) FROM v_dead_letters") == made.poison
    assert played.value("SELECT COUNTIF(reason IS NULL OR reason = '') FROM v_dead_letters") == 0


def test_a_second_run_changes_no_column_of_any_row(played: Pipeline) -> None:
    before = played.rows(CONTENT)

    done = played.run("--tweets", str(TWEETS), "--seed", str(SEED))

    assert done.code == 0, done.err
    assert "still" not in done.out
    assert played.rows(CONTENT) == before


def test_rows_are_enriched(played: Pipeline) -> None:
    assert played.value("SELECT COUNT(DISTINCT language) FROM v_tweets") > 10
    assert played.value("SELECT SUM(ARRAY_LENGTH(hashtags)) FROM v_tweets") > TWEETS / 10
    assert played.value("SELECT COUNTIF(loaded_at < enriched_at) FROM v_tweets") == 0


def test_verify_names_what_is_missing(played: Pipeline, tmp_path: Path) -> None:
    file = tmp_path / "one.ndjson"
    file.write_text(json.dumps(a_payload("1700000000000000001")) + "\n")
    pipeline = Pipeline(tmp_path / "data")
    assert pipeline.run(str(file)).code == 0

    truncated = tweetlog("query", "--data-dir", str(pipeline.folder), "TRUNCATE TABLE tweets")
    verdict = pipeline.verify()

    assert truncated.code == 0, truncated.err
    assert verdict.code == 1
    assert "1700000000000000001" in verdict.out
    assert "verify: FAILED: 1 missing, 0 doubled" in verdict.out
    assert played.verify().code == 0


def test_files_of_every_kind_end_in_the_same_table(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.ndjson", tmp_path / "packed.ndjson.gz"
    plain.write_text(json.dumps(a_payload("1700000000000000001")) + "\nnot a tweet\n")
    packed.write_bytes(gzip.compress(json.dumps(a_payload("1700000000000000002")).encode()))
    pipeline = Pipeline(tmp_path / "data")

    done = pipeline.run("--delivery", "pull", str(plain), str(tmp_path / "*.gz"))

    assert done.code == 0, done.err
    assert pipeline.value("SELECT COUNT(*) FROM tweets") == 2
    assert pipeline.rows("SELECT stage, reason_class FROM v_dead_letters") == [
        {"stage": "ingest", "reason_class": "not_json"}
    ]


def test_tweets_come_from_standard_input(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path / "data")

    done = pipeline.run("-", stdin=json.dumps(a_payload("1700000000000000001")) + "\n")

    assert done.code == 0, done.err
    assert pipeline.value("SELECT COUNT(*) FROM tweets") == 1


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path / "data")
    with pipeline.under_way("--tweets", "3000") as run:
        run.await_published("tweets-enriched", 300)
        stopped = run.interrupted()

    done = pipeline.run("--tweets", "3000")

    assert stopped.code == 130
    assert "goes on from here" in stopped.err
    assert done.code == 0, done.err
    assert pipeline.value("SELECT COUNT(*) FROM tweets") == expected(3000).tweets


def test_a_file_that_breaks_off_is_an_error_and_what_was_read_is_kept(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gz"
    lines = "".join(json.dumps(a_payload(str(17 * 10**17 + n))) + "\n" for n in range(2000))
    broken.write_bytes(gzip.compress(lines.encode())[:-20])
    pipeline = Pipeline(tmp_path / "data")

    done = pipeline.run(str(broken))

    assert done.code == 1
    assert "broken.gz" in done.err.splitlines()[-1]
    assert pipeline.value("SELECT COUNT(*) FROM tweets") > 0


@pytest.mark.parametrize("arguments", [("nowhere.ndjson",), ("nowhere-*.gz",)])
def test_a_missing_file_is_one_line_and_leaves_nothing_running(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    pipeline = Pipeline(tmp_path / "data")

    done = pipeline.run(*arguments)

    assert done.code == 2
    assert arguments[0] in done.err
    assert not (tmp_path / "data" / "run.json").exists()


def test_an_empty_file_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "empty.ndjson").write_text("")

    assert Pipeline(tmp_path / "data").run(str(tmp_path / "empty.ndjson")).code == 0


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        done = Pipeline(tmp_path / "data").run("--pubsub-port", port)

    assert done.code == 1
    assert port in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path / "data")
    with pipeline.under_way("--tweets", "5000") as run:
        run.await_published("tweets-raw", 1)

        second = pipeline.run("--tweets", "1")
        during = pipeline.value("SELECT COUNT(*) FROM raw_events")

    assert second.code == 2
    assert "another tweetlog is using it" in second.err
    assert during > 0


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["ingestor", "enricher", "loader", "pubsub", "bigquery"])
def test_a_killed_process_loses_and_doubles_nothing(tmp_path: Path, victim: str) -> None:
    pipeline = Pipeline(tmp_path / "data")
    moment = random.Random(victim).randint(200, 3000)  # noqa: S311 - the same moment every time
    with pipeline.under_way("--tweets", "4000", "--seed", "5") as run:
        run.await_published("tweets-raw", moment)
        dead = run.pid(victim)
        run.kill(victim)
        run.await_revived(victim, dead)
        done = run.ended()

    assert done.code == 0, done.err
    assert f"{victim} died" in done.err
    assert "verify: clean: 0 missing, 0 doubled" in done.out
    assert pipeline.value("SELECT COUNT(*) FROM tweets") == expected(4000).tweets


def test_the_append_layout_shows_the_same_tweets(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path / "data")
    for _ in range(2):
        done = pipeline.run("--tweets", str(TWEETS), "--seed", str(SEED), "--layout", "append")
        assert done.code == 0, done.err

    assert "verify: clean: 0 missing, 0 doubled" in done.out
    assert pipeline.value("SELECT COUNT(*) FROM v_tweets") == expected(TWEETS).tweets
    assert pipeline.value("SELECT COUNT(*) FROM tweets_versions") > expected(TWEETS).tweets


def test_a_column_that_is_missing_is_shown_and_then_added(tmp_path: Path) -> None:
    folder = ("--data-dir", str(tmp_path / "data"))
    assert tweetlog("warehouse", "apply", *folder).code == 0
    without = "CREATE OR REPLACE TABLE gaps AS SELECT * EXCEPT (cause) FROM gaps"
    assert tweetlog("query", *folder, without).code == 0

    shown = tweetlog("warehouse", "apply", "--dry-run", *folder)
    applied = tweetlog("warehouse", "apply", *folder)

    assert "add column gaps.cause" in shown.out
    assert "add column gaps.cause" in applied.out
    assert "add column" not in tweetlog("warehouse", "apply", "--dry-run", *folder).out
