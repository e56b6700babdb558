import itertools
import socket
from collections.abc import Iterator

import pytest
from hypothesis import settings

from ingestor_command import Ingestor
from tweetlog_local.pubsub import running

# No test is about time, and the machine may be busy.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

_numbers = itertools.count()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("broker")) as up:
        yield up.address


@pytest.fixture
def ingestor(broker: str, monkeypatch: pytest.MonkeyPatch) -> Ingestor:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", broker)
    number = next(_numbers)
    made = Ingestor(broker, f"raw-{number}", f"dead-{number}")
    made.create()
    return made


@pytest.fixture
def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
