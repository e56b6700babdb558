"""How a hole is repaired: what is asked of X, and what that proves.

Backfill (Enterprise) gives again what the stream had; search is another view on the same tweets,
which lacks some kinds (see query.py) and knows seven days.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestor.x.holes import MARGIN, NONE, PENDING, SEARCH, Hole, RuleRepair
from ingestor.x.query import Blind, blind
from ingestor.x.rules import Existing
from tweetlog import events

#: X docs, "Recovery and redundancy": backfill_minutes takes 1 to 5.
MOST_MINUTES = 5
#: Recent search knows seven days; a little less, so that a query is not refused on its way.
REACH = timedelta(days=7) - timedelta(minutes=10)
#: A tweet is found by search some seconds after it was created; X refuses what is younger than 10.
INDEXED = timedelta(seconds=15)
YOUNGEST = timedelta(seconds=11)
#: The second search finds what was indexed late. What it reads again the same day is not billed.
SECOND_PASS = timedelta(minutes=15)
PASSES = 2


@dataclass(frozen=True, slots=True)
class Query:
    """One search: a rule, and the ids between which it searches, both exclusive."""

    rule: Existing
    after_id: int
    before_id: int


def minutes(holes: Sequence[Hole], now: datetime) -> int | None:
    """Return the minutes of backfill to ask for; None if nothing is to be filled."""
    starts = [hole.start for hole in holes if reaches(hole, now)]
    if not starts:
        return None
    whole = math.ceil((now - min(starts)).total_seconds() / 60) + 1
    return max(1, min(whole, MOST_MINUTES))


def reaches(hole: Hole, now: datetime) -> bool:
    """Whether a backfill that is asked for now reaches back to the start of a hole."""
    return now - hole.start <= timedelta(minutes=MOST_MINUTES) - MARGIN / 2


def first_due(end: datetime, *, speed: float = 1) -> datetime:
    """Return when the first search is of use: all is delivered and indexed."""
    return end + (MARGIN + INDEXED) / speed


def queries(
    group: Sequence[Hole], rules: Sequence[Existing], now: datetime, *, speed: float = 1
) -> list[Query]:
    """Return the searches that fill some holes; none for a rule that search cannot do."""
    start = min(hole.start for hole in group) - MARGIN
    end = max(hole.end or hole.seen for hole in group) + MARGIN
    after = events.first_id(max(start, now - REACH)) - 1
    before = events.first_id(min(end, now - YOUNGEST / speed))
    if before <= after:
        return []
    return [Query(rule, after, before) for rule in rules if not blind(rule.value).why_not]


def result(
    hole: Hole, rules: Sequence[Existing], counts: Sequence[tuple[int, int]], now: datetime
) -> Hole:
    """Return a hole after a search was done for it.

    Args:
        hole: as it was before.
        rules: the rules on the stream.
        counts: for each rule what was found, and what of it was new.
        now: the moment of the search.
    """
    blinds = [blind(rule.value) for rule in rules]
    before = {rule.id: rule for rule in hole.rules}
    repairs = tuple(
        _of_rule(rule, sight, count, before.get(rule.id))
        for rule, sight, count in zip(rules, blinds, counts, strict=True)
    )
    unseen = dict.fromkeys(kind for sight in blinds for kind in sight.unseen)
    missed = [f"rule {r.tag}: {s.why_not}" for r, s in zip(rules, blinds, strict=True) if s.why_not]
    if now - REACH > hole.start - MARGIN:
        missed.append("search knows seven days; what is older is missing")
    passes = hole.passes + 1
    searched = not rules or any(not sight.why_not for sight in blinds)
    return hole.changed(
        repair=_joined(hole.repair, SEARCH) if searched else NONE,
        complete=bool(rules) and not missed and not unseen,
        note="; ".join(missed),
        found=sum(one.found for one in repairs),
        recovered=hole.recovered + sum(new for _, new in counts),
        unseen=tuple(unseen),
        rules=repairs,
        passes=passes,
        due=hole.end + SECOND_PASS if passes < PASSES and searched and hole.end else None,
    )


def given_up(hole: Hole, note: str) -> Hole:
    """Return a hole that is not repaired, and why."""
    return hole.changed(repair=NONE, complete=False, note=note, due=None)


def too_old(hole: Hole, now: datetime) -> bool:
    """Whether search does not reach any of it any more."""
    return (hole.end or hole.seen) + MARGIN < now - REACH


def _of_rule(
    rule: Existing, sight: Blind, count: tuple[int, int], before: RuleRepair | None
) -> RuleRepair:
    found, new = count
    return RuleRepair(
        id=rule.id,
        tag=rule.tag,
        repair=NONE if sight.why_not else SEARCH,
        found=found,
        recovered=new + (before.recovered if before else 0),
        unseen=sight.why_not or ", ".join(sight.unseen),
    )


def _joined(before: str, now: str) -> str:
    return now if before in (PENDING, now, NONE) else f"{before}+{now}"
