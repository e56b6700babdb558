"""Every fault of the wire, one by one, over a local X API: what it costs, when it is tried again.

Waits are read from the server's log, in X's seconds. Lower bounds only: the machine may be slow,
but nothing may be early.
"""

import threading
from pathlib import Path
from typing import Any

import pytest
import tweepy

from tweetlog.envelope import Envelope
from tweetlog.errors import PublishFailed
from tweetlog.events import RECEIVED
from tweetlog.topic import InMemoryTopic
from tweetlog_local.x_api import Running
from x_client import Collector, Lab, pointed
from x_live import SPEED, STREAM, Live, doubled, eventually, live

pytestmark = pytest.mark.servers


def StreamingClient(up: Running) -> Any:  # noqa: N802 - as tweepy names it
    return pointed(tweepy.StreamingClient(up.token), up)


#: What a clock that counts milliseconds may be off, in X's seconds.
SLACK = 0.1


def after_all(made: Live) -> None:
    """Wait until everything is there; then nothing is lost and nothing doubled."""
    made.until(made.has_all)

    assert doubled(made.events(RECEIVED)) == set()


@pytest.mark.parametrize(
    ("fault", "cause", "rejected"),
    [
        ({"kind": "end"}, "closed", []),
        ({"kind": "cut"}, "network", []),
        ({"kind": "reset"}, "network", []),
        ({"kind": "tear"}, "closed", ["not_json"]),
        ({"kind": "disconnect"}, "disconnect", []),
        ({"kind": "disconnect", "upstream": False}, "disconnect", []),
        ({"kind": "disconnect", "bare": True}, "disconnect", []),
        ({"kind": "disconnect", "stay": True}, "disconnect", []),
        ({"kind": "end_slow_reader"}, "network", []),
    ],
)
def test_a_stream_that_ends_is_opened_again_at_once_and_what_the_hole_hid_is_found(
    x: Running, tmp_path: Path, fault: dict[str, Any], cause: str, rejected: list[str]
) -> None:
    Lab(x).fault(**fault, after=10, count=3)
    with live(x, tmp_path) as made:
        after_all(made)
        connects = made.connects()

    assert made.causes() == [cause] * 3
    assert {gap["repair"] for gap in made.gaps()[:3]} == {"search"}
    assert all(gap["complete"] for gap in made.gaps()[:3])
    assert [one["status"] for one in connects] == [200] * 4
    assert [one["reason_class"] for one in made.rejected()] == rejected * 3


def test_a_stream_that_is_silent_is_closed_and_opened_again(x: Running, tmp_path: Path) -> None:
    Lab(x).fault("stall", after=20)
    with live(x, tmp_path, TWEETLOG_X_STALL_SECONDS="100") as made:
        after_all(made)
        waits = made.waits()

    assert made.causes() == ["stall"]
    # From the last tweet to our end; the server saw us leave.
    (gap,) = [one for one in made.gaps() if one["cause"] == "stall"]
    assert gap["complete"]
    assert len(waits) == 1


@pytest.mark.parametrize(
    ("problem", "schedule"),
    [
        ("unavailable", [5, 10, 20]),
        ("unavailable_html", [5, 10]),
        ("unavailable_empty", [5, 10]),
        ("internal", [5, 10]),
        ("bad_gateway", [5, 10]),
    ],
)
def test_http_errors_wait_5_seconds_doubling(
    x: Running, tmp_path: Path, problem: str, schedule: list[float]
) -> None:
    Lab(x).fault("answer", problem=problem, count=len(schedule))
    with live(x, tmp_path) as made:
        after_all(made)
        waits = made.waits()

    assert len(waits) == len(schedule)
    assert all(wait > least - SLACK for wait, least in zip(waits, schedule, strict=True))
    assert waits[0] < schedule[-1] * 10


@pytest.mark.parametrize("x", [{"speed": 500}], indirect=True)
def test_a_rate_limit_waits_for_xs_reset(x: Running, tmp_path: Path) -> None:
    Lab(x).fault("answer", problem="rate_limit")
    with live(x, tmp_path, TWEETLOG_X_SPEED="500") as made:
        after_all(made)
        log = made.connects()

    assert [one["status"] for one in log] == [429, 200]
    # The window began with the first request; the schedule without a reset would be a minute.
    assert (log[1]["time"] - log[0]["time"]) * 500 > 900 - SLACK


def test_network_errors_wait_a_quarter_of_a_second_more_each(x: Running, tmp_path: Path) -> None:
    Lab(x).fault("hang_up", count=6)
    with live(x, tmp_path) as made:
        after_all(made)
        waits = made.waits()

    schedule = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5]
    assert len(waits) == 6
    assert all(wait > least - SLACK for wait, least in zip(waits, schedule, strict=True))


