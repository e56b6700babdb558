"""Filling holes by search, beside the stream: what is found goes the way of everything else."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ingestor.capture import Tweet
from ingestor.document import dump, parse
from ingestor.line import captured
from ingestor.loose import members
from ingestor.x import budget as budgets
from ingestor.x import repair
from ingestor.x.answers import Cause, Ended, Refused
from ingestor.x.buffer import Buffer, Item
from ingestor.x.gaps import Gaps
from ingestor.x.holes import Hole, Searched, groups, owner
from ingestor.x.intake import Intake
from ingestor.x.metrics import Metrics
from ingestor.x.repair import Query
from ingestor.x.rules import Existing
from ingestor.x.schedule import Act, Failures, decide
from ingestor.x.state import Ledger
from tweetlog import events

log = logging.getLogger(__name__)

# A page of recent search (X docs, "Recent search": 10 to 100).
_LEAST, _MOST = 10, 100
# What a repair leaves of a day's budget to the stream.
_LEFT_TO_THE_STREAM = 0.25
_LOOK_SECONDS = 0.5
# Higher than every id.
_NO_ID = 1 << 70


class Search(Protocol):
    """Recent search."""

    def search(self, query: str, **params: Any) -> Mapping[str, Any]:
        """Return a page."""


class _Stopped(Exception):  # noqa: N818 - never leaves this module
    """The process ends; the hole waits for the next one."""


class _Dear(Exception):  # noqa: N818 - never leaves this module
    """What is left of the budget is the stream's."""


