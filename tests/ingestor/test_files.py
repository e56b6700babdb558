import gzip
import json
import os
import threading
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from ingestor.capture import Mark, Pause, Step, Tweet, Unusable
from ingestor.files import FileSource, InputMissing, found, is_regular


def a_line(number: int) -> bytes:
    return json.dumps({"data": {"id": str(number), "text": f"tweet {number}"}}).encode() + b"\n"


def lines(*numbers: int) -> bytes:
    return b"".join(map(a_line, numbers))


def write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def ids(steps: Iterable[Step]) -> list[str]:
    return [step.id for step in steps if isinstance(step, Tweet)]


def read(*names: str) -> tuple[list[Step], list[str]]:
    source = FileSource(found(names))
    return list(source.steps()), source.failures


def test_every_line_is_followed_by_its_mark_and_a_file_by_its_end(tmp_path: Path) -> None:
    name = write(tmp_path / "a.jsonl", a_line(1) + b"\n" + a_line(2))
    steps, _ = read(name)

    assert [step for step in steps if isinstance(step, Mark)] == [
        Mark(name, 1),
        Mark(name, 3),
        Mark(name, 3, complete=True),
    ]
    assert isinstance(steps[0], Tweet)
    assert steps[0].origin == {"file": name, "line": 1}


def test_what_is_not_a_tweet_has_its_file_and_line(tmp_path: Path) -> None:
    name = write(tmp_path / "a.jsonl", a_line(1) + b"oops\n" + a_line(2))
    steps, _ = read(name)
    (bad,) = (step for step in steps if isinstance(step, Unusable))

    assert bad.origin == {"file": name, "line": 2}
    assert ids(steps) == ["1", "2"]


def test_gzip_is_known_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    packed = write(tmp_path / "a.jsonl", gzip.compress(lines(1)) + gzip.compress(lines(2)))
    plain = write(tmp_path / "b.jsonl.gz", lines(3))

    assert ids(read(packed, plain)[0]) == ["1", "2", "3"]


def test_an_empty_file_is_no_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in (
        write(tmp_path / "a", b""),
        write(tmp_path / "b.gz", gzip.compress(b"")),
        write(tmp_path / "c", b"\xef\xbb\xbf"),
    ):
        steps, failures = read(name)

        assert ids(steps) == []
        assert failures == []
    assert f"{tmp_path / 'a'}: empty: 0 tweets" in caplog.text


def test_a_line_that_is_too_long_is_set_aside_and_the_next_is_read(tmp_path: Path) -> None:
    name = write(tmp_path / "a", a_line(1) + b"x" * 12_000_000 + b"\n" + a_line(2))
    steps, _ = read(name)
    (bad,) = (step for step in steps if isinstance(step, Unusable))

    assert bad.reason.reason_class == "too_long"
    assert "12,000,000 bytes" in str(bad.reason)
    assert len(bad.data) == 10_000_000
    assert ids(steps) == ["1", "2"]


