"""What a replay shows while it goes: how far, how fast, how long it still takes."""

import time

from tweetlog_ops.progress import Rate, Ticker
from tweetlog_ops.replay.quote import span
from tweetlog_ops.replay.record import Record


def line(record: Record, rate: float, waiting: int | None) -> str:
    """Return how far a replay is, as one line.

    Args:
        record: the replay.
        rate: events a second, lately.
        waiting: messages that wait in its lane; None where that is not known.
    """
    done = record.done
    parts = [f"replayed {done.published:,}"]
    if record.expected:
        parts[0] += f" of {record.expected:,} ({record.percent} %)"
    parts += [f"passed over {done.covered:,}"] if done.covered else []
    parts += [f"{rate:,.0f}/s"]
    left = record.expected - done.published - done.covered
    if rate and left > 0 and not record.published_all:
        parts.append(f"{span(left / rate)} left")
    parts += [f"{waiting:,} wait in the lane"] if waiting else []
    return "  ".join(parts)


class Progress(Ticker):
    """Shows a replay's line."""

    def __init__(self) -> None:
        super().__init__()
        self._rate = Rate()

    def show(self, record: Record, waiting: int | None) -> None:
        """Show how far it is."""
        self.tick(line(record, self._rate.of(record.done.published, time.monotonic()), waiting))

    def close(self, record: Record) -> None:
        """Leave the whole on a line of its own, with the mean rate."""
        rate = record.done.published / record.done.seconds if record.done.seconds else 0.0
        self.say(line(record, rate, None))
