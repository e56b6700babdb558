"""EDGE: the X source put together and run: threads, signals, and what is left at the end."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from ingestor.pump import Pump
from ingestor.settings import ON, Settings
from ingestor.x import budget as budgets
from ingestor.x import health
from ingestor.x.answers import Cause, Ended
from ingestor.x.budget import Budget
from ingestor.x.buffer import Buffer
from ingestor.x.client import Address, Api, Connection
from ingestor.x.gaps import Gaps
from ingestor.x.intake import Intake, captured
from ingestor.x.listen import CONNECTING, OPEN, PARKED, WAITING, Loop
from ingestor.x.mend import Mender
from ingestor.x.metrics import Metrics
from ingestor.x.rulebook import Rulebook
from ingestor.x.rules import Existing
from ingestor.x.source import StreamSource
from ingestor.x.spill import Spill
from ingestor.x.state import State, StateUnusable
from ingestor.x.token import Token
from ingestor.x.upkeep import Upkeep
from tweetlog.errors import PublishFailed
from tweetlog.topic import Topic

log = logging.getLogger(__name__)

# What a stop waits for the broker, of the 30 s that Kubernetes gives; what it does not take in
# time waits on disk.
_GRACE_SECONDS = 10.0
# What a stop waits for the connection to end: it ends within milliseconds, unless it is just
# being opened.
_CLOSE_SECONDS = 1.5
_TICK_SECONDS = 0.25
# A reconnect that takes no longer is no reason to call somebody.
_SHORT_SECONDS = 60.0
_TOLD_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class Summary:
    """What was done, as it is printed."""

    read: int
    published: int
    rejected: int
    posts_today: int
    posts_this_month: int
    dollars_this_month: float
    seconds: float


class Ingest:
    """Everything that one process needs to read X's stream.

    Args:
        settings: the configuration.
        token: the bearer token.
        state: what has to survive, held by this process.
        raw: takes the tweets and the gaps.
        dead: takes what is none.
        stop: when set, it ends.
        tweets: after so many new ones it ends by itself.
    """

    def __init__(
        self,
        settings: Settings,
        token: Token,
        state: State,
        raw: Topic,
        dead: Topic,
        *,
        stop: threading.Event,
        tweets: int | None = None,
    ) -> None:
        speed = settings.speed
        fields = payload(settings)
        address = Address(settings.api_url, settings.ca_file, settings.stall_seconds / speed)
        stream = settings.stream
        self._name = stream
        self._state = state
        self._stop = stop
        self._tweets = tweets
        self._speed = speed
        self._dollars = settings.post_dollars
        self._hurry = threading.Event()
        self._over = threading.Event()
        self._stopping = 0.0
        self._failed: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._metrics = metrics = Metrics()
        self._ledger = ledger = state.ledger(budget_of(settings))
        spill = Spill(state.folder / "spill", settings.spill_bytes)
        self._buffer = buffer = Buffer(
            spill, partial(captured, stream=stream), settings.queue_bytes
        )
        self._gaps = gaps = Gaps(state, buffer, metrics, stream=stream, speed=speed)
        rulebook = Rulebook(Path(settings.rules_file), settings.rule_prefix, Api(address, token))
        self._loop = loop = Loop(
            partial(Connection, address, token),
            Api(address, token),
            reconcile=rulebook.reconcile,
            reload=token.reload,
            state=state,
            ledger=ledger,
            buffer=buffer,
            gaps=gaps,
            metrics=metrics,
            stop=stop,
            fields=fields,
            backfill=settings.backfill == ON,
            evict=settings.evict,
            stall=settings.stall_seconds,
            quiet=settings.quiet_seconds,
            speed=speed,
        )
        self._intake = loop.intake = Intake(
            buffer, ledger, metrics, stream=stream, kick=loop.kick, watcher=gaps
        )
        self._mender = Mender(
            gaps,
            Api(address, token),
            intake=self._intake,
            buffer=buffer,
            ledger=ledger,
            rules=lambda: loop.rules,
            fields=fields,
            metrics=metrics,
            stop=stop,
            stream=stream,
            longest=timedelta(hours=settings.repair_hours),
            speed=speed,
        )
        self._upkeep = Upkeep(
            Api(address, token),
            ledger=ledger,
            rulebook=rulebook,
            ready=lambda: bool(loop.rules),
            take=self._take_rules,
            app_id=settings.app_id,
            stop=stop,
            speed=speed,
        )
        self._pump = Pump(raw, dead, stop=self._hurry)
        self._gauges()

    def run(self, listening: socket.socket | None = None) -> Summary:
        """Read until a stop; return what was done.

        Args:
            listening: where health is served, or nowhere.

        Raises:
            Exception: the first fault of a thread of ours; everything that came is kept.
        """
        began = time.monotonic()
        with ExitStack() as stack:
            if listening is not None:
                stack.enter_context(health.serving(self, listening))
            self._gaps.recover()
            listener = self._start("listen", self._loop.run)
            mender = self._start("repair", self._mender.run)
            self._start("upkeep", self._upkeep.run)
            watcher = self._start("watch", self._watch)
            try:
                self._publish(over=lambda: self._is_over(listener, mender))
            finally:
                self._stop.set()
                self._close(listener, watcher)
        if self._failed:
            raise self._failed[0]
        spent = self._ledger.spent
        return Summary(
            self._intake.tweets,
            self._pump.tally.published,
            self._pump.tally.rejected,
            spent.today,
            spent.this_month,
            round(spent.this_month * self._dollars, 3),
            round(time.monotonic() - began, 3),
        )

    # What health asks.

    def alive(self) -> list[str]:
        """Return which threads have ended."""
        if self._stop.is_set():
            return []
        return [f"{one.name} has ended" for one in self._threads if not one.is_alive()]

    def ready(self) -> list[str]:
        """Return why no tweets come."""
        status, now = self._loop.status, time.time()
        short = now - self._intake.heard < _SHORT_SECONDS
        if status.name == OPEN or (status.name in (CONNECTING, WAITING) and short):
            return []
        detail = f": {status.detail}" if status.detail else ""
        return [f"{status.name} for {now - status.since:.0f} s{detail}"]

    def metrics(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return self._metrics.text()

    # What its threads do.

    def _start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as reason:  # noqa: BLE001 - raised again in the thread that waits
                self._failed.append(reason)
                self._stop.set()
                self._loop.kick(Ended(Cause.SHUTDOWN, "a fault of ours"))

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _publish(self, over: Callable[[], bool]) -> None:
        source = StreamSource(self._buffer, self._name, over)
        try:
            self._pump.run(source)
        except PublishFailed as reason:
            log.warning("%s; what is not confirmed waits on disk for the next start", reason)

    def _watch(self) -> None:
        """Look after time: silence, budget, holes, and the stop itself."""
        told = stopping = 0.0
        while not self._over.is_set():
            now = time.monotonic()
            if self._tweets is not None and self._intake.tweets >= self._tweets:
                self._stop.set()
            if self._stop.is_set():
                stopping = stopping or now
                self._loop.kick(Ended(Cause.SHUTDOWN, "told to stop"))
                if now - stopping > _GRACE_SECONDS:
                    self._hurry.set()
                    return
            elif now - told > _TOLD_EVERY:
                told = now
                self._tell()
            self._tick()
            self._wait()

    def _wait(self) -> None:
        """Wait a moment; a stop ends the waiting once."""
        if self._stop.is_set():
            time.sleep(_TICK_SECONDS / 10)
        else:
            self._stop.wait(_TICK_SECONDS / min(self._speed, 10))

    def _tick(self) -> None:
        try:
            self._loop.tick()
        except (OSError, StateUnusable) as reason:
            self._loop.kick(Ended(Cause.STATE, str(reason), opened=True))

    def _is_over(self, *threads: threading.Thread) -> bool:
        """Whether nothing more comes; who is waiting for an answer of X is not waited for."""
        if not self._stop.is_set():
            return False
        self._stopping = self._stopping or time.monotonic()
        waited = time.monotonic() - self._stopping > _CLOSE_SECONDS
        return waited or not any(thread.is_alive() for thread in threads)

    def _close(self, listener: threading.Thread, watcher: threading.Thread) -> None:
        """Keep everything that was not published, and how far it came."""
        self._loop.kick(Ended(Cause.SHUTDOWN, "told to stop"))
        listener.join(_CLOSE_SECONDS)
        # It writes down as well how far it came, and that this is no planned end.
        self._over.set()
        watcher.join(_GRACE_SECONDS)
        ended = not self._buffer.empty and self._buffer.save()
        if ended:
            log.error("%d tweets found no room in the spill; the hole says so", ended)
        self._loop.write(Cause.SHUTDOWN if not self._failed else Cause.CRASH)
        self._ledger.close()

    def _take_rules(self, rules: Sequence[Existing]) -> None:
        self._loop.rules = tuple(rules) or self._loop.rules

    def _tell(self) -> None:
        status, spent = self._loop.status, self._ledger.spent
        log.info(
            "%s; %d tweets; %d Posts today, %d this month ($%.2f); %d bytes wait on disk",
            status.name,
            self._intake.tweets,
            spent.today,
            spent.this_month,
            spent.this_month * self._dollars,
            self._buffer.spilled,
        )

    def _gauges(self) -> None:
        gauge, ledger, loop = self._metrics.gauge, self._ledger, self._loop
        gauge("open", "Whether the stream is open.", lambda: loop.status.name == OPEN)
        gauge(
            "parked", "Whether a person has to mend something.", lambda: loop.status.name == PARKED
        )
        gauge("quiet", "Whether it is open and brings none of the usual.", lambda: loop.quiet)
        gauge(
            "last_byte_age_seconds",
            "Since the last byte of the stream.",
            lambda: time.time() - self._intake.heard if self._intake.heard else float("nan"),
        )
        gauge("open_gap_seconds", "How long nobody has listened.", lambda: self._gaps.open_seconds)
        gauge("pending_gaps", "Holes that wait for a repair.", lambda: len(self._gaps.pending))
        gauge("queue_bytes", "Tweets that wait in memory.", lambda: self._buffer.bytes)
        gauge("spill_bytes", "Tweets that wait on disk.", lambda: self._buffer.spilled)
        gauge(
            "connects_left",
            "Connects that may be made at once.",
            lambda: self._state.position.bucket.refilled(time.time(), speed=self._speed).tokens,
        )
        gauge("posts_today", "Posts read this UTC day.", lambda: ledger.spent.today)
        gauge("posts_this_month", "Posts read this billing month.", lambda: ledger.spent.this_month)
        price = self._dollars
        gauge("dollars_today", "What they cost.", lambda: ledger.spent.today * price)
        gauge("dollars_this_month", "What they cost.", lambda: ledger.spent.this_month * price)
        gauge(
            "budget_used_ratio",
            "The larger used share of the day's and the month's budget.",
            lambda: budgets.share(ledger.spent, ledger.budget)[0],
        )


def payload(settings: Settings) -> dict[str, str]:
    """Return the fields and expansions to ask for, as tweepy names them."""
    asked = {
        "tweet_fields": settings.tweet_fields,
        "expansions": settings.expansions,
        "user_fields": settings.user_fields,
        "media_fields": settings.media_fields,
        "place_fields": settings.place_fields,
        "poll_fields": settings.poll_fields,
    }
    return {name: value for name, value in asked.items() if value}


def budget_of(settings: Settings) -> Budget:
    """Return what may be read."""
    return Budget(
        settings.posts_per_day,
        settings.posts_per_month,
        settings.billing_day,
        settings.post_dollars,
    )
