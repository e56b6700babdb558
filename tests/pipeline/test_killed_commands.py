"""An operator's command that is killed with -9 in the middle, and typed again: as if in one go."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builders import a_payload
from local_site import a_site, command, published
from tweetlog import events
from tweetlog.envelope import Envelope
from tweetlog_local import x_api
from tweetlog_ops.site import Site
from tweetlog_ops.warehouse import Parameter
from x_client import Lab

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

BASE = 1710000000000000000
# More than are redriven at once (50), and tombstones more than are published at once (1,000) are
# not needed: it is killed while it redacts.
LETTERS, DELETED = 54, 60
PATIENCE = 240.0


def tweet_id(number: int) -> str:
    return str(BASE + number)


def received(number: int) -> Envelope:
    id = tweet_id(number)
    return events.received(id, json.dumps(a_payload(id, text=f"secret {number}.")).encode())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with a_site(tmp_path_factory.mktemp("killed") / "data") as site:
        published(site, "tweets-raw", [received(n) for n in range(2 * DELETED)])
        textless = [tweet_id(1000 + n) for n in range(LETTERS)]
        letters = [events.received(id, b'{"data":{"id":"%s"}}' % id.encode()) for id in textless]
        published(site, "tweets-raw", letters)
        yield site


@contextmanager
def under_way(site: Site, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command over the site's folder; whatever happens, it does not stay."""
    assert site.local
    whole = [sys.executable, "-m", "tweetlog_ops", *arguments]
    process = subprocess.Popen(
        [*whole, "--data-dir", str(site.local.folder.path)],
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def kill_when(process: "subprocess.Popen[bytes]", condition: Callable[[], bool]) -> None:
    """Kill a command with -9 as soon as something is so."""
    await_(process, condition)
    process.kill()
    process.wait()


def await_(process: "subprocess.Popen[bytes]", condition: Callable[[], bool]) -> None:
    """Wait until something is so, while a command is under way."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def count(site: Site, sql: str, **given: Parameter) -> int:
    ((found,),) = site.warehouse.query(sql, given).rows
    return int(found)


def test_a_redrive_goes_on_with_the_letters_that_were_not_sent(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen, trap = tmp_path / "seen", tweet_id(1000 + LETTERS - 2)
    # Mends every event; at the last but one it waits, the first time.
    patch = f"""
event=$(cat)
case "$event" in *{trap}*) [ -e {seen} ] || {{ touch {seen}; sleep 50; exit 1; }};; esac
printf %s "$event" | sed 's/"data":{{"id"/"data":{{"text":"mended","id"/'
"""
    way = ("deadletters", "redrive", "--stage", "enrich", "--patch", f"sh -c {shlex.quote(patch)}")

    with under_way(site, *way) as redrive:
        kill_when(redrive, seen.exists)
    capsys.readouterr()
    assert command(site, *way) == 0

    said = capsys.readouterr().out
    assert f"redriven {LETTERS} to tweets-raw" not in said
    assert "redriven " in said
    mended = "SELECT COUNT(*) FROM tweets WHERE text = 'mended'"
    assert count(site, mended) == LETTERS
    assert count(site, "SELECT COUNT(*) FROM v_dead_letters WHERE status = 'open'") == 0
    assert command(site, "verify") == 0


@pytest.mark.parametrize("moment", ["published", "loaded", "redacted"])
def test_a_deletion_goes_on_wherever_it_was_killed(
    site: Site, moment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    third = DELETED // 3
    first = ["published", "loaded", "redacted"].index(moment) * third
    ids = [tweet_id(n) for n in range(first, first + third)]
    here = """
        SELECT COUNT(*) FROM raw_events
        WHERE JSON_VALUE(attributes, '$."ce-subject"') IN UNNEST(@ids) AND """
    reached = {
        "published": here + """JSON_VALUE(attributes, '$."ce-type"') LIKE '%deleted%'""",
        "loaded": "SELECT COUNT(*) FROM deletions WHERE tweet_id IN UNNEST(@ids)",
        "redacted": here + "removed_at IS NOT NULL",
    }[moment]

    with under_way(site, "delete", "--ids", *ids) as delete:
        kill_when(delete, lambda: count(site, reached, ids=ids) > 0)
    assert command(site, "delete", "--ids", *ids) == 0

    assert count(site, "SELECT COUNT(*) FROM tweets WHERE tweet_id IN UNNEST(@ids)", ids=ids) == 0
    assert count(site, here + "data LIKE '%secret%'", ids=ids) == 0
    capsys.readouterr()
    assert command(site, "delete", "--certificate", "--format", "json") == 0
    certified = json.loads(capsys.readouterr().out)
    batches = {one["batch"] for one in certified["batches"] if one["ids"] == third}
    removed = [one for one in certified["removed"] if one["batch"] in batches]
    assert [one["items"] for one in removed] == [third] * len(batches)
    assert command(site, "verify") == 0


def test_a_sweep_goes_on_wherever_it_was_killed(site: Site) -> None:
    late = [received(n) for n in range(DELETED // 3)]
    published(site, "tweets-raw", late)
    left = "SELECT COUNT(*) FROM raw_events WHERE data LIKE '%secret%' AND removed_at IS NULL"
    before = count(site, left)

    with under_way(site, "delete", "--sweep") as sweep:
        kill_when(sweep, lambda: count(site, left) < before)
    assert command(site, "delete", "--sweep") == 0

    assert count(site, left) == before - len(late)
    assert command(site, "delete", "--certificate") == 0


def test_the_compliance_streams_are_followed_and_what_a_killed_listener_missed_comes_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = range(DELETED, DELETED + 8)
    gone = [tweet_id(n) for n in numbers]
    with x_api.running("--tls", "--tweets", "0", "--tier", "enterprise") as up:
        lab = Lab(up)
        monkeypatch.setenv("TWEETLOG_X_API_URL", up.url)
        monkeypatch.setenv("TWEETLOG_X_CA_FILE", str(up.ca_file))
        monkeypatch.setenv("TWEETLOG_X_BEARER_TOKEN", up.token)
        monkeypatch.delenv("TWEETLOG_X_BEARER_TOKEN_FILE", raising=False)
        way = ("compliance", "stream", "--sweep-every", "1")
        here = "SELECT COUNT(*) FROM tweets WHERE tweet_id IN UNNEST(@gone)"

        with under_way(site, *way) as listener:
            lab.post("compliance", [{"event": "delete", "tweet": id} for id in gone[:4]])
            kill_when(listener, lambda: count(site, here, gone=gone[:4]) == 0)
        lab.post("compliance", [{"event": "drop", "tweet": id} for id in gone[4:]])
        with under_way(site, *way) as listener:
            await_(listener, lambda: count(site, here, gone=gone) == 0)
            listener.send_signal(signal.SIGTERM)
            _, said = listener.communicate(timeout=PATIENCE)

        assert listener.returncode == 0, said
        assert b"listening to 8 partitions" in said
        assert up.token.encode() not in said
    assert command(site, "delete", "--sweep") == 0
    assert command(site, "delete", "--certificate") == 0


def test_a_compliance_round_goes_on_with_the_job_that_it_made(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tweet_id(2 * DELETED - 1)
    with x_api.running("--tls", "--tweets", "0", "--job-delay", "5") as up:
        lab = Lab(up)
        lab.post("compliance", [{"event": "delete", "tweet": gone}])
        monkeypatch.setenv("TWEETLOG_X_API_URL", up.url)
        monkeypatch.setenv("TWEETLOG_X_CA_FILE", str(up.ca_file))
        monkeypatch.setenv("TWEETLOG_X_BEARER_TOKEN", up.token)
        monkeypatch.delenv("TWEETLOG_X_BEARER_TOKEN_FILE", raising=False)
        way = ("compliance", "run", "--poll", "1")

        def uploaded() -> bool:
            return any(one["method"] == "PUT" for one in lab.get("log"))

        with under_way(site, *way) as round_:
            kill_when(round_, uploaded)
        assert command(site, *way) == 0

        made = [one for one in lab.log("/2/compliance/jobs") if one["method"] == "POST"]
        assert len(made) == 1
    assert count(site, "SELECT COUNT(*) FROM tweets WHERE tweet_id = @gone", gone=gone) == 0
    assert command(site, "delete", "--certificate") == 0
