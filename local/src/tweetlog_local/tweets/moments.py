"""When tweets happen: a window of days, livelier at noon than at night, and ids that agree."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

# Snowflake ids count milliseconds from here in their upper bits (X developer docs).
_EPOCH_MS = 1_288_834_974_657
_DAY_MS = 86_400_000
# How much livelier than the average noon is.
_SWING = 0.6

START = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """One tweet's moment: its share of the window, its milliseconds since 1970, its id."""

    share: float
    ms: int
    id: str

    @property
    def created_at(self) -> str:
        """The moment as X writes it: whole seconds."""
        return rfc3339(self.ms)


@dataclass(frozen=True, slots=True)
class Window:
    """The time over which tweets are spread."""

    start_ms: int
    days: float

    def moment(self, number: int, of: int, jitter: float, worker: int) -> Moment:
        """Return when tweet `number` of `of` happens.

        Moments only rise, and ids differ: the lower bits count on, and 4,096 tweets later it is
        another millisecond for up to 10^8 tweets a week.
        """
        share = (number + jitter) / of
        turn = 2 * math.pi * self.days
        passed = share - _SWING * math.sin(turn * share) / turn
        ms = self.start_ms + int(passed * self.days * _DAY_MS)
        id = (ms - _EPOCH_MS) << 22 | (worker & 0x3FF) << 12 | number & 0xFFF
        return Moment(share, ms, str(id))


def window(start: datetime, days: float) -> Window:
    """Return the window of `days` from `start`."""
    return Window(int(start.timestamp() * 1000), days)


def rfc3339(ms: int) -> str:
    """Return milliseconds since 1970 as X writes a moment: UTC, whole seconds, `.000Z`."""
    return datetime.fromtimestamp(ms // 1000, UTC).isoformat()[:19] + ".000Z"
