from datetime import UTC, datetime
from typing import Any

import pytest

from tweetlog_ops.verify import Verdict, conclusion, document, metrics, moment, report, span

HOUR = datetime(2026, 1, 31, 12, tzinfo=UTC)


def a_window(**counts: int) -> dict[str, Any]:
    none = dict.fromkeys(
        (
            *("logged", "loaded", "rejected", "deleted", "in_flight", "missing", "doubled"),
            *("messages", "logged_ids", "loaded_ids", "rejected_ids", "deleted_ids"),
        ),
        0,
    )
    return {"hour": HOUR, **none, **counts}


def a_verdict(*windows: dict[str, Any], **found: Any) -> Verdict:
    return Verdict(
        windows,
        found.get("faults", []),
        found.get("unlogged", []),
        [],
        found.get("content", []),
        found.get("tombstones", []),
    )


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


def test_content_of_what_was_deleted_is_a_fault() -> None:
    verdict = a_verdict(a_window(), content=[{"place": "raw_events", "tweet_id": "17"}])

    assert not verdict.clean
    assert "content of 1 that are deleted" in conclusion(verdict)
    assert "raw_events  17" in report(verdict)


def test_tombstones_are_listed_and_no_fault() -> None:
    listed = [{"verdict": "deleted", "effect": "tweet deleted", "tombstones": 3}]

    verdict = a_verdict(a_window(), tombstones=listed)

    assert verdict.clean
    assert "deleted  tweet deleted" in report(verdict)


def test_the_hash_over_all_windows_does_not_depend_on_where_they_begin() -> None:
    apart = a_verdict(a_window(logged_ids=-5), a_window(logged_ids=12), a_window())
    together = a_verdict(a_window(logged_ids=-5 ^ 12))

    assert apart.hashed("logged") == together.hashed("logged") != a_verdict().hashed("logged")
    assert len(apart.hashed("logged")) == 16
    assert document(apart)["total"]["logged_ids"] == apart.hashed("logged")


def test_metrics_are_prometheus_text() -> None:
    verdict = a_verdict(a_window(logged=5, loaded=4, missing=1))

    text = metrics(verdict, at=HOUR)

    assert "tweetlog_verify_clean 0\n" in text
    assert 'tweetlog_verify_events{fate="missing"} 1\n' in text
    assert all(line.startswith(("# ", "tweetlog_verify_")) for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("48h", 172_800), ("7d", 604_800), ("0d", 0)]
)
def test_a_length_of_time_has_a_unit(text: str, seconds: int) -> None:
    assert span(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7w", "1.5h", "7 d", "999999d"])
def test_a_length_of_time_without_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 30m, 48h or 7d"):
        span(text)
