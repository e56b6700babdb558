import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweetlog_local.bigquery.change_data_capture import InvalidSequence, comparable, winners

SECTION = st.integers(min_value=0, max_value=2**64 - 1)
NUMBERS = st.lists(SECTION, min_size=1, max_size=4)
CHANGES = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.integers(0, 3), min_size=1, max_size=2)), max_size=20
)


def written(sections: list[int]) -> str:
    return "/".join(f"{section:x}" for section in sections)


@given(one=NUMBERS, other=NUMBERS)
def test_sequences_compare_section_by_section_as_unsigned_numbers(
    one: list[int], other: list[int]
) -> None:
    assert (comparable(written(one)) < comparable(written(other))) == (one < other)


@pytest.mark.parametrize(
    ("lesser", "greater"),
    [("B", "ABC"), ("FFF/B", "FFF/ABC"), ("0", "0/1"), ("9", "FFFFFFFFFFFFFFFF")],
)
def test_the_examples_of_the_documentation_hold(lesser: str, greater: str) -> None:
    assert comparable(lesser) < comparable(greater)


@given(number=st.text(alphabet="0123456789abcdefABCDEF", min_size=1, max_size=16))
def test_case_and_leading_zeros_mean_nothing(number: str) -> None:
    assert comparable(number.lower()) == comparable(number.upper().lstrip("0") or "0")


@pytest.mark.parametrize(
    "number", ["G", "/", "1/", "/1", "1//2", "1/2/3/4/5", "0" * 17, " 1", "1 ", "-1", "0x1", "1\n"]
)
def test_what_is_no_sequence_is_refused(number: str) -> None:
    with pytest.raises(InvalidSequence):
        comparable(number)


@given(number=st.text(max_size=40))
def test_garbage_is_a_sequence_or_refused(number: str) -> None:
    try:
        text = comparable(number)
    except InvalidSequence:
        text = ""

    assert set(text) <= set("0123456789ABCDEF/")


@given(changes=CHANGES)
def test_each_key_keeps_its_greatest_sequence_and_of_equals_the_latest(
    changes: list[tuple[int, list[int]]],
) -> None:
    arrived = [(key, comparable(written(sections))) for key, sections in changes]
    expected = {
        key: max(
            index
            for index, (other, sections) in enumerate(changes)
            if other == key and sections == best
        )
        for key, best in {
            key: max(sections for other, sections in changes if other == key) for key, _ in changes
        }.items()
    }

    assert winners(arrived) == sorted(expected.values())


def test_a_change_without_a_sequence_is_ordered_by_its_arrival() -> None:
    assert winners([("k", comparable("9")), ("k", ""), ("k", comparable("1"))]) == [2]
    assert winners([("k", comparable("9")), ("k", "")]) == [1]
