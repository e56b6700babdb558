"""Causes: what a code of BigQuery's means for us."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.cause import SCHEMA_MISMATCH_EXTRA_FIELDS, TABLE_NOT_FOUND, Cause, cause, full_jitter


@pytest.mark.parametrize(
    ("code", "message", "storage", "expected"),
    [
        (1, "cancelled", (), Cause.TRANSIENT),
        (2, "unknown", (), Cause.TRANSIENT),
        (3, "Errors found while processing rows", (), Cause.INVALID),
        (3, "AppendRows request too large: 10735625 limit 10485760", (), Cause.TOO_LARGE),
        (3, "extra fields", (SCHEMA_MISMATCH_EXTRA_FIELDS,), Cause.SCHEMA),
        (3, "gone", (TABLE_NOT_FOUND,), Cause.SETUP),
        (3, "key", (15,), Cause.SETUP),
        (4, "deadline", (), Cause.TRANSIENT),
        (5, "Requested entity was not found", (), Cause.SETUP),
        (7, "denied", (), Cause.SETUP),
        (8, "Exceeds 'AppendRows throughput' quota", (), Cause.TRANSIENT),
        (8, "Exceeds the limit of concurrent connections", (), Cause.TRANSIENT),
        (3, "Request payload size exceeds the limit: 10485760 bytes.", (), Cause.TOO_LARGE),
        (8, "Received message larger than max (9 vs. 4)", (), Cause.TOO_LARGE),
        (9, "billing", (), Cause.SETUP),
        (10, "inactive for 600 seconds", (), Cause.TRANSIENT),
        (12, "not ours", (), Cause.SETUP),
        (13, "internal", (), Cause.TRANSIENT),
        (14, "draining", (), Cause.TRANSIENT),
        (14, "Getting metadata from plugin failed with error: x", (), Cause.SETUP),
        (16, "who are you", (), Cause.SETUP),
    ],
)
def test_a_code_has_one_cause(
    code: int, message: str, storage: tuple[int, ...], expected: Cause
) -> None:
    assert cause(code, message, storage) is expected


@given(st.integers(1, 10_000), st.floats(0.01, 1), st.floats(1, 100))
def test_a_wait_is_never_longer_than_its_cap(attempt: int, base: float, cap: float) -> None:
    assert 0 <= full_jitter(attempt, base=base, cap=cap) <= min(cap, base * 2.0 ** min(attempt, 60))
