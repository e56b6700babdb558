"""Every error of the contract, in one tree.

TweetlogError
├── InvalidEvent        can never succeed: dead-letter it and acknowledge
│   └── Unreadable      not even an event: keeps the bytes as they came
├── PublishFailed       may succeed later: raise, so that the delivery comes again
└── SettingsError       the configuration is wrong: stop at start, naming every mistake
"""

from collections.abc import Mapping, Sequence
from typing import Self


class TweetlogError(Exception):
    """The root of what tweetlog raises by itself."""


class InvalidEvent(TweetlogError):  # noqa: N818 - named for what is true of the event
    """Raised for an event that can never be processed, however often it comes.

    Attributes:
        reason_class: a short stable name, the same for all failures of one kind.
    """

    def __init__(self, reason: str, *, reason_class: str = "invalid_event") -> None:
        super().__init__(reason)
        self.reason_class = reason_class

    def bare(self) -> Self:
        """Return it as a value to keep: without the frames that it was raised through.

        They hold everything that was in hand there, a whole batch, which hold the error in turn:
        nothing of it would be freed until the garbage collector comes by.
        """
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


class Unreadable(InvalidEvent):
    """Raised for a delivery that is not a CloudEvent; it keeps what came, unchanged."""

    def __init__(
        self, reason: str, *, attributes: Mapping[str, str], data: bytes, message_id: str = ""
    ) -> None:
        super().__init__(reason, reason_class="unreadable")
        self.attributes = dict(attributes)
        self.data = data
        self.message_id = message_id


class PublishFailed(TweetlogError):  # noqa: N818 - named for what happened
    """Raised when the broker did not confirm that it has an event."""


class SettingsError(TweetlogError):
    """Raised once, with every mistake in the configuration."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)
