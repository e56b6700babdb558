from collections.abc import Iterator
from pathlib import Path

import pytest

from local.pubsub.builders import House
from local.pubsub.clients import Clients
from local.pubsub.endpoint import Endpoint, endpoint
from tweetlog_local.pubsub import Running, running


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = House(tmp_path / "data")
    yield built
    built.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("pubsub")) as up:
        yield up


@pytest.fixture(scope="session")
def clients(server: Running) -> Iterator[Clients]:
    made = Clients.of(server.address)
    yield made
    made.close()


@pytest.fixture
def app() -> Iterator[Endpoint]:
    with endpoint() as up:
        yield up
