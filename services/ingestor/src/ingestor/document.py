"""JSON as this log accepts it: strict, of bounded depth, and never silently changed.

orjson does the work; what it would change without a word (a repeated key, an integer beyond
64 bits) or refuses although X sends it (half a surrogate pair) takes the slow way through the
standard library.
"""

import json
import re
from typing import Any, NoReturn

import orjson

from tweetlog.errors import InvalidEvent

#: What orjson writes; BigQuery's JSON type takes 500 (BigQuery, "JSON data", limits).
MAX_DEPTH = 254

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# A number of 19 digits or more, where the members of this table stand for their like.
_LIKE = bytes.maketrans(b"123456789-,[ \t", b"0000000000::::")
_WIDE_INTEGER = b":" + b"0" * 19


def parse(line: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        InvalidEvent: if it is not JSON, repeats a key or is nested too deeply.
    """
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as reason:
        if _SURROGATE.search(line):
            return _parse_exactly(line)
        raise InvalidEvent(f"not JSON: {reason}", reason_class="not_json") from None
    try:
        again = orjson.dumps(value)
    except orjson.JSONEncodeError:
        raise _too_deep() from None
    # What is written again as it came was not changed; else a closer look costs much more.
    if again != line and (again.count(b'":') != line.count(b'":') or _is_unusual(line)):
        return _parse_exactly(line)
    return value


def dump(value: Any) -> bytes:
    """Return a parsed value as compact JSON; equal values in equal order give equal bytes."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # Half a surrogate pair, or an integer beyond 64 bits.
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _is_unusual(line: bytes) -> bool:
    """Whether orjson might change it unseen; a few of the usual ones look like it."""
    # Substrings, since a regular expression over every line costs more than parsing it, and one
    # by one, since a loop over them costs more than looking.
    return _WIDE_INTEGER in line.translate(_LIKE) or _has_uncountable_keys(line)


def _has_uncountable_keys(line: bytes) -> bool:
    """Whether a key may not be counted by its `":`.

    White space before the colon, or a quote, colon or space that is written as an escape.
    """
    return (
        b'" ' in line
        or b'"\t' in line
        or b'"\r' in line
        or b'"\n' in line
        or b"\\u002" in line
        or b"\\u003" in line
    )


def _parse_exactly(line: bytes) -> Any:
    try:
        value = json.loads(
            line.decode(), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite
        )
    except RecursionError:
        raise _too_deep() from None
    except ValueError as reason:
        raise InvalidEvent(f"not JSON: {reason}", reason_class="not_json") from None
    if _depth(value) > MAX_DEPTH:
        raise _too_deep()
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidEvent(f"the key {twice!r} stands twice", reason_class="duplicate_key")
    return unique


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        _refuse(text)
    return number


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [child for one in level for child in _children(one)]
    return depth


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep() -> InvalidEvent:
    return InvalidEvent(f"nested deeper than {MAX_DEPTH} levels", reason_class="too_deep")
