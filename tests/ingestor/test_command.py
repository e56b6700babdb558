"""The ingestor as a process of its own, over the embedded Pub/Sub."""

import gzip
import json
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ingestor.settings import Settings
from ingestor_command import Ingestor, ended, stopped
from pages_of_x import a_rich_page, a_tweet, a_user
from tweetlog.settings import settings_of
from tweetlog_local.pubsub import running
from tweetlog_local.tweets import expected, lines

pytestmark = pytest.mark.servers


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def made_up(path: Path, tweets: int) -> Path:
    return write(path, b"".join(lines(tweets, seed=5)))


def eventually(true: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def confirmed(cursor: Path) -> int:
    """Return how many lines a cursor says are behind it."""
    entries = json.loads(cursor.read_bytes())["files"] if cursor.exists() else []
    return sum(entry["line"] for entry in entries)


def next_warning(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line)["severity"] == "WARNING":
            return str(json.loads(line)["message"])
    raise AssertionError("it ended without a warning")


def has_confirmed(cursor: Path, lines: int) -> bool:
    return confirmed(cursor) > lines


def test_files_are_published_and_what_is_no_tweet_is_set_aside(
    ingestor: Ingestor, tmp_path: Path
) -> None:
    page = json.dumps(a_rich_page()).encode()
    first = write(tmp_path / "a.jsonl", page + b"\n\nno tweet\n" + json.dumps(a_user("1")).encode())
    second = write(tmp_path / "b.gz", gzip.compress(json.dumps({"data": a_tweet("7")}).encode()))

    done = ingestor.run("file", first, second)

    assert done.code == 0, done.err
    assert done.summary.items() >= {"read": 4, "published": 4, "rejected": 2, "files": 2}.items()
    assert {id for id, _ in ingestor.received()} == {
        *(tweet["id"] for tweet in a_rich_page()["data"]),
        "7",
    }
    assert [
        (letter["origin"]["file"], letter["origin"]["line"], letter["reason_class"])
        for letter in ingestor.rejected()
    ] == [(str(first), 3, "not_json"), (str(first), 4, "user")]


def in_order(messages: Iterable[tuple[Mapping[str, str], bytes]]) -> list[Any]:
    """Return messages in an order of their own: that of delivery and that of a map are chance."""
    return sorted((sorted(attributes.items()), data) for attributes, data in messages)


def test_the_same_file_played_again_is_the_same_messages(
    ingestor: Ingestor, tmp_path: Path
) -> None:
    file = made_up(tmp_path / "tweets.jsonl", 300)
    cursor = tmp_path / "cursor"

    once = ingestor.run("file", "--cursor", cursor, file), ingestor.taken(ingestor.raw)
    again = ingestor.run("file", "--cursor", cursor, file), ingestor.taken(ingestor.raw)

    assert once[0].code == again[0].code == 0
    assert len(once[1]) == expected(300).lines - expected(300).poison
    assert in_order(once[1]) == in_order(again[1])
    assert not cursor.exists()


def test_standard_input_may_be_packed(ingestor: Ingestor) -> None:
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"echo '{json.dumps(a_tweet('7'))}' | gzip"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None

    done = ingestor.run("file", "-", stdin=process.stdout)

    assert process.wait() == 0
    assert done.code == 0, done.err
    assert [id for id, _ in ingestor.received()] == ["7"]


def test_what_arrives_through_a_pipe_does_not_wait_for_more(ingestor: Ingestor) -> None:
    process = ingestor.start("file", "--limit", "2", "-")
    assert process.stdin is not None
    received: list[str] = []
    for id in ("7", "8"):
        process.stdin.write(json.dumps(a_tweet(id)) + "\n")
        process.stdin.flush()
        while id not in received:
            received += [id for id, _ in ingestor.received()]
    code = process.wait(30)

    assert received == ["7", "8"]
    assert code == 0
    assert not process.stdin.closed
    assert ended(process).summary["published"] == 2


def test_wrong_calls_say_all_that_is_wrong_and_publish_nothing(
    ingestor: Ingestor, tmp_path: Path
) -> None:
    good = write(tmp_path / "good.jsonl", json.dumps(a_tweet()).encode())
    typo = replace(ingestor, environment={"TWEETLOG_RAW_TOPICS": "x", "TWEETLOG_LOG_LEVEL": "loud"})
    bad_cursor = write(tmp_path / "cursor", b"rubbish")

    missing = ingestor.run("file", good, tmp_path / "none", tmp_path / "*.x")
    settings = typo.run("file", good)
    piped = ingestor.run("file", "--cursor", tmp_path / "c", "-")
    cursor = ingestor.run("file", "--cursor", bad_cursor, good)
    rate = ingestor.run("file", "--rate", "0", good)

    assert [done.code for done in (missing, settings, piped, cursor, rate)] == [2] * 5
    assert missing.err == (
        f"ingestor: {tmp_path}/none: no such file\n"
        f"ingestor: {tmp_path}/*.x: no file matches this pattern\n"
    )
    assert settings.err.startswith("ingestor: TWEETLOG_LOG_LEVEL is 'loud'; it takes one of DEBUG")
    assert "did you mean TWEETLOG_RAW_TOPIC?" in settings.err
    assert piped.err == "ingestor: -: a pipe cannot be read again: leave --cursor out\n"
    assert cursor.err.startswith(f"ingestor: {bad_cursor}: not a cursor of this program")
    assert "'0' is no number above 0" in rate.err
    assert ingestor.received() == []


def test_without_credentials_it_says_what_is_missing(ingestor: Ingestor, tmp_path: Path) -> None:
    nowhere = {
        "PUBSUB_EMULATOR_HOST": "",
        "GOOGLE_APPLICATION_CREDENTIALS": "",
        "HOME": str(tmp_path),
        "CLOUDSDK_CONFIG": str(tmp_path),
        "NO_GCE_CHECK": "true",
    }
    good = write(tmp_path / "good.jsonl", json.dumps(a_tweet()).encode())
    done = replace(ingestor, environment=nowhere).run("file", good)

    assert done.code == 2
    assert done.err.startswith("ingestor: Your default credentials were not found.")
    assert done.err.endswith("Or set PUBSUB_EMULATOR_HOST, for a local Pub/Sub.\n")
    assert done.err.count("\n") == 1


def test_of_a_broken_file_what_is_readable_is_published_and_the_exit_code_says_so(
    ingestor: Ingestor, tmp_path: Path
) -> None:
    packed = gzip.compress(b"".join(lines(200, seed=5)))
    broken = write(tmp_path / "a.gz", packed[: len(packed) // 2])
    good = write(tmp_path / "b.jsonl", json.dumps(a_tweet("7")).encode())
    cursor = tmp_path / "cursor"

    done = ingestor.run("file", "--cursor", cursor, broken, good)
    errors = [line["message"] for line in done.log if line["severity"] == "ERROR"]
    ids = [id for id, _ in ingestor.received()]

    assert done.code == 1
    assert len(errors) == 1
    assert errors[0].startswith(f"{broken}: not readable after line {done.summary['read'] - 1}: ")
    assert len(ids) > 20
    assert ids.count("7") == 1
    assert confirmed(cursor) == done.summary["read"]


def test_a_broker_that_is_away_is_waited_for_until_it_is_back_or_a_stop_is_asked_for(
    tmp_path: Path, free_port: int
) -> None:
    file = made_up(tmp_path / "tweets.jsonl", 50)
    ingestor = Ingestor(f"127.0.0.1:{free_port}", "raw", "dead")
    waiting = ingestor.start("file", file)
    leaving = ingestor.start("file", "--cursor", tmp_path / "cursor", file)
    warnings = [next_warning(waiting), next_warning(leaving)]
    began = time.monotonic()
    left = stopped(leaving, signal.SIGTERM)

    assert time.monotonic() - began < 10
    assert warnings == ["no answer from the broker yet; waiting, nothing is lost"] * 2
    assert left.code == 1
    assert left.summary == {}
    assert "play again with the same --cursor and none is missing" in left.log[-1]["message"]
    assert confirmed(tmp_path / "cursor") == 0

    with (
        running(tmp_path / "broker", port=free_port),
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("PUBSUB_EMULATOR_HOST", ingestor.address)
        ingestor.create()
        done = ended(waiting)

        assert done.code == 0, done.err
        assert len({id for id, _ in ingestor.received()}) == 50


def test_a_topic_that_is_missing_is_named_and_waited_for(
    ingestor: Ingestor, tmp_path: Path
) -> None:
    file = made_up(tmp_path / "tweets.jsonl", 50)
    later = replace(ingestor, raw=f"{ingestor.raw}-later", dead=f"{ingestor.dead}-later")
    process = later.start("file", file)
    warning = next_warning(process)
    later.create()
    done = ended(process)

    assert warning.startswith(f"projects/p/topics/{later.raw}: not confirmed: 404 ")
    assert "again in " in warning
    assert done.code == 0, done.err
    assert len({id for id, _ in later.received()}) == 50


def test_a_stop_finishes_what_was_read_and_a_restart_goes_on_there(
    ingestor: Ingestor, tmp_path: Path
) -> None:
    file, cursor = made_up(tmp_path / "tweets.jsonl", 600), tmp_path / "cursor"
    process = ingestor.start("file", "--cursor", cursor, "--rate", "200", file)
    eventually(partial(has_confirmed, cursor, 100), process)
    first = stopped(process, signal.SIGTERM)
    left = confirmed(cursor)
    second = ingestor.run("file", "--cursor", cursor, file)
    made = expected(600)

    assert (first.code, second.code) == (0, 0)
    assert first.summary["read"] == left < made.lines
    assert first.summary["read"] + second.summary["read"] == made.lines
    assert first.summary["published"] + second.summary["published"] == made.lines - made.poison
    assert len({id for id, _ in ingestor.received()}) == made.tweets


def test_an_interrupt_stops_it_too_and_is_told_apart(ingestor: Ingestor, tmp_path: Path) -> None:
    process = ingestor.start("file", "--rate", "0.001", made_up(tmp_path / "tweets.jsonl", 50))
    received: list[tuple[str, bytes]] = []
    while not received:
        assert process.poll() is None
        received = ingestor.received()
    done = stopped(process, signal.SIGINT)

    assert done.code == 130
    assert done.summary["published"] == len(received) == 1


def test_killed_at_any_moment_it_loses_nothing(ingestor: Ingestor, tmp_path: Path) -> None:
    file, cursor = made_up(tmp_path / "tweets.jsonl", 1_500), tmp_path / "cursor"
    made = expected(1_500)
    for _ in range(2):
        process = ingestor.start("file", "--cursor", cursor, "--rate", "1000", file)
        goal = confirmed(cursor) + secrets.randbelow(made.lines // 6)
        eventually(partial(has_confirmed, cursor, goal), process)
        process.kill()
        process.communicate()
    last = ingestor.run("file", "--cursor", cursor, file)
    ids = [id for id, _ in ingestor.received()]

    assert last.code == 0, last.err
    assert len(set(ids)) == made.tweets
    assert len(ids) - (made.lines - made.poison) <= 2 * 5 * 500
    assert len({letter["rejected_id"] for letter in ingestor.rejected()}) == made.poison


def test_help_shows_examples_and_every_setting(ingestor: Ingestor) -> None:
    for done in (ingestor.run("--help"), ingestor.run("file", "--help")):
        assert done.code == 0
        assert "python -m ingestor file" in done.out
        for _, setting in settings_of(Settings):
            assert setting.name in done.out
    assert len(fields(Settings)) > 4
