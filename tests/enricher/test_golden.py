"""What follows from known payloads is what the golden files say; else a version has risen."""

from collections.abc import Mapping
from typing import Any

import pytest

from enricher import cld2
from golden_corpus import (
    Case,
    cases,
    changes,
    columns,
    mistakes,
    part_of,
    recorded_versions,
    versions,
)

HOW = "\nIf it is meant: raise the version, then run python tests/golden_corpus.py"
LANGUAGE = ("language", "language_confidence", "language_source")


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the language where the detector is not the one that the files are for."""
    return {k: v for k, v in row.items() if cld2.PRESENT or k not in LANGUAGE}


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.family}: {case.name}")
def test_what_follows_from_a_payload_is_what_is_recorded(case: Case) -> None:
    assert case.columns is not None, "a new case" + HOW
    assert told(columns(case.payload)) == told(case.columns), HOW


def test_the_recorded_versions_are_those_of_the_code() -> None:
    assert recorded_versions() == versions(), HOW


@pytest.mark.skipif(not cld2.PRESENT, reason="the golden files are those of the whole cascade")
def test_nothing_changed_without_a_version_that_rose() -> None:
    assert mistakes(recorded_versions(), versions(), changes()) == []


def test_a_change_without_a_higher_version_is_a_mistake() -> None:
    same = versions()

    assert mistakes(same, same, [("tags.json, plain", "hashtags")]) == [
        "tags.json, plain: hashtags has changed; raise the version of hashtags"
    ]


def test_a_change_under_a_higher_version_is_none() -> None:
    now = versions()
    then = {**now, "hashtags": now["hashtags"] - 1}

    assert mistakes(then, now, [("tags.json, plain", "hashtags")]) == []


def test_a_version_that_fell_is_a_mistake() -> None:
    now = versions()

    assert len(mistakes({**now, "enricher": now["enricher"] + 2}, now, [])) == 1


def test_removing_an_enrichment_does_not_lower_the_whole() -> None:
    assert recorded_versions()["enricher"] <= versions()["enricher"]


def test_columns_outside_the_enrichments_belong_to_the_core() -> None:
    assert part_of("text") == "core"
    assert part_of("hashtags") == "hashtags"
