"""Which of several changes to one key wins.

Pure: BigQuery compares `_CHANGE_SEQUENCE_NUMBER` section by section as unsigned numbers; equal
numbers are decided by the latest arrival. Source of the rules: BigQuery's page on change data
capture.
"""

import re
from collections.abc import Hashable, Iterable, Sequence

CHANGE_TYPE = "_CHANGE_TYPE"
SEQUENCE = "_CHANGE_SEQUENCE_NUMBER"
PSEUDO_COLUMNS = (CHANGE_TYPE, SEQUENCE)
UPSERT = "UPSERT"
DELETE = "DELETE"
INSERT = "INSERT"
VALID = re.compile(r"[0-9A-Fa-f]{1,16}(/[0-9A-Fa-f]{1,16}){0,3}\Z")
SECTION = 16


class InvalidSequence(Exception):  # noqa: N818 (named for what is true)
    """A sequence number that is not 1-4 sections of 1-16 hexadecimal digits."""


def comparable(number: str) -> str:
    """Return a text that sorts, byte by byte, as the sequence number does.

    A change without a number gets the empty text; see `winners` for its rank.
    """
    if not number:
        return ""
    if not VALID.match(number):
        raise InvalidSequence(number)
    return "/".join([section.zfill(SECTION) for section in number.upper().split("/")])


def winners(changes: Iterable[tuple[Hashable, str]]) -> Sequence[int]:
    """Return the positions of the changes that count, one for each key.

    `changes` are (key, comparable sequence) in their order of arrival. A change without a
    sequence is ordered by arrival alone: it beats what came before it, and whatever comes
    after it beats it.
    """
    best: dict[Hashable, tuple[str, int]] = {}
    for position, (key, sequence) in enumerate(changes):
        known = best.get(key)
        if known is None or not sequence or sequence >= known[0]:
            best[key] = (sequence, position)
    return sorted(position for _, position in best.values())
