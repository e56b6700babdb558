"""Holes: when nobody listened, why, and what became of it.

A hole opens where the last proof of listening is, ends with the next one, and is repaired
afterwards. Each step is a statement with a revision of its own, published as a gap event; a
statement that the broker has not confirmed is published again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tweetlog import events
from tweetlog.envelope import Envelope

OPEN, PENDING, NONE = "open", "pending", "none"
BACKFILL, SEARCH = "backfill", "search"
BOTH = f"{BACKFILL}+{SEARCH}"

#: A tweet is delivered within 6 to 7 s of its creation by P99 (X docs, "Consuming streaming
#: data"), clocks differ, and the stream is not ordered: so much around a hole may be missing too.
MARGIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class RuleRepair:
    """What the repair of one rule did. See the schema of gap events."""

    id: str
    tag: str
    repair: str
    found: int = 0
    recovered: int = 0
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search has read for a rule so far, so that nothing is read again after a refusal.

    Attributes:
        rule: its id.
        after_id, before_id: everything between these ids was read, without the two themselves.
        found: tweets of the hole in it.
        recovered: those of them that nothing else has brought.
        refused: why X does not take the rule as a query, if it does not.
    """

    rule: str
    after_id: int
    before_id: int
    found: int = 0
    recovered: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Hole:
    """A time without proof that everything that came is kept.

    Attributes:
        start: the last moment with that proof.
        end: the first one again; None while it is open.
        seen: until when it is known to be open, for the statement that it is.
        cause: why it began.
        repair: `open`, `pending`, or how it was repaired.
        complete: whether all that it may have hidden was provably read.
        note: in words, why it was not.
        found: tweets the repair saw.
        recovered: tweets only the repair brought.
        unseen: what the repair cannot see.
        rules: the same for each rule.
        searched: how far the search has come that is under way.
        passes: how many searches for it are done.
        due: when the next one is, or it is tried again; None if there is none.
        revision: of the newest statement.
        confirmed: of the newest one that the broker has.
    """

    start: datetime
    end: datetime | None
    seen: datetime
    cause: str
    repair: str = OPEN
    complete: bool = False
    note: str = ""
    found: int = 0
    recovered: int = 0
    unseen: tuple[str, ...] = ()
    rules: tuple[RuleRepair, ...] = ()
    searched: tuple[Searched, ...] = ()
    passes: int = 0
    due: datetime | None = None
    revision: int = 0
    confirmed: int = -1

    @property
    def over(self) -> bool:
        """Whether nothing is left to do and to say about it."""
        return (
            self.repair not in (OPEN, PENDING)
            and self.due is None
            and self.confirmed >= self.revision
        )

    @property
    def bounds(self) -> tuple[int, int]:
        """The ids of the tweets it may have hidden lie between these two."""
        end = self.end or self.seen
        first = events.first_id(self.start - MARGIN)
        return max(0, first - 1), events.first_id(end + MARGIN)

    def changed(self, **changes: Any) -> "Hole":
        """Return the next statement about it."""
        return replace(self, **changes, revision=self.revision + 1)


def event(hole: Hole, stream: str) -> Envelope:
    """Return the newest statement as a gap event."""
    after, before = hole.bounds
    more: dict[str, Any] = {
        "after_id": str(after),
        "before_id": str(before),
        "found": hole.found,
        "recovered": hole.recovered,
        "unseen": list(hole.unseen),
        "rules": [asdict(rule) for rule in hole.rules],
    }
    if hole.note:
        more["note"] = hole.note
    return events.gap(
        stream=stream,
        start=hole.start,
        end=hole.end or hole.seen,
        cause=hole.cause,
        repair=hole.repair,
        revision=hole.revision,
        complete=hole.complete,
        **more,
    )


def stored(hole: Hole) -> dict[str, Any]:
    """Return a hole as JSON can hold it."""
    document = asdict(hole)
    for name in ("start", "end", "seen", "due"):
        moment = document[name]
        document[name] = moment.astimezone(UTC).isoformat() if moment else None
    return document


