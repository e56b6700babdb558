import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.replay.replays import NOON, a_record, a_selection
from tweetlog_ops.errors import CommandError
from tweetlog_ops.replay.record import Position, Record, RecordFile, advanced, check_same

AHEAD = Position(NOON + timedelta(microseconds=1), "17")
RECORDS = [
    a_record(),
    a_record(version=41, finished=True, published_all=True),
    advanced(a_record(), AHEAD, published=3, tweets=2, covered=1, data_bytes=9, seconds=0.5),
    a_record(chosen=a_selection(ids=("1", "2"), rule="a", lang="de", dead_letters=True)),
]


@pytest.mark.parametrize("record", RECORDS)
def test_what_was_kept_is_read_back(tmp_path: Path, record: Record) -> None:
    file = RecordFile(tmp_path / "sub" / "replay.json")
    file.create(record)

    assert RecordFile(file.path).read() == record


def test_a_record_is_whole_whenever_its_writer_dies(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "replay.json")
    file.create(a_record())
    (tmp_path / "replay.json.new").write_text('{"format": 1, "rep')

    assert file.read() == a_record()


def test_in_a_bucket_mere_progress_is_written_now_and_then_and_all_else_at_once(
    tmp_path: Path,
) -> None:
    now = [100.0]
    file = RecordFile(tmp_path / "replay.json", every=5.0, clock=lambda: now[0])
    file.create(a_record())
    further = advanced(a_record(), AHEAD, published=3)

    file.keep(further)
    assert file.read() == a_record()
    file.keep(replace(further, version=41))
    assert file.read().version == 41
    now[0] += 5.0
    file.keep(replace(advanced(further, AHEAD, published=1), version=41))
    assert file.read().done.published == 4
    file.keep(replace(file.read(), published_all=True))
    assert file.read().published_all


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '"x"', '{"format": 2}', '{"format": 1, "chosen": 3}', "\x00"]
)
def test_what_is_no_record_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "replay.json"
    path.write_text(text)

    with pytest.raises(CommandError, match="not a replay's record") as said:
        RecordFile(path).read()
    assert said.value.exit_code == 2


@given(st.text())
def test_any_text_is_a_record_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(text, errors="replace")

    with pytest.raises(CommandError):
        RecordFile(path).read()


def test_a_missing_record_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no replay's record there"):
        RecordFile(tmp_path / "replay.json").read()


def test_two_processes_do_not_work_on_one_replay(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "replay.json")
    with (
        file.locked(),
        pytest.raises(CommandError, match="this replay is under way"),
        RecordFile(file.path).locked(),
    ):
        pass


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"table": "tweets_v2"}, "its --into is tweets"),
        ({"place": "elsewhere"}, "its place is here"),
        ({"since": "2025-01-01T00:00:00+00:00"}, "its --from is 2026-01-31T12:00:00"),
        ({"lang": "de"}, "its lang is None, and de was asked for"),
    ],
)
def test_another_replays_record_is_refused(asked: dict[str, str], said: str) -> None:
    with pytest.raises(CommandError, match="the record of another replay") as error:
        check_same(a_record(), asked, path=Path("replay.json"))
    assert said in str(error.value)
    assert error.value.exit_code == 2


def test_what_was_not_named_may_be_anything() -> None:
    named = {"table": "tweets", "since": NOON.isoformat(), "lang": None}

    check_same(a_record(), named, path=Path("replay.json"))


def test_progress_is_a_part_of_what_was_expected() -> None:
    half = advanced(a_record(), AHEAD, published=3, covered=2)

    assert half.percent == 50
    assert advanced(half, AHEAD, published=90).percent == 99
    assert replace(half, published_all=True).percent == 100


def test_the_file_shows_a_person_where_it_is(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "replay.json")
    file.create(advanced(a_record(), AHEAD, published=3))

    document = json.loads(file.path.read_text())

    assert document["done"]["position"] == ["2026-01-31T12:00:00.000001+00:00", "17"]