def test_a_server_that_refuses_connections_is_tried_until_it_is_back(
    x: Running, tmp_path: Path
) -> None:
    with live(x, tmp_path) as made:
        made.until(lambda: len(made.ids()) > 20)
        made.lab.fault("refuse", seconds=1.0)
        made.lab.fault("end")
        after_all(made)

    assert made.causes() == ["closed"]
    assert made.ingest._metrics.connects.labels("network")._value.get() > 1  # noqa: SLF001 - of no other use


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(x: Running, tmp_path: Path) -> None:
    with live(x, tmp_path) as made:
        made.until(lambda: len(made.ids()) > 20)
        made.lab.fault("untrusted", count=2)
        made.lab.fault("end")
        after_all(made)

    assert made.causes() == ["closed"]


@pytest.mark.parametrize("x", [{"speed": 500}], indirect=True)
@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("credits", "does not have any credits"),
        ("not_enrolled", "attached to a Project"),
        ("usage_cap", "Monthly product cap"),
        ("unauthorized", "Unauthorized"),
    ],
)
def test_what_only_a_person_can_mend_is_parked_live_and_not_ready(
    x: Running, tmp_path: Path, problem: str, said: str
) -> None:
    Lab(x).fault("answer", problem=problem)
    with live(x, tmp_path, TWEETLOG_X_SPEED="500") as made:
        made.until(lambda: "parked" in "".join(made.ingest.ready()))
        (why,) = made.ingest.ready()
        assert said in why
        assert made.ingest.alive() == []
        assert made.ingest._loop.rules  # noqa: SLF001 - it has got as far as that
        after_all(made)
        log = made.connects()
        assert made.ingest.ready() == []

    assert len(log) == 2
    assert (log[1]["time"] - log[0]["time"]) * 500 > 900 - SLACK


