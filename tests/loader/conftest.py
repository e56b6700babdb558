"""What a test may ask for: a Storage Write API of its own, or the embedded BigQuery."""

from collections.abc import Iterator

import pytest

from embedded_warehouse import Warehouse, an_embedded_warehouse
from fake_bigquery import FakeBigQuery, serving


@pytest.fixture
def bigquery() -> Iterator[FakeBigQuery]:
    with serving(FakeBigQuery()) as fake:
        yield fake


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with an_embedded_warehouse(tmp_path_factory.mktemp("bigquery")) as made:
        yield made
