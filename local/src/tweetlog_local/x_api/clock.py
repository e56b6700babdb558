"""The server's clock: the time of day, and how long what X gives in seconds takes here."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Time that never steps back.

    Tweets are stamped with the time of day, because clients compare ids with their own clocks.
    What `speed` shortens are X's durations: keep-alives, rate limit windows, delays.

    Args:
        speed: how many of X's seconds pass in a real one.
        wall: seconds since 1970, looked at once.
        monotonic: seconds since whenever.
    """

    def __init__(
        self,
        *,
        speed: float = 1.0,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._speed = speed
        self._monotonic = monotonic
        self._offset = wall() - monotonic()

    def now(self) -> float:
        """Return the seconds since 1970."""
        return self._monotonic() + self._offset

    def ms(self) -> int:
        """Return the milliseconds since 1970."""
        return int(self.now() * 1000)

    def lasting(self, seconds: float) -> float:
        """Return how many real seconds so many of X's take."""
        return seconds / self._speed


def written(seconds: float) -> str:
    """Return a moment as X's answers have it: UTC with milliseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
