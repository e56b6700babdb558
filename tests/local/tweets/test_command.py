import gzip
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from tweetlog_local.tweets import expected, lines
from tweetlog_local.tweets.__main__ import main


def test_a_file_holds_the_lines_and_the_summary_says_what_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "tweets.jsonl"

    assert main(["--tweets", "60", "--seed", "3", "--out", str(file)]) == 0
    assert file.read_bytes() == b"".join(lines(60, seed=3))
    assert json.loads(capsys.readouterr().err) == asdict(expected(60))


def test_a_packed_file_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    files = [tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl.gz"]
    for file in files:
        assert main(["--tweets", "60", "--out", str(file)]) == 0

    assert gzip.decompress(files[0].read_bytes()) == b"".join(lines(60))
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    "wrong",
    [
        ["--tweets", "-1"],
        ["--tweets", "many"],
        ["--tweets", "100000001"],
        ["--days", "0"],
        ["--days", "nan"],
        ["--start", "soon"],
        ["--seed", "x"],
    ],
)
def test_a_wrong_call_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(wrong)

    assert stop.value.code == 2
    assert wrong[1] in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "none" / "tweets.jsonl"

    assert main(["--out", str(file)]) == 1
    assert capsys.readouterr().err == f"tweets: {file}: No such file or directory\n"


def test_a_reader_that_has_seen_enough_is_no_fault() -> None:
    command = f"{sys.executable} -m tweetlog_local.tweets --tweets 5000 | head -1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=True)

    assert done.stdout == next(lines(5_000))
    assert done.stderr == b""


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])

    assert stop.value.code == 0
    assert "python -m tweetlog_local.tweets --tweets 20000" in capsys.readouterr().out
