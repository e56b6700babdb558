from collections.abc import Iterator
from pathlib import Path

import pytest

from local.pubsub.builders import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path / "data")
    yield built
    built.close()
