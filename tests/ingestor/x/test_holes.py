"""Holes and their repair: what is recorded, what is asked of X, and what that proves."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.x import repair
from ingestor.x.holes import (
    MARGIN,
    NONE,
    OPEN,
    PENDING,
    SEARCH,
    Hole,
    Holes,
    RuleRepair,
    Searched,
    event,
    groups,
    owner,
    restored,
    stored,
)
from ingestor.x.rules import Existing
from tweetlog import events
from tweetlog.schema import schema

START = datetime(2026, 11, 27, 12, tzinfo=UTC)
PLAIN = Existing("1", "from:somebody -is:retweet", "tweetlog:plain")
WORD = Existing("2", "cat", "tweetlog:word")
SAMPLE = Existing("3", "dog sample:5", "tweetlog:sample")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def a_hole(start: float = 0, end: float | None = 10, **more: object) -> Hole:
    ended = None if end is None else at(end)
    values = {"repair": OPEN if end is None else PENDING, "revision": int(end is not None), **more}
    return replace(Hole(at(start), ended, ended or at(start), "stall"), **values)  # type: ignore[arg-type]


def test_a_hole_opens_ends_and_is_over_when_its_last_word_is_confirmed() -> None:
    holes = Holes()
    opened = holes.begin(at(0), at(1), "stall")
    closed = holes.close(at(9), repair=PENDING, due=at(84))
    assert closed is not None
    assert (opened.revision, closed.revision) == (0, 1)
    assert (closed.start, closed.end, closed.cause) == (at(0), at(9), "stall")

    mended = holes.put(closed.changed(repair=SEARCH, due=None))
    holes.confirm(at(0), 1)
    assert holes.unsaid() == [replace(mended, confirmed=1)]
    holes.confirm(at(0), 2)

    assert holes.known == []


def test_a_hole_that_is_open_goes_on() -> None:
    holes = Holes()
    holes.begin(at(0), at(1), "stall")
    holes.begin(at(5), at(6), "network")

    assert [hole.cause for hole in holes.known] == ["stall"]


def test_after_a_crash_the_hole_begins_where_the_last_durable_tweet_is() -> None:
    holes = Holes()
    holes.recover(at(0), at(30), "crash", at(75))

    assert holes.open == Hole(at(0), None, at(30), "crash")


def test_a_crash_while_a_hole_is_open_loses_what_was_only_in_memory_too() -> None:
    holes = Holes()
    holes.begin(at(10), at(11), "stall")
    holes.recover(at(7), at(60), "crash", at(85))

    assert [(hole.start, hole.end) for hole in holes.known] == [(at(10), None), (at(7), at(10))]
    assert holes.due(at(85)) == [holes.known[1]]


def test_a_crash_before_anything_more_was_heard_makes_one_hole_of_two() -> None:
    holes = Holes()
    holes.begin(at(0), at(1), "stall")
    holes.close(at(9), repair=PENDING, due=at(84))
    holes.recover(at(0), at(60), "crash", at(75))

    assert [(hole.start, hole.end, hole.revision) for hole in holes.known] == [(at(0), None, 2)]


@given(
    st.builds(
        Hole,
        st.datetimes(timezones=st.just(UTC)),
        st.none() | st.datetimes(timezones=st.just(UTC)),
        st.datetimes(timezones=st.just(UTC)),
        st.text(),
        unseen=st.lists(st.text()).map(tuple),
        rules=st.lists(st.builds(RuleRepair, *[st.text()] * 3)).map(tuple),
        due=st.none() | st.datetimes(timezones=st.just(UTC)),
        revision=st.integers(0),
    )
)
def test_a_hole_is_kept_as_it_is(hole: Hole) -> None:
    assert restored(stored(hole)) == hole


def test_its_event_is_what_the_schema_says_and_bounds_the_ids_it_may_have_hidden() -> None:
    hole = a_hole(rules=(RuleRepair("1", "a", SEARCH, 3, 2, "retweets"),), note="why")
    made = event(hole, "main")

    jsonschema.validate(made.json(), schema(events.GAP), cls=jsonschema.Draft202012Validator)
    hidden = events.first_id(at(5))
    assert int(made.json()["after_id"]) < hidden < int(made.json()["before_id"])
    assert int(made.json()["after_id"]) < events.first_id(at(0) - MARGIN)
    assert made.json()["rules"][0]["recovered"] == 2


def test_every_statement_about_a_hole_has_the_same_subject_and_an_id_of_its_own() -> None:
    opened, closed = event(a_hole(end=None), "main"), event(a_hole(), "main")

    assert opened.subject == closed.subject
    assert opened.id != closed.id


def test_holes_that_one_search_can_fill_are_grouped() -> None:
    near, nearer, far = a_hole(0, 10), a_hole(100, 110), a_hole(1_000, 1_001)

    assert groups([far, near, nearer]) == [(near, nearer), (far,)]


def test_a_tweet_belongs_to_the_last_hole_that_began_before_it() -> None:
    group = (a_hole(0, 10), a_hole(100, 110))

    assert [owner(group, events.first_id(at(second))) for second in (-50, 5, 60, 105, 150)] == [
        0, 0, 0, 1, 1,
    ]  # fmt: skip


def test_backfill_asks_for_as_many_minutes_as_the_oldest_hole_needs() -> None:
    def minutes(*starts: float) -> int | None:
        return repair.minutes([a_hole(start, None) for start in starts], at(0))

    assert minutes() is None
    assert minutes(-1) == 2
    assert minutes(-59) == 2
    assert minutes(-61) == 3
    assert minutes(-200, -61) == 5
    assert minutes(-269) == 5
    assert minutes(-271) is None


def test_a_search_has_margins_on_both_sides_and_none_for_a_rule_that_it_cannot_do() -> None:
    (query,) = repair.queries([a_hole()], [PLAIN, SAMPLE], at(100))

    assert query.rule == PLAIN
    assert query.after_id == events.first_id(at(-60)) - 1
    assert query.before_id == events.first_id(at(70))


def test_a_search_does_not_ask_for_what_x_refuses() -> None:
    (soon,) = repair.queries([a_hole()], [PLAIN], at(20))
    (late,) = repair.queries([a_hole()], [PLAIN], at(7 * 86_400 - 590))

    assert soon.before_id == events.first_id(at(9))
    assert late.after_id == events.first_id(at(10)) - 1
    assert repair.queries([a_hole()], [PLAIN], at(8 * 86_400)) == []


def searched(rule: Existing, found: int = 0, recovered: int = 0, refused: str = "") -> Searched:
    return Searched(rule.id, 100, 200, found, recovered, refused)


def test_a_rule_that_search_sees_wholly_is_complete_after_it() -> None:
    first = repair.result(a_hole(searched=(searched(PLAIN, 5, 3),)), [PLAIN], at(90))

    assert (first.repair, first.complete, first.found, first.recovered) == (SEARCH, True, 5, 3)
    assert first.due == at(10 + 900)

    parts = (searched(PLAIN, 4, 1), searched(PLAIN, 2, 0))
    second = repair.result(replace(first, searched=parts), [PLAIN], at(950))
    assert (second.found, second.recovered, second.due) == (6, 4, None)
    assert second.rules == (RuleRepair("1", PLAIN.tag, SEARCH, 6, 4, ""),)
    assert first.searched == second.searched == ()


@pytest.mark.parametrize(
    ("end", "now", "due"),
    [
        ("12:00", "12:01", "12:15"),
        ("12:00", "13:00", "12:15"),  # at once
        ("23:50", "23:52", "23:58"),
        ("23:57", "23:58", None),
        ("23:59", "00:01", "00:14"),
    ],
)
def test_a_second_search_is_on_the_same_day_since_x_bills_it_on_the_next(
    end: str, now: str, due: str | None
) -> None:
    def moment(clock: str) -> datetime:
        return datetime.fromisoformat(f"2026-11-{28 if clock < end else 27}T{clock}:00Z")

    hole = replace(a_hole(), start=moment(end) - timedelta(seconds=9), end=moment(end))

    assert repair.result(hole, [PLAIN], moment(now)).due == (moment(due) if due else None)


def test_what_search_cannot_see_is_said_and_never_called_complete() -> None:
    mended = repair.result(a_hole(), [PLAIN, WORD, SAMPLE], at(90))

    assert not mended.complete
    assert mended.unseen == ("retweets", "matches in the text of a quoted Post")
    assert mended.note == "rule tweetlog:sample: search does not know sample:"
    assert [rule.repair for rule in mended.rules] == [SEARCH, SEARCH, NONE]


def test_a_hole_that_no_rule_can_be_searched_for_is_not_repaired() -> None:
    mended = repair.result(a_hole(), [SAMPLE], at(90))

    assert (mended.repair, mended.complete, mended.due) == (NONE, False, None)


def test_a_hole_without_any_rule_is_not_called_complete() -> None:
    assert not repair.result(a_hole(), [], at(90)).complete


def test_a_hole_that_search_reaches_only_in_part_says_so() -> None:
    mended = repair.result(a_hole(), [PLAIN], at(7 * 86_400 - 500))

    assert not mended.complete
    assert "seven days" in mended.note


def test_a_rule_that_search_refuses_is_told_and_the_others_count() -> None:
    parts = (searched(PLAIN, 2, 1), searched(WORD, refused="HTTP 400: no such operator"))
    mended = repair.result(a_hole(searched=parts), [PLAIN, WORD], at(90))

    assert (mended.repair, mended.complete, mended.found) == (SEARCH, False, 2)
    assert "rule tweetlog:word: search refuses it: HTTP 400: no such operator" in mended.note
    assert [rule.repair for rule in mended.rules] == [SEARCH, NONE]
    assert repair.queries([a_hole(searched=parts)], [WORD], at(90)) == []


def test_only_what_was_not_searched_yet_is_searched() -> None:
    (whole,) = repair.queries([a_hole()], [PLAIN], at(100))
    middle = (whole.after_id + whole.before_id) // 2
    part = Searched(PLAIN.id, middle, whole.before_id, 7, 7)

    (rest,) = repair.queries([a_hole(searched=(part,))], [PLAIN], at(100))
    assert (rest.after_id, rest.before_id) == (whole.after_id, middle + 1)
    assert repair.queries([a_hole(searched=(part,))], [WORD], at(100))[0].before_id == (
        whole.before_id
    )
    done = (part, Searched(PLAIN.id, whole.after_id, middle + 1))
    assert repair.queries([a_hole(searched=done)], [PLAIN], at(100)) == []


def test_what_one_hole_has_searched_another_one_near_it_has_not() -> None:
    near = a_hole(60, 70)
    (whole,) = repair.queries([near], [PLAIN], at(160))
    old = a_hole(searched=(Searched(PLAIN.id, 0, 1 << 63),))

    (query,) = repair.queries([old, near], [PLAIN], at(160))
    assert (query.after_id, query.before_id) == (whole.after_id, whole.before_id)


SPANS = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda two: (min(two), max(two)))


def ids(spans: Iterable[repair.Span]) -> list[int]:
    return [id for after, before in spans for id in range(after + 1, before)]


@given(SPANS, st.lists(SPANS, max_size=5))
def test_what_is_left_is_every_id_that_was_not_searched_and_no_other_once(
    whole: repair.Span, done: list[repair.Span]
) -> None:
    left = ids(repair.without(whole, done))

    assert left == sorted(set(ids([whole])) - set(ids(done)))


@given(st.lists(SPANS, max_size=6))
def test_spans_that_overlap_become_one_with_the_same_ids(spans: list[repair.Span]) -> None:
    assert ids(repair.joined(spans)) == sorted(set(ids(spans)))
