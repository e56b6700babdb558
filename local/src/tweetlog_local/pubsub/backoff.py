"""When to try again: exponential backoff per message, and a push endpoint's slow start."""

from dataclasses import dataclass

SMALLEST_STEP = 0.1  # seconds; where a policy says 0 the doubling has to begin somewhere


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to wait before a message is delivered again: `minimum` doubling to `maximum`."""

    minimum: float
    maximum: float

    def delay(self, failures: int) -> float:
        """The wait after the `failures`-th failure, counted from 1."""
        if failures <= 1:
            return self.minimum
        doublings = min(failures - 1, 32)
        return min(max(self.minimum, SMALLEST_STEP) * 2.0**doublings, self.maximum)


AT_ONCE = Backoff(0.0, 0.0)  # pull without a retry policy: as soon as possible
PUSH_DEFAULT = Backoff(0.1, 10.0)  # push and BigQuery without a retry policy

FIRST_WINDOW = 4
FIRST_PAUSE = 0.1  # seconds, as documented for push backoff
LONGEST_PAUSE = 1.0  # seconds; Google's goes to 60, too long to sit and wait for on a laptop


class Window:
    """How many pushes may be in flight: one more per success, half per failure.

    Failures in a row, with nothing in flight to hope for, also pause the subscription, so that
    an endpoint that is down does not use up the delivery attempts of a whole backlog.
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._pause = 0.0
        self.size = min(FIRST_WINDOW, maximum)
        self.open_at = 0.0

    def succeeded(self) -> None:
        """An endpoint took a message."""
        self.size = min(self.size + 1, self._maximum)
        self._pause = 0.0
        self.open_at = 0.0

    def failed(self, *, sent_at: float, now: float) -> None:
        """A push that began at `sent_at` was refused, timed out, or found nobody."""
        was_alone = self.size == 1
        self.size = max(self.size // 2, 1)
        if was_alone and sent_at >= self.open_at:
            self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
            self.open_at = now + self._pause
