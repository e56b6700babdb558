"""A Storage Write API on loopback for each test that asks for one."""

from collections.abc import Iterator

import pytest

from fake_bigquery import FakeBigQuery, serving


@pytest.fixture
def bigquery() -> Iterator[FakeBigQuery]:
    with serving(FakeBigQuery()) as fake:
        yield fake
