"""X's compliance streams: what each line means, what a cut costs, and what is kept when."""

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetlog import events
from tweetlog.envelope import Envelope
from tweetlog_ops.compliance_stream import BACKFILL, CutOff, Follower, Heard, Listener, told
from tweetlog_ops.errors import CommandError

AT = "2026-08-01T12:00:00.000Z"
NOW = datetime(2026, 8, 1, 13, tzinfo=UTC)


def a_line(name: str, **body: Any) -> bytes:
    return json.dumps({"data": {name: {"event_at": AT, **body}}}).encode()


def of_tweet(name: str, **more: Any) -> bytes:
    return a_line(name, tweet={"id": "17", "author_id": "7"}, **more)


def of_user(name: str, **more: Any) -> bytes:
    return a_line(name, user={"id": "7"}, **more)


def data_of(line: bytes) -> dict[str, Any]:
    tombstone = told(line).tombstone
    assert tombstone
    data: dict[str, Any] = json.loads(tombstone.data)
    return data


@pytest.mark.parametrize(
    ("name", "verdict"), [("delete", "deleted"), ("drop", "dropped"), ("withheld", "withheld")]
)
def test_an_event_about_a_post_is_its_tombstone(name: str, verdict: str) -> None:
    assert data_of(of_tweet(name)) == {"tweet_id": "17", "verdict": verdict, "deleted_at": AT}


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("user_delete", "deactivated"),
        ("user_protect", "protected"),
        ("user_suspend", "suspended"),
        ("user_withheld", "withheld"),
    ],
)
def test_an_event_about_a_user_covers_all_posts_up_to_then(name: str, verdict: str) -> None:
    up_to = events.last_id(datetime.fromisoformat(AT))

    data = data_of(of_user(name))

    assert (data["user_id"], data["verdict"]) == ("7", verdict)
    assert data["up_to_tweet_id"] == str(up_to)


def test_positions_are_scrubbed_up_to_the_post_that_x_names() -> None:
    data = data_of(of_user("scrub_geo", up_to_tweet_id="99"))

    assert (data["verdict"], data["up_to_tweet_id"]) == ("scrub_geo", "99")


@pytest.mark.parametrize("name", ["undrop", "user_undelete", "user_unprotect", "user_unsuspend"])
def test_what_lifts_a_verdict_is_counted_and_gives_nothing_back(name: str) -> None:
    assert told(of_tweet(name)).kind == "lifted"
    assert told(of_tweet(name)).tombstone is None


def test_the_certificate_counts_a_day_of_a_verdict_as_a_batch() -> None:
    tombstone = told(of_tweet("delete")).tombstone

    assert tombstone
    assert tombstone.extensions["batchid"] == "deleted-stream-20260801"


def test_what_comes_twice_is_one_event() -> None:
    assert told(of_tweet("delete")) == told(of_tweet("delete"))


@given(
    st.binary()
    | st.recursive(st.text() | st.none(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_garbage_is_no_verdict(line: bytes) -> None:
    assert told(line).kind == "other"


@pytest.mark.parametrize(
    "line",
    [
        of_tweet("tweet_shown"),
        a_line("delete"),
        a_line("delete", tweet={"id": "1; DROP"}),
        b'{"data": {"delete": {"tweet": {"id": "1"}, "event_at": "yesterday"}}}',
        b'{"errors": [{"title": "operational-disconnect"}]}',
    ],
)
def test_an_event_that_cannot_be_read_is_no_verdict(line: bytes) -> None:
    assert told(line).kind == "other"


@pytest.mark.parametrize(
    ("ago", "missed"),
    [
        (timedelta(minutes=4), None),
        (timedelta(hours=1), (NOW - timedelta(hours=1), NOW - BACKFILL)),
    ],
)
def test_what_a_backfill_does_not_give_is_known(
    tmp_path: Path, ago: timedelta, missed: object
) -> None:
    heard = Heard(tmp_path / "heard.json", {"tweets/1": NOW, "tweets/2": NOW - ago})
    heard.keep()

    assert Heard.read(heard.path).missed(["tweets/1", "tweets/2"], NOW) == missed


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "heard.json"
    file.write_text("[1]")

    with pytest.raises(CommandError, match="give another --progress"):
        Heard.read(file)


class AnX:
    """Gives lines once, on the first partition of posts; cut off as often as is asked for."""

    def __init__(self, lines: Sequence[bytes], *, cuts: int = 0, refuses: bool = False) -> None:
        self.lines, self.cuts, self.refuses = list(lines), cuts, refuses
        self.given = threading.Event()

    def stream(self, name: str, partition: int, *, backfill: timedelta) -> Iterator[bytes]:
        assert backfill == BACKFILL
        if self.refuses:
            raise CommandError("needs an Enterprise account", exit_code=2)
        if name == "tweets" and partition == 1 and self.cuts:
            self.cuts -= 1
            yield self.lines[0]
            raise CutOff("ConnectionError")
        if name == "tweets" and partition == 1:
            yield from self.lines
            self.given.set()
        threading.Event().wait(60)


def followed(x: AnX, path: Path, said: list[str]) -> tuple[list[Envelope], list[str]]:
    """Follow an X until it has given everything; return what was published, and what was done."""
    stop, published, journal = threading.Event(), list[Envelope](), list[str]()

    def publish(tombstones: Sequence[Envelope]) -> None:
        published.extend(tombstones)
        journal.append("published" if not path.exists() else "published again")
        if x.given.is_set():
            stop.set()

    listener = Listener(x, stop, said.append)
    listener.start([1])
    Follower(listener, Heard(path), publish, lambda: journal.append("swept"), 0.0).follow()
    return published, journal


def test_what_was_heard_is_noted_after_it_was_published_and_swept_at_the_end(
    tmp_path: Path,
) -> None:
    x = AnX([of_tweet("delete"), b"", of_tweet("tweet_edit"), b"nonsense"])

    published, journal = followed(x, tmp_path / "heard.json", [])

    assert [one.id for one in published] == ["17-deleted"]
    assert journal[0] == "published"
    assert journal[-1] == "swept"
    assert set(Heard.read(tmp_path / "heard.json").until) == {"tweets/1"}


def test_a_stream_that_is_cut_off_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tweetlog_ops.compliance_stream._FIRST_PAUSE_SECONDS", 0.01)
    said: list[str] = []

    published, _ = followed(AnX([of_tweet("delete")], cuts=2), tmp_path / "heard.json", said)

    assert {one.id for one in published} == {"17-deleted"}
    assert said[0] == "tweets/1: ConnectionError; again in 0 s"


def test_an_x_that_refuses_for_good_ends_it(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Enterprise"):
        followed(AnX([], refuses=True), tmp_path / "heard.json", [])
