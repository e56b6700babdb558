"""The schedule of X's documentation, number by number."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.x.answers import Cause, Ended
from ingestor.x.schedule import (
    CAPACITY,
    PROBE,
    WINDOW,
    Act,
    Bucket,
    Decision,
    Failures,
    decide,
)

NOW = 1_790_000_000.0


def decisions(
    *causes: Cause, opened: bool = False, reset_at: float | None = None
) -> Sequence[Decision]:
    """Return what follows from these ends, one after the other."""
    failures, made = Failures(), []
    for cause in causes:
        ended = Ended(cause, opened=opened, reset_at=reset_at)
        failures, decision = decide(failures, ended, NOW, jitter=lambda: 0.5)
        made.append(decision)
    return made


def waits(cause: Cause, times: int) -> list[float]:
    return [decision.wait for decision in decisions(*[cause] * times)]


@pytest.mark.parametrize("cause", [Cause.CLOSED, Cause.DISCONNECT, Cause.STALL, Cause.NETWORK])
def test_an_established_stream_that_drops_is_opened_again_at_once(cause: Cause) -> None:
    for decision in decisions(cause, cause, cause, opened=True):
        assert decision == Decision(Act.CONNECT, 0)


def test_network_errors_wait_a_quarter_of_a_second_more_each_up_to_16() -> None:
    found = waits(Cause.NETWORK, 70)

    assert found[:4] == [0.25, 0.5, 0.75, 1.0]
    assert found[62:] == [15.75, *[16.0] * 7]
    assert decisions(*[Cause.NETWORK] * 64)[-1].alert


def test_http_errors_wait_5_seconds_doubling_up_to_320() -> None:
    assert waits(Cause.HTTP, 9) == [5, 10, 20, 40, 80, 160, 320, 320, 320]
    assert [one.alert for one in decisions(*[Cause.HTTP] * 7)] == [False] * 6 + [True]


def test_a_rate_limit_without_a_reset_waits_a_minute_doubling() -> None:
    assert waits(Cause.RATE_LIMIT, 6) == [60, 120, 240, 480, 900, 900]


def test_a_rate_limit_waits_for_its_reset_and_a_little_more() -> None:
    (decision,) = decisions(Cause.RATE_LIMIT, reset_at=NOW + 100)

    assert decision.wait == 101.5


def test_a_reset_that_is_past_or_absurd_is_not_believed() -> None:
    (past,) = decisions(Cause.RATE_LIMIT, reset_at=NOW - 1)
    (absurd,) = decisions(Cause.RATE_LIMIT, reset_at=NOW * 1_000)

    assert past.wait == 60
    assert absurd.wait <= WINDOW + 2


def test_too_many_connections_evicts_at_once_and_backs_off_if_that_does_not_help() -> None:
    made = decisions(*[Cause.CONNECTIONS] * 9)

    assert {decision.act for decision in made} == {Act.EVICT}
    assert [decision.wait for decision in made] == [0, 5, 10, 20, 40, 80, 160, 320, 320]


def test_missing_rules_are_put_in_order_and_then_a_person_is_told() -> None:
    made = decisions(*[Cause.RULES] * 4)

    assert {decision.act for decision in made} == {Act.RECONCILE}
    assert [decision.wait for decision in made] == [0, 5, 10, 20]
    assert [decision.alert for decision in made] == [False, True, True, True]


@pytest.mark.parametrize(
    "cause",
    [Cause.UNAUTHORIZED, Cause.FORBIDDEN, Cause.CREDITS, Cause.USAGE_CAP, Cause.REQUEST],
)
def test_what_only_a_person_can_mend_is_parked_and_looked_at_every_15_minutes(cause: Cause) -> None:
    for decision in decisions(cause, cause):
        assert decision == Decision(Act.PARK, PROBE)


def test_a_backfill_that_is_refused_is_left_out() -> None:
    _, with_it = decide(Failures(), Ended(Cause.REQUEST), NOW, backfill=True)
    _, without = decide(Failures(), Ended(Cause.REQUEST), NOW, backfill=False)

    assert (with_it.act, without.act) == (Act.WITHOUT_BACKFILL, Act.PARK)


def test_a_fault_of_ours_ends_the_process() -> None:
    assert decisions(Cause.FAULT)[0].act is Act.FAIL


def test_causes_count_for_themselves_and_an_open_stream_ends_the_count() -> None:
    failures = Failures()
    for cause in (Cause.HTTP, Cause.HTTP, Cause.NETWORK):
        failures, decision = decide(failures, Ended(cause), NOW)
    assert decision.wait == 0.25

    failures, _ = decide(failures, Ended(Cause.CLOSED, opened=True), NOW)
    _, decision = decide(failures, Ended(Cause.HTTP), NOW)

    assert decision.wait == 5


def connects(bucket: Bucket, end: float, *, speed: float = 1) -> list[float]:
    """Return when one connects that always connects as soon as it may."""
    now, made = bucket.at, []
    while now <= end:
        bucket = bucket.refilled(now, speed=speed)
        wait = bucket.wait(speed=speed)
        if wait > 1e-9:
            now += max(wait, 1e-6)  # as fine as seconds since 1970 are
        else:
            bucket = bucket.taken()
            made.append(now)
    return made


@given(st.floats(0, CAPACITY), st.floats(0, 2_000))
def test_no_15_minutes_have_more_than_the_50_connects_that_x_allows(
    tokens: float, later: float
) -> None:
    made = connects(Bucket(tokens, NOW), NOW + 3_000)

    begin = NOW + later
    assert sum(begin <= moment < begin + WINDOW for moment in made) <= 46


def test_ten_connects_are_at_once_and_then_one_comes_every_26_seconds() -> None:
    made = connects(Bucket(CAPACITY, NOW), NOW + 60)

    assert made[:10] == [NOW] * 10
    assert made[10] - NOW == pytest.approx(25.7, abs=0.1)


def test_a_clock_that_is_set_back_fills_nothing() -> None:
    bucket = Bucket(0.5, NOW).refilled(NOW - 10_000).refilled(NOW - 10_000 + 13)

    assert bucket.tokens == pytest.approx(0.5 + 13 / 25.7, abs=0.01)
