"""The loop around the connection: open it, hear it end, and decide by the cause what comes next."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from ingestor.loose import words
from ingestor.settings import ANY, NEVER
from ingestor.x import budget as budgets
from ingestor.x import repair
from ingestor.x.alarm import Volume
from ingestor.x.answers import Cause, Ended, Refused
from ingestor.x.buffer import Buffer
from ingestor.x.gaps import Gaps
from ingestor.x.metrics import Metrics
from ingestor.x.rules import Existing
from ingestor.x.rules_file import RulesInvalid
from ingestor.x.schedule import Act, Decision, Failures, decide
from ingestor.x.state import Ledger, State, StateUnusable

if TYPE_CHECKING:
    from ingestor.x.intake import Intake

log = logging.getLogger(__name__)

# How often a wait looks whether what it waits for has come.
_LOOK_SECONDS = 1.0
# X's time of a connection and the date of its answer differ by what the answer took.
_OURS_SECONDS = 5.0
# A backfill is taken to be at its end when X has nothing to send, or when after so long only new
# tweets come: X gives it before and among what is new. After the longer one it is left to search.
_FILLED_SECONDS = 60.0
_UNFILLED_SECONDS = 600.0
_STATE_RETRY_SECONDS = 10.0
_WRITE_SECONDS = 1.0

STARTING, CONNECTING, OPEN, WAITING, PARKED, STOPPED = (
    "starting",
    "connecting",
    "open",
    "waiting",
    "parked",
    "stopped",
)


@dataclass(frozen=True, slots=True)
class Status:
    """What the loop is doing, for whoever asks.

    Attributes:
        name: one of the words above.
        detail: in words: why, and what a person can do.
        since: in seconds since 1970.
    """

    name: str
    detail: str
    since: float


class Stream(Protocol):
    """One connection."""

    def run(self, **params: Any) -> Ended:
        """Open it, and return when and why it has ended."""

    def kick(self, ended: Ended) -> None:
        """End it."""


class Requests(Protocol):
    """What the loop asks of X beside the stream."""

    def connections(self) -> list[dict[str, Any]]:
        """Return the open connections."""

    def evict(self, ids: Sequence[str]) -> None:
        """Close connections."""


class Loop:
    """Listens until a stop.

    Args:
        connect: makes a connection that is heard by this.
        api: the other requests.
        reconcile: puts the rules in order and returns ours.
        reload: reads the token again and returns whether it has changed.
        state: what has to survive.
        ledger: what may still be read.
        buffer: what is not published yet.
        gaps: the holes.
        metrics: where everything is counted.
        stop: when set, it ends.
        fields: the fields to ask for, as tweepy names them.
        backfill: whether the tier has it.
        evict: which connections to close when there are too many.
        stall: seconds of silence after which a connection is dead.
        quiet: seconds without a tweet that are never news.
        speed: divides every wait.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        connect: Callable[["Loop"], Stream],
        api: Requests,
        *,
        reconcile: Callable[[], Sequence[Existing]],
        reload: Callable[[], bool],
        state: State,
        ledger: Ledger,
        buffer: Buffer,
        gaps: Gaps,
        metrics: Metrics,
        stop: threading.Event,
        fields: Mapping[str, str],
        backfill: bool = False,
        evict: str = "own",
        stall: float = 25.0,
        quiet: float = 900.0,
        speed: float = 1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._connect = connect
        self._api = api
        self._reconcile = reconcile
        self._reload = reload
        self._state = state
        self._ledger = ledger
        self._buffer = buffer
        self._gaps = gaps
        self._metrics = metrics
        self._stop = stop
        self._fields = fields
        self._backfill = backfill
        self._evict = evict
        self._stall = stall / speed
        self._volume = Volume(quiet / speed)
        self._speed = speed
        self._clock = clock
        self._failures = Failures()
        self._stream: Stream | None = None
        self._minutes: int | None = None
        self._opened_at = 0.0
        self._written = 0.0
        self._warned: tuple[Any, ...] = ()
        self.intake: Intake
        self.rules: tuple[Existing, ...] = ()
        self.status = Status(STARTING, "", clock())
        self.quiet = False

    # What the thread of the loop does.

    def run(self) -> None:
        """Listen until a stop; raise a fault of ours."""
        while not self._stop.is_set() and not self.rules:
            self._after(self._ordered())
        while not self._stop.is_set():
            if self._may_read() and self._may_connect():
                self._after(self._listened())
        self._now_is(STOPPED, "")

    def _ordered(self) -> Ended | None:
        """Put the rules in order; return why that failed."""
        try:
            self.rules = tuple(self._reconcile())
        except Refused as reason:
            return reason.ended
        except RulesInvalid as reason:
            if not self.rules:
                raise
            log.error("the rules stay as they are: %s", "; ".join(reason.mistakes))  # noqa: TRY400 - the line says it all
        return None

    def _may_read(self) -> bool:
        """Wait until there is budget, room and a place to count in; return whether there is."""
        if self._ledger.left() == 0:
            spent, budget = self._ledger.spent, self._ledger.budget
            resumes = budgets.resumes(spent, budget)
            share = budgets.share(spent, budget)[1]
            self._park(f"the budget of this {share} is used up; resumes at {resumes.isoformat()}")
            return self._until(lambda: self._ledger.left() != 0)
        if self._buffer.full:
            self._park("memory and spill are full; resumes when Pub/Sub has taken half of it")
            return self._until(lambda: not self._buffer.full)
        try:
            self._ledger.check()
        except StateUnusable as reason:
            self._park(str(reason))
            self._stop.wait(_STATE_RETRY_SECONDS / self._speed)
            return False
        return True

    def _may_connect(self) -> bool:
        """Take one of the connects that X allows, durably, so that no restart makes them more."""
        bucket = self._state.position.bucket.refilled(self._clock(), speed=self._speed)
        wait = bucket.wait(speed=self._speed)
        if wait:
            self._now_is(WAITING, f"for {wait:.0f} s: X allows 50 connects in 15 minutes")
            if self._stop.wait(wait):
                return False
            bucket = bucket.refilled(self._clock(), speed=self._speed)
        try:
            self._state.move(bucket=bucket.taken())
        except StateUnusable as reason:
            self._park(str(reason))
            self._stop.wait(_STATE_RETRY_SECONDS / self._speed)
            return False
        return True

    def _listened(self) -> Ended:
        """Open a connection and hear it to its end."""
        self._now_is(CONNECTING, "")
        self._minutes = repair.minutes(self._holes(), self._moment()) if self._backfill else None
        params = dict(self._fields)
        if self._minutes is not None:
            params["backfill_minutes"] = str(self._minutes)
        self._stream = stream = self._connect(self)
        if self._stop.is_set():
            return Ended(Cause.SHUTDOWN, "told to stop")
        ended = stream.run(**params)
        self._stream = None
        self._metrics.connects.labels(ended.cause).inc()
        if ended.opened:
            start = datetime.fromtimestamp(self.intake.heard, UTC)
            self._gaps.begin(start, ended.cause)
        return ended

    def _holes(self) -> list[Any]:
        hole = self._state.holes.open
        return [*self._gaps.pending, *([hole] if hole else [])]

    def _after(self, ended: Ended | None) -> None:
        """Do what the cause asks for, and wait."""
        if ended is None or ended.cause is Cause.SHUTDOWN:
            return
        if ended.cause in (Cause.BUDGET, Cause.BACK_PRESSURE, Cause.STATE):
            log.warning("closed the stream: %s", ended.detail)
            return  # what has to be waited for is looked at before each connect
        self._failures, decision = decide(
            self._failures,
            ended,
            self._clock(),
            backfill=self._minutes is not None,
            speed=self._speed,
        )
        self._tell(ended, decision)
        match decision.act:
            case Act.FAIL if ended.fault is not None:
                raise ended.fault
            case Act.PARK:
                self._parked(ended, decision)
                return
            case Act.EVICT:
                self._evicted()
            case Act.RECONCILE:
                again = self._ordered()
                if again is not None:
                    log.error("the rules could not be put in order: %s", again.detail)
            case Act.WITHOUT_BACKFILL:
                log.error("X refuses backfill_minutes; going on without (TWEETLOG_X_BACKFILL=off)")
                self._backfill = False
        if decision.wait:
            wait = decision.wait / self._speed
            name = PARKED if ended.cause is Cause.RULES and decision.alert else WAITING
            self._now_is(name, f"for {wait:.1f} s after {ended.cause}: {ended.detail}")
            self._stop.wait(wait)

    def _parked(self, ended: Ended, decision: Decision) -> None:
        """Wait for a person to mend it; a token that changed meanwhile is tried at once."""
        token = ended.cause is Cause.UNAUTHORIZED
        if token and self._reload():
            log.warning("X refused the token; trying the one that is in its file now")
            return
        self._park(f"{ended.detail}; {_ADVICE.get(ended.cause, 'looked at again now and then')}")
        until = self._clock() + decision.wait / self._speed
        self._until(lambda: self._clock() >= until or (token and self._reload()))

    def _evicted(self) -> None:
        """Close those of our own connections that X still counts."""
        try:
            there = self._api.connections()
            ours = [one for one in there if self._is_ours(one)]
            if ours:
                self._api.evict([next(words(one.get("id")), "") for one in ours])
                log.warning("closed %d stale connections of ours", len(ours))
            elif there:
                log.error("somebody else is connected: %s", "; ".join(map(_shown, there)))
        except Refused as reason:
            log.warning("the connections cannot be asked for: %s", reason)

    def _is_ours(self, connection: Mapping[str, Any]) -> bool:
        if self._evict in (ANY, NEVER):
            return self._evict == ANY
        try:
            at = datetime.fromisoformat(str(connection.get("connected_at"))).timestamp()
        except ValueError:
            return False
        return any(abs(at - mine) <= _OURS_SECONDS for mine in self._state.position.opened)

    def _until(self, true: Callable[[], bool]) -> bool:
        """Wait until something is true; return whether it is, which a stop ends."""
        while not self._stop.is_set():
            if true():
                return True
            self._stop.wait(_LOOK_SECONDS / self._speed)
        return False

    def _park(self, detail: str) -> None:
        if self.status.name != PARKED or self.status.detail != detail:
            log.error("parked: %s", detail)
        self._now_is(PARKED, detail)

    def _now_is(self, name: str, detail: str) -> None:
        self.status = Status(name, detail, self._clock())

    def _tell(self, ended: Ended, decision: Decision) -> None:
        what = "the stream ended" if ended.opened else "not connected"
        level = logging.INFO if ended.opened and not decision.wait else logging.WARNING
        level = logging.ERROR if decision.alert else level
        log.log(level, "%s (%s): %s", what, ended.cause, ended.detail)

    # What the connection tells, in the thread of the loop.

    def opened(self, at: float) -> None:
        """Take note that X has accepted the connection."""
        now = self._clock()
        self.intake.heard = now
        self._opened_at = now
        self._failures = Failures()
        self._volume.opened(now)
        self._now_is(OPEN, "")
        log.info("the stream is open")
        try:
            self._gaps.end(self._moment(), minutes=self._minutes)
            # From here on there is something to lose, even if it crashes at once.
            self._state.move(
                heard=datetime.fromtimestamp(self._buffer.durable_until(now), UTC),
                opened=self._state.position.openings(at),
                ending=Cause.CRASH,
            )
        except StateUnusable as reason:
            self.kick(Ended(Cause.STATE, str(reason), opened=True))

    def line(self, line: bytes) -> None:
        """Take a line."""
        self.intake.line(line)
        self._volume.tweet(self.intake.heard)

    def keep_alive(self) -> None:
        """Take a keep-alive: X has nothing else to send."""
        self.intake.keep_alive()
        if self._gaps.filling:
            self._gaps.filled()

    # What other threads ask for.

    def kick(self, ended: Ended) -> None:
        """End the connection, if there is one."""
        stream = self._stream
        if stream is not None:
            stream.kick(ended)

    def tick(self) -> None:
        """Look after everything that is about time; to be called several times a second.

        Raises:
            OSError, StateUnusable: if what was heard cannot be kept.
        """
        now = self._clock()
        if self.status.name == OPEN:
            silence = now - self.intake.heard
            if silence > self._stall:
                self.kick(Ended(Cause.STALL, f"silence for {silence:.0f} s", opened=True))
            self._watch_backfill((now - self._opened_at) * self._speed)
            self._watch_volume(now)
        self._gaps.still()
        self._warn()
        if now - self._written >= _WRITE_SECONDS:
            self._written = now
            self.write()

    def write(self, ending: Cause = Cause.CRASH) -> None:
        """Keep how far everything is durable.

        Raises:
            OSError: if the spill cannot be written.
            StateUnusable: if the position cannot.
        """
        if self.intake.heard:
            self._buffer.sync()
            until = self._buffer.durable_until(self.intake.heard)
            self._state.move(heard=datetime.fromtimestamp(until, UTC), ending=ending)

    def _watch_backfill(self, seconds: float) -> None:
        if self._gaps.filling and seconds > _FILLED_SECONDS:
            if self._gaps.caught_up:
                self._gaps.filled()
            elif seconds > _UNFILLED_SECONDS:
                log.warning("the backfill has no end; searching for what it may have left out")
                self._gaps.unfilled()

    def _watch_volume(self, now: float) -> None:
        quiet = self._volume.quiet(now)
        if quiet and not self.quiet:
            log.error("the stream is open and brings no tweets; look at the rules on X")
        self.quiet = quiet

    def _warn(self) -> None:
        """Say once a day when most of the budget is used up."""
        spent, budget = self._ledger.spent, self._ledger.budget
        share, of = budgets.share(spent, budget)
        once = (of, spent.day)
        if budgets.WARN_SHARE <= share < 1 and self._warned != once:
            self._warned = once
            log.warning("%.0f %% of the budget of this %s is used up", share * 100, of)

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


_ADVICE = {
    Cause.UNAUTHORIZED: "put a valid bearer token in place",
    Cause.FORBIDDEN: "the app has no access to the filtered stream: see its project and tier",
    Cause.CREDITS: "buy credits in X's developer console",
    Cause.USAGE_CAP: "X's own cap is reached: raise it, or wait for the billing month to end",
    Cause.REQUEST: "X does not take the request: see the fields and expansions in the settings",
}


def _shown(connection: Mapping[str, Any]) -> str:
    since = next(words(connection.get("connected_at")), "?")
    return f"since {since} from {next(words(connection.get('client_ip')), '?')}"