class Mender:
    """Searches for what holes have hidden.

    Args:
        gaps: the holes.
        api: what searches.
        intake: counts what was read, and knows what came before.
        buffer: where tweets go.
        ledger: what may still be read.
        rules: the rules on the stream, as they are now.
        fields: the fields to ask for, as tweepy names them.
        metrics: where everything is counted.
        stop: when set, it ends.
        stream: the stream's name.
        longest: the longest hole to fill; zero to fill none.
        speed: divides every wait.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        gaps: Gaps,
        api: Search,
        *,
        intake: Intake,
        buffer: Buffer,
        ledger: Ledger,
        rules: Callable[[], Sequence[Existing]],
        fields: Mapping[str, str],
        metrics: Metrics,
        stop: threading.Event,
        stream: str,
        longest: timedelta,
        speed: float = 1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._gaps = gaps
        self._api = api
        self._intake = intake
        self._buffer = buffer
        self._ledger = ledger
        self._rules = rules
        self._fields = fields
        self._metrics = metrics
        self._stop = stop
        self._stream = stream
        self._longest = longest
        self._speed = speed
        self._clock = clock
        self._failures = Failures()
        # How far the searches have come that are under way, by their holes; what the broker has
        # of it is kept with the hole.
        self._searched: dict[_Key, tuple[Searched, ...]] = {}

    def run(self) -> None:
        """Fill holes as they become due, until a stop."""
        while not self._stop.wait(_LOOK_SECONDS / min(self._speed, 10)):
            self.mend()

    def mend(self) -> None:
        """Fill the holes that are due now, once it is known what for."""
        if not self._rules():
            return
        holes = []
        for hole in self._gaps.due():
            why_not = self._why_not(hole)
            if why_not:
                self._gaps.searched(repair.given_up(hole, why_not))
            else:
                holes.append(hole)
        for group in groups(holes):
            if not self._stop.is_set():
                self._fill(group)

    def _why_not(self, hole: Hole) -> str:
        """Return why a hole is not to be searched for; nothing if it is."""
        if hole.cause == Cause.BUDGET:
            return "the budget was used up; reading it now would spend another day's"
        if not self._longest:
            return "repairs are switched off (TWEETLOG_X_REPAIR_HOURS=0)"
        if (hole.end or hole.seen) - hole.start > self._longest:
            return f"longer than {self._longest} (TWEETLOG_X_REPAIR_HOURS)"
        if repair.too_old(hole, self._now):
            return "older than the seven days that search knows"
        return ""

    def _fill(self, group: Sequence[Hole]) -> None:
        """Search for what some holes have hidden, from where it was left."""
        for hole in group:
            self._searched.setdefault(_key(hole), hole.searched)
        rules = self._rules()
        try:
            for query in repair.queries(self._as_far(group), rules, self._now, speed=self._speed):
                self._search(query, group)
        except Refused as reason:
            self._gaps.postpone(group, self._after(reason.ended))
        except _Dear:
            spent, budget = self._ledger.spent, self._ledger.budget
            self._gaps.postpone(group, budgets.resumes(spent, budget))
        except _Stopped:
            return
        else:
            self._failures = Failures()
            for hole in self._as_far(group):
                mended = repair.result(hole, rules, self._now)
                log.info(
                    "searched for what the hole of %s hid: %d found, %d of them new%s",
                    events.rfc3339(hole.start),
                    mended.found,
                    mended.recovered - hole.recovered,
                    "" if mended.complete else f"; not seen: {_unseen(mended)}",
                )
                self._gaps.searched(mended)
                del self._searched[_key(hole)]

    def _as_far(self, group: Sequence[Hole]) -> list[Hole]:
        """Return holes with what was searched for them by now."""
        return [replace(hole, searched=self._searched[_key(hole)]) for hole in group]

    def _search(self, query: Query, group: Sequence[Hole]) -> None:
        """Search for a rule, and note after each page how far it has come: newest come first."""
        try:
            for page in self._pages(query):
                self._metrics.searches.inc()
                counts, lowest = self._read(page, query.rule, group)
                last = not members(page, "meta").get("next_token")
                after = query.after_id if last else min(lowest - 1, query.before_id - 1)
                self._note(query, group, counts, after)
        except Refused as reason:
            if reason.ended.cause is not Cause.REQUEST:
                raise
            # X will not take it later either; the other rules are searched for all the same.
            log.error("search: rule %s: %s", query.rule.tag, reason.ended.detail)  # noqa: TRY400 - the line says it all
            self._note(query, group, {}, query.before_id - 1, refused=reason.ended.detail)

    def _read(
        self, page: Mapping[str, Any], rule: Existing, group: Sequence[Hole]
    ) -> tuple[dict[int, tuple[int, int]], int]:
        """Hand on the new tweets of a page; return the counts for each hole, and the lowest id."""
        counts: dict[int, tuple[int, int]] = {}
        lowest = _NO_ID
        for tweet, document in self._tweets(page, rule):
            id = int(tweet.id)
            lowest = min(lowest, id)
            new = self._intake.tweet(id, document, streamed=False)
            number = owner(group, id)
            found, recovered = counts.get(number, (0, 0))
            counts[number] = found + 1, recovered + new
            if new:
                self._metrics.recovered.inc()
                self._hand_on(Item(tweet, None, self._clock()))
        return counts, lowest

    def _note(
        self,
        query: Query,
        group: Sequence[Hole],
        counts: Mapping[int, tuple[int, int]],
        after: int,
        refused: str = "",
    ) -> None:
        """Note that a search has come down to an id."""
        for number, hole in enumerate(group):
            before = self._searched[_key(hole)]
            part = next(
                (one for one in before if one.rule == query.rule.id and _goes_on(one, query)),
                Searched(query.rule.id, query.before_id - 1, query.before_id),
            )
            found, recovered = counts.get(number, (0, 0))
            longer = replace(
                part,
                after_id=min(part.after_id, after),
                found=part.found + found,
                recovered=part.recovered + recovered,
                refused=refused,
            )
            self._searched[_key(hole)] = (*(one for one in before if one is not part), longer)
        self._gaps.advance({hole.start: self._searched[_key(hole)] for hole in group})

    def _pages(self, query: Query) -> Iterator[Mapping[str, Any]]:
        params: dict[str, Any] = {
            **self._fields,
            "since_id": query.after_id,
            "until_id": query.before_id,
        }
        while True:
            if self._stop.is_set():
                raise _Stopped
            page = self._api.search(query.rule.value, max_results=self._affordable(), **params)
            yield page
            following = members(page, "meta").get("next_token")
            if not following:
                return
            params["next_token"] = following

    def _tweets(
        self, page: Mapping[str, Any], rule: Existing
    ) -> Iterator[tuple[Tweet, Mapping[str, Any]]]:
        """Yield the tweets of a page, each as the stream would have given it for this rule."""
        moment = events.rfc3339(self._now)
        origin = {"stream": self._stream, "search": rule.tag, "received": moment}
        matching = [{"id": rule.id, "tag": rule.tag}]
        for one in captured(dump({**page, "matching_rules": matching}), origin):
            if isinstance(one, Tweet):
                yield replace(one, receivedtime=moment), parse(one.payload)
            else:
                self._metrics.unusable.labels(one.reason.reason_class).inc()
                self._hand_on(Item(one, None, self._clock()))

    def _hand_on(self, item: Item) -> None:
        if not self._buffer.put_waiting(item, self._stop):
            raise _Stopped

    def _affordable(self) -> int:
        """Return how many tweets the next page may have."""
        left = self._ledger.left()
        if left is None:
            return _MOST
        budget = self._ledger.budget
        day = budget.per_day or (budget.per_month or 0) // 30
        spare = left - int(day * _LEFT_TO_THE_STREAM)
        if spare < _LEAST:
            raise _Dear
        return min(spare, _MOST)

    def _after(self, ended: Ended) -> datetime:
        """Return when to try again after a refusal."""
        self._failures, decision = decide(self._failures, ended, self._clock(), speed=self._speed)
        # What X does not take as a query it will not take later; parked, since a person may
        # mend it, and given up when it is too old.
        level = logging.ERROR if decision.act is Act.PARK else logging.WARNING
        log.log(level, "search: %s; again in %.0f s", ended.detail, decision.wait / self._speed)
        return self._now + timedelta(seconds=decision.wait) / self._speed

    @property
    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


# A hole as it is until something new is stated of it.
_Key = tuple[datetime, int]


def _key(hole: Hole) -> _Key:
    return hole.start, hole.revision


def _goes_on(part: Searched, query: Query) -> bool:
    """Whether a query reads on where a part ends, or is the one that made it."""
    return query.before_id in (part.before_id, part.after_id + 1)


def _unseen(hole: Hole) -> str:
    return ", ".join([*hole.unseen, *([hole.note] if hole.note else [])]) or "there are no rules"
