"""One render of each overlay for all tests here."""

import functools
from collections.abc import Callable

import pytest

from deploy.manifests import OVERLAYS, Render, rendered


@pytest.fixture(scope="session")
def render_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Render]:
    @functools.cache
    def render(overlay: str) -> Render:
        return rendered(overlay, tmp_path_factory.mktemp("render") / overlay)

    return render


@pytest.fixture(params=OVERLAYS)
def render(request: pytest.FixtureRequest, render_of: Callable[[str], Render]) -> Render:
    """Each overlay."""
    return render_of(request.param)


@pytest.fixture
def prod(render_of: Callable[[str], Render]) -> Render:
    return render_of("prod")
