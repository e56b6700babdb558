"""`tweetlog replay` with real processes: over what was loaded, and beside what is live."""

import json
import socket
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from builders import a_payload
from newer_enricher import NEWER_VERSION, a_newer_enricher
from tweetlog_command import Pipeline, UnderWay, tweetlog
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


def test_a_warehouse_that_cannot_be_reached_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "replay.json"
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # nobody listens there
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://{address}")
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", address)
        refused = tweetlog("replay", "--project", "some-project", "--progress", str(record))

    assert refused.code == 1
    assert refused.err.count("\n") == 1
    assert address.partition(":")[2] in refused.err
    assert not record.exists()


def test_a_topic_that_takes_nothing_is_one_line_and_the_replay_goes_on_later(
    live: UnderWay,
) -> None:
    made, pipeline = expected(TWEETS).tweets, live.pipeline
    full = {"kind": "refuse_publish", "code": "RESOURCE_EXHAUSTED", "topic": "tweets-raw-replay"}
    live.faults(full)

    refused = pipeline.replay("--patience", "2")
    another = pipeline.replay()
    elsewhere = pipeline.replay("--resume", "--from", "2026-01-01")
    live.faults()
    resumed = pipeline.replay("--resume")
    again = pipeline.replay("--resume")

    assert refused.code == 1
    assert "tweets-raw-replay: not confirmed" in refused.err.splitlines()[-1]
    assert "--resume` goes on from there" in refused.err.splitlines()[-1]
    assert another.code == 2
    assert "is at 0 %; go on with it by --resume" in another.err
    assert elsewhere.code == 2
    assert "the record of another replay" in elsewhere.err
    assert resumed.code == 0, resumed.err
    assert fates(resumed.out)["unchanged"] == made
    assert again.code == 2
    assert "is done" in again.err


@pytest.mark.slow
def test_a_replay_whose_servers_went_away_goes_on_with_its_own(live: UnderWay) -> None:
    pipeline = live.pipeline
    with pipeline.under_way("--rate", "40", command="replay") as replay:
        replay.await_replayed(40)
        # It is in the middle of publishing, and would be for long.
        live.faults({"kind": "refuse_publish", "topic": "tweets-raw-replay"})
        replay.await_said("tweets-raw-replay takes nothing")
        stopped = live.interrupted()
        broken = replay.ended()

    resumed = pipeline.replay("--resume")

    assert stopped.code == 130
    assert broken.code == 1
    assert "`tweetlog replay --data-dir" in broken.err.splitlines()[-1]
    assert "--resume` goes on from there" in broken.err.splitlines()[-1]
    assert "Traceback" not in broken.err
    assert resumed.code == 0, resumed.err
    assert fates(resumed.out)["unchanged"] == expected(TWEETS).tweets


def test_a_run_that_is_over_stays_for_a_replay_that_has_found_it(live: UnderWay) -> None:
    pipeline = live.pipeline
    with pipeline.under_way("--rate", "100", command="replay") as replay:
        replay.await_found()
        assert live.process.stdin is not None
        live.process.stdin.close()
        live.process.stdin = None
        replayed = replay.ended()

    assert replayed.code == 0, replayed.err
    assert fates(replayed.out)["unchanged"] == expected(TWEETS).tweets
    assert live.ended().code == 0


@pytest.mark.slow
def test_a_replay_killed_again_and_again_beside_what_is_live_ends_as_if_made_anew(
    live: UnderWay, newer: Path
) -> None:
    pipeline, way = live.pipeline, ("--enricher", str(newer), "--rate", "100")
    with live.fed(live_tweets(18 * 10**17), seconds=0.1):
        for moment in (60, 150, 260):
            with pipeline.under_way("--restartable", *way, command="replay") as replay:
                replay.await_replayed(moment)
                replay.killed()
        resumed = pipeline.replay("--resume", *way)
        assert resumed.code == 0, resumed.err
    assert live.ended().code == 0
    came = pipeline.value("SELECT COUNTIF(STARTS_WITH(text, 'live')) FROM tweets")
    assert came > 10

    # What came after it had begun is not in its window.
    behind = pipeline.replay(*way)
    assert behind.code == 0, behind.err
    by_both = fates(resumed.out)["changed"] + fates(behind.out)["changed"]
    assert by_both == expected(TWEETS).tweets + came

    anew = pipeline.replay("--into", "tweets_v2", "--enricher", str(newer))
    assert anew.code == 0, anew.err
    difference = pipeline.diff("tweets", "tweets_v2")
    assert difference["rows"] == {
        "both": expected(TWEETS).tweets + came,
        "lost": 0,
        "added": 0,
        "changed": 0,
    }


