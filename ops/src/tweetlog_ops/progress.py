"""What a run shows while it runs: counts, rate and lag, one line that renews itself."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

# Between lines where nobody watches; a terminal's line is renewed at every look.
_PIPED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many events have come how far, since the run began.

    Attributes:
        waiting: messages that no consumer has acknowledged yet, over all subscriptions.
        lag: seconds that the oldest of these waits.
    """

    read: int = 0
    enriched: int = 0
    loaded: int = 0
    rejected: int = 0
    waiting: int = 0
    lag: float = 0.0


def counted(stats: Mapping[str, Any], project: str) -> Counts:
    """Return the counts in the embedded Pub/Sub's statistics."""

    def published(topic: str) -> int:
        one = stats.get("topics", {}).get(f"projects/{project}/topics/{topic}", {})
        return int(one.get("published", 0))

    subscriptions = stats.get("subscriptions", {})
    loader = subscriptions.get(f"projects/{project}/subscriptions/tweets-enriched-loader", {})
    lags = [one.get("oldest_unacked_seconds") or 0.0 for one in subscriptions.values()]
    return Counts(
        read=published("tweets-raw"),
        enriched=published("tweets-enriched"),
        loaded=published("tweets-enriched") - int(loader.get("backlog", 0)),
        rejected=published("tweets-dead"),
        waiting=sum(int(one.get("backlog", 0)) for one in subscriptions.values()),
        lag=max(lags, default=0.0),
    )


def since(now: Counts, start: Counts) -> Counts:
    """Return what was added since `start`; what waits is what waits now."""
    return Counts(
        now.read - start.read,
        now.enriched - start.enriched,
        now.loaded - start.loaded,
        now.rejected - start.rejected,
        now.waiting,
        now.lag,
    )


def line(counts: Counts, rate: float) -> str:
    """Return the counts as one line."""
    return (
        f"read {counts.read:,}  enriched {counts.enriched:,}  loaded {counts.loaded:,}  "
        f"rejected {counts.rejected:,}  {rate:,.0f}/s  lag {counts.lag:.1f} s"
    )


class Ticker:
    """Shows one line that changes: in place on a terminal, now and then in a pipe."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._live = out.isatty()
        self._shown_at = 0.0

    def tick(self, text: str) -> None:
        """Show the line as it is now."""
        now = time.monotonic()
        if not self._live and now - self._shown_at < _PIPED_SECONDS:
            return
        self._shown_at = now
        self._out.write(f"\r\x1b[K{text}" if self._live else text + "\n")
        self._out.flush()

    def say(self, text: str) -> None:
        """Show a line that stays."""
        self._out.write(("\r\x1b[K" if self._live else "") + text + "\n")
        self._out.flush()


class Rate:
    """Events a second, over the last second or more."""

    def __init__(self) -> None:
        self._last: tuple[float, int] | None = None
        self._rate = 0.0

    def of(self, events: int, now: float) -> float:
        """Return the rate, when there have been so many events at the moment `now`."""
        if self._last is None:
            self._last = (now, events)
        elapsed = now - self._last[0]
        if elapsed >= 1.0:
            self._rate = (events - self._last[1]) / elapsed
            self._last = (now, events)
        return self._rate


class Display(Ticker):
    """Shows how a run comes along."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        super().__init__(out)
        self._rate = Rate()

    def show(self, counts: Counts) -> None:
        """Show the counts, with the rate at which tweets reach the table."""
        self.tick(line(counts, self._rate.of(counts.loaded, time.monotonic())))

    def close(self, counts: Counts, seconds: float) -> None:
        """Leave the last counts on a line of their own, with the mean rate."""
        self.say(line(counts, counts.loaded / seconds if seconds else 0.0))
