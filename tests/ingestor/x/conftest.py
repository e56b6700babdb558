"""A local X API with TLS, begun anew for each test."""

from collections.abc import Iterator

import pytest

from tweetlog_local.x_api import Running, running
from x_client import Lab
from x_live import BRISK


@pytest.fixture(scope="session")
def api() -> Iterator[Running]:
    with running("--tls") as up:
        yield up


@pytest.fixture
def x(api: Running, request: pytest.FixtureRequest) -> Running:
    """The server; `@pytest.mark.parametrize("x", [{...}], indirect=True)` sets it up otherwise."""
    lab = Lab(api)
    lab.calm()
    lab.post("reset", {**BRISK, **getattr(request, "param", {})})
    return api