@pytest.mark.slow
def test_a_shadow_stays_as_fresh_as_what_is_live_and_takes_its_place(
    live: UnderWay, newer: Path
) -> None:
    made, pipeline = expected(TWEETS).tweets, live.pipeline
    shown = "SELECT client, COUNT(*) AS n FROM v_tweets GROUP BY client ORDER BY n DESC"
    by_newer = f"SELECT COUNTIF(enricher_version = {NEWER_VERSION}) FROM"
    before = pipeline.rows("SELECT * FROM tweets ORDER BY tweet_id")

    filled = pipeline.replay("--into", "tweets_v2", "--enricher", str(newer))
    assert filled.code == 0, filled.err
    # What is as young as this comes by the live feed as well, which may be first.
    assert fates(filled.out)["changed"] + fates(filled.out)["unchanged"] == made
    assert pipeline.value(f"{by_newer} tweets_v2") == made
    assert pipeline.rows("SELECT * FROM tweets ORDER BY tweet_id") == before
    plain = pipeline.replay("--progress", str(pipeline.folder / "other.json"))
    assert plain.code == 2
    assert "the replay lane writes to tweets_v2" in plain.err

    with live.fed(islice(live_tweets(18 * 10**17), 20), seconds=0.01):
        live.await_rows(made + 20)
        live.await_value(f"{by_newer} tweets_v2", made + 20)
    assert live.ended().code == 0
    difference = pipeline.diff("tweets", "tweets_v2")
    assert difference["rows"] == {"both": made + 20, "lost": 0, "added": 0, "changed": made + 20}
    assert {one["column"] for one in difference["columns"]} == {"client", "language"}
    assert difference["languages"][0].items() >= {"before": "und", "after": "en"}.items()

    promoted = pipeline.command("promote", "tweets_v2", "--grace", "0")
    assert promoted.code == 0, promoted.err
    assert pipeline.rows(shown) == [{"client": "newer", "n": made + 20}]
    rolled_back = pipeline.command("rollback", "--grace", "0")
    assert rolled_back.code == 0, rolled_back.err
    assert pipeline.rows(shown)[0]["client"] != "newer"
    assert pipeline.command("rollback").code == 2
    assert [
        row["table_name"] for row in pipeline.rows("SELECT * FROM v_promotions ORDER BY 1")
    ] == [
        "tweets_v2",
        "tweets",
    ]
    gone = before[0]["tweet_id"]
    deleted = pipeline.command("delete", "--ids", gone)
    assert deleted.code == 0, deleted.err
    for table in ("tweets", "tweets_v2"):
        left = f"SELECT COUNT(*) FROM {table} WHERE tweet_id = '{gone}'"  # noqa: S608 - digits
        assert pipeline.value(left) == 0
    assert pipeline.command("delete", "--certificate").code == 0
    in_use = pipeline.command("retire", "tweets")
    assert in_use.code == 2
    assert "tweets is what is shown" in in_use.err


def test_what_a_topic_retains_is_replayed_when_nothing_runs(tmp_path: Path, newer: Path) -> None:
    pipeline = Pipeline(tmp_path / "data")
    assert pipeline.run("--tweets", "100", "--delivery", "pull").code == 0
    gone = pipeline.value("SELECT MIN(tweet_id) FROM tweets")
    pipeline.rows(f"INSERT INTO deletions (tweet_id) VALUES ('{gone}')")  # noqa: S608 - digits

    done = pipeline.replay("--from-topic", "--enricher", str(newer))

    assert done.code == 0, done.err
    assert "1 passed over" in done.out
    assert fates(done.out).items() >= {"changed": 99, "deleted": 1}.items()
    assert not (pipeline.folder / "run.json").exists()
