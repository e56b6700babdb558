"""When silence is news: a stream that is open but brings nothing it used to bring."""

from dataclasses import dataclass

# A rule that brings a tweet a minute may well be silent for ten; a hundred such waits are news.
_USUAL_WAITS = 100.0
# Weight of the newest wait in what is usual.
_WEIGHT = 0.05


@dataclass(slots=True)
class Volume:
    """Knows how long the wait for a tweet usually is.

    Keep-alives alone prove a connection, not that tweets come: users saw streams that stayed
    open and silent for hours (twitter-api-java-sdk #37, -typescript-sdk #53).

    Args:
        least: seconds of silence that are never news.
    """

    least: float
    usual: float | None = None
    last: float | None = None

    def tweet(self, now: float) -> None:
        """Note that a tweet came."""
        if self.last is not None:
            wait = max(0.0, now - self.last)
            self.usual = wait if self.usual is None else self.usual + _WEIGHT * (wait - self.usual)
        self.last = now

    def opened(self, now: float) -> None:
        """Note that the stream was opened: silence counts from here on."""
        self.last = now

    def quiet(self, now: float) -> bool:
        """Whether the silence is news."""
        if self.last is None:
            return False
        return now - self.last > max(self.least, _USUAL_WAITS * (self.usual or 0.0))
