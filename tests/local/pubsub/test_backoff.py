import pytest

from tweetlog_local.pubsub.backoff import Backoff, Window


def test_delays_double_from_the_minimum_to_the_maximum() -> None:
    backoff = Backoff(10.0, 600.0)

    assert [backoff.delay(n) for n in range(1, 9)] == [10, 20, 40, 80, 160, 320, 600, 600]


def test_a_minimum_of_nothing_still_grows() -> None:
    backoff = Backoff(0.0, 5.0)

    assert backoff.delay(1) == 0
    assert backoff.delay(2) == pytest.approx(0.2)
    assert backoff.delay(100) == 5


def test_a_window_starts_small_and_grows_to_its_maximum() -> None:
    window = Window(64)
    assert window.size == 4

    for _ in range(100):
        window.succeeded()

    assert window.size == 64


def test_a_window_never_exceeds_a_small_maximum() -> None:
    assert Window(1).size == 1


def test_a_failure_halves_the_window() -> None:
    window = Window(64)
    for _ in range(60):
        window.succeeded()
    window.failed(sent_at=0.0, now=1.0)

    assert window.size == 32
    assert window.open_at == 0.0


def test_failures_in_a_row_pause_longer_and_longer_up_to_a_second() -> None:
    window, now, pauses = Window(1), 100.0, []
    for _ in range(6):
        window.failed(sent_at=now, now=now)
        pauses.append(round(window.open_at - now, 3))
        now = window.open_at

    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_pushes_that_were_on_their_way_do_not_lengthen_the_pause() -> None:
    window = Window(1)
    for _ in range(5):
        window.failed(sent_at=99.0, now=100.0)

    assert window.open_at == pytest.approx(100.1)


def test_a_success_ends_the_pause() -> None:
    window = Window(1)
    window.failed(sent_at=100.0, now=100.0)
    window.succeeded()

    assert window.open_at == 0.0
