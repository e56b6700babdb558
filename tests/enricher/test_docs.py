"""The documented example of a new enrichment runs, and keeps what it says."""

import re
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from builders import a_payload
from enricher.enrich import ENRICHMENTS
from enricher.enrichments import Enrichment, discovered
from enricher.post import read
from tweetlog import events
from tweetlog.schema import schema

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
THUMB = "\U0001f44d\U0001f3fd"
HEART = "\u2764\ufe0f"
SWISS, FRENCH = "\U0001f1e8\U0001f1ed", "\U0001f1eb\U0001f1f7"
KEYCAP = "1\ufe0f\u20e3"
PAGE = Path(__file__).parents[2] / "docs" / "enrichment.md"


@pytest.fixture
def emoji(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Enrichment:
    folder = tmp_path / "documented"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "emoji.py").write_text(example(), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    (found,) = discovered([str(folder)], "documented")
    return found


def example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return str(code)


def found(emoji: Enrichment, text: str) -> Any:
    return emoji.single(read(a_payload(text=text)))["emoji"]


def test_the_example_has_about_twenty_lines() -> None:
    assert len([line for line in example().splitlines() if line]) <= 20


@pytest.mark.parametrize(
    ("text", "emojis"),
    [
        ("none at all, 1 #tag \u2764", []),
        (f"{FAMILY} {THUMB}{HEART}", [FAMILY, THUMB, HEART]),
        ("\U0001f600\U0001f600", ["\U0001f600", "\U0001f600"]),
        (SWISS + FRENCH, [SWISS, FRENCH]),
        (f"press {KEYCAP}", [KEYCAP]),
    ],
)
def test_the_example_finds_emoji(emoji: Enrichment, text: str, emojis: list[str]) -> None:
    assert found(emoji, text) == emojis


def test_what_the_example_gives_is_as_its_schema_says(emoji: Enrichment) -> None:
    valid = jsonschema.Draft202012Validator({"properties": dict(emoji.schema)})

    valid.validate(emoji.single(read(a_payload(text="\U0001f600"))))


@pytest.mark.parametrize("piece", ["\U0001f1e8", "\U0001f469\u200d", "1\ufe0f", "\U0001f469\u0301"])
def test_the_example_is_linear(emoji: Enrichment, piece: str) -> None:
    def seconds(length: int) -> float:
        start = time.process_time()
        found(emoji, piece * length)
        return time.process_time() - start

    assert seconds(24_000) < 30 * max(seconds(3_000), 0.001)


@pytest.mark.parametrize("one", ENRICHMENTS, ids=lambda one: one.name)
def test_every_column_of_an_enrichment_is_described(one: Enrichment) -> None:
    page = PAGE.read_text("utf-8")

    assert [column for column in one.schema if f"`{column}`" not in page] == []


def test_every_promised_column_is_described() -> None:
    page = PAGE.read_text("utf-8")
    columns = set(schema(events.ENRICHED)["properties"]) - {"raw"}

    assert {column for column in columns if f"`{column}`" not in page} == set()
