import json
from pathlib import Path

import pytest

from ingestor.capture import Mark
from ingestor.cursor import Cursor, CursorUnusable

TARGET = "projects/p/topics/tweets-raw"


class Clock:
    """Seconds, as a test wants them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def inputs(tmp_path: Path) -> list[str]:
    names = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for name in names:
        name.write_bytes(b"line\n" * 100_000)
    return list(map(str, names))


def test_a_restart_goes_on_where_it_stopped(tmp_path: Path, inputs: list[str]) -> None:
    file, (a, b) = tmp_path / "cursor", inputs
    before = Cursor(file, inputs, TARGET)
    before.confirmed(Mark(a, 9, complete=True))
    before.confirmed(Mark(b, 4))
    before.close()

    after = Cursor(file, inputs, TARGET)

    assert after.lines == {a: 9, b: 4}
    assert after.complete == {a}


def test_a_crash_loses_at_most_the_last_moment(tmp_path: Path, inputs: list[str]) -> None:
    file, a, clock = tmp_path / "cursor", inputs[0], Clock()
    cursor = Cursor(file, inputs, TARGET, clock=clock)
    cursor.confirmed(Mark(a, 1))
    clock.now = 0.2
    cursor.confirmed(Mark(a, 2))
    cursor.confirmed(Mark(a, 3))

    assert Cursor(file, inputs, TARGET).lines == {a: 2}


def test_played_to_the_end_the_same_files_can_be_played_again(
    tmp_path: Path, inputs: list[str]
) -> None:
    file = tmp_path / "cursor"
    cursor = Cursor(file, inputs, TARGET)
    for name in inputs:
        cursor.confirmed(Mark(name, 5, complete=True))
    cursor.close()

    assert not file.exists()
    assert Cursor(file, inputs, TARGET).lines == {}


def test_another_file_under_the_same_name_is_played_from_its_start(
    tmp_path: Path, inputs: list[str]
) -> None:
    file, a = tmp_path / "cursor", Path(inputs[0])
    whole = a.read_bytes()
    for other in (b"X" + whole[1:], whole[:-1] + b"X", whole + b"line\n", whole[:-5]):
        a.write_bytes(whole)
        cursor = Cursor(file, inputs, TARGET)
        cursor.confirmed(Mark(str(a), 7))
        cursor.close()
        assert Cursor(file, inputs, TARGET).lines == {str(a): 7}
        a.write_bytes(other)

        assert Cursor(file, inputs, TARGET).lines == {}


def test_a_cursor_of_another_topic_does_not_count(tmp_path: Path, inputs: list[str]) -> None:
    file = tmp_path / "cursor"
    cursor = Cursor(file, inputs, TARGET)
    cursor.confirmed(Mark(inputs[0], 7))
    cursor.close()

    assert Cursor(file, inputs, "projects/q/topics/tweets-raw").lines == {}


GOOD = {"version": 1, "target": TARGET, "files": []}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"rubbish",
        b"[]",
        b"{}",
        json.dumps(GOOD | {"version": 2}).encode(),
        json.dumps(GOOD | {"files": 5}).encode(),
        json.dumps(GOOD | {"files": [{"path": "a"}]}).encode(),
        json.dumps(
            GOOD | {"files": [{"path": "a", "size": 1, "digest": "", "line": "5"}]}
        ).encode(),
    ],
)
def test_a_file_that_is_no_cursor_is_refused_and_kept(
    tmp_path: Path, inputs: list[str], content: bytes
) -> None:
    file = tmp_path / "cursor"
    file.write_bytes(content)
    with pytest.raises(CursorUnusable, match="delete it to play from the start"):
        Cursor(file, inputs, TARGET)

    assert file.read_bytes() == content


def test_a_cursor_that_cannot_be_written_is_known_at_the_start(
    tmp_path: Path, inputs: list[str]
) -> None:
    with pytest.raises(CursorUnusable, match="cannot be written: No such file or directory"):
        Cursor(tmp_path / "none" / "cursor", inputs, TARGET)
