"""The proof against X: what matched there is in the table, or in a hole that says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The tweets and the holes of the warehouse.
TWEETS = "SELECT tweet_id FROM tweetlog.tweets_current"
GAPS = "SELECT after_id, before_id, complete, cause, repair, unseen, note FROM tweetlog.gaps"


@dataclass(frozen=True, slots=True)
class XVerdict:
    """What the comparison found.

    Attributes:
        existed: tweets that happened on X.
        matched: those that a rule matched.
        loaded: those of them that are in the table.
        bounded: those that are not, and lie in a hole that is not known to be complete.
        lost: those that are not, and no hole owns up to it.
        repairable: those in a hole that a search would find: none should be left.
        holes: how many there were.
        complete: how many of them are known to be filled.
    """

    existed: int
    matched: int
    loaded: int
    bounded: Sequence[int]
    lost: Sequence[int]
    repairable: Sequence[int]
    holes: int
    complete: int

    @property
    def clean(self) -> bool:
        """Whether nothing is missing but what no repair brings, and a hole tells of that."""
        return not (self.lost or self.repairable)


def compared(
    existed: int,
    matched: Sequence[int],
    table: Sequence[int],
    gaps: Sequence[Mapping[str, Any]],
    *,
    searchable: Sequence[int],
) -> XVerdict:
    """Return the verdict.

    Args:
        existed: tweets that happened.
        matched: ids of those that matched a rule.
        table: ids in the table.
        gaps: rows of `GAPS`.
        searchable: ids that a search finds.
    """
    there = set(table)
    missing = [id for id in matched if id not in there]
    open_ends = [(int(g["after_id"]), int(g["before_id"])) for g in gaps if not g["complete"]]
    bounded = [id for id in missing if any(after < id < before for after, before in open_ends)]
    known = set(bounded)
    return XVerdict(
        existed=existed,
        matched=len(matched),
        loaded=len(matched) - len(missing),
        bounded=bounded,
        lost=[id for id in missing if id not in known],
        repairable=sorted(known & set(searchable)),
        holes=len(gaps),
        complete=sum(1 for gap in gaps if gap["complete"]),
    )


def report(verdict: XVerdict) -> str:
    """Return the verdict in words."""
    counts = f"{verdict.existed:,} tweets happened, {verdict.matched:,} matched a rule"
    lines = [f"X: {counts}; {verdict.loaded:,} of them are in the table"]
    if verdict.holes:
        lines.append(
            f"holes: {verdict.holes:,}, {verdict.complete:,} of them filled completely; "
            f"{len(verdict.bounded):,} tweets are missing in the others, and known to be"
        )
    if verdict.repairable:
        some = ", ".join(map(str, verdict.repairable[:10]))
        lines.append(f"NOT REPAIRED: {len(verdict.repairable):,} that a search finds: {some}")
    if verdict.lost:
        some = ", ".join(map(str, verdict.lost[:10]))
        lines.append(f"LOST: {len(verdict.lost):,} tweets that no hole tells of: {some}")
    else:
        lines.append("lost without a word: 0")
    return "\n".join(lines) + "\n"


def most_in_a_row(moments: Sequence[float], seconds: float) -> int:
    """Return how many of these moments, in their order, lie within so many seconds at most."""
    first = most = 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
