"""The stream as a source: what the buffer holds, in order, until there is nothing to come."""

from collections.abc import Callable, Iterator

from ingestor.capture import Mark, Pause, Step
from ingestor.x.buffer import Buffer

# What a tweet waits for company, where few come: a batch costs as much as the tweets in it.
_PAUSE_SECONDS = 0.05


class StreamSource:
    """Yields what waits in a buffer.

    Args:
        buffer: what came and is not published yet.
        stream: the stream's name.
        over: whether nothing more will come.
    """

    def __init__(self, buffer: Buffer, stream: str, over: Callable[[], bool]) -> None:
        self._buffer = buffer
        self._stream = stream
        self._over = over

    def steps(self) -> Iterator[Step]:
        """Yield what came, a mark after each group, until nothing more will."""
        while True:
            over = self._over()
            group = self._buffer.take(_PAUSE_SECONDS)
            for _, item in group:
                yield item.what
            if group:
                yield Mark(self._stream, group[-1][0])
            elif over:
                return
            else:
                yield Pause()

    def confirmed(self, mark: Mark) -> None:
        """Take note that everything before `mark` is durable."""
        self._buffer.confirmed(mark.line)