def restored(document: Mapping[str, Any]) -> Hole:
    """Return the hole that was stored.

    Raises:
        KeyError, TypeError, ValueError: if this is none.
    """
    values = dict(document)
    for name in ("start", "end", "seen", "due"):
        moment = values[name]
        values[name] = datetime.fromisoformat(moment) if moment else None
    values["unseen"] = tuple(values["unseen"])
    values["rules"] = tuple(RuleRepair(**rule) for rule in values["rules"])
    values["searched"] = tuple(Searched(**part) for part in values.get("searched", ()))
    return Hole(**values)


@dataclass(slots=True)
class Holes:
    """Every hole about which something is left to do or to say."""

    known: list[Hole] = field(default_factory=list)

    @property
    def open(self) -> Hole | None:
        """The hole that is not over yet."""
        return next((one for one in self.known if one.end is None), None)

    def begin(self, start: datetime, now: datetime, cause: str) -> Hole:
        """Note that nothing is proven since `start`; a hole that is open already goes on."""
        hole = self.open
        if hole is not None:
            return hole
        known = self.of(start)
        if known is not None:  # a crash came between its end and the note that we had heard more
            seen = max(start, now)
            return self.put(known.changed(end=None, seen=seen, repair=OPEN, searched=(), due=None))
        hole = Hole(start, None, max(start, now), cause)
        self.known.append(hole)
        return hole

    def recover(self, heard: datetime, now: datetime, cause: str, due: datetime | None) -> None:
        """Note at a start that what came after `heard` may not have been kept.

        A hole may be open since later than that: what came before it and was only in memory is a
        hole of its own.
        """
        hole = self.open
        if hole is None:
            self.begin(heard, now, cause)
        elif heard < hole.start and self.of(heard) is None:
            lost = Hole(heard, hole.start, hole.start, cause, repair=PENDING, due=due, revision=1)
            self.known.append(lost)

    def still(self, now: datetime) -> Hole | None:
        """State that the open hole goes on."""
        hole = self.open
        return self.put(hole.changed(seen=max(hole.seen, now))) if hole else None

    def close(self, end: datetime, **fate: Any) -> Hole | None:
        """Note that we listen again; a fate says how it will be repaired."""
        hole = self.open
        if hole is None:
            return None
        end = max(end, hole.start + timedelta(milliseconds=1))
        return self.put(hole.changed(end=end, seen=end, **fate))

    def put(self, hole: Hole) -> Hole:
        """Keep a newer state of a hole; what is over is forgotten."""
        self.known = [
            one
            for one in (hole if one.start == hole.start else one for one in self.known)
            if not one.over
        ]
        return hole

    def of(self, start: datetime) -> Hole | None:
        """Return the hole with this start."""
        return next((one for one in self.known if one.start == start), None)

    def confirm(self, start: datetime, revision: int) -> None:
        """Note that the broker has a statement."""
        hole = self.of(start)
        if hole is not None and revision > hole.confirmed:
            self.put(replace(hole, confirmed=revision))

    def unsaid(self) -> list[Hole]:
        """Return the ended holes whose newest statement the broker does not have."""
        return [one for one in self.known if one.end and one.confirmed < one.revision]

    def due(self, now: datetime) -> list[Hole]:
        """Return the ended holes whose repair is due."""
        return [one for one in self.known if one.end and one.due is not None and one.due <= now]


def groups(holes: Iterable[Hole]) -> list[tuple[Hole, ...]]:
    """Return holes that lie so close that one search finds what all of them hid."""
    grouped: list[list[Hole]] = []
    reach: datetime | None = None
    for hole in sorted(holes, key=lambda one: one.start):
        end = hole.end or hole.seen
        if reach is not None and hole.start - MARGIN <= reach:
            grouped[-1].append(hole)
            reach = max(reach, end + MARGIN)
        else:
            grouped.append([hole])
            reach = end + MARGIN
    return [tuple(group) for group in grouped]


def owner(holes: Sequence[Hole], tweet_id: int) -> int:
    """Return which of some holes most likely hid a tweet: the last that began before it."""
    for number in range(len(holes) - 1, 0, -1):
        if tweet_id >= events.first_id(holes[number].start - MARGIN / 10):
            return number
    return 0
