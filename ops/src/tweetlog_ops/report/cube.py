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
        rows: a bucket's beginning and its groups as JSON, see `questions.GROUPS`; in order.
        grain: `MINUTE`, `HOUR` or `DAY`.
        spellings: the hashtags that are told apart, folded and as written, most used first.
        rules: the names of rules by id.
        head: what else the head is to say.
    """
    columns = {name: array(code) for name, code in COLUMNS.items()}
    texts = {name: Texts(_MOST["H"]) for name in ("language", "x_language", "kind")}
    tags = {folded: number for number, (folded, _) in enumerate(spellings)}
    tagsets, rulesets, rule_ids = Texts(_MOST["I"]), Texts(_MOST["H"]), Texts(_MOST["H"])
    left_out: set[str] = set()
    start, tweets = None, 0
    append = [columns[name].append for name in COLUMNS]
    for moment, groups in rows:
        start = start or moment
        bucket = int((moment - start).total_seconds()) // SECONDS[grain]
        for language, x_language, kind, hashtags, matched, count in orjson.loads(f"[{groups}]"):
            left_out.update(tag for tag in hashtags if tag not in tags)
            values = (
                bucket,
                texts["language"].number(language),
                texts["x_language"].number(x_language),
                texts["kind"].number(kind),
                rulesets.number(tuple(map(rule_ids.number, matched))),
                tagsets.number(tuple(sorted(tags[tag] for tag in hashtags if tag in tags))),
                count,
            )
            for add, value in zip(append, values, strict=True):
                add(value)
            tweets += count
    said = {
        **head,
        "grain": grain,
        "step": SECONDS[grain],
        "start": int((start or datetime.fromtimestamp(0, UTC)).timestamp()),
        "groups": len(columns["tweets"]),
        "tweets": tweets,
        "columns": [[name, 2 if code == "H" else 4] for name, code in COLUMNS.items()],
        "languages": list(texts["language"].numbers),
        "x_languages": list(texts["x_language"].numbers),
        "kinds": list(texts["kind"].numbers),
        "hashtags": [list(pair) for pair in spellings],
        "hashtag_sets": _sets(tagsets),
        "rules": [[id, rules.get(id, id)] for id in rule_ids.numbers],
        "rule_sets": _sets(rulesets),
        "hashtags_left_out": len(left_out),
    }
    return Cube(_joined(said, columns), len(columns["tweets"]), tweets, len(left_out))


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
