"""Micro-batches: rows that come together go together, and each gets its own outcome."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from loader.batch import Batcher
from loader.outcome import Outcome, Refused
from loader.row import Row


def a_row(n: int, size: int = 1) -> Row:
    return Row("tweets", {"n": n}, "0", size=size)


class Appends:
    """Answers each row with its number; keeps the batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __call__(self, rows: Sequence[Row]) -> "Future[list[Outcome]]":
        numbers = [row.values["n"] for row in rows]
        self.batches.append(numbers)
        future: Future[list[Outcome]] = Future()
        future.set_result([Refused(str(n)) for n in numbers])
        return future


def test_a_single_row_goes_after_its_linger() -> None:
    appends = Appends()

    outcome = Batcher(appends, linger=0.01, rows=10, size=100).load(a_row(1))

    assert outcome == Refused("1")
    assert appends.batches == [[1]]


def test_rows_that_come_together_share_an_append_and_keep_their_own_outcome() -> None:
    appends = Appends()
    batcher = Batcher(appends, linger=0.2, rows=1_000, size=100_000)
    together = threading.Barrier(20)

    def load(n: int) -> Outcome:
        together.wait()
        return batcher.load(a_row(n))

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(load, range(20)))

    assert outcomes == [Refused(str(n)) for n in range(20)]
    assert len(appends.batches) < 20


@pytest.mark.parametrize(("rows", "size"), [(2, 1_000), (1_000, 2)])
def test_a_full_batch_does_not_wait(rows: int, size: int) -> None:
    appends = Appends()
    batcher = Batcher(appends, linger=60, rows=rows, size=size)

    start = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: batcher.load(a_row(n)), range(2)))

    assert time.monotonic() - start < 30
    assert [len(batch) for batch in appends.batches] == [2]


def test_an_append_that_raises_leaves_nobody_waiting() -> None:
    def broken(_rows: Sequence[Row]) -> "Future[list[Outcome]]":
        raise ZeroDivisionError

    batcher = Batcher(broken, linger=60, rows=2, size=1_000)
    with ThreadPoolExecutor(2) as pool:
        loads = [pool.submit(batcher.load, a_row(n)) for n in range(2)]

    assert [type(load.exception()) for load in loads] == [ZeroDivisionError] * 2


def test_the_next_row_opens_a_new_batch() -> None:
    appends = Appends()
    batcher = Batcher(appends, linger=0, rows=10, size=100)

    batcher.load(a_row(1))
    batcher.load(a_row(2))

    assert appends.batches == [[1], [2]]
