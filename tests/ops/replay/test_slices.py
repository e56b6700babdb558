from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tweetlog_ops.replay.slices import Slice, parted, slices

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HALF = timedelta(minutes=30)
COUNTS = st.dictionaries(st.integers(0, 48), st.integers(1, 100), max_size=20)


@given(COUNTS, st.integers(1, 60))
def test_slices_cover_the_window_without_a_gap_and_lose_no_event(
    counts: dict[int, int], most: int
) -> None:
    hours = [(NOON + n * HOUR, counts[n]) for n in sorted(counts)]
    since, until = NOON - HALF, NOON + 49 * HOUR + HALF

    found = list(slices(hours, since=since, until=until, most=most))

    assert found[0].since == since
    assert found[-1].until == until
    assert all(a.until == b.since for a, b in pairwise(found))
    assert sum(one.events for one in found) == sum(counts.values())
    assert all(one.events <= one.parts * most for one in found)


def test_few_events_are_one_slice() -> None:
    hours = [(NOON, 3), (NOON + 5 * HOUR, 4)]

    assert list(slices(hours, since=NOON + HALF, until=NOON + 9 * HOUR)) == [
        Slice(NOON + HALF, NOON + 9 * HOUR, 7)
    ]


def test_an_hour_with_too_many_is_parted_by_the_moments_of_its_events() -> None:
    whole = Slice(NOON, NOON + HOUR, 90, parts=3)
    start = int(NOON.timestamp()) * 1_000_000
    micros = [start + 5, start + 10, start + 10, start + 20, start + 30]

    found = list(parted(whole, micros))

    assert [(one.since - NOON).microseconds for one in found] == [0, 10, 20]
    assert found[-1].until == whole.until


@given(st.lists(st.integers(-(10**10), 10**10)))
def test_any_moments_leave_no_gap(micros: list[int]) -> None:
    whole = Slice(NOON, NOON + HOUR, 90, parts=3)
    start = int(NOON.timestamp()) * 1_000_000

    found = list(parted(whole, sorted(start + one for one in micros)))

    assert (found[0].since, found[-1].until) == (whole.since, whole.until)
    assert all(a.until == b.since for a, b in pairwise(found))
    assert all(one.since < one.until for one in found)
