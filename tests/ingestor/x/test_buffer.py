"""What waits between the stream and the topics: bounded in memory, then on disk, lost never."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_tombstone
from ingestor.capture import Captured, Stated, Tweet
from ingestor.x.buffer import Buffer, Item
from ingestor.x.spill import Record, Spill


def a_line(number: int, size: int = 100) -> bytes:
    return b"%d " % number + b"x" * size


def parsed(record: Record) -> Captured:
    return Tweet(record.line.split()[0].decode(), record.line, {"received": str(record.received)})


def an_item(number: int, size: int = 100, received: float = 1_000.0) -> Item:
    record = Record(received + number, a_line(number, size))
    return Item(parsed(record), record.line, record.received)


def a_statement() -> Item:
    return Item(Stated(a_tombstone()), None, 0.0)


def a_buffer(folder: Path, *, memory: int = 10_000, disk: int = 1_000_000) -> Buffer:
    return Buffer(Spill(folder, disk, segment=2_000), parsed, memory)


def numbers(group: list[tuple[int, Item]]) -> list[int]:
    return [int(item.what.id) for _, item in group if isinstance(item.what, Tweet)]


def drained(buffer: Buffer) -> list[int]:
    """Take and confirm everything."""
    found: list[int] = []
    while group := buffer.take():
        found += numbers(group)
        buffer.confirmed(group[-1][0])
    return found


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spill"))


def test_what_fits_stays_in_memory_and_comes_out_in_order(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path)
    assert all(buffer.put(an_item(number)) for number in range(5))

    assert files(tmp_path) == []
    assert drained(buffer) == list(range(5))
    assert (buffer.bytes, buffer.empty) == (0, True)


def test_what_does_not_fit_waits_on_disk_and_comes_out_in_order(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path)
    assert all(buffer.put(an_item(number)) for number in range(200))

    assert buffer.bytes <= 10_000
    assert buffer.spilled > 20_000
    assert drained(buffer) == list(range(200))
    assert files(tmp_path) == []


def test_what_comes_while_the_disk_is_drained_stays_behind_it(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path)
    found: list[int] = []
    for number in range(1_000):
        assert buffer.put(an_item(number))
        if number % 100 == 99 and (group := buffer.take()):
            found += numbers(group)
            buffer.confirmed(group[-1][0])

    assert found + drained(buffer) == list(range(1_000))


def test_a_line_from_disk_is_the_same_as_it_was(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path, memory=0)
    item = an_item(7)
    buffer.put(item)

    ((_, taken),) = buffer.take()

    assert (taken.what, taken.line, taken.received) == (item.what, item.line, item.received)


def test_when_memory_and_disk_are_full_it_says_so(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path, disk=5_000)
    taken = [buffer.put(an_item(number)) for number in range(200)]

    assert taken[:6] == [True] * 6
    assert not taken[-1]
    assert buffer.full
    assert buffer.spilled <= 5_000
    kept = sum(taken)
    assert drained(buffer) == list(range(kept))
    assert not buffer.full


def test_without_a_disk_memory_alone_decides(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path, disk=0)
    kept = sum(buffer.put(an_item(number)) for number in range(20))

    assert 0 < kept < 20
    assert buffer.full
    drained(buffer)
    assert not buffer.full


def test_what_is_not_confirmed_counts_as_memory(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path)
    for number in range(6):
        buffer.put(an_item(number))
    taken = buffer.take()
    buffer.put(an_item(6))
    assert buffer.spilled > 0

    buffer.confirmed(taken[2][0])
    assert buffer.bytes > 0
    buffer.confirmed(taken[-1][0])
    assert buffer.bytes == 0


def test_a_run_after_a_crash_finds_what_was_on_disk(tmp_path: Path) -> None:
    first = a_buffer(tmp_path, memory=0)
    for number in range(50):
        first.put(an_item(number))
    first.sync()
    first.confirmed(first.take()[9][0])  # ten are done, but their file is not

    again = a_buffer(tmp_path)

    assert drained(again) == list(range(50))
    assert files(tmp_path) == []


def test_a_crash_in_the_middle_of_a_line_costs_that_line_alone(tmp_path: Path) -> None:
    first = a_buffer(tmp_path, memory=0)
    for number in range(3):
        first.put(an_item(number))
    first.sync()
    (file,) = files(tmp_path)
    file.write_bytes(file.read_bytes()[:-20])

    again = a_buffer(tmp_path, memory=0)
    again.put(an_item(9))

    assert drained(again) == [0, 1, 9]
    assert files(tmp_path) == []


@given(st.binary(max_size=300), st.integers(0, 600))
def test_a_file_that_was_tampered_with_never_stops_it(garbage: bytes, place: int) -> None:
    import tempfile  # noqa: PLC0415 - a fixture is not made anew for each example

    with tempfile.TemporaryDirectory() as folder:
        first = a_buffer(Path(folder), memory=0)
        for number in range(5):
            first.put(an_item(number))
        first.sync()
        (file,) = files(Path(folder))
        content = file.read_bytes()
        file.write_bytes(content[:place] + garbage + content[place:])

        found = drained(a_buffer(Path(folder)))

        assert set(found) <= set(range(5))
        assert files(Path(folder)) == []


def test_at_a_stop_what_the_broker_does_not_have_is_kept_on_disk(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path)
    for number in range(30):
        buffer.put(an_item(number))
    buffer.keep(a_statement())
    group = buffer.take()
    buffer.confirmed(group[1][0])

    assert buffer.save() == 0

    assert sorted(drained(a_buffer(tmp_path))) == list(range(2, 30))


def test_at_a_stop_what_finds_no_room_is_counted(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path, disk=300)
    for number in range(6):
        buffer.put(an_item(number))

    assert buffer.save() == 4


def test_what_can_wait_waits_for_room(tmp_path: Path) -> None:
    buffer, stop = a_buffer(tmp_path), threading.Event()
    for number in range(7):
        buffer.put(an_item(number))
    done: list[bool] = []
    thread = threading.Thread(
        target=lambda: done.append(buffer.put_waiting(an_item(99), stop)), daemon=True
    )
    thread.start()

    assert drained(buffer)[:7] == list(range(7))
    thread.join(20)

    assert done == [True]
    assert drained(buffer) in ([99], [])


def test_what_waits_for_room_ends_at_a_stop(tmp_path: Path) -> None:
    buffer, stop = a_buffer(tmp_path), threading.Event()
    for number in range(20):
        buffer.put(an_item(number))
    stop.set()

    assert not buffer.put_waiting(an_item(99), stop)


def test_it_is_durable_up_to_the_oldest_line_that_only_memory_has(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path)
    assert buffer.durable_until(5_000.0) == 5_000.0
    for number in range(20):
        buffer.put(an_item(number))
    buffer.sync()

    assert buffer.durable_until(5_000.0) == 1_000.0
    group = buffer.take()
    assert buffer.durable_until(5_000.0) == 1_000.0
    buffer.confirmed(group[2][0])
    assert buffer.durable_until(5_000.0) == 1_003.0
    buffer.confirmed(group[-1][0])
    assert buffer.spilled > 0
    assert buffer.durable_until(5_000.0) == 5_000.0


def test_a_line_that_is_not_forced_to_disk_yet_is_not_durable(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path, memory=0)
    buffer.put(an_item(3))
    assert buffer.durable_until(5_000.0) == 1_003.0

    buffer.sync()
    assert buffer.durable_until(5_000.0) == 5_000.0


def test_who_made_an_item_is_told_when_the_broker_has_it(tmp_path: Path) -> None:
    buffer, told = a_buffer(tmp_path), list[str]()
    buffer.put(an_item(1))
    buffer.keep(replace(a_statement(), done=lambda: told.append("done")))
    group = buffer.take()

    buffer.confirmed(group[0][0])
    assert told == []
    buffer.confirmed(group[1][0])
    assert told == ["done"]


def test_a_disk_that_fails_is_not_hidden(tmp_path: Path) -> None:
    buffer = a_buffer(tmp_path, memory=0)
    tmp_path.joinpath("0000000001.spill").mkdir()

    with pytest.raises(OSError, match="exists"):
        buffer.put(an_item(1))
