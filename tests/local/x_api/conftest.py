"""A local X API that answers at once; each test begins anew on it."""

from collections.abc import Iterator

import pytest

from local.x_api.house import House, house
from tweetlog_local.x_api import Running, running


@pytest.fixture(scope="session")
def plain() -> Iterator[Running]:
    with running() as up:
        yield up


@pytest.fixture(scope="session")
def tls() -> Iterator[Running]:
    with running("--tls") as up:
        yield up


@pytest.fixture
def x(request: pytest.FixtureRequest) -> Iterator[House]:
    """A house: `@pytest.mark.parametrize("x", [{"server": "tls"}], indirect=True)`.

    What else a parameter holds are settings.
    """
    settings = {"server": "plain", **getattr(request, "param", {})}
    up = request.getfixturevalue(settings.pop("server"))
    with house(up, **settings) as made:
        yield made


@pytest.fixture
def ruled(x: House) -> House:
    """A house with a rule that some tweets match, and one that none does."""
    x.add_rules(("train", "trains"), ("#nothing", None))
    return x
