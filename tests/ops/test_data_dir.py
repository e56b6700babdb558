import threading
from pathlib import Path
from typing import Any

import pytest

from tweetlog_ops import data_dir
from tweetlog_ops.data_dir import Running
from tweetlog_ops.errors import CommandError

A_RUN = Running(pid=1, pubsub="h:1", control="h:2", bigquery="h:3", processes={"loader": 7})


def test_a_folder_is_made_and_opened_again(tmp_path: Path) -> None:
    first = data_dir.opened(tmp_path / "data")
    first.cursor.write_text("{}")

    assert data_dir.opened(tmp_path / "data").cursor.read_text() == "{}"


def test_fresh_starts_over(tmp_path: Path) -> None:
    data_dir.opened(tmp_path / "data").cursor.write_text("{}")

    assert not data_dir.opened(tmp_path / "data", fresh=True).cursor.exists()


def test_a_folder_that_is_not_ours_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    for fresh in (False, True):
        with pytest.raises(CommandError, match="not a data folder of tweetlog"):
            data_dir.opened(tmp_path, fresh=fresh)

    assert (tmp_path / "thesis.txt").exists()


def test_data_of_another_format_is_refused_and_kept(tmp_path: Path) -> None:
    folder = data_dir.opened(tmp_path)
    folder.version.write_text("99\n")

    with pytest.raises(CommandError, match="format 99") as caught:
        data_dir.opened(tmp_path)

    assert caught.value.exit_code == 2
    assert "--fresh" in str(caught.value)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(CommandError, match="not a folder"):
        data_dir.opened(tmp_path / "data")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CommandError, match="Not a directory"):
        data_dir.opened(tmp_path / "file" / "data")


@pytest.mark.parametrize("waits", [data_dir.locked, data_dir.joined])
def test_who_holds_a_folder_sees_that_somebody_waits(tmp_path: Path, waits: Any) -> None:
    folder = data_dir.opened(tmp_path)
    got = threading.Event()

    def wait() -> None:
        with waits(folder, patience=60):
            got.set()

    waiting = threading.Thread(target=wait)
    with data_dir.locked(folder):
        waiting.start()
        while not folder.wanted.exists():
            assert waiting.is_alive()
    waiting.join(timeout=60)

    assert got.is_set()
    assert not folder.wanted.exists()


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    folder = data_dir.opened(tmp_path)

    with (
        data_dir.locked(folder),
        pytest.raises(CommandError, match="another tweetlog"),
        data_dir.locked(folder),
    ):
        pytest.fail("two runs hold one folder")


def test_a_run_is_found_for_as_long_as_it_holds_the_folder(tmp_path: Path) -> None:
    folder = data_dir.opened(tmp_path)
    with data_dir.locked(folder):
        data_dir.announce(folder, A_RUN)
        during = data_dir.running(folder)

    assert during == A_RUN
    assert data_dir.running(folder) is None


def test_without_data_one_is_told_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="`tweetlog run` makes some"):
        data_dir.existing(tmp_path)
