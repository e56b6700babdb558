import csv
import io
import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tweetlog_ops.answers import formatted, table

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_a_table_aligns_numbers_right_and_text_left() -> None:
    shown = table(["tag", "n"], ["STRING", "INTEGER"], [["a", 1], ["日本", 1234]])

    assert shown == "tag      n\n----  ----\na        1\n日本  1234\n"


def test_a_table_shows_no_control_character() -> None:
    hostile = "a\x1b[2J\u202eb\x9b\nc\u200b"

    shown = table(["text"], ["STRING"], [[hostile]])

    assert r"a\x1b[2J\u202eb\x9b\nc\u200b" in shown


def test_an_emoji_of_several_parts_stays_whole() -> None:
    family = "\U0001f469\u200d\U0001f467"

    assert family in table(["text"], ["STRING"], [[family]])


@given(st.text())
def test_any_text_stays_on_its_line(text: str) -> None:
    assert len(table(["text"], ["STRING"], [[text]]).splitlines()) == 3


def test_json_gives_times_in_iso_8601_and_keeps_structure() -> None:
    answer = formatted("json", ["at", "tags"], ["TIMESTAMP", "RECORD"], [[MOMENT, [{"tag": "a"}]]])

    assert json.loads(answer) == [{"at": "2026-01-31T12:00:00Z", "tags": [{"tag": "a"}]}]


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_csv_gives_every_text_back(rows: list[tuple[str, str]]) -> None:
    answer = formatted("csv", ["a", "b"], ["STRING", "STRING"], rows)

    read = list(csv.reader(io.StringIO(answer, newline="")))
    assert [tuple(row) for row in read[1:]] == [_encodable(row) for row in rows]


def _encodable(row: tuple[str, str]) -> tuple[str, ...]:
    return tuple(cell.encode(errors="replace").decode() for cell in row)


def test_null_is_told_from_empty_text_in_a_table_only() -> None:
    rows: list[list[str | None]] = [[None], [""]]

    assert table(["a"], ["STRING"], rows).splitlines()[2:] == ["NULL", ""]
    assert formatted("json", ["a"], ["STRING"], rows).count("null") == 1
