"""A rate that is kept: how long to wait before the next events may go."""

# A batch is at most what goes in this time, so that a rate is not kept by bursts.
_BATCH_SECONDS = 0.25


class Pace:
    """Spreads events evenly; what was not used is not saved up for a burst.

    Args:
        rate: events a second; 0 for as fast as it goes.
        most: events at most in one batch.
    """

    def __init__(self, rate: int, *, most: int) -> None:
        self._rate = rate
        self._due = 0.0
        self.batch = max(1, min(most, int(rate * _BATCH_SECONDS))) if rate else most

    def wait(self, events: int, now: float) -> float:
        """Return the seconds to wait, at the moment `now`, before so many events may go."""
        if not self._rate:
            return 0.0
        self._due = max(self._due, now)
        wait = self._due - now
        self._due += events / self._rate
        return wait