def test_a_wrong_token_is_parked_and_a_new_one_in_its_file_is_taken_at_once(
    x: Running, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("wrong")
    with live(
        x, tmp_path, TWEETLOG_X_BEARER_TOKEN="", TWEETLOG_X_BEARER_TOKEN_FILE=str(token)
    ) as made:
        made.until(lambda: "parked" in "".join(made.ingest.ready()))
        assert "put a valid bearer token in place" in made.ingest.ready()[0]
        token.write_text(x.token)
        after_all(made)


def test_rules_that_were_deleted_behind_our_back_are_put_back(x: Running, tmp_path: Path) -> None:
    with live(x, tmp_path) as made:
        made.until(lambda: len(made.ids()) > 20)
        rules = StreamingClient(x)
        rules.delete_rules([rule.id for rule in rules.get_rules().data])
        made.lab.fault("end")
        made.until(lambda: len(made.connects()) == 3)  # ... 409, 200
        made.until(lambda: rules.get_rules().data)
        made.until(lambda: made.ingest.ready() == [])

    assert [one["status"] for one in made.connects()] == [200, 409, 200]


@pytest.mark.parametrize("x", [{"ghost": 3_000}], indirect=True)
def test_our_own_stale_connection_is_evicted(x: Running, tmp_path: Path) -> None:
    Lab(x).fault("stall", after=20)
    with live(x, tmp_path, TWEETLOG_X_STALL_SECONDS="100") as made:
        after_all(made)
        log = made.connects()
        evictions = made.lab.log("/2/connections")

    assert [one["status"] for one in log] == [200, 429, 200]
    assert [one["method"] for one in evictions] == ["GET", "DELETE"]
    assert (log[2]["time"] - log[1]["time"]) * SPEED < 3_000


def test_a_connection_of_somebody_else_is_left_alone(x: Running, tmp_path: Path) -> None:
    """Ours is known by when it was opened; theirs is older than any of ours."""
    theirs = Collector(x)
    rules = StreamingClient(x)
    rules.add_rules(tweepy.StreamRule("cat", tag="theirs"))
    theirs.filter(threaded=True)
    eventually(lambda: theirs.opened)
    with live(x, tmp_path) as made:
        made.until(lambda: len(made.connects()) > 3)
        made.until(lambda: "maximum allowed connection limit" in "".join(made.ingest.ready()))
        seen = made.lab.log("/2/connections")
        assert not made.ids()
        theirs.disconnect()
        made.until(lambda: made.ingest.ready() == [])
        waits = made.waits()

    assert {one["method"] for one in seen} == {"GET"}
    assert all(wait > least - SLACK for wait, least in zip(waits[1:3], [0, 5], strict=True))


@pytest.mark.parametrize("kind", ["slow_headers", "no_answer"])
def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(
    x: Running, tmp_path: Path, kind: str
) -> None:
    Lab(x).fault(kind, seconds=0.5 if kind == "slow_headers" else 0)
    with live(x, tmp_path, TWEETLOG_X_STALL_SECONDS="100") as made:
        after_all(made)


def test_a_stream_without_a_byte_is_opened_again(x: Running, tmp_path: Path) -> None:
    Lab(x).fault("empty_body", count=3)
    with live(x, tmp_path) as made:
        after_all(made)

    assert set(made.causes()) == {"closed"}


@pytest.mark.parametrize("x", [{"tweets": 500}], indirect=True)
def test_odd_lines_do_not_end_the_stream(x: Running, tmp_path: Path) -> None:
    lab = Lab(x)
    lab.fault("repeat", after=5, times=3, count=5)
    lab.fault("untag", after=15, count=5)
    lab.fault("partial_error", after=25, count=5)
    lab.fault("split", after=35, bytes=1, count=2)
    lab.fault("hold_gzip", after=45, count=5)
    lab.fault("delay", after=55, count=5)
    lab.fault("unknown_message", after=65)
    lab.fault("bare_error", after=70)
    lab.fault("line", after=75, text='{"data":{"id":"no')
    with live(x, tmp_path) as made:
        made.until(lambda: all(fault["count"] == 0 for fault in lab.get("faults")))
        made.until(lambda: len(made.rejected()) == 3)
        after_all(made)
        connects = made.connects()

    assert len(connects) == 1
    assert made.causes() == []
    assert sorted(one["reason_class"] for one in made.rejected()) == [
        "no_data",
        "no_data",
        "not_json",
    ]
    assert made.ingest._metrics.duplicates._value.get() == 15  # noqa: SLF001 - of no other use


@pytest.mark.parametrize("x", [{"tier": "enterprise"}], indirect=True)
def test_with_backfill_a_hole_is_filled_by_the_stream_itself(x: Running, tmp_path: Path) -> None:
    Lab(x).fault("cut", after=20, count=2)
    with live(x, tmp_path, TWEETLOG_X_BACKFILL="on") as made:
        after_all(made)
        connects = made.connects()

    assert [one["query"].get("backfill_minutes") for one in connects] == [None, "2", "2"]
    assert {gap["repair"] for gap in made.gaps()[:2]} == {"backfill"}
    assert all(gap["complete"] for gap in made.gaps()[:2])
    assert made.lab.log("/2/tweets/search/recent") == []


def test_a_tier_without_backfill_is_noticed_and_search_fills_the_hole(
    x: Running, tmp_path: Path
) -> None:
    Lab(x).fault("cut", after=30)
    with live(x, tmp_path, TWEETLOG_X_BACKFILL="on") as made:
        after_all(made)
        connects = made.connects()

    assert [one["status"] for one in connects] == [200, 400, 200]
    assert made.gaps()[0]["repair"] == "search"


class Away(InMemoryTopic):
    """A topic that takes nothing until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.back = threading.Event()

    def publish(self, *events: Envelope) -> None:
        if not self.back.is_set():
            raise PublishFailed("away")
        super().publish(*events)


@pytest.mark.parametrize("x", [{"tweets": 600, "rate": 100}], indirect=True)
def test_beyond_memory_and_disk_the_stream_is_closed_and_the_hole_recorded_and_filled(
    x: Running, tmp_path: Path
) -> None:
    raw = Away()
    little = {"TWEETLOG_X_QUEUE_BYTES": "30000", "TWEETLOG_X_SPILL_BYTES": "60000"}
    with live(x, tmp_path, raw, **little) as made:
        made.until(lambda: "memory and spill are full" in "".join(made.ingest.ready()))
        full = made.lab.get("stats")["deliveries"]
        made.until(lambda: made.lab.get("stats")["finished"])
        assert made.lab.get("stats")["deliveries"] == full  # nothing that could not be kept
        raw.back.set()
        after_all(made)

    assert "back_pressure" in made.causes()
    assert {gap["repair"] for gap in made.gaps() if gap["repair"] != "open"} == {"search"}


def test_at_the_start_xs_own_caps_are_told(
    x: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Lab(x).fault("answer", problem="not_enrolled", path=f"{STREAM}/rules/counts")
    with caplog.at_level("INFO"), live(x, tmp_path) as made:
        made.until(lambda: made.ingest.ready() == [])
    with caplog.at_level("INFO"), live(x, tmp_path / "again") as made:
        made.until(lambda: made.ingest.ready() == [])

    assert "X does not tell its caps" in caplog.text
    assert "X has 1 rules; it allows 1000 for this app, 1000 for the project" in caplog.text
