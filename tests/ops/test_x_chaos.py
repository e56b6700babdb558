from dataclasses import replace

import pytest

from tweetlog_ops.x_chaos import FAULTS, Outcome, report
from tweetlog_ops.x_proof import XVerdict

CLEAN = XVerdict(100, 40, 39, bounded=[7], lost=[], repairable=[], holes=3, complete=1)


def test_a_run_is_clean_where_a_hole_tells_of_all_that_is_missing_and_x_was_not_pressed() -> None:
    outcome = Outcome(CLEAN, connects=60, most_connects=50, billed=41, counted=42)

    assert outcome.clean
    assert "40 matched a rule; 39 of them are in the table" in report(outcome)
    assert "X bills 41 Posts, the ingestor has counted 42" in report(outcome)
    assert "connects: 60, at most 50 in a window of X's limit of 50" in report(outcome)


def test_what_x_gave_into_a_broken_connection_is_billed_and_cannot_be_counted() -> None:
    assert Outcome(CLEAN, 1, 1, billed=2, counted=1).clean


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(replace(CLEAN, lost=[7]), 1, 1, 1, 1),
        Outcome(replace(CLEAN, repairable=[7]), 1, 1, 1, 1),
        Outcome(CLEAN, 60, 51, 1, 1),
        Outcome(CLEAN, 1, 1, 3, 1),
    ],
    ids=["lost", "not repaired", "too many connects", "not counted"],
)
def test_a_run_is_not_clean_otherwise(outcome: Outcome) -> None:
    assert not outcome.clean


def test_each_fault_has_words_of_its_own() -> None:
    assert len({fault.what for fault in FAULTS}) == len(FAULTS)
