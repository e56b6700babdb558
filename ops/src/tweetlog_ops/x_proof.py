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
        holes: how many there were, and how many are complete.
    """

    existed: int
    matched: int
    loaded: int
    bounded: Sequence[int]
    lost: Sequence[int]
    holes: int
    complete: int

    @property
    def clean(self) -> bool:
        """Whether nothing is missing that no hole tells of."""
        return not self.lost


def compared(
    existed: int, matched: Sequence[int], table: Sequence[int], gaps: Sequence[Mapping[str, Any]]
) -> XVerdict:
    """Return the verdict.

    Args:
        existed: tweets that happened.
        matched: ids of those that matched a rule.
        table: ids in the table.
        gaps: rows of `GAPS`.
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
    if verdict.lost:
        some = ", ".join(map(str, verdict.lost[:10]))
        lines.append(f"LOST: {len(verdict.lost):,} tweets that no hole tells of: {some}")
    else:
        lines.append("lost without a word: 0")
    return "\n".join(lines) + "\n"
