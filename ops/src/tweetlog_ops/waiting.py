"""Waiting until what a subscription held has been taken, and saying so when nothing takes it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tweetlog_ops.errors import CommandError

#: Longer than a delivery that failed waits for the next one, but for the longest.
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Owed:
    """What a subscription has to deliver.

    Attributes:
        messages: how many messages wait in it.
        taken: how many were acknowledged, ever.
        oldest: when the oldest that waits was published, in seconds of the clock; None if none
            waits.
    """

    messages: int
    taken: int
    oldest: float | None


@dataclass(slots=True)
class Waiting:
    """Waits for what a subscription held at a moment.

    Attributes:
        name: the subscription.
        since: the moment, in seconds of the clock.
        patience: seconds to wait for the next message to be taken.
        clock: tells seconds.
    """

    name: str
    since: float
    patience: float = PATIENCE_SECONDS
    clock: Callable[[], float] = time.monotonic
    _taken: int | None = None
    _moved: float = field(init=False)

    def __post_init__(self) -> None:
        self._moved = self.clock()

    def left(self, owed: Owed | None) -> int:
        """Return how many messages wait still; 0 when those of the moment are taken.

        Args:
            owed: what the subscription has now; None if that is not known.

        Raises:
            CommandError: if none was taken for too long.
        """
        if owed and (owed.oldest is None or owed.oldest > self.since):
            return 0
        now = self.clock()
        if owed and owed.taken != self._taken:
            self._taken, self._moved = owed.taken, now
        if now - self._moved > self.patience:
            held = f"{owed.messages:,} wait in it" if owed else "its server does not answer"
            raise CommandError(
                f"{self.name}: nothing was taken from it for {self.patience:.0f} s, and {held}; "
                "see the logs of what takes from it, and v_dead_letters"
            )
        return owed.messages if owed else 1
