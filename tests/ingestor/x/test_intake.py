"""What becomes of a line of the stream, and what is counted for it."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ingestor.capture import Tweet, Unusable, event
from ingestor.x.answers import Cause
from ingestor.x.budget import Budget
from ingestor.x.intake import captured
from ingestor.x.spill import Record
from tweetlog.events import REJECTED
from x_source import Offline, a_line, an_id


def test_a_tweet_is_handed_on_byte_for_byte_with_the_moment_of_its_receipt(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    line = b' {"data" : {"text":"caf\\u00e9 \xe2\x80\xa8", "id":"%d"}}' % an_id(-1)
    x.intake.line(line)

    (item,) = x.published()
    made = event(item.what)
    assert made.data == line
    assert made.id == str(an_id(-1))
    assert made.extensions == {"receivedtime": "2026-11-27T12:00:00.000Z"}


def test_a_tweet_that_comes_again_is_dropped_and_not_paid_again(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    for _ in range(3):
        x.intake.line(a_line(an_id(0)))

    assert len(x.published()) == 1
    assert x.ledger.spent.today == 1
    assert x.metric("duplicates_total") == 2


def test_a_tweet_that_comes_again_on_the_next_day_is_paid_again(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    x.intake.line(a_line(an_id(0)))
    x.clock.to(12 * 3600 + 61)
    x.intake.line(a_line(an_id(0)))
    x.intake.line(a_line(an_id(0)))

    assert (x.ledger.spent.today, x.ledger.spent.this_month) == (1, 2)
    assert len(x.published()) == 1


def test_included_tweets_count_as_posts_since_x_may_bill_them(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    included = {"tweets": [{"id": "5"}, {"id": "6"}, {"id": "no"}], "users": [{"id": "7"}]}
    x.intake.line(a_line(an_id(0), includes=included))
    x.intake.line(a_line(an_id(1), includes=included))

    assert x.ledger.spent.today == 4


def test_at_the_end_of_the_budget_the_stream_is_closed_and_what_is_paid_is_kept(
    tmp_path: Path,
) -> None:
    x = Offline(tmp_path, Budget(per_day=2))
    for number in range(3):
        x.intake.line(a_line(an_id(0, number)))

    assert [ended.cause for ended in x.kicks] == [Cause.BUDGET, Cause.BUDGET]
    assert len(x.published()) == 3
    assert x.ledger.spent.today == 3


def test_a_tweet_is_counted_before_it_is_handed_on(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    x.intake.line(a_line(an_id(0)))
    crashed = x.again()

    assert crashed.ledger.spent.today >= 1
    assert crashed.published() == []  # it was in memory only: the hole says so


def test_what_cannot_be_counted_is_kept_and_ends_the_stream(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    (tmp_path / "state" / "budget.json.new").mkdir()
    x.intake.line(a_line(an_id(0)))

    assert [ended.cause for ended in x.kicks] == [Cause.STATE]
    assert len(x.published()) == 1


def test_when_memory_and_disk_are_full_the_stream_is_closed_and_what_is_paid_is_kept(
    tmp_path: Path,
) -> None:
    x = Offline(tmp_path, memory=4_000, disk=3_000)
    for number in range(40):
        x.intake.line(a_line(an_id(0, number)))
        if x.kicks:
            break

    assert {ended.cause for ended in x.kicks} == {Cause.BACK_PRESSURE}
    assert len(x.published()) == number + 1


def test_a_disk_that_fails_closes_the_stream_and_what_is_paid_is_kept(tmp_path: Path) -> None:
    x = Offline(tmp_path, memory=0)
    (tmp_path / "state" / "spill" / "0000000001.spill").mkdir()
    x.intake.line(a_line(an_id(0)))

    assert [ended.cause for ended in x.kicks] == [Cause.STATE]
    assert len(x.published()) == 1


def test_a_disconnect_in_the_stream_ends_it_and_is_no_dead_letter(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    problem = {"type": "https://api.x.com/2/problems/operational-disconnect", "title": "t"}
    x.intake.line(json.dumps({"errors": [problem]}).encode())

    assert [ended.cause for ended in x.kicks] == [Cause.DISCONNECT]
    assert x.published() == []


def test_a_partial_error_beside_a_tweet_is_a_tweet(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    x.intake.line(a_line(an_id(0), errors=[{"title": "operational-disconnect", "type": "x"}]))

    assert isinstance(x.published()[0].what, Tweet)
    assert x.kicks == []


def test_what_is_no_tweet_is_set_aside_with_its_reason_and_the_stream_goes_on(
    tmp_path: Path,
) -> None:
    x = Offline(tmp_path)
    strange = [b'{"data":{"id":"1790000', b'{"stream_notice":{}}', b'{"data":{"text":"x"}}', b"5"]
    for line in strange:
        x.intake.line(line)

    items = x.published()
    assert [item.what.data for item in items if isinstance(item.what, Unusable)] == strange
    assert {event(item.what).type for item in items} == {REJECTED}
    assert [event(item.what).json()["reason_class"] for item in items] == [
        "not_json",
        "no_data",
        "no_id",
        "not_a_tweet",
    ]
    assert x.kicks == []
    assert x.ledger.spent.today == 1  # the first may have been a tweet, and is billed if it was
    assert x.metric("unusable_lines_total", reason="not_json") == 1


def test_a_line_from_the_spill_is_the_event_that_it_was(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    for line in (a_line(an_id(0)), b"rubbish"):
        x.intake.line(line)

    for item in x.published():
        assert item.line is not None
        record = Record(float(f"{item.received:.6f}"), item.line)
        assert event(captured(record, "main")) == event(item.what)


def test_tweets_are_counted_by_the_rules_that_brought_them(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    x.intake.line(a_line(an_id(0)))
    x.intake.line(a_line(an_id(1), matching_rules=[{"id": "5"}, {"id": "6", "tag": "t"}]))
    x.intake.line(a_line(an_id(2), matching_rules="none"))

    assert x.metric("tweets_total", rule="tweetlog:plain") == 1
    assert x.metric("tweets_total", rule="5") == 1
    assert x.metric("tweets_total", rule="t") == 1
    assert x.intake.tweets == 3


@given(st.binary() | st.builds(lambda text: json.dumps(text).encode(), st.text()))
def test_any_line_is_taken(line: bytes) -> None:
    import tempfile  # noqa: PLC0415 - a fixture is not made anew for each example

    with tempfile.TemporaryDirectory() as folder:
        x = Offline(Path(folder))
        x.intake.line(line)

        assert len(x.published()) == 1
