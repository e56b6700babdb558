"""Rate limits: so many requests in a window, and the headers that tell of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

_WINDOW_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in each window; seconds of X."""

    requests: int
    window: float = _WINDOW_SECONDS


#: By endpoint (X docs, "Rate limits", per app; 2026-08).
LIMITS: Mapping[str, Limit] = {
    "stream": Limit(50),
    "sample": Limit(50),
    "compliance": Limit(100),
    "rules GET": Limit(450),
    "rules POST": Limit(100),
    "counts": Limit(450),
    "search": Limit(450),
    "lookup": Limit(3_500),
    "connections GET": Limit(15),
    "connections DELETE": Limit(25),
    "usage": Limit(50),
    "jobs": Limit(150),
}


@dataclass(slots=True)
class _Window:
    ends: float
    left: int


class Limiter:
    """Counts the requests to each endpoint.

    Args:
        lasting: how many real seconds so many of X's take.
    """

    def __init__(self, limits: Mapping[str, Limit], lasting: float = 1.0) -> None:
        self._limits = limits
        self._lasting = lasting
        self._windows: dict[str, _Window] = {}

    def take(self, endpoint: str, now: float) -> bool:
        """Count a request; return whether it is within the limit."""
        window = self._window(endpoint, now)
        if window.left == 0:
            return False
        window.left -= 1
        return True

    def headers(self, endpoint: str, now: float) -> dict[str, str]:
        """Return X's three headers; the reset is never before the window's end."""
        window = self._window(endpoint, now)
        return {
            "x-rate-limit-limit": str(self._limits[endpoint].requests),
            "x-rate-limit-remaining": str(window.left),
            "x-rate-limit-reset": str(math.ceil(window.ends)),
        }

    def _window(self, endpoint: str, now: float) -> _Window:
        window = self._windows.get(endpoint)
        if window is None or now >= window.ends:
            limit = self._limits[endpoint]
            window = _Window(now + limit.window * self._lasting, limit.requests)
            self._windows[endpoint] = window
        return window
