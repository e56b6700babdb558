import os
from collections.abc import Iterator

import pytest

from contract.pubsub.deviations import DEVIATIONS
from contract.pubsub.emulator import MissingError, google_emulator
from local.pubsub.clients import Clients
from local.pubsub.endpoint import Endpoint, endpoint
from tweetlog_local.pubsub import running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        reason = DEVIATIONS.get(getattr(item, "originalname", ""))
        if reason and "[google" in item.name and "contract/pubsub" in item.path.as_posix():
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


@pytest.fixture(scope="session", params=["embedded", "google"])
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of each server that the contract is held against."""
    directory = tmp_path_factory.mktemp("contract")
    if request.param == "embedded":
        with running(directory) as up:
            yield up.address
        return
    try:
        with google_emulator(directory / "log") as address:
            yield address
    except MissingError as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def clients(address: str) -> Iterator[Clients]:
    made = Clients.of(address)
    yield made
    made.close()


@pytest.fixture
def app() -> Iterator[Endpoint]:
    with endpoint() as up:
        yield up
