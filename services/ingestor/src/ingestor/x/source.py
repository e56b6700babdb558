"""The stream as a source: what the buffer holds, in order, until there is nothing to come."""

import time
from collections.abc import Callable, Iterator

from ingestor.capture import Mark, Pause, Step
from ingestor.x.buffer import AT_ONCE, Buffer

# How often an empty buffer is looked into. Looking costs less than being woken for each tweet.
_LOOK_SECONDS = 0.03


class StreamSource:
    """Yields what waits in a buffer.

    Args:
        buffer: what came and is not published yet.
        stream: the stream's name.
        over: whether nothing more will come.
        wait: passes some seconds.
    """

    def __init__(
        self,
        buffer: Buffer,
        stream: str,
        over: Callable[[], bool],
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._buffer = buffer
        self._stream = stream
        self._over = over
        self._wait = wait

    def steps(self) -> Iterator[Step]:
        """Yield what came, a mark after each group, until nothing more will.

        What is all there is does not wait for company.
        """
        while True:
            over = self._over()
            group = self._buffer.take()
            for _, item in group:
                yield item.what
            if group:
                yield Mark(self._stream, group[-1][0])
            elif over:
                return
            if len(group) < AT_ONCE:
                yield Pause()
                self._wait(_LOOK_SECONDS)

    def confirmed(self, mark: Mark) -> None:
        """Take note that everything before `mark` is durable."""
        self._buffer.confirmed(mark.line)
