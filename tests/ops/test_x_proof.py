from typing import Any

import pytest

from tweetlog_ops.lab import parked, parsed
from tweetlog_ops.x_proof import compared, most_in_a_row, report


def a_gap(after: int, before: int, *, complete: bool = False) -> dict[str, Any]:
    return {"after_id": str(after), "before_id": str(before), "complete": complete}


def test_everything_in_the_table_is_a_clean_proof() -> None:
    verdict = compared(10, [1, 2, 3], [1, 2, 3, 99], [], searchable=[])

    assert verdict.clean
    assert (verdict.loaded, verdict.bounded, verdict.lost) == (3, [], [])
    assert "lost without a word: 0" in report(verdict)


def test_what_is_missing_inside_a_hole_is_known_and_outside_is_lost() -> None:
    verdict = compared(10, [1, 2, 3, 4, 5], [1], [a_gap(1, 4)], searchable=[5])

    assert (verdict.bounded, verdict.lost) == ([2, 3], [4, 5])
    assert not verdict.clean
    assert "LOST: 2 tweets that no hole tells of: 4, 5" in report(verdict)


def test_a_hole_that_claims_to_be_complete_excuses_nothing() -> None:
    verdict = compared(10, [1, 2, 3], [1, 3], [a_gap(1, 3, complete=True)], searchable=[])

    assert verdict.lost == [2]


def test_the_ends_of_a_hole_are_not_in_it() -> None:
    verdict = compared(10, [1, 2, 3], [], [a_gap(1, 3)], searchable=[])

    assert (verdict.bounded, verdict.lost) == ([2], [1, 3])


def test_what_a_search_finds_is_not_excused_by_a_hole() -> None:
    verdict = compared(10, [1, 2, 3], [1], [a_gap(1, 4)], searchable=[1, 3])

    assert verdict.repairable == [3]
    assert not verdict.clean
    assert "NOT REPAIRED: 1 that a search finds: 3" in report(verdict)


@pytest.mark.parametrize(
    ("moments", "most"), [([], 0), ([5], 1), ([0, 1, 2, 10, 11], 3), ([0, 9.9, 10, 20], 2)]
)
def test_the_most_connects_in_a_window_are_counted(moments: list[float], most: int) -> None:
    assert most_in_a_row(moments, 10) == most


def test_a_person_is_told_what_to_mend_and_nothing_else() -> None:
    said = "parked for 12 s: HTTP 401: Unauthorized; put a valid bearer token in place\n"

    assert parked(said) == "HTTP 401: Unauthorized; put a valid bearer token in place"
    assert parked("waiting for 3 s: for 5.0 s after http: HTTP 503\n") == ""


def test_metrics_are_read_where_they_have_no_labels() -> None:
    text = '# HELP a b\n# TYPE a gauge\na 1.0\nb{rule="x y"} 5.0\nc_total 2e3\n'

    assert parsed(text) == {"a": 1.0, "c_total": 2000.0}
