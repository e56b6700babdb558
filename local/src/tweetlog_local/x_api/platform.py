"""X as far as it is here: what all endpoints share, and how its time goes on."""

import heapq
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Protocol

from tweetlog_local.x_api.clock import Clock
from tweetlog_local.x_api.compliance_jobs import Jobs
from tweetlog_local.x_api.connections import Connection, Connections
from tweetlog_local.x_api.faults import Faults
from tweetlog_local.x_api.limits import LIMITS, Limiter
from tweetlog_local.x_api.log import Log
from tweetlog_local.x_api.making import Draft, composed, drafted, prepared
from tweetlog_local.x_api.rulebook import Rule, Rulebook
from tweetlog_local.x_api.settings import Settings
from tweetlog_local.x_api.snowflake import id_at, ms_of
from tweetlog_local.x_api.tiers import TIERS
from tweetlog_local.x_api.timeline import Post, Timeline
from tweetlog_local.x_api.usage import Usage
from tweetlog_local.x_api.verdicts import News, Verdicts

STREAM = "/2/tweets/search/stream"
# The bits of an id between its moment and its number: which machine made it. Ours, and those put
# in from outside.
_MADE, _PUT_IN = 1 << 12, 2 << 12
# Of a hundred tweets the slowest takes as long as the settings say; an exponential distribution
# has its 99th percentile at this many means.
_MEANS_TO_P99 = 4.6
# How many tweets are made between two looks at the network, at most.
_AT_ONCE = 250


class Reader(Protocol):
    """An open stream."""

    connection: Connection

    def give(self, posts: list[Post]) -> None:
        """Take tweets that are due."""

    def tell(self, news: News) -> None:
        """Take an event of the compliance streams."""

    def tick(self) -> None:
        """Do what is due by itself."""

    def kill(self, reason: str) -> None:
        """End it politely."""

    @property
    def full(self) -> bool:
        """Whether its client has to read first."""


class Platform:
    """Everything the endpoints share."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.tier = TIERS[settings.tier]
        self.rules = Rulebook(self.tier, delay=clock.lasting(settings.rule_delay))
        self.timeline = Timeline()
        self.limits = Limiter(LIMITS, clock.lasting(1))
        self.usage = Usage(settings.month_cap)
        self.connections = Connections(clock.lasting(settings.ghost))
        self.verdicts = Verdicts(self._author_of)
        self.jobs = Jobs(self.verdicts, processing=settings.job_delay, lasting=clock.lasting(1))
        self.news: list[tuple[float, News]] = []
        self.faults = Faults(STREAM)
        self.log = Log()
        self.readers: list[Reader] = []
        self.rate = settings.rate
        self.until = settings.tweets
        self.made = 0
        self._make = (
            prepared(settings.seed, settings.prepared)
            if settings.prepared
            else composed(settings.seed)
        )
        self._begun: float | None = None
        self._put_in = 0
        self._chance = Random(settings.seed)  # noqa: S311 - made-up delays
        self._due: list[tuple[float, int, Post]] = []
        if settings.begin == "start":
            self.begin()

    def begin(self) -> None:
        """Let the first tweet happen, if it has not happened yet."""
        if self._begun is None:
            self._begun = self.clock.now() - self.settings.history

    def pace(self, rate: float, tweets: int | None) -> None:
        """Go on at another rate, for so many tweets more."""
        self.advance()
        self._begun = self.clock.now() - (self.made / rate if rate else 0)
        self.rate = rate
        self.until = None if tweets is None else self.made + tweets

    @property
    def waiting(self) -> int:
        """How many tweets have happened and are still under way to the streams."""
        return len(self._due)

    @property
    def finished(self) -> bool:
        """Whether every tweet has happened and was due."""
        return self.until is not None and self.made >= self.until and not self._due

    def tick(self) -> None:
        """Let time go on, and give each stream what is due."""
        self.advance()
        posts = list(self._now_due())
        for reader in list(self.readers):
            if posts:
                reader.give(posts)
            reader.tick()

    def advance(self) -> int:
        """Make some of the tweets that should have happened by now; return how many."""
        if self._begun is None:
            return 0
        now = self.clock.now()
        missing = self._missing(now)
        for _ in range(missing):
            self._happen(now)
        return missing

    def catch_up(self) -> None:
        """Make all tweets of the time before; nobody has listened to them."""
        while self.rate and self.advance():
            pass
        list(self._now_due())

    def happen(self, event: Mapping[str, Any]) -> News:
        """Let something happen to a tweet or user, and let the compliance streams tell it.

        Raises:
            EventError: if that does not happen on X.
        """
        now = self.clock.now()
        news = self.verdicts.happen(event, now)
        self.news.append((now, news))
        for reader in self.readers:
            reader.tell(news)
        return news

    def put_in(self, draft: Draft, *, keep_id: bool = False) -> Post:
        """Let a tweet from outside happen: now, or where its id says.

        Raises:
            ValueError: if there is one of its id.
        """
        now = self.clock.now()
        if keep_id:
            return self._exist(int(draft.id), ms_of(int(draft.id)), now, draft)
        self._put_in += 1
        ms = int(now * 1000)
        id = id_at(ms, _PUT_IN | self._put_in & 0xFFF)
        return self._exist(id, ms, now, drafted(draft.stamped(draft.line, id, ms)))

    def _author_of(self, id: int) -> str | None:
        post = self.timeline.get(id)
        return post.author_id if post else None

    def _missing(self, now: float) -> int:
        left = _AT_ONCE if self.until is None else self.until - self.made
        if self.rate:
            assert self._begun is not None  # noqa: S101 - advance looked
            due = int((now - self._begun) * self.rate) - self.made
            return max(0, min(due, left, 10 * _AT_ONCE))
        waiting = not self.readers or any(reader.full for reader in self.readers)
        return 0 if waiting else min(_AT_ONCE, left)

    def _happen(self, now: float) -> None:
        at = now if not self.rate else (self._begun or 0.0) + self.made / self.rate
        ms = int(at * 1000)
        id = id_at(ms, _MADE | self.made & 0xFFF)
        draft = self._make(self.made, id, ms)
        self.made += 1
        self._exist(id, ms, at, draft)

    def _exist(self, id: int, ms: int, at: float, draft: Draft) -> Post:
        post = self.timeline.add(id, ms, draft, self._matched(draft, at))
        post.due = at + self._latency()
        heapq.heappush(self._due, (post.due, id, post))
        return post

    def _matched(self, draft: Draft, at: float) -> tuple[Rule, ...]:
        if not draft.reused:
            return self.rules.matching(draft.seen, at)
        edition = self.rules.edition(at)
        if edition not in draft.memory:
            draft.memory[edition] = self.rules.matching(draft.seen, at)
        found: tuple[Rule, ...] = draft.memory[edition]
        return found

    def _latency(self) -> float:
        if not self.settings.latency:
            return 0.0
        mean = self.settings.latency / _MEANS_TO_P99
        return min(self._chance.expovariate(1 / mean), 2 * self.settings.latency)

    def _now_due(self) -> Iterator[Post]:
        now = self.clock.now()
        while self._due and self._due[0][0] <= now:
            yield heapq.heappop(self._due)[2]