def test_of_a_cut_gzip_file_every_whole_line_is_read(tmp_path: Path) -> None:
    salted = (a_line(n)[:-1] + b" " * (n * 7919 % 4_000) + b"\n" for n in range(500))
    whole = gzip.compress(b"".join(salted))
    for size in range(20, len(whole) - 1, len(whole) // 37):
        name = write(tmp_path / "cut.gz", whole[:size])
        readable = zlib.decompressobj(31).decompress(whole[:size]).count(b"\n")
        steps, failures = read(name)

        assert ids(steps) == [str(n) for n in range(readable)]
        assert not any(isinstance(step, Mark) and step.complete for step in steps)
        assert len(failures) == 1
        assert failures[0].startswith(
            f"{name}: not readable after line {readable}: ends in the middle of its gzip data; "
        )


def test_the_lines_before_a_broken_spot_are_read_and_so_is_the_next_file(tmp_path: Path) -> None:
    broken = bytearray(gzip.compress(lines(1, 2)) + gzip.compress(lines(3)))
    broken[-6] ^= 0xFF
    names = (write(tmp_path / "a.gz", bytes(broken)), write(tmp_path / "b", lines(4)))
    steps, failures = read(*names)

    assert ids(steps) == ["1", "2", "3", "4"]
    assert len(failures) == 1
    assert f"{names[0]}: not readable after line 3: CRC check failed" in failures[0]


def test_rubbish_behind_gzip_data_is_a_failure(tmp_path: Path) -> None:
    name = write(tmp_path / "a.gz", gzip.compress(lines(1)) + b"rubbish")
    steps, failures = read(name)

    assert ids(steps) == ["1"]
    assert len(failures) == 1


def test_a_start_passes_over_what_was_confirmed(tmp_path: Path) -> None:
    name = write(tmp_path / "a", lines(1, 2, 3))

    assert ids(FileSource([name], start={name: 2}).steps()) == ["3"]


def test_passing_over_many_lines_leaves_room_to_stop(tmp_path: Path) -> None:
    name = write(tmp_path / "a", b"{}\n" * 50_000)
    steps = list(FileSource([name], start={name: 50_000}).steps())

    assert steps.count(Pause()) >= 4


def test_inputs_are_found_by_name_folder_and_pattern_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("b.jsonl", "a.jsonl.gz", "c.txt", "d.NDJSON"):
        write(tmp_path / name, b"")
    (tmp_path / "sub").mkdir()
    deep = write(tmp_path / "sub" / "e.jsonl", b"")
    in_folder = [str(tmp_path / name) for name in ("a.jsonl.gz", "b.jsonl", "d.NDJSON")]
    monkeypatch.chdir(tmp_path)

    assert found([str(tmp_path)]) == in_folder
    assert found([".", "b.jsonl", "./b.jsonl"]) == in_folder
    assert found(["*.jsonl"]) == [str(tmp_path / "b.jsonl")]
    assert found(["**/*.jsonl"]) == [str(tmp_path / "b.jsonl"), deep]
    assert found(["c.txt", "-", "b.jsonl"]) == [
        str(tmp_path / "c.txt"),
        "-",
        str(tmp_path / "b.jsonl"),
    ]


def test_a_name_with_the_signs_of_a_pattern_is_a_name_first(tmp_path: Path) -> None:
    name = write(tmp_path / "tweets[1].jsonl", b"")

    assert found([name]) == [name]


def test_all_that_cannot_be_found_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(InputMissing) as caught:
        found([str(tmp_path / "none"), str(tmp_path / "*.gz"), str(tmp_path), f"{tmp_path}/link"])
    none, pattern, folder, link = caught.value.mistakes

    assert none == f"{tmp_path}/none: no such file"
    assert pattern == f"{tmp_path}/*.gz: no file matches this pattern"
    assert folder.startswith(f"{tmp_path}: a folder without files of tweets (.jsonl")
    assert link == f"{tmp_path}/link: a link to nothing"


def test_a_pipe_is_read_as_it_fills_with_pauses_in_between(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    go_on = threading.Event()

    def fill() -> None:
        with pipe.open("wb", buffering=0) as out:
            out.write(lines(1))
            go_on.wait(10)
            out.write(lines(2))

    threading.Thread(target=fill, daemon=True).start()
    seen: list[Step] = []
    for step in FileSource(found([str(pipe)])).steps():
        seen.append(step)
        if isinstance(step, Pause) and ids(seen) == ["1"]:
            go_on.set()

    assert not is_regular(str(pipe))
    assert ids(seen) == ["1", "2"]
    assert seen[-1] == Mark(str(pipe), 2, complete=True)


def test_a_packed_pipe_that_breaks_is_a_failure(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    packed = gzip.compress(lines(1))
    threading.Thread(target=pipe.write_bytes, args=(packed[:-4],), daemon=True).start()
    source = FileSource([str(pipe)])

    assert ids(source.steps()) == ["1"]
    assert "ends in the middle of its gzip data" in source.failures[0]
