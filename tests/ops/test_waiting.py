import pytest

from tweetlog_ops.errors import CommandError
from tweetlog_ops.waiting import Owed, Waiting

BEGAN = 1_000.0


class AClock:
    """Tells ten seconds more each time."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 10.0
        return self.now


def a_wait(patience: float = 60.0) -> Waiting:
    return Waiting("tweets-raw-replay-enricher", since=BEGAN, patience=patience, clock=AClock())


def test_what_was_there_is_waited_for_and_what_comes_later_is_not() -> None:
    waiting = a_wait()

    assert waiting.left(Owed(3, 0, BEGAN - 5)) == 3
    assert waiting.left(Owed(40, 2, BEGAN)) == 40
    assert waiting.left(Owed(40, 3, BEGAN + 0.1)) == 0
    assert waiting.left(Owed(0, 43, None)) == 0


def test_a_server_that_does_not_answer_is_not_known_to_hold_nothing() -> None:
    assert a_wait().left(None) == 1


def test_it_goes_on_for_as_long_as_messages_are_taken() -> None:
    waiting = a_wait()

    assert [waiting.left(Owed(100 - n, n, BEGAN)) for n in range(100)][-1] == 1


def test_when_nothing_is_taken_it_ends_and_says_of_what() -> None:
    waiting, held = a_wait(patience=15.0), Owed(7, 12, BEGAN)

    assert [waiting.left(held), waiting.left(held)] == [7, 7]
    with pytest.raises(CommandError, match="enricher: nothing was taken from it for 15 s, and 7"):
        waiting.left(held)
