"""The counts that the page adds up: one table of groups, packed so that a browser reads it at once.

A group is tweets of one bucket of time that no filter and no chart tells apart. Its columns are
numbers that stand for texts in lists; a set of hashtags or of rules is one number as well. A
million tweets take a few megabytes, and a browser goes through all of them in some milliseconds.

The packed form: the length of the head (4 bytes), the head (JSON), then the columns one after the
other as unsigned integers of 16 or 32 bits, all little-endian.
"""

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import orjson

#: The columns in their order, with the type codes of `array`.
COLUMNS: Mapping[str, str] = {
    "bucket": "H",
    "language": "H",
    "x_language": "H",
    "kind": "H",
    "rules": "H",
    "hashtags": "I",
    "tweets": "I",
}
#: What groups of one bucket are told apart by.
PARTS = ("language", "x_language", "kind", "rules", "hashtags")
SECONDS: Mapping[str, int] = {"MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}
_MOST = {"H": 0xFFFF, "I": 0xFFFF_FFFF}
# What stands for a text when a list is full.
_OTHER = "…"


@dataclass(slots=True)
class Texts:
    """Different values, each with a number."""

    most: int
    numbers: dict[Any, int] = field(default_factory=dict)

    def number(self, value: Any) -> int:
        """Return the value's number, a new one for a new value; one for all beyond the most."""
        known = self.numbers.get(value)
        if known is not None:
            return known
        if len(self.numbers) < self.most:
            return self.numbers.setdefault(value, len(self.numbers))
        return self.numbers.setdefault(_OTHER, len(self.numbers))


@dataclass(frozen=True, slots=True)
class Cube:
    """The packed table.

    Attributes:
        data: the packed form.
        groups: how many groups it has.
        tweets: how many tweets they count.
        left_out: how many different hashtags are not told apart, being too rare.
    """

    data: bytes
    groups: int
    tweets: int
    left_out: int


class _Parts:
    """What groups are told apart by: the lists of texts, and the numbers that stand for them."""

    def __init__(self, tags: Iterable[str]) -> None:
        self.languages, self.x_languages, self.kinds = (Texts(_MOST["H"]) for _ in range(3))
        self.tag_sets, self.rule_sets, self.rules = (Texts(_MOST[code]) for code in "IHH")
        self.left_out: set[str] = set()
        self.different: list[tuple[int, ...]] = []
        self._tags = {tag: number for number, tag in enumerate(tags)}
        self._known: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return where the parts of a group, which are JSON, stand among the different ones.

        Most come again in many buckets.
        """
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = len(self.different)
            self.different.append(self._numbers(*orjson.loads(text)))
        return known

    def _numbers(
        self, language: str, x_language: str, kind: str, tags: list[str], rules: list[str]
    ) -> tuple[int, ...]:
        self.left_out.update(tag for tag in tags if tag not in self._tags)
        return (
            self.languages.number(language),
            self.x_languages.number(x_language),
            self.kinds.number(kind),
            self.rule_sets.number(tuple(map(self.rules.number, rules))),
            self.tag_sets.number(
                tuple(sorted(self._tags[tag] for tag in tags if tag in self._tags))
            ),
        )


def packed(
    rows: Iterable[tuple[datetime, str]],
    *,
    grain: str,
    spellings: Sequence[tuple[str, str]],
    rules: Mapping[str, str],
    head: Mapping[str, Any],
) -> Cube:
    """Return the table of counts.

    Args:
        rows: a bucket's beginning and its groups, see `questions.GROUPS`; in order.
        grain: `MINUTE`, `HOUR` or `DAY`.
        spellings: the hashtags that are told apart, folded and as written, most used first.
        rules: the names of rules by id.
        head: what else the head is to say.
    """
    parts = _Parts(folded for folded, _ in spellings)
    columns = {name: array(code) for name, code in COLUMNS.items()}
    numbers: list[int] = []
    start = None
    for moment, told in rows:
        start = start or moment
        bucket = int((moment - start).total_seconds()) // SECONDS[grain]
        texts_and_counts = told.split("\t")
        numbers += map(parts.number, texts_and_counts[::2])
        columns["tweets"].extend(map(int, texts_and_counts[1::2]))
        columns["bucket"].extend(repeat(bucket, len(texts_and_counts) // 2))
    for name, values in zip(PARTS, zip(*parts.different, strict=True), strict=False):
        columns[name].extend(map(values.__getitem__, numbers))
    groups, tweets = len(columns["tweets"]), sum(columns["tweets"])
    said = {
        **head,
        "grain": grain,
        "step": SECONDS[grain],
        "start": int((start or datetime.fromtimestamp(0, UTC)).timestamp()),
        "groups": groups,
        "tweets": tweets,
        "columns": [[name, 2 if code == "H" else 4] for name, code in COLUMNS.items()],
        "languages": list(parts.languages.numbers),
        "x_languages": list(parts.x_languages.numbers),
        "kinds": list(parts.kinds.numbers),
        "hashtags": [list(pair) for pair in spellings],
        "hashtag_sets": _sets(parts.tag_sets),
        "rules": [[id, rules.get(id, id)] for id in parts.rules.numbers],
        "rule_sets": _sets(parts.rule_sets),
        "hashtags_left_out": len(parts.left_out),
    }
    return Cube(_joined(said, columns), groups, tweets, len(parts.left_out))


def _sets(found: Texts) -> list[list[int]]:
    return [list(one) if one != _OTHER else [] for one in found.numbers]


def _joined(head: Mapping[str, Any], columns: Mapping[str, "array[int]"]) -> bytes:
    text = orjson.dumps(head)
    # The columns of 32 bits begin at a multiple of four.
    text += b" " * (-len(text) % 4)
    parts = [len(text).to_bytes(4, "little"), text]
    for values in columns.values():
        if sys.byteorder == "big":
            values.byteswap()
        parts.append(values.tobytes())
        parts.append(b"\0" * (-len(parts[-1]) % 4))
    return b"".join(parts)
