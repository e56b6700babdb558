"""Filling holes by search: what is asked, what is found, what it costs, and what is said of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestor.capture import Tweet, event
from ingestor.x.answers import Cause
from ingestor.x.budget import Budget
from ingestor.x.mend import Mender
from ingestor.x.rules import Existing
from x_source import (
    A_RULE,
    FakeSearch,
    Offline,
    a_line,
    an_id,
    at,
    gap_events,
    refusal,
)

BOTH = Existing("12", "cat", "tweetlog:word")


def a_mender(x: Offline, search: FakeSearch, *rules: Existing, **more: Any) -> Mender:
    return Mender(
        x.gaps,
        search,
        intake=x.intake,
        buffer=x.buffer,
        ledger=x.ledger,
        fields={"tweet_fields": "id,text"},
        metrics=x.metrics,
        stop=x.stop,
        stream="main",
        clock=x.clock,
        **{"longest": timedelta(hours=24), "rules": lambda: rules or (A_RULE,), **more},
    )


def with_a_hole(x: Offline, start: float = 0, end: float = 10, cause: str = "stall") -> Offline:
    x.gaps.begin(at(start), cause)
    x.clock.to(end)
    x.gaps.end(at(end), minutes=None)
    return x


def test_what_a_hole_has_hidden_is_found_and_published_as_the_stream_would_have(
    tmp_path: Path,
) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3), an_id(5)])
    x.clock.to(90)
    a_mender(x, search).mend()

    items = x.published()
    tweets = [event(item.what) for item in items if isinstance(item.what, Tweet)]
    assert [one.id for one in tweets] == [str(an_id(5)), str(an_id(3))]
    assert tweets[1].json() == {
        "data": {"id": str(an_id(3)), "text": "found", "author_id": "7"},
        "includes": {"users": [{"id": "7", "username": "somebody"}]},
        "matching_rules": [{"id": "11", "tag": "tweetlog:plain"}],
    }
    assert tweets[0].extensions["receivedtime"] == "2026-11-27T12:01:30.000Z"
    assert [gap["repair"] for gap in gap_events(items)] == ["pending", "search"]
    assert gap_events(items)[-1].items() >= {"found": 2, "recovered": 2, "complete": True}.items()


def test_the_statement_that_it_is_repaired_comes_after_its_tweets(tmp_path: Path) -> None:
    x = with_a_hole(Offline(tmp_path))
    x.clock.to(90)
    a_mender(x, FakeSearch([an_id(3)])).mend()

    assert isinstance(x.published()[-2].what, Tweet)


def test_nothing_is_searched_for_before_all_can_be_found(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([])
    mender = a_mender(x, search)
    x.clock.to(84)
    mender.mend()
    assert search.asked == []

    x.clock.to(86)
    mender.mend()
    ((query, params),) = search.asked
    assert query == A_RULE.value
    assert (params["since_id"], params["until_id"]) == (an_id(-60) - 1, an_id(70))
    assert params["tweet_fields"] == "id,text"


def test_nothing_is_searched_for_before_the_rules_are_known(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3)])
    x.clock.to(90)
    a_mender(x, search, rules=tuple).mend()

    (hole,) = x.known()
    assert hole.repair == "pending"
    assert search.asked == []


def test_a_second_search_later_finds_what_was_indexed_late_and_then_it_is_over(
    tmp_path: Path,
) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3)])
    mender = a_mender(x, search)
    x.clock.to(90)
    mender.mend()
    x.published()
    search.ids = [an_id(3), an_id(4)]
    x.clock.to(911)
    mender.mend()
    items = x.published()
    x.clock.to(5_000)
    mender.mend()

    assert len(search.asked) == 2
    assert gap_events(items)[-1].items() >= {"found": 2, "recovered": 2}.items()
    assert list(x.known()) == []


def test_what_came_before_is_neither_published_nor_paid_again(tmp_path: Path) -> None:
    x = Offline(tmp_path)
    x.intake.line(a_line(an_id(-5)))
    with_a_hole(x)
    x.clock.to(90)
    a_mender(x, FakeSearch([an_id(-5), an_id(3)])).mend()

    items = x.published()
    assert sum(isinstance(item.what, Tweet) for item in items) == 2
    assert x.ledger.spent.today == 2
    assert gap_events(items)[-1].items() >= {"found": 2, "recovered": 1}.items()


def test_pages_are_followed_to_their_end(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3, n) for n in range(250)])
    x.clock.to(90)
    a_mender(x, search).mend()

    assert len(search.asked) == 3
    assert gap_events(x.published())[-1]["recovered"] == 250


def test_half_a_surrogate_pair_in_one_tweet_does_not_hide_the_others(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3), an_id(4)])
    search.text = "half a pair: \ud83d"
    x.clock.to(90)
    a_mender(x, search).mend()

    items = x.published()
    assert sum(isinstance(item.what, Tweet) for item in items) == 2
    assert b"\\ud83d" in event(items[-2].what).data


def test_near_holes_share_a_search_and_each_has_its_own_tweets(tmp_path: Path) -> None:
    x = with_a_hole(Offline(tmp_path))
    with_a_hole(x, 50, 60, "network")
    search = FakeSearch([an_id(3), an_id(55), an_id(56)])
    x.clock.to(140)
    a_mender(x, search).mend()

    assert len(search.asked) == 1
    repaired = [gap for gap in gap_events(x.published()) if gap["repair"] == "search"]
    assert [(gap["cause"], gap["recovered"]) for gap in repaired] == [("stall", 1), ("network", 2)]


def test_each_rule_is_searched_for_and_says_what_it_found(tmp_path: Path) -> None:
    x = with_a_hole(Offline(tmp_path))
    x.clock.to(90)
    a_mender(x, FakeSearch([an_id(3)]), A_RULE, BOTH).mend()

    (*_, gap) = gap_events(x.published())
    assert [(one["tag"], one["found"], one["recovered"]) for one in gap["rules"]] == [
        ("tweetlog:plain", 1, 1),
        ("tweetlog:word", 1, 0),
    ]
    assert gap["unseen"] == ["retweets", "matches in the text of a quoted Post"]
    assert not gap["complete"]


@pytest.mark.parametrize(
    ("hole", "more", "note"),
    [
        ({"cause": "budget"}, {}, "the budget was used up"),
        ({}, {"longest": timedelta(0)}, "switched off"),
        ({"start": -100_000}, {}, "longer than 1 day"),
        ({"start": -9 * 86_400, "end": -8 * 86_400}, {}, "older than the seven days"),
    ],
)
def test_a_hole_that_is_not_to_be_searched_for_says_why(
    tmp_path: Path, hole: dict[str, Any], more: dict[str, Any], note: str
) -> None:
    x, search = with_a_hole(Offline(tmp_path), **hole), FakeSearch([])
    x.clock.to(90)
    a_mender(x, search, **more).mend()

    (*_, gap) = gap_events(x.published())
    assert (gap["repair"], gap["complete"]) == ("none", False)
    assert note in gap["note"]
    assert search.asked == []
    assert list(x.known()) == []


def test_a_refusal_is_tried_again_after_the_wait_that_its_cause_has(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3)])
    mender = a_mender(x, search)
    search.refusals = [refusal(Cause.HTTP), refusal(Cause.RATE_LIMIT, reset_at=x.clock.now + 200)]
    for second in (90, 94, 96, 200, 213, 500):
        x.clock.to(second)
        mender.mend()

    assert len(search.asked) == 3
    assert gap_events(x.published())[-1]["repair"] == "search"


def refuse_at(search: FakeSearch, request: int, cause: Cause) -> None:
    search.before = lambda: (
        search.refusals.append(refusal(cause)) if len(search.asked) == request else None
    )


def test_after_a_refused_page_it_goes_on_with_that_page(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3, n) for n in range(250)])
    mender = a_mender(x, search)
    x.clock.to(90)
    refuse_at(search, 2, Cause.NETWORK)
    mender.mend()
    x.clock.to(120)
    mender.mend()

    items = x.published()
    assert sum(isinstance(item.what, Tweet) for item in items) == 250
    assert gap_events(items)[-1].items() >= {"found": 250, "recovered": 250}.items()
    assert len(search.asked) == 4  # the refused one, and each page once
    assert search.asked[2][1]["until_id"] == an_id(3, 150)
    assert x.ledger.spent.today == 250


def test_a_refused_rule_does_not_hold_up_the_others(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3)])
    mender = a_mender(x, search, BOTH, A_RULE)
    search.refusals = [refusal(Cause.REQUEST)]
    x.clock.to(90)
    mender.mend()

    (*_, gap) = gap_events(x.published())
    assert [(one["repair"], one["found"]) for one in gap["rules"]] == [("none", 0), ("search", 1)]
    assert "rule tweetlog:word: search refuses it: told to: bad_request" in gap["note"]
    assert not gap["complete"]


def test_a_repair_goes_on_after_a_crash_where_the_broker_has_its_tweets(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3, n) for n in range(150)])
    x.clock.to(90)
    refuse_at(search, 2, Cause.NETWORK)
    a_mender(x, search).mend()
    published = x.published()

    again = x.again()
    again.gaps.recover()
    again.clock.to(120)
    a_mender(again, search).mend()
    items = again.published()

    assert [len(asked[1]) and asked[1]["until_id"] for asked in search.asked[2:]] == [an_id(3, 50)]
    tweets = [one for one in (*published, *items) if isinstance(one.what, Tweet)]
    assert len(tweets) == 150
    assert gap_events(items)[-1].items() >= {"found": 150, "recovered": 150}.items()


def test_a_repair_begins_anew_after_a_crash_that_has_cost_its_tweets(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3, n) for n in range(150)])
    x.clock.to(90)
    refuse_at(search, 2, Cause.NETWORK)
    a_mender(x, search).mend()

    again = x.again()
    again.gaps.recover()
    again.clock.to(120)
    a_mender(again, search).mend()

    items = again.published()
    assert sum(isinstance(item.what, Tweet) for item in items) == 150
    assert gap_events(items)[-1].items() >= {"found": 150, "recovered": 150}.items()


def test_what_is_read_again_the_same_day_is_not_counted_again_not_even_after_a_restart(
    tmp_path: Path,
) -> None:
    x = Offline(tmp_path)
    for number in range(30):
        x.intake.line(a_line(an_id(-5, number)))
    with_a_hole(x)
    x.ledger.close()

    again = x.again()
    again.gaps.recover()
    again.clock.to(90)
    a_mender(again, FakeSearch([an_id(-5, n) for n in range(30)] + [an_id(3)])).mend()

    assert again.ledger.spent.today == 31
    # The ones of before are published again: nobody knows whether the broker has them.
    assert sum(isinstance(item.what, Tweet) for item in again.published()) == 31


def test_a_repair_that_the_budget_breaks_off_is_not_paid_again_the_next_day(
    tmp_path: Path,
) -> None:
    x = with_a_hole(Offline(tmp_path, Budget(per_day=400)))
    search = FakeSearch([an_id(3, n) for n in range(500)])
    mender = a_mender(x, search)
    x.clock.to(90)
    mender.mend()
    x.published()
    assert x.ledger.spent.today == 300
    x.clock.to(12 * 3600 + 100)
    mender.mend()

    assert x.ledger.spent.today == 200
    assert gap_events(x.published())[-1].items() >= {"found": 500, "recovered": 500}.items()


def test_a_repair_leaves_a_quarter_of_the_budget_to_the_stream(tmp_path: Path) -> None:
    x = with_a_hole(Offline(tmp_path, Budget(per_day=400)))
    search = FakeSearch([an_id(3, n) for n in range(1_000)])
    mender = a_mender(x, search)
    x.clock.to(90)
    mender.mend()
    mender.mend()

    assert x.ledger.spent.today == 300
    assert x.ledger.left() == 100
    x.published()
    (hole,) = x.known()
    assert hole.due == at(12 * 3600)
    assert [part.recovered for part in hole.searched] == [300]


def test_a_page_is_no_larger_than_what_may_be_spent(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path, Budget(per_day=60))), FakeSearch([an_id(3)])
    x.clock.to(90)
    a_mender(x, search).mend()

    assert search.asked[0][1]["max_results"] == 45


def test_a_stop_leaves_the_hole_to_the_next_start(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3)])
    x.clock.to(90)
    search.before = x.stop.set
    search.ids = [an_id(3, n) for n in range(150)]
    a_mender(x, search).mend()

    again = x.again()
    again.gaps.recover()
    search.before = lambda: None
    a_mender(again, search).mend()

    assert gap_events(again.published())[-1]["repair"] == "search"


def test_a_crash_before_the_broker_has_what_was_found_begins_the_repair_anew(
    tmp_path: Path,
) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3)])
    x.clock.to(90)
    a_mender(x, search).mend()  # what it found is in memory only
    a_mender(x, search).mend()
    assert len(search.asked) == 1

    again = x.again()
    again.gaps.recover()
    a_mender(again, search).mend()
    items = again.published()

    assert sum(isinstance(item.what, Tweet) for item in items) == 1
    assert gap_events(items)[-1].items() >= {"repair": "search", "recovered": 1}.items()


def test_a_crash_after_the_broker_has_it_repeats_nothing(tmp_path: Path) -> None:
    x, search = with_a_hole(Offline(tmp_path)), FakeSearch([an_id(3)])
    x.clock.to(90)
    a_mender(x, search).mend()
    x.published()

    again = x.again()
    again.gaps.recover()
    a_mender(again, search).mend()

    assert len(search.asked) == 1
    assert again.published() == []
