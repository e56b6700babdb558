"""The report's pure parts, and its server without a browser."""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tweetlog_command import tweetlog
from tweetlog_ops.errors import CommandError
from tweetlog_ops.report import cube, health, looker, page, questions
from tweetlog_ops.report.questions import Filters, Window
from tweetlog_ops.report.reading import Document, Reader
from tweetlog_ops.report.server import app
from tweetlog_ops.verify import Verdict
from tweetlog_ops.warehouse import Warehouse

HOUR = datetime(2026, 1, 31, 12, tzinfo=UTC)


def unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, list[int]]]:
    """Read the packed form as the page does."""
    length = int.from_bytes(data[:4], "little")
    head = json.loads(data[4 : 4 + length])
    at, columns = 4 + length, {}
    for name, size in head["columns"]:
        part = data[at : at + size * head["groups"]]
        columns[name] = [
            int.from_bytes(part[n : n + size], "little") for n in range(0, len(part), size)
        ]
        at += -(-size * head["groups"] // 4) * 4
    assert at == len(data)
    return head, columns


def test_the_packed_table_holds_every_group() -> None:
    rows = [
        (
            HOUR,
            '["en","en","original",["ai","rare"],["r1","r2"]]\t2\t["ja","","reply",[],[]]\t1',
        ),
        (HOUR + timedelta(hours=2), '["en","pt","retweet",["ai"],["r1"]]\t70000'),
    ]

    made = cube.packed(
        rows, grain="HOUR", spellings=[("ai", "AI")], rules={"r1": "news"}, head={"place": "here"}
    )

    head, columns = unpacked(made.data)
    assert (made.groups, made.tweets, made.left_out) == (3, 70003, 1)
    assert columns["bucket"] == [0, 0, 2]
    assert columns["tweets"] == [2, 1, 70000]
    assert [head["languages"][n] for n in columns["language"]] == ["en", "ja", "en"]
    assert [head["x_languages"][n] for n in columns["x_language"]] == ["en", "", "pt"]
    assert [head["hashtag_sets"][n] for n in columns["hashtags"]] == [[0], [], [0]]
    assert [head["rule_sets"][n] for n in columns["rules"]] == [[0, 1], [], [0]]
    assert head["rules"] == [["r1", "news"], ["r2", "r2"]]
    assert head["start"] == int(HOUR.timestamp())
    assert head["place"] == "here"


def test_nothing_is_packed_as_well() -> None:
    head, columns = unpacked(cube.packed([], grain="DAY", spellings=[], rules={}, head={}).data)

    assert head["tweets"] == 0
    assert columns["tweets"] == []


def test_a_full_list_has_one_number_for_all_others() -> None:
    texts = cube.Texts(2)

    assert [texts.number(text) for text in "abcda"] == [0, 1, 2, 2, 0]


@pytest.mark.parametrize(
    ("span", "grain"),
    [(timedelta(hours=1), "MINUTE"), (timedelta(days=30), "HOUR"), (timedelta(days=3000), "DAY")],
)
def test_a_longer_time_is_counted_less_finely(span: timedelta, grain: str) -> None:
    assert questions.grain(HOUR, HOUR + span) == grain


def test_what_is_asked_for_is_a_parameter_and_never_sql() -> None:
    hostile = "' OR 1=1; DROP TABLE tweets --"
    for what in (questions.people, questions.samples):
        sql, parameters = what(Filters(Window(HOUR), hostile, hostile, hostile))

        assert hostile not in sql
        assert {parameters[name] for name in ("language", "hashtag", "rule")} == {hostile}
        assert set(re.findall(r"@(\w+)", sql)) == set(parameters)


def test_ids_bound_what_is_read_where_they_sort_as_texts() -> None:
    assert questions.first_id(datetime(2022, 11, 8, 15, 15, 15, 428000, tzinfo=UTC)) <= (
        "1590000000000000000"
    )
    assert questions.first_id(datetime(2022, 11, 8, 15, 15, 15, 430000, tzinfo=UTC)) > (
        "1590000000000000000"
    )
    assert questions.first_id(datetime(2016, 1, 1, tzinfo=UTC)) == ""
    assert questions.first_id(None) == ""


# Names as Google documents them for the Linking API.
DOCUMENTED = {
    "c": {"reportId", "pageId", "mode", "explain"},
    "r": {"reportName", "measurementId", "keepMeasurementId"},
    "ds": {
        "connector",
        "datasourceName",
        "keepDatasourceName",
        "refreshFields",
        "type",
        "projectId",
        "datasetId",
        "tableId",
        "billingProjectId",
        "sql",
        "sqlReplace",
    },
}


@pytest.mark.parametrize("more", [{}, {"billing_project": "pays", "template": "abc-1"}])
def test_the_link_to_looker_studio_has_documented_names_alone(more: dict[str, str]) -> None:
    split = urlsplit(looker.link("a-project", "social media", **more))
    given = {name: value for name, (value,) in parse_qs(split.query).items()}

    assert split.scheme == "https"
    assert split.path == "/reporting/create"
    for name in given:
        kind, *rest = name.split(".")
        assert rest[-1] in DOCUMENTED[kind], name
        assert len(rest) == (2 if kind == "ds" else 1), name
    for alias, view in looker.SOURCES.items():
        assert given[f"ds.{alias}.connector"] == "bigQuery"
        assert given[f"ds.{alias}.tableId"] == view
        assert given[f"ds.{alias}.datasetId"] == "social media"
    assert " " not in split.query


def test_the_link_binds_views_that_there_are() -> None:
    from tweetlog_ops import project  # noqa: PLC0415 - beside what it is for
    from tweetlog_ops.statements import read  # noqa: PLC0415 - as above

    made = {one.name for one in read(project.warehouse_sql(), dataset="tweetlog")}

    assert set(looker.SOURCES.values()) <= made


def test_the_exported_page_allows_what_is_in_it_and_nothing_else() -> None:
    text = page.exported(gzip.compress(b"facts"), gzip.compress(b"health"))
    (written,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    policy = html.unescape(written)

    for element, directive in (("script", "script-src"), ("style", "style-src")):
        allowed = re.search(rf"{directive} ([^;]*)", policy)
        assert allowed
        texts = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        digests = [
            base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in texts
        ]
        assert allowed[1].split() == [f"'sha256-{one}'" for one in digests]
        assert texts
    assert "default-src 'none'" in policy
    assert not re.findall(r'<(?:script|link|img)[^>]* (?:src|href)="', text)


def test_pages_have_nothing_inline_that_the_policy_forbids() -> None:
    text = page.file("index.html").data.decode()

    assert not re.search(r"<script(?! defer src=)|<style|\son\w+=|\sstyle=", text)
    named = re.findall(r'static/([\w.-]+)"', text)
    assert set(named) == {
        *page.SCRIPTS,
        *page.STYLES,
        page.LIBRARY_SCRIPT,
        page.LIBRARY_STYLE,
        "icon.svg",
    }
    assert all(page.file(name).data for name in named)


def pulse(**more: Any) -> dict[str, Any]:
    return {"loaded_at": HOUR, "deletions": 0, **more}


def answers(**more: Any) -> health.Answers:
    nothing = {
        "pulse": pulse(),
        "completeness": {"holes": 0, "hole_seconds": 0, "worst_day": 1.0, "completeness": 1.0},
        "gaps": (),
        "rejections": (),
        "duplicates": {"messages": 0, "duplicates": 0},
        "versions": (),
        "spend": {"posts": 0, "cost_usd": 0, "month_usd": None, "last_day": None},
        "lag": None,
    }
    return health.Answers(**(nothing | more))


def test_a_missing_event_is_bad_and_named() -> None:
    window = dict.fromkeys(
        ("logged", "loaded", "rejected", "deleted", "in_flight", "missing", "doubled"), 0
    )
    whole = Verdict([{**window, "logged": 5, "loaded": 5}], [], [], [])
    lacking = Verdict([{**window, "logged": 5, "loaded": 4, "missing": 1}], [], [], [])

    assert health.verified(health.Checked(whole, HOUR, "so far")).level == health.GOOD
    bad = health.verified(health.Checked(lacking, HOUR, "so far"))
    assert (bad.level, bad.says) == (health.BAD, "1 missing, 0 doubled")
    assert health.verified(None).level == health.UNKNOWN


def test_an_open_hole_is_worth_a_look_and_a_mended_one_is_not() -> None:
    hole = {"holes": 1, "hole_seconds": 90.0, "worst_day": 0.9, "completeness": 0.95}

    assert health.completeness(answers(completeness=hole)).says == "95.00 %"
    mended = health.completeness(answers(gaps=[{"complete": True}]))
    assert (mended.level, mended.says) == (health.GOOD, "100 %")
    assert "1 more were repaired whole" in mended.more


def test_health_is_said_as_json() -> None:
    said = health.document(answers(), None, live=True)

    assert json.loads(json.dumps(said))["signs"][0]["name"] == "Proof"
    assert said["live"] is True


def test_without_credentials_the_cloud_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "BIGQUERY_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("HOME", str(tmp_path)), ("CLOUDSDK_CONFIG", str(tmp_path))):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NO_GCE_CHECK", "true")

    done = tweetlog("report", "--project", "a-project", "--export", str(tmp_path / "report.html"))

    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "no access to Google Cloud" in done.err
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--looker",), "--looker needs --project"),
        (("--export", "/nowhere/report.html"), "/nowhere: no such folder"),
        (("--from", "yesterday"), "yesterday"),
        (("--port", "many"), "many"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = tweetlog("report", "--data-dir", str(tmp_path / "data"), *arguments)

    assert done.code == 2
    assert says in done.err


class Nowhere:
    """A place without a warehouse."""

    name = "nowhere"
    cloud = False

    @contextmanager
    def reached(self) -> Iterator[Warehouse]:
        raise CommandError("nowhere: no data here yet; `tweetlog run` makes some")
        yield

    def live(self) -> bool:
        return False

    def trace(self) -> None:
        return None

    def close(self) -> None:
        pass


@pytest.fixture
def client() -> Iterator[Any]:
    reader = Reader(Nowhere(), Window(), every=3600)
    reader._fail(CommandError("nowhere: no data here yet"))  # noqa: SLF001 - without a thread
    reader._ready.set()  # noqa: SLF001 - as above
    yield app(reader).test_client()
    reader.stop()


def test_the_page_is_guarded(client: Any) -> None:
    answer = client.get("/")

    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == page.POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "unsafe" not in page.POLICY


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example"])
def test_another_name_for_this_machine_is_refused(client: Any, host: str) -> None:
    assert client.get("/facts", headers={"Host": host}).status_code == 403


def test_what_did_not_change_is_not_sent_again(client: Any) -> None:
    first = client.get("/facts")
    tag = first.headers["ETag"]

    assert first.headers["Content-Encoding"] == "gzip"
    assert client.get("/facts", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize(
    "question", ["from=yesterday", "from=2026-01-01T00:00", "hashtag=" + "x" * 300]
)
def test_a_question_that_makes_no_sense_is_told_so(client: Any, question: str) -> None:
    answer = client.get(f"/tweets?{question}")

    assert answer.status_code == 400
    assert answer.json["error"]


def test_a_place_that_cannot_be_reached_is_told_in_one_line(client: Any) -> None:
    answer = client.get("/tweets")

    assert answer.status_code == 503
    assert "no data here yet" in answer.json["error"]


def test_no_other_file_is_handed_out(client: Any) -> None:
    for name in ("../page.py", "..%2Fpage.py", "page.py", "%2e%2e/server.py"):
        assert client.get(f"/static/{name}").status_code == 404


def test_documents_of_the_same_content_are_the_same() -> None:
    assert Document.of(b"x") == Document.of(b"x")
    assert Document.of(b"x").tag != Document.of(b"y").tag
