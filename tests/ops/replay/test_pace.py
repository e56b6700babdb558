import pytest

from tweetlog_ops.replay.pace import Pace


def test_events_go_at_the_rate() -> None:
    pace, now = Pace(100, most=500), 0.0
    for _ in range(20):
        now += pace.wait(25, now)

    assert now == pytest.approx(19 * 0.25)


def test_what_was_not_used_is_not_saved_up() -> None:
    pace = Pace(100, most=500)
    pace.wait(25, 0.0)

    assert pace.wait(25, 60.0) == 0.0
    assert pace.wait(25, 60.0) == pytest.approx(0.25)


@pytest.mark.parametrize(("rate", "batch"), [(0, 500), (1, 1), (100, 25), (1_000_000, 500)])
def test_a_batch_is_what_goes_in_a_quarter_of_a_second(rate: int, batch: int) -> None:
    assert Pace(rate, most=500).batch == batch


def test_without_a_rate_nothing_waits() -> None:
    pace = Pace(0, most=500)

    assert [pace.wait(500, 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
