"""The open door: a file in the folder is an enrichment, and each keeps its own promises."""

import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_payload
from enricher.enrich import ENRICHMENTS
from enricher.enrichments import Enrichment, discovered
from enricher.enrichments.cashtags import cashtags
from enricher.enrichments.hashtags import folded, hashtags
from enricher.enrichments.mentions import mentions
from enricher.enrichments.urls import urls
from enricher.post import Post, read
from golden_corpus import cases
from tweetlog import events
from tweetlog.schema import schema

POSTS = [read(case.payload) for case in cases()]
COLUMNS = schema(events.ENRICHED)["properties"]
A_PART = "VERSION = 1\nSCHEMA = {'%s': {}}\ndef %s(post):\n    return {'%s': 1}\n"

every_enrichment = pytest.mark.parametrize("one", ENRICHMENTS, ids=lambda one: one.name)


def a_post(text: str, **more: Any) -> Post:
    return read(a_payload(text=text, **more))


def a_folder(path: Path, name: str, **files: str) -> tuple[list[str], str]:
    """Return a package with these modules, its name free for one test."""
    folder = path / name
    folder.mkdir()
    for module, text in {"__init__": "", **files}.items():
        folder.joinpath(f"{module}.py").write_text(text)
    return [str(folder)], name


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_every_file_of_the_folder_is_an_enrichment() -> None:
    files = Path(sys.modules["enricher.enrichments"].__path__[0]).glob("[!_]*.py")

    assert [one.name for one in ENRICHMENTS] == sorted(file.stem for file in files)


@every_enrichment
def test_an_enrichment_gives_the_columns_of_its_schema(one: Enrichment) -> None:
    assert [set(one.single(post)) for post in POSTS] == [set(one.schema)] * len(POSTS)


@every_enrichment
def test_what_it_gives_is_as_its_schema_says(one: Enrichment) -> None:
    valid = jsonschema.Draft202012Validator({"type": "object", "properties": dict(one.schema)})

    for post in POSTS:
        valid.validate(one.single(post))


@every_enrichment
def test_a_batch_is_the_same_as_one_by_one(one: Enrichment) -> None:
    batch = one.batch or (lambda posts: [one.single(post) for post in posts])

    assert batch(POSTS) == [one.single(post) for post in POSTS]


@every_enrichment
def test_its_columns_are_of_the_type_that_the_event_promises(one: Enrichment) -> None:
    for name in one.schema.keys() & COLUMNS.keys():
        mine: Any = one.schema[name]
        theirs = COLUMNS[name]

        assert (mine.get("type"), mine.get("enum")) == (theirs.get("type"), theirs.get("enum"))


def test_every_promised_column_is_given() -> None:
    given_here = {name for one in ENRICHMENTS for name in one.schema}
    core = {"tweet_id", "created_at", "received_at", "text", "partial", "raw_event_id", "raw"}
    versions = {"enricher_version", "schema_version", "_CHANGE_TYPE", "_CHANGE_SEQUENCE_NUMBER"}

    assert set(COLUMNS) - core - versions <= given_here


def test_a_new_file_is_found(on_path: Path) -> None:
    found = discovered(
        *a_folder(on_path, "found_parts", smell=A_PART % ("smell", "smell", "smell"))
    )

    assert [(one.name, one.version, one.batch, one.complete) for one in found] == [
        ("smell", 1, None, True)
    ]


def test_a_file_that_lacks_a_part_stops_the_start(on_path: Path) -> None:
    with pytest.raises(TypeError, match=r"smell\.py: an enrichment has VERSION, smell"):
        discovered(*a_folder(on_path, "lacking_parts", smell="SCHEMA = {}"))


def test_two_files_with_one_column_stop_the_start(on_path: Path) -> None:
    files = {name: A_PART % ("odour", name, "odour") for name in ("nose", "smell")}

    with pytest.raises(TypeError, match="more than one enrichment gives odour"):
        discovered(*a_folder(on_path, "sharing_parts", **files))


@settings(deadline=None)
@given(st.text("#\uff03@$ aB1_\u00e9\u0301\U0001f600\u3042/.:\u200d\ufe0f", max_size=40))
def test_positions_count_the_code_points_of_the_text(text: str) -> None:
    post = a_post(text)
    found: Any = {**hashtags(post), **mentions(post), **cashtags(post), **urls(post)}
    marked = found["hashtags"] + found["cashtags"] + found["mentions"]

    for one in marked:
        assert text[one["start"] + 1 : one["end"]] == one.get("tag", one.get("username"))
    for one in found["urls"]:
        assert text[one["start"] : one["end"]] == one["url"]


@given(st.text())
def test_folding_twice_changes_nothing_more(tag: str) -> None:
    assert folded(folded(tag)) == folded(tag)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bergen", "BERGEN"),
        ("\uff34okyo", "tokyo"),
        ("\uff76\uff85", "\u30ab\u30ca"),
        ("Stra\u00dfe", "strasse"),
    ],
)
def test_spellings_of_one_tag_are_counted_together(one: str, other: str) -> None:
    assert folded(one) == folded(other)
