"""How a hole is repaired: what is asked of X, and what that proves.

Backfill (Enterprise) gives again what the stream had; search is another view on the same tweets,
which lacks some kinds (see query.py) and knows seven days.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
#: The second search finds what was indexed late. What it reads again on one UTC day is not billed.
SECOND_PASS = timedelta(minutes=15)
PASSES = 2

#: Ids between two others, which do not belong to it.
Span = tuple[int, int]


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
    """Return the searches that are left to fill some holes; none for what search cannot do."""
    ranges = [(hole, _searchable(hole, now, speed)) for hole in group]
    found = []
    for rule in rules:
        if blind(rule.value).why_not:
            continue
        left = [span for hole, whole in ranges for span in _left(whole, hole, rule)]
        found += [Query(rule, after, before) for after, before in joined(left)]
    return found


def _searchable(hole: Hole, now: datetime, speed: float) -> Span:
    """Return the ids between which a hole is to be searched, both exclusive."""
    start, end = hole.start - MARGIN, (hole.end or hole.seen) + MARGIN
    after = events.first_id(max(start, now - REACH)) - 1
    return after, events.first_id(min(end, now - YOUNGEST / speed))


def _left(whole: Span, hole: Hole, rule: Existing) -> list[Span]:
    """Return what of a hole was not searched yet for a rule."""
    if refusal(hole, rule):
        return []
    done = [(part.after_id, part.before_id) for part in hole.searched if part.rule == rule.id]
    return without(whole, done)


def without(whole: Span, done: Iterable[Span]) -> list[Span]:
    """Return the ids of a span that are in none of some others."""
    left = [whole]
    for after, before in (span for span in done if span[1] - span[0] > 1):
        pieces = [
            piece for a, b in left for piece in ((a, min(b, after + 1)), (max(a, before - 1), b))
        ]
        left = sorted({(a, b) for a, b in pieces if b - a > 1})
    return [(a, b) for a, b in left if b - a > 1]


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans that hold the same ids and do not overlap."""
    found: list[Span] = []
    for after, before in sorted(spans):
        if found and after < found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], before)
        else:
            found.append((after, before))
    return found


def refusal(hole: Hole, rule: Existing) -> str:
    """Return X's words about a rule that it did not take as a query in this search."""
    said = (part.refused for part in hole.searched if part.rule == rule.id)
    return next((words for words in said if words), "")


def result(hole: Hole, rules: Sequence[Existing], now: datetime) -> Hole:
    """Return a hole after a search was done for it.

    Args:
        hole: as it was before, with everything that was searched for it.
        rules: the rules on the stream.
        now: the moment of the search.
    """
    blinds = [_seen(hole, rule) for rule in rules]
    before = {rule.id: rule for rule in hole.rules}
    repairs = tuple(
        _of_rule(rule, sight, _count(hole, rule), before.get(rule.id))
        for rule, sight in zip(rules, blinds, strict=True)
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
        recovered=hole.recovered + sum(part.recovered for part in hole.searched),
        unseen=tuple(unseen),
        rules=repairs,
        searched=(),
        passes=passes,
        due=_second_pass(hole.end, now) if passes < PASSES and searched and hole.end else None,
    )


def _second_pass(end: datetime, now: datetime) -> datetime | None:
    """Return when to search again; None near midnight, when X would bill all of it again."""
    last = now.astimezone(UTC).replace(hour=23, minute=58, second=0, microsecond=0)
    return min(end + SECOND_PASS, last) if now < last else None


def _seen(hole: Hole, rule: Existing) -> Blind:
    """Return what a search for a rule cannot see, and could not."""
    refused = refusal(hole, rule)
    return Blind(why_not=f"search refuses it: {refused}") if refused else blind(rule.value)


def _count(hole: Hole, rule: Existing) -> tuple[int, int]:
    """Return what was found for a rule, and what of it was new."""
    parts = [part for part in hole.searched if part.rule == rule.id]
    return sum(part.found for part in parts), sum(part.recovered for part in parts)


def given_up(hole: Hole, note: str) -> Hole:
    """Return a hole that is not repaired, and why."""
    return hole.changed(repair=NONE, complete=False, note=note, searched=(), due=None)


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
