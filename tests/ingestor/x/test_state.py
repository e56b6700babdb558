"""What survives a crash: the position, the holes, and above all what was paid."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.x import usage
from ingestor.x.answers import Cause
from ingestor.x.billed import Billed
from ingestor.x.budget import Budget
from ingestor.x.schedule import Bucket
from ingestor.x.state import Ledger, State, StateUnusable
from ingestor.x.token import Token, TokenUnusable

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


NUMBERS = count(1)


def new(posts: int) -> list[int]:
    """Return ids that did not come before."""
    return list(islice(NUMBERS, posts))


class Clock:
    def __init__(self, moment: datetime = NOON) -> None:
        self.now = moment.timestamp()

    def __call__(self) -> float:
        return self.now


def crashed(state: State) -> None:
    """Let go of the folder as a process does that dies."""
    state.close()


def on_disk(folder: Path) -> tuple[int, int]:
    """Return what a run after a crash would take as read today and this month."""
    document = json.loads((folder / "budget.json").read_bytes())
    return document["today"] + document["ahead"], document["this_month"] + document["ahead"]


def test_everything_is_found_again(tmp_path: Path) -> None:
    state = State(tmp_path / "deep" / "state", "api.x.com")
    state.holes.begin(NOON, NOON, "stall")
    state.save_holes()
    state.move(heard=NOON, ending=Cause.SHUTDOWN, bucket=Bucket(3.5, 7.0), opened=(1.0, 2.0))
    crashed(state)

    again = State(tmp_path / "deep" / "state", "api.x.com")

    assert again.position == state.position
    assert again.holes.known == state.holes.known


def test_a_new_folder_knows_nothing(tmp_path: Path) -> None:
    state = State(tmp_path, "api.x.com")

    assert state.position.heard is None
    assert state.position.ending == "crash"
    assert state.ledger(Budget()).spent.today == 0


def test_two_processes_do_not_share_a_folder(tmp_path: Path) -> None:
    first = State(tmp_path, "api.x.com")
    with pytest.raises(StateUnusable, match="another ingestor uses this folder"):
        State(tmp_path, "api.x.com")
    crashed(first)

    State(tmp_path, "api.x.com")


def test_a_folder_of_another_api_is_refused(tmp_path: Path) -> None:
    state = State(tmp_path, "127.0.0.1")
    state.move(heard=NOON)
    crashed(state)

    with pytest.raises(StateUnusable, match=r"belongs to 127\.0\.0\.1, not to api\.x\.com"):
        State(tmp_path, "api.x.com")


@pytest.mark.parametrize("name", ["position.json", "holes.json", "budget.json"])
@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"version":2}', b'{"version":1,"target":"api.x.com"}']
)
def test_a_file_of_something_else_is_refused_and_not_overwritten(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(StateUnusable, match=name):
        State(tmp_path, "api.x.com").ledger(Budget())
    assert (tmp_path / name).read_bytes() == content


def a_ledger(folder: Path, clock: Clock, budget: Budget | None = None) -> tuple[State, Ledger]:
    state = State(folder, "api.x.com")
    return state, state.ledger(budget or Budget(1_000, 10_000), clock)


def test_what_is_on_disk_is_never_less_than_what_was_read(tmp_path: Path) -> None:
    clock = Clock()
    _, ledger = a_ledger(tmp_path, clock)
    for posts in range(1, 200):
        clock.now += 0.004
        ledger.read(*new(1))
        assert on_disk(tmp_path)[0] >= posts


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 5)), max_size=40))
def test_a_crash_at_any_moment_counts_what_was_read_and_a_second_more_at_most(
    reads: list[tuple[int, float]],
) -> None:
    import tempfile  # noqa: PLC0415 - a fixture is not made anew for each example

    with tempfile.TemporaryDirectory() as folder:
        clock = Clock()
        state, ledger = a_ledger(Path(folder), clock, Budget(100_000))
        read = 0
        for posts, seconds in reads:
            clock.now += seconds
            ledger.read(*new(posts))
            read += posts
        crashed(state)
        _, again = a_ledger(Path(folder), clock, Budget(100_000))

        assert read <= again.spent.today <= read + 500


def test_a_clean_stop_counts_exactly(tmp_path: Path) -> None:
    clock = Clock()
    state, ledger = a_ledger(tmp_path, clock)
    ledger.read(*new(7))
    ledger.close()
    crashed(state)

    assert a_ledger(tmp_path, clock)[1].spent.today == 7


def test_slow_reading_counts_few_ahead_and_fast_reading_writes_seldom(tmp_path: Path) -> None:
    clock = Clock()
    _, ledger = a_ledger(tmp_path, clock, Budget(10**6))
    for _ in range(100):
        clock.now += 60
        ledger.read(*new(1))
        assert on_disk(tmp_path)[0] - ledger.spent.today <= 10

    written = set()
    for _ in range(5_000):
        clock.now += 0.0002
        ledger.read(*new(1))
        written.add((tmp_path / "budget.json").stat().st_ino)
    assert len(written) < 30


def test_the_ledger_says_how_much_is_left_and_begins_anew_at_midnight(tmp_path: Path) -> None:
    clock = Clock(NOON + timedelta(hours=11, minutes=59))
    _, ledger = a_ledger(tmp_path, clock, Budget(10, 100))

    assert ledger.read(*new(9)) == 1
    assert ledger.read(*new(1)) == 0
    assert ledger.left() == 0
    clock.now += 61
    assert ledger.left() == 10
    assert ledger.spent.this_month == 10


def test_a_post_counts_once_a_day_as_x_bills_it_and_again_on_the_next(tmp_path: Path) -> None:
    clock = Clock()
    _, ledger = a_ledger(tmp_path, clock)
    ledger.read(1, 2, 2, 3)
    ledger.read(3, unknown=2)
    assert ledger.spent.today == 5

    clock.now += 86_400
    ledger.read(1, 1)
    assert (ledger.spent.today, ledger.spent.this_month) == (1, 6)


def test_what_has_counted_today_does_not_count_again_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    state, ledger = a_ledger(tmp_path, clock)
    ledger.read(*range(100))
    ledger.close()
    crashed(state)
    state, again = a_ledger(tmp_path, clock)
    again.read(*range(101))
    assert again.spent.today == 101
    again.close()
    crashed(state)

    clock.now += 86_400
    _, later = a_ledger(tmp_path, clock)
    later.read(*range(50))
    assert later.spent.today == 50


def test_just_after_midnight_xs_clock_may_say_another_day_so_that_all_counts(
    tmp_path: Path,
) -> None:
    clock = Clock(NOON + timedelta(hours=12, seconds=30))
    _, ledger = a_ledger(tmp_path, clock)
    ledger.read(1)
    clock.now += 60
    ledger.read(1)
    ledger.read(1)

    assert ledger.spent.today == 2


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 30_000), st.booleans()), max_size=30))
def test_never_fewer_are_counted_than_x_bills(reads: list[tuple[int, int, bool]]) -> None:
    import tempfile  # noqa: PLC0415 - a fixture is not made anew for each example

    with tempfile.TemporaryDirectory() as folder:
        clock, billed = Clock(), set[tuple[int, date]]()
        state, ledger = a_ledger(Path(folder), clock)
        for id, seconds, crash in reads:
            clock.now += seconds
            ledger.read(id)
            billed.add((id, datetime.fromtimestamp(clock.now, UTC).date()))
            if crash:
                crashed(state)
                state, ledger = a_ledger(Path(folder), clock)
        month = ledger.spent.month
        crashed(state)

        assert ledger.spent.this_month >= sum(day >= month for _, day in billed)


def test_the_ids_of_the_day_are_bounded_on_disk_and_in_memory(tmp_path: Path) -> None:
    file, day = tmp_path / "billed", NOON.date()
    billed = Billed(file, day, most=100)
    for id in range(2_000):
        assert billed.add(id)
        billed.keep()
    assert file.stat().st_size <= 16 + 8 * 300

    again = Billed(file, day, most=100)
    assert not any(again.add(id) for id in range(1_900, 2_000))
    assert again.add(0)


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"tweetlog" + bytes(20)])
def test_a_file_of_ids_that_says_nothing_counts_everything_again(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "billed"
    file.write_bytes(content)
    billed = Billed(file, NOON.date())

    assert billed.add(7)
    assert billed.add((1 << 64) + 7)  # no id of X's, but it must not end anything
    billed.keep()
    file.write_bytes(file.read_bytes() + b"torn")
    assert not Billed(file, NOON.date()).add(7)


def test_what_x_says_raises_the_count_durably_and_never_lowers_it(tmp_path: Path) -> None:
    clock = Clock()
    state, ledger = a_ledger(tmp_path, clock)
    ledger.read(*new(50))

    assert not ledger.at_least({date(2026, 11, 27): 40}, usage.spent)
    assert ledger.at_least({date(2026, 11, 27): 70, date(2026, 11, 2): 30}, usage.spent)
    assert (ledger.spent.today, ledger.spent.this_month) == (70, 100)
    crashed(state)
    assert a_ledger(tmp_path, clock)[1].spent.this_month >= 100


def test_what_cannot_be_counted_durably_is_an_error(tmp_path: Path) -> None:
    _, ledger = a_ledger(tmp_path / "state", Clock())
    (tmp_path / "state" / "budget.json.new").mkdir()

    with pytest.raises(StateUnusable, match="cannot be used"):
        ledger.read(*new(1))
    with pytest.raises(StateUnusable, match="cannot be used"):
        ledger.check()


def test_a_token_is_taken_verbatim(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("AAAA%3Dbbb\n")

    assert Token(file=file).value == "AAAA%3Dbbb"
    assert Token("AAAA%3Dbbb").value == "AAAA%3Dbbb"


def test_a_token_is_never_printed(tmp_path: Path) -> None:
    assert "hush" not in f"{Token('hush')!r} {Token('hush')}"
    for bad in ("hush hush", "hush\nhush", "hüsh", "hush\x00"):
        file = tmp_path / "token"
        file.write_text(bad)
        either: list[dict[str, Any]] = [{"value": bad}, {"file": file}]
        for asked in either:
            with pytest.raises(TokenUnusable) as unusable:
                Token(**asked)
            assert "hush" not in str(unusable.value)
            assert "hüsh" not in str(unusable.value)


def test_a_file_is_read_again_and_says_whether_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")
    token = Token(file=file)

    assert not token.reload()
    file.write_text("two")
    assert token.reload()
    assert token.value == "two"
    file.unlink()
    assert not token.reload()
    assert token.value == "two"
    assert not Token("three").reload()
