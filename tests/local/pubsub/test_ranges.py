from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tweetlog_local.pubsub.ranges import Ranges, stretches

PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=20)


def values(pairs: list[tuple[int, int]]) -> set[int]:
    return {value for first, last in pairs for value in range(first, last + 1)}


@given(PAIRS)
def test_ranges_hold_what_a_set_would(pairs: list[tuple[int, int]]) -> None:
    ranges = Ranges(pairs)

    assert {value for value in range(-1, 62) if value in ranges} == values(pairs)


@given(PAIRS)
def test_the_count_is_that_of_the_set(pairs: list[tuple[int, int]]) -> None:
    assert Ranges(pairs).count == len(values(pairs))


@given(PAIRS)
def test_stretches_are_in_order_and_never_touch(pairs: list[tuple[int, int]]) -> None:
    kept = list(Ranges(pairs))

    assert all(kept[at][1] + 1 < kept[at + 1][0] for at in range(len(kept) - 1))


@given(PAIRS, PAIRS)
def test_an_intersection_holds_what_both_hold(
    mine: list[tuple[int, int]], theirs: list[tuple[int, int]]
) -> None:
    both = Ranges(mine).intersection(Ranges(theirs))

    assert values(list(both)) == values(mine) & values(theirs)


@given(PAIRS, st.integers(-1, 61))
def test_a_cut_forgets_everything_from_there_on(pairs: list[tuple[int, int]], at: int) -> None:
    ranges = Ranges(pairs)
    ranges.cut(at)

    assert values(list(ranges)) == {value for value in values(pairs) if value < at}
    assert ranges.count == len({value for value in values(pairs) if value < at})


@given(PAIRS, st.integers(-1, 61), st.integers(-1, 61))
def test_a_gap_is_the_first_missing_stretch(
    pairs: list[tuple[int, int]], after: int, until: int
) -> None:
    missing = [value for value in range(after + 1, until + 1) if value not in values(pairs)]
    gap = Ranges(pairs).gap(after, until)

    assert (gap is None) == (not missing)
    assert gap is None or gap[0] == missing[0]
    assert gap is None or all(value in missing for value in range(gap[0], gap[1] + 1))


def test_a_million_neighbours_are_one_stretch() -> None:
    ranges = Ranges()
    for value in range(1_000_000):
        ranges.add(value)

    assert list(ranges) == [(0, 999_999)]


@given(st.lists(st.integers(0, 20), max_size=20))
def test_values_as_stretches_are_the_same_values_in_the_same_order(given_values: list[int]) -> None:
    found = list(stretches(given_values))

    assert [n for first, last in found for n in range(first, last + 1)] == given_values
    assert all(before[1] + 1 != after[0] for before, after in pairwise(found))
