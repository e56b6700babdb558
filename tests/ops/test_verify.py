from datetime import UTC, datetime
from typing import Any

import pytest

from tweetlog_ops.verify import Verdict, conclusion, document, moment, report

HOUR = datetime(2026, 1, 31, 12, tzinfo=UTC)


def a_window(**counts: int) -> dict[str, Any]:
    none = dict.fromkeys(
        ("logged", "loaded", "rejected", "deleted", "in_flight", "missing", "doubled"), 0
    )
    return {"hour": HOUR, **none, **counts}


def a_verdict(*windows: dict[str, Any], **found: Any) -> Verdict:
    return Verdict(windows, found.get("faults", []), found.get("unlogged", []), [])


@pytest.mark.parametrize("fault", ["missing", "doubled"])
def test_one_fault_in_one_window_is_enough(fault: str) -> None:
    verdict = a_verdict(a_window(logged=5, loaded=5), a_window(logged=5, **{fault: 1}))

    assert not verdict.clean
    assert f"1 {fault}" in conclusion(verdict)


def test_a_row_without_a_raw_event_is_a_fault() -> None:
    assert not a_verdict(a_window(loaded=1), unlogged=[{"event_id": "1"}]).clean


def test_rejected_deleted_and_under_way_are_accounted_for() -> None:
    verdict = a_verdict(a_window(logged=4, loaded=1, rejected=1, deleted=1, in_flight=1))

    assert verdict.clean
    assert "1 still under way" in conclusion(verdict)


def test_several_windows_end_in_a_sum() -> None:
    text = report(a_verdict(a_window(logged=2, loaded=2), a_window(logged=3, loaded=3)))

    assert text.splitlines()[4].split()[:3] == ["all", "5", "5"]


def test_nothing_at_all_is_clean_and_says_so() -> None:
    assert a_verdict().clean
    assert report(a_verdict()).endswith("verify: clean: 0 missing, 0 doubled\n")


def test_the_document_is_plain_json() -> None:
    assert document(a_verdict(a_window()))["windows"][0]["hour"] == "2026-01-31T12:00:00Z"


def test_a_date_is_its_first_moment_in_utc() -> None:
    assert moment("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00", "yesterday", "", "2026-13-01"])
def test_a_moment_without_a_zone_or_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moment(text)
