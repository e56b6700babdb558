"""What was read, as X bills it: a tweet once in a UTC day, however often it was given."""

from collections.abc import Mapping
from datetime import UTC, date, datetime


class Usage:
    """Counts by UTC day.

    Args:
        cap: tweets a month, after which nothing is given any more.
    """

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self._counts: dict[date, int] = {}
        self._today: tuple[date, set[int]] = (date.min, set())

    def read(self, id: int, now: float) -> None:
        """Count a tweet."""
        day = datetime.fromtimestamp(now, UTC).date()
        if self._today[0] != day:
            self._today = (day, set())
        seen = self._today[1]
        if id not in seen:
            seen.add(id)
            self._counts[day] = self._counts.get(day, 0) + 1

    def days(self) -> Mapping[date, int]:
        """Return the count of each day on which something was read."""
        return dict(self._counts)

    def this_month(self, now: float) -> int:
        """Return the count of the calendar month."""
        today = datetime.fromtimestamp(now, UTC).date()
        return sum(
            count
            for day, count in self._counts.items()
            if (day.year, day.month) == (today.year, today.month)
        )

    def is_used_up(self, now: float) -> bool:
        """Whether the month's cap is reached."""
        return self.this_month(now) >= self.cap
