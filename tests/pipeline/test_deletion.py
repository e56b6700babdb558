"""Deletion through the command, on real servers: gone everywhere, in every order, and proven."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from builders import a_payload
from local_site import a_site, command, published, rows
from tweetlog import events
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent
from tweetlog.rejection import rejected
from tweetlog_local import x_api
from tweetlog_ops import project, statements, sweep
from tweetlog_ops.lane import REPLAY, STORES
from tweetlog_ops.message import carrying
from tweetlog_ops.publishing import Publisher
from tweetlog_ops.site import Site
from x_client import Lab

pytestmark = [pytest.mark.servers, pytest.mark.slow]

# How many tweets are deleted during a replay; `DELETIONS=1000 python -m pytest ...` for the whole
# size.
DELETIONS = int(os.environ.get("DELETIONS", "40"))
BASE = 1700000000000000000
HERE = {"coordinates": {"type": "Point", "coordinates": [16.37, 48.21]}}


def tweet_id(number: int) -> str:
    return str(BASE + number)


def received(number: int, *, includes: Any = None, **more: Any) -> Envelope:
    id = tweet_id(number)
    payload = a_payload(id, text=more.pop("text", f"secret {number}"), **more)
    if includes:
        payload["includes"] = includes
    return events.received(id, json.dumps(payload).encode())


def referring(number: int, kind: str, to: int) -> Envelope:
    original = a_payload(tweet_id(to), text=f"secret {to}", author_id="70")["data"]
    return received(
        number,
        text=f"RT: secret {to}" if kind == "retweeted" else "look at this",
        author_id="80",
        referenced_tweets=[{"type": kind, "id": tweet_id(to)}],
        includes={"tweets": [original], "users": [{"id": "70"}, {"id": "80"}]},
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with a_site(tmp_path_factory.mktemp("deletion") / "data") as site:
        raws = [
            *(received(n) for n in range(10)),
            referring(20, "retweeted", 1),
            referring(21, "quoted", 1),
            received(30, geo=HERE),
            *(received(n, author_id="99") for n in (40, 41)),
        ]
        published(site, "tweets-raw", raws)
        letter = rejected(received(2), InvalidEvent("no"), stage="enrich")
        published(site, "tweets-dead", [letter])
        yield site


def everything(site: Site) -> str:
    """Return all content that is anywhere in the warehouse, as one text."""
    tables = [
        "SELECT data FROM raw_events WHERE data IS NOT NULL",
        """
        SELECT SAFE_CONVERT_BYTES_TO_STRING(FROM_BASE64(JSON_VALUE(data, '$.data_base64')))
        FROM dead_letters WHERE JSON_VALUE(data, '$.data_base64') IS NOT NULL
        """,
        "SELECT text FROM tweets",
        "SELECT text FROM v_tweets",
    ]
    return "\n".join(str(value) for sql in tables for value in rows(site, sql))


def test_a_deletion_is_everywhere_and_certified(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "secret 1" in everything(site)
    ids = ("--ids", tweet_id(1), tweet_id(2), tweet_id(77))

    assert command(site, "delete", *ids, "--dry-run") == 0
    foreseen = capsys.readouterr().out.splitlines()
    assert "secret 1" in everything(site)
    assert command(site, "delete", *ids) == 0

    left = everything(site)
    assert "secret 1" not in left  # in itself, in its retweet, and within the post that quotes it
    assert "secret 2" not in left  # in the log and in the dead letters
    assert "look at this" in left
    assert "secret 3" in left
    gone = rows(site, "SELECT tweet_id FROM deletions ORDER BY tweet_id")
    assert gone == [tweet_id(n) for n in (1, 2, 20, 77)]
    assert rows(site, "SELECT DISTINCT verdict FROM deletions ORDER BY verdict") == [
        "deleted",
        "original_deleted",
    ]
    told = [line.split() for line in foreseen[3:]]
    assert told == [
        ["dead_letters", "1"],
        ["raw_events:", "in", "part", "1"],
        ["raw_events:", "whole", "3"],
        ["tweets", "3"],
    ]
    capsys.readouterr()
    assert command(site, "delete", "--certificate") == 0
    shown = capsys.readouterr().out
    assert "deleted content: none is left" in shown
    assert "raw_events: in part" in shown


def test_what_comes_late_is_not_shown_and_the_next_sweep_removes_it(site: Site) -> None:
    published(site, "tweets-raw", [received(1), referring(22, "retweeted", 1)])
    assert not rows(site, "SELECT text FROM v_tweets WHERE CONTAINS_SUBSTR(text, 'secret 1')")

    assert command(site, "delete", "--sweep") == 0

    assert "secret 1" not in everything(site)
    assert command(site, "delete", "--certificate") == 0


def test_a_tombstone_may_come_before_its_tweet(site: Site) -> None:
    assert tweet_id(77) in rows(site, "SELECT tweet_id FROM deletions")

    published(site, "tweets-raw", [received(77)])

    assert tweet_id(77) not in rows(site, "SELECT tweet_id FROM tweets")


def test_a_scrubbed_position_is_gone_and_the_tweet_stays_through_every_replay(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    placed = "SELECT geo_latitude FROM tweets WHERE text = 'secret 30'"
    assert rows(site, placed) == [48.21]

    scrub = ("delete", "--ids", tweet_id(30), "--verdict", "scrub_geo")
    assert command(site, *scrub, "--dry-run") == 0
    assert "raw_events: position       1" in capsys.readouterr().out
    assert command(site, *scrub) == 0

    assert rows(site, placed) == [None]
    assert "secret 30" in everything(site)
    assert "48.21" not in everything(site)
    capsys.readouterr()
    assert command(site, "delete", "--certificate", "--format", "json") == 0
    certified = json.loads(capsys.readouterr().out)
    assert [one["items"] for one in certified["removed"] if "position" in one["place"]] == [1]
    published(site, "tweets-raw", [received(30, geo=HERE)])  # late, and with its position
    assert rows(site, placed) == [None]
    assert command(site, "delete", "--certificate", "--format", "json") == 1
    assert json.loads(capsys.readouterr().out)["left"]["raw_events, positions"] == 1
    assert command(site, "delete", "--sweep") == 0


def test_rows_that_may_not_be_changed_yet_are_named_and_removed_later(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.local
    faults = f"http://{site.local.run.bigquery}/local/faults"
    monkeypatch.setattr(sweep, "_PAUSE_SECONDS", 0.1)
    published(site, "tweets-raw", [received(50), received(51)])
    requests.post(faults, json={"kind": "streaming", "table": "raw_events"}, timeout=30)

    assert command(site, "delete", "--ids", tweet_id(50)) == 1
    said = capsys.readouterr().err
    assert said.startswith("tweetlog: raw_events: BigQuery does not let rows be changed yet")
    assert "secret 50" in everything(site)
    assert not rows(site, "SELECT text FROM v_tweets WHERE text = 'secret 50'")
    requests.delete(faults, timeout=30)
    assert command(site, "delete", "--sweep") == 0
    assert "secret 50" not in everything(site)
    verdict = "SELECT verdict FROM deletions WHERE tweet_id = "
    assert rows(site, f"{verdict}'{tweet_id(50)}'") == ["deleted"]

    few: dict[str, Any] = {"kind": "streaming", "table": "raw_events", "count": 12}
    requests.post(faults, json=few, timeout=30)
    assert command(site, "delete", "--ids", tweet_id(51), "--patience", "600") == 0
    assert "trying again" in capsys.readouterr().err
    assert "secret 51" not in everything(site)
    requests.delete(faults, timeout=30)


def test_a_candidate_that_no_loader_feeds_any_more_is_swept_as_well(site: Site) -> None:
    made = statements.candidate(project.warehouse_sql(), dataset="tweetlog", name="tweets_old")
    site.warehouse.query(made.sql)
    site.warehouse.query("INSERT INTO tweets_old SELECT * FROM tweets")
    site.warehouse.query(
        "UPDATE tweets_old SET geo_latitude = 48.21 WHERE text IN ('secret 30', 'secret 3')"
    )
    left = "SELECT text, geo_latitude FROM tweets_old WHERE text IN ('secret 3', 'secret 30')"
    before = rows(site, "SELECT COUNT(*) FROM tweets_old")[0]

    assert command(site, "delete", "--ids", tweet_id(3)) == 0

    assert rows(site, left) == [("secret 30", None)]
    assert rows(site, "SELECT COUNT(*) FROM tweets_old") == [before - 1]
    assert command(site, "delete", "--certificate") == 0
    site.warehouse.query("DROP TABLE tweets_old")


def test_all_posts_of_a_user_up_to_one_are_gone(site: Site) -> None:
    assert (
        command(
            site,
            *("delete", "--users", "99", "--verdict", "protected", "--up-to", tweet_id(40)),
        )
        == 0
    )

    left = everything(site)
    assert "secret 40" not in left
    assert "secret 41" in left


def test_the_same_deletion_again_changes_nothing(site: Site) -> None:
    before = rows(site, "SELECT * FROM deletions ORDER BY tweet_id")
    again = ("delete", "--ids", tweet_id(1), tweet_id(2), tweet_id(77))

    assert command(site, *again) == 0

    assert rows(site, "SELECT * FROM deletions ORDER BY tweet_id") == before


def test_verify_accounts_for_everything(site: Site) -> None:
    assert command(site, "verify") == 0


def test_what_is_deleted_in_the_middle_of_a_replay_does_not_come_back(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    raws = [received(1000 + n) for n in range(2 * DELETIONS)]
    published(site, "tweets-raw", raws)
    gone = [raw.id for raw in raws[:DELETIONS]]
    again = [carrying(raw.extended(replayid="r1"), "tweets-raw-replay") for raw in raws]
    site.start(REPLAY)
    with Publisher(site.project) as publisher:
        # Half of the replay before the deletion begins, the rest while it is under way.
        publisher.publish(again[::2])
        with ThreadPoolExecutor(1) as pool:
            rest = pool.submit(publisher.publish, again[1::2])
            assert command(site, "delete", "--ids", *gone) == 0
            rest.result()
    site.drain(*REPLAY.subscriptions, *STORES)

    shown = set(
        rows(site, "SELECT tweet_id FROM tweets UNION DISTINCT SELECT tweet_id FROM v_tweets")
    )
    assert not shown & set(gone)
    assert {raw.id for raw in raws[DELETIONS:]} <= shown
    logged = rows(site, "SELECT data FROM raw_events WHERE data IS NOT NULL")
    assert not [text for text in logged if json.loads(text).get("data", {}).get("id") in gone]
    capsys.readouterr()
    assert command(site, "delete", "--certificate", "--format", "json") == 0
    certified = json.loads(capsys.readouterr().out)
    (batch,) = [one["batch"] for one in certified["batches"] if one["ids"] == DELETIONS]
    removed = [one for one in certified["removed"] if one["batch"] == batch]
    assert [(one["place"], one["items"]) for one in removed] == [("raw_events: whole", DELETIONS)]

    assert command(site, "replay", "--rate", "0") == 0

    told = capsys.readouterr().out
    assert "passed over" in told
    here = "SELECT tweet_id FROM tweets UNION DISTINCT SELECT tweet_id FROM v_tweets"
    assert set(rows(site, here)) == shown
    assert command(site, "delete", "--certificate") == 0


def test_a_compliance_round_does_what_x_says(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with x_api.running("--tls", "--tweets", "0", "--job-delay", "0") as up:
        happened = [
            {"event": "delete", "tweet": tweet_id(5)},
            {"event": "drop", "tweet": tweet_id(6)},
        ]
        Lab(up).post("compliance", happened)
        monkeypatch.setenv("TWEETLOG_X_API_URL", up.url)
        monkeypatch.setenv("TWEETLOG_X_CA_FILE", str(up.ca_file))
        monkeypatch.setenv("TWEETLOG_X_BEARER_TOKEN", up.token)
        monkeypatch.delenv("TWEETLOG_X_BEARER_TOKEN_FILE", raising=False)

        a_job = str(DELETIONS // 6)
        assert command(site, "compliance", "run", "--poll", "0", "--ids-a-job", a_job) == 0

    said = capsys.readouterr()
    assert "1 deleted" in said.out
    assert "1 bounced" in said.out
    assert up.token not in said.out + said.err
    left = everything(site)
    assert "secret 5" not in left
    assert "secret 6" not in left
    assert "secret 7" in left
    assert command(site, "delete", "--certificate") == 0
