from collections.abc import Mapping
from typing import Any

import pytest

from tweetlog_ops.letters import INGEST
from tweetlog_ops.rejections import Rejections, of_lines, of_stream, report
from tweetlog_ops.x_chaos import noise


def a_letter(line: int | None = None, **more: object) -> Mapping[str, Any]:
    usual = {"event_id": "1-x", "stage": INGEST, "reason_class": "not_json", "reason": "not JSON"}
    return {**usual, "line": None if line is None else str(line), **more}


def test_a_run_is_clean_where_all_lines_that_are_no_tweets_were_rejected_and_nothing_else() -> None:
    found = of_lines([a_letter(3), a_letter(9)], [3, 9])

    assert found == Rejections(2, [], [])
    assert found.clean
    assert report(found).splitlines() == [
        "rejected, and no tweets: 2",
        "rejected, although good: 0",
    ]


@pytest.mark.parametrize(
    "letter",
    [
        a_letter(4),
        a_letter(None),
        a_letter(None, stage="loader", reason="Schema is missing"),
        a_letter(3, stage="enrich"),
        a_letter(None, stage="tweets-enriched-loader", reason_class="deliveries_exhausted"),
    ],
)
def test_a_good_event_that_was_rejected_fails_the_proof_and_is_named(
    letter: Mapping[str, Any],
) -> None:
    found = of_lines([a_letter(3), letter], [3])

    assert not found.clean
    assert found.unexpected == [letter]
    assert "REJECTED, ALTHOUGH GOOD: 1\n" in report(found)
    assert letter["event_id"] in report(found)
    assert letter["reason"] in report(found)


def test_a_line_that_is_no_tweet_and_was_not_rejected_fails_the_proof_and_is_named() -> None:
    found = of_lines([a_letter(3)], [3, 17])

    assert not found.clean
    assert "NOT REJECTED: 1 lines, no tweets: 17\n" in report(found)


@pytest.mark.parametrize(
    ("letters", "clean"),
    [
        ([a_letter(reason_class="no_data")] * 2, True),
        ([a_letter(reason_class="no_data")] * 3, False),
        ([a_letter(reason_class="not_json")], False),
        ([a_letter(reason_class="no_data", stage="loader")], False),
    ],
)
def test_of_a_stream_only_the_noise_that_was_made_may_be_rejected(
    letters: list[Mapping[str, Any]], *, clean: bool
) -> None:
    assert of_stream(letters, {"no_data": 2}).clean is clean


def test_noise_of_a_stream_is_what_the_faults_made_of_it() -> None:
    times = {"unknown_message": 3, "bare_error": 4, "tear": 2, "reset": 9}

    assert noise(lambda fault: times.get(fault.rule["kind"], 0)) == {"no_data": 7, "not_json": 2}
