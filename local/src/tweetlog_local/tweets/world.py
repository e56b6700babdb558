"""The world that tweets come from: languages, people, places, trends and rules."""

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import orjson

from tweetlog_local.tweets.chance import Chance, Weighted, few_first

PEOPLE = 2_000

_SYLLABLES = tuple(
    "kamirotalunesovidafenoribazulemopiyatego"[at : at + 2] for at in range(0, 40, 2)
)


@dataclass(frozen=True, slots=True)
class Language:
    """A language, as X codes it, and what is said in it."""

    code: str
    joiner: str
    openings: Sequence[str]
    clauses: Sequence[str]
    closings: Sequence[str]
    names: Sequence[str]
    tags: Weighted[str]


@dataclass(frozen=True, slots=True)
class Person:
    """An account, and how X describes it."""

    id: str
    username: str
    language: Language
    user: orjson.Fragment


@dataclass(frozen=True, slots=True)
class Trend:
    """A hashtag that comes up, peaks and fades; moments are shares of the whole time."""

    tag: str
    peak: float
    width: float
    height: float

    def strength(self, moment: float) -> float:
        """Return how likely a hashtag is this one at a moment."""
        return self.height * math.exp(-(((moment - self.peak) / self.width) ** 2))


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is drawn once."""

    languages: Sequence[Language]
    people: Weighted[Person]
    english: Language
    trends: Sequence[Trend]


TRENDS = (
    Trend("EclipseWatch", 0.18, 0.05, 0.5),
    Trend("MidnightTrains", 0.37, 0.08, 0.35),
    Trend("地震速報", 0.55, 0.02, 0.7),
    Trend("HarbourFestival", 0.74, 0.09, 0.45),
    Trend("كأس_المدينة", 0.93, 0.06, 0.5),
)

_FULL_WIDTH = "".join(chr(ord(letter) + 0xFEE0) for letter in "fullwidth")

#: Hashtags that test whoever reads them: the tag, its sign, and what cuts it off.
ODD_TAGS = (
    ("python", "#", ""),
    ("Python", "#", ""),
    ("PYTHON", "#", ""),
    ("worldcup", "#", ""),
    ("WORLDCUP", "#", ""),
    ("東京", "\uff03", ""),
    ("全角タグ", "\uff03", ""),
    ("rock", "#", "'n'roll"),
    ("C", "#", "++"),
    ("covid", "#", "-19"),
    ("100daysofcode", "#", "!"),
    ("caf\u00e9", "#", ","),
    ("cafe\u0301", "#", ","),
    ("İstanbul", "#", "..."),
    ("Straße", "#", ""),
    ("straße", "#", ""),
    (_FULL_WIDTH, "#", ""),
    ("می\u200cروم", "#", ""),
    ("snake_case_tag", "#", "."),
    ("Ελλάδα", "#", "·"),
)

RULES = (
    {"id": "1790000000000000101", "tag": "everything"},
    {"id": "1790000000000000102", "tag": "trains lang:en"},
    {"id": "1790000000000000103", "tag": "books"},
    {"id": "1790000000000000104", "tag": "football"},
    {"id": "1790000000000000105"},
)

PLACES: tuple[dict[str, Any], ...] = tuple(
    {
        "id": f"{0x5A110E8A1B2C3D00 + number * 7919:016x}",
        "full_name": f"{name}, {country}",
        "name": name,
        "country": country,
        "country_code": code,
        "place_type": "city",
        "geo": {
            "type": "Feature",
            "bbox": [round(x - 0.2, 3), round(y - 0.1, 3), round(x + 0.2, 3), round(y + 0.1, 3)],
            "properties": {},
        },
    }
    for number, (name, country, code, x, y) in enumerate(
        (
            ("Lisbon", "Portugal", "PT", -9.14, 38.72),
            ("Osaka", "日本", "JP", 135.5, 34.69),
            ("Nairobi", "Kenya", "KE", 36.82, -1.29),
            ("İzmir", "Türkiye", "TR", 27.14, 38.42),
            ("Monterrey", "México", "MX", -100.31, 25.67),
            ("Leeds", "United Kingdom", "GB", -1.55, 53.8),
            ("Busan", "대한민국", "KR", 129.08, 35.18),
            ("Lahore", "Pakistan", "PK", 74.34, 31.55),
            ("Suva", "Fiji", "FJ", 178.44, -18.14),
            ("Recife", "Brasil", "BR", -34.88, -8.05),
        )
    )
)


def world(chance: Chance) -> World:
    """Return a world with its people."""
    languages, often = _languages()
    speakers = Weighted(languages, often)
    people = [_person(number, speakers.draw(chance), chance) for number in range(PEOPLE)]
    busy = Weighted(people, few_first(PEOPLE, steep=0.9, head=20))
    english = next(one for one in languages if one.code == "en")
    return World(languages, busy, english, TRENDS)


def _languages() -> tuple[list[Language], list[float]]:
    file = resources.files("tweetlog_local.tweets") / "vocabulary.toml"
    vocabulary = tomllib.loads(file.read_text(encoding="utf-8"))
    languages = [
        Language(
            code,
            entry["joiner"],
            entry["openings"],
            entry["clauses"],
            entry["closings"],
            entry["names"],
            Weighted(entry["tags"], few_first(len(entry["tags"]))),
        )
        for code, entry in vocabulary.items()
    ]
    return languages, [entry["weight"] for entry in vocabulary.values()]


def _person(number: int, language: Language, chance: Chance) -> Person:
    id = str(100_000 + number * 7_919 + chance.below(7_000))
    syllables = "".join(chance.one(_SYLLABLES) for _ in range(3))
    username = f"{syllables}{'_' if chance.happens(0.2) else ''}{number}"
    user = {
        "id": id,
        "name": chance.one(language.names),
        "username": username,
        "created_at": f"20{10 + chance.below(14)}-0{1 + chance.below(9)}-1{chance.below(10)}"
        "T08:00:00.000Z",
        "description": chance.one(language.clauses),
        "verified": chance.happens(0.05),
        "protected": False,
        "public_metrics": {
            "followers_count": int(20 / (chance.unit() + 0.001)),
            "following_count": chance.below(900),
            "tweet_count": chance.below(20_000),
            "listed_count": chance.below(30),
        },
    }
    return Person(id, username, language, orjson.Fragment(orjson.dumps(user)))
