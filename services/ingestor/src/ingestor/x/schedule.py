"""When to connect again, by why it ended: the schedule that X's documentation gives.

Sources: X docs, "Handling disconnections" (reconnect at once when an established stream drops;
network errors +250 ms to 16 s; HTTP errors 5 s doubling to 320 s; 429 a minute doubling, and
`x-rate-limit-reset`), "Rate limits" (50 connects in 15 minutes).
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from ingestor.x.answers import Cause, Ended

NETWORK_STEP, NETWORK_MOST = 0.25, 16.0
HTTP_FIRST, HTTP_MOST = 5.0, 320.0
RATE_FIRST = 60.0
#: The length of X's rate-limit windows; no reset can be further away.
WINDOW = 900.0
#: How often a parked stream looks whether somebody has mended what only a person can.
PROBE = 900.0
#: A bucket of connects: so many at once, and the seconds until there is one more.
CAPACITY = 10.0
REFILL_SECONDS = WINDOW / 35
# A reset is given in whole seconds, and clocks differ; nobody needs to be the first.
_RESET_MARGIN = 1.0


class Act(StrEnum):
    """What to do before the next attempt."""

    CONNECT = "connect"
    EVICT = "evict"  # close our stale connection
    RECONCILE = "reconcile"  # put the rules in order
    WITHOUT_BACKFILL = "without_backfill"
    PARK = "park"  # a person has to mend something
    FAIL = "fail"  # a fault of ours: end, so that it is seen


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and after how many seconds to connect.

    Attributes:
        act: what to do.
        wait: seconds, before any budget of connects.
        alert: whether the wait has reached its upper bound, which a person should know.
    """

    act: Act
    wait: float
    alert: bool = False


@dataclass(frozen=True, slots=True)
class Failures:
    """How often in a row it has failed, by what the schedule tells apart."""

    network: int = 0
    http: int = 0
    rate: int = 0
    connections: int = 0
    rules: int = 0


def decide(
    before: Failures,
    ended: Ended,
    now: float,
    *,
    backfill: bool = False,
    speed: float = 1,
    jitter: Callable[[], float] = random.random,
) -> tuple[Failures, Decision]:
    """Return the failures so far and what to do next.

    Args:
        before: the failures before this one; an accepted connection has ended the row.
        ended: how the connection or the attempt ended.
        now: seconds since 1970, to compare a reset with.
        backfill: whether the attempt asked for backfill.
        speed: by which the caller divides the wait; a reset is a moment and stays where it is.
        jitter: 0 to 1, spreads what would come back at the same second.
    """
    if ended.opened:
        before = Failures()
    if ended.cause in _DROPS:
        return (before, Decision(Act.CONNECT, 0)) if ended.opened else _network(before)
    if ended.cause is Cause.RATE_LIMIT:
        return _rate_limited(before, ended.reset_at, now, speed, jitter)
    if ended.cause is Cause.REQUEST and backfill:
        return before, Decision(Act.WITHOUT_BACKFILL, 0)
    schedule = _BY_CAUSE.get(ended.cause)
    return schedule(before) if schedule else (before, Decision(Act.PARK, PROBE))


def _network(before: Failures) -> tuple[Failures, Decision]:
    after = replace(before, network=before.network + 1)
    wait = min(NETWORK_STEP * after.network, NETWORK_MOST)
    return after, Decision(Act.CONNECT, wait, alert=wait == NETWORK_MOST)


def _http(before: Failures) -> tuple[Failures, Decision]:
    after = replace(before, http=before.http + 1)
    wait = _doubled(HTTP_FIRST, after.http, HTTP_MOST)
    return after, Decision(Act.CONNECT, wait, alert=wait == HTTP_MOST)


def _rate_limited(
    before: Failures,
    reset_at: float | None,
    now: float,
    speed: float,
    jitter: Callable[[], float],
) -> tuple[Failures, Decision]:
    after = replace(before, rate=before.rate + 1)
    wait = _doubled(RATE_FIRST, after.rate, WINDOW)
    if reset_at is not None and reset_at > now:
        wait = min((reset_at - now) * speed, WINDOW) + _RESET_MARGIN * (1 + jitter())
    return after, Decision(Act.CONNECT, wait, alert=after.rate > 1)


def _too_many(before: Failures) -> tuple[Failures, Decision]:
    """Evict and connect at once; whoever keeps coming back is not ours to evict: back off."""
    after = replace(before, connections=before.connections + 1)
    wait = 0.0 if after.connections == 1 else _doubled(HTTP_FIRST, after.connections - 1, HTTP_MOST)
    return after, Decision(Act.EVICT, wait, alert=wait == HTTP_MOST)


def _without_rules(before: Failures) -> tuple[Failures, Decision]:
    after = replace(before, rules=before.rules + 1)
    if after.rules == 1:
        return after, Decision(Act.RECONCILE, 0)
    wait = _doubled(HTTP_FIRST, after.rules - 1, HTTP_MOST)
    return after, Decision(Act.RECONCILE, wait, alert=True)


def _doubled(first: float, times: int, most: float) -> float:
    return min(first * 2.0 ** min(times - 1, 30), most)


def _fault(before: Failures) -> tuple[Failures, Decision]:
    return before, Decision(Act.FAIL, 0)


_DROPS = frozenset({Cause.CLOSED, Cause.DISCONNECT, Cause.STALL, Cause.NETWORK})
_BY_CAUSE: Mapping[Cause, Callable[[Failures], tuple[Failures, Decision]]] = {
    Cause.CONNECTIONS: _too_many,
    Cause.RULES: _without_rules,
    Cause.HTTP: _http,
    Cause.FAULT: _fault,
}


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many connects are left: never more than X's 50 in any 15 minutes.

    Ten at once, then one every 25.7 s: at most 10 + 35 in any window, and five are kept for
    whoever connects by hand.

    Attributes:
        tokens: what is left.
        at: when that was so, in seconds since 1970.
    """

    tokens: float
    at: float

    def refilled(self, now: float, *, speed: float = 1) -> "Bucket":
        """Return the bucket as it is now; a clock that was set back fills nothing."""
        grown = max(0.0, now - self.at) * speed / REFILL_SECONDS
        return Bucket(min(CAPACITY, self.tokens + grown), now)

    def wait(self, *, speed: float = 1) -> float:
        """Return the seconds until there is one."""
        return max(0.0, 1 - self.tokens) * REFILL_SECONDS / speed

    def taken(self) -> "Bucket":
        """Return the bucket without one."""
        return replace(self, tokens=self.tokens - 1)
