"""EDGE: what has to survive a crash, in a folder of its own: position, holes, budget.

Each file is replaced as a whole and forced to disk. The folder belongs to one process at a time
and to one X API: what was read and paid there says nothing about another.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson

from ingestor.x import budget as budgets
from ingestor.x.answers import Cause
from ingestor.x.billed import Billed
from ingestor.x.budget import Budget, Spent
from ingestor.x.holes import Holes, restored, stored
from ingestor.x.schedule import CAPACITY, Bucket
from tweetlog import durable
from tweetlog.errors import TweetlogError

T = TypeVar("T")
_VERSION = 1
# Our own connections that X may still count: it forgets them within minutes.
_OPENED_KEPT = 60
# Posts that are counted ahead of being read, so that not each one waits for the disk: what is
# read in about a second. A crash counts at most so many too many, never too few.
_LEAST_AHEAD, _MOST_AHEAD = 10, 500
_AHEAD_SECONDS = 1.0
# X's clock and ours differ. What is read so shortly after midnight may count on the day before
# there, and again when it comes once more; so it does here.
_DAY, _TURN_SECONDS = 86_400, 60


class StateUnusable(TweetlogError):  # noqa: N818 - named for what is true of the folder
    """Raised for a folder that cannot be read, written or shared."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far it has come.

    Attributes:
        heard: everything that came until here is durable; None before the first connection.
        ending: why it is not running; `crash` while it is, so that this is what a crash leaves.
        bucket: how many connects are left.
        opened: when our latest connections were opened, by X's clock.
    """

    heard: datetime | None = None
    ending: str = Cause.CRASH
    bucket: Bucket = field(default_factory=lambda: Bucket(CAPACITY, 0.0))
    opened: tuple[float, ...] = ()

    def openings(self, moment: float) -> tuple[float, ...]:
        """Return the openings with one more."""
        return (*self.opened[-_OPENED_KEPT:], moment)


class State:
    """The folder.

    Args:
        folder: where; made if it is not there.
        target: which X API it belongs to: a host.

    Raises:
        StateUnusable: if somebody else holds it, or it holds something else.
    """

    def __init__(self, folder: Path, target: str) -> None:
        self.folder = folder
        self._target = target
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder / "lock")
        except OSError as reason:
            raise _unusable(folder, reason) from None
        self._moving = threading.Lock()
        self.position = _read_as(_position, self._read("position.json"), folder / "position.json")
        self.holes = _read_as(_holes, self._read("holes.json"), folder / "holes.json")

    def move(self, **changes: Any) -> None:
        """Keep a position with these changes; safe for threads.

        Raises:
            StateUnusable: if it cannot be written; it is as it was.
        """
        with self._moving:
            position = replace(self.position, **changes)
            heard = position.heard.astimezone(UTC).isoformat() if position.heard else None
            self._write(
                "position.json",
                {
                    "heard": heard,
                    "ending": position.ending,
                    "tokens": position.bucket.tokens,
                    "tokens_at": position.bucket.at,
                    "opened": position.opened,
                },
            )
            self.position = position

    def save_holes(self) -> None:
        """Keep the holes as they are now."""
        self._write("holes.json", {"holes": [*map(stored, self.holes.known)]})

    def ledger(self, budget: Budget, clock: Callable[[], float] = time.time) -> "Ledger":
        """Return the ledger of what was read."""
        return Ledger(self, self._read("budget.json"), budget, clock)

    def save_spent(self, spent: Spent, ahead: int) -> None:
        """Keep what was read, and how many more may have been by the time of a crash."""
        document = {
            "day": spent.day.isoformat(),
            "today": spent.today,
            "month": spent.month.isoformat(),
            "this_month": spent.this_month,
            "ahead": ahead,
        }
        self._write("budget.json", document)

    def save_billed(self, billed: Billed) -> None:
        """Keep which Posts were counted."""
        try:
            billed.keep()
        except OSError as reason:
            raise _unusable(self.folder / "billed", reason) from None

    def close(self) -> None:
        """Let somebody else have the folder."""
        os.close(self._lock)

    def _read(self, name: str) -> Mapping[str, Any] | None:
        file = self.folder / name
        try:
            document = orjson.loads(file.read_bytes())
            if document["version"] != _VERSION:
                raise ValueError(f"it is of version {document['version']}")
        except FileNotFoundError:
            return None
        except OSError as reason:
            raise _unusable(file, reason) from None
        except (ValueError, KeyError, TypeError) as reason:
            raise _foreign(file, reason) from None
        if document.get("target") != self._target:
            raise StateUnusable(
                f"{file}: belongs to {document.get('target')}, not to {self._target}; "
                "give each X API a TWEETLOG_STATE_DIR of its own"
            )
        found: Mapping[str, Any] = document
        return found

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        whole = {"version": _VERSION, "target": self._target, **document}
        try:
            durable.write(self.folder / name, orjson.dumps(whole))
        except OSError as reason:
            raise _unusable(self.folder / name, reason) from None


class Ledger:
    """Counts Posts durably before more are read; safe for threads.

    A Post counts once in a UTC day, as X bills it, by its id: what a search, a backfill or a
    restart gives again is not paid again.

    What is on disk is never less than what was read: it counts some Posts ahead. After a crash
    these count as read, at most as many as usually come in a second and never more than 500.
    """

    def __init__(
        self,
        state: State,
        document: Mapping[str, Any] | None,
        budget: Budget,
        clock: Callable[[], float],
    ) -> None:
        self.budget = budget
        self._state = state
        self._clock = clock
        self._lock = threading.Lock()
        before = _read_as(_spent, document, state.folder / "budget.json")
        self._spent = before or budgets.nothing(self._now(), budget)
        self._billed = Billed(state.folder / "billed", self._spent.day)
        self._block = _LEAST_AHEAD
        self._ahead = 0
        self._renewed = clock()
        self._turns = 0.0

    @property
    def spent(self) -> Spent:
        """What was read, as it counts now."""
        with self._lock:
            self._turn()
            return self._spent

    def left(self) -> int | None:
        """Return how many Posts may still be read; None for any number."""
        return budgets.left(self.spent, self.budget)

    def read(self, *ids: int, unknown: int = 0) -> int | None:
        """Count Posts durably that were read; return how many may still be read.

        Args:
            ids: of the Posts; those that this day has counted already do not count.
            unknown: Posts besides whose ids could not be read.

        Raises:
            StateUnusable: if the count cannot be kept.
        """
        with self._lock:
            self._turn()
            posts = unknown + sum(map(self._counts, ids))
            self._spent = self._spent.read(posts)
            self._ahead -= posts
            if self._ahead < 0:
                self._renew()
            return budgets.left(self._spent, self.budget)

    def _counts(self, id: int) -> bool:
        """Whether a Post is billed that was just read."""
        return self._clock() % _DAY < _TURN_SECONDS or self._billed.add(id)

    def at_least(self, days: Mapping[date, int], sums: Callable[..., tuple[int, int]]) -> bool:
        """Raise the count to what X says was read; return whether it was less.

        Raises:
            StateUnusable: if it cannot be kept.
        """
        with self._lock:
            self._turn()
            before = self._spent
            self._spent = before.at_least(*sums(days, before.day, before.month))
            if self._spent != before:
                self._renew()
            return self._spent != before

    def check(self) -> None:
        """See whether it can be written, before anything is read that would have to be counted.

        Raises:
            StateUnusable: if not.
        """
        with self._lock:
            self._turn()
            self._renew()

    def close(self) -> None:
        """Keep the exact count."""
        with self._lock:
            self._ahead = 0
            self._save()

    def _renew(self) -> None:
        now = self._clock()
        quick = now - self._renewed < _AHEAD_SECONDS
        self._block = min(
            max(self._block * 2 if quick else self._block // 2, _LEAST_AHEAD), _MOST_AHEAD
        )
        self._renewed = now
        self._ahead = self._block
        self._save()

    def _save(self) -> None:
        """Keep the count, and only then whose it is."""
        self._state.save_spent(self._spent, self._ahead)
        self._state.save_billed(self._billed)

    def _turn(self) -> None:
        """Begin a new day where one has begun."""
        if self._clock() >= self._turns:
            before, self._spent = self._spent, self._spent.at(self._now(), self.budget)
            if self._spent.day != before.day:
                self._billed.begin(self._spent.day)
            self._turns = (int(self._clock()) // 60 + 1) * 60.0

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _locked(file: Path) -> int:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StateUnusable(
            f"{file.parent}: another ingestor uses this folder; stop it, or set TWEETLOG_STATE_DIR"
        ) from None
    return descriptor


def _read_as(
    form: Callable[[Mapping[str, Any] | None], T], document: Mapping[str, Any] | None, file: Path
) -> T:
    try:
        return form(document)
    except (KeyError, TypeError, ValueError) as reason:
        raise _foreign(file, reason) from None


def _position(document: Mapping[str, Any] | None) -> Position:
    if document is None:
        return Position()
    heard = document["heard"]
    return Position(
        datetime.fromisoformat(heard) if heard else None,
        document["ending"],
        Bucket(float(document["tokens"]), float(document["tokens_at"])),
        tuple(float(moment) for moment in document["opened"]),
    )


def _holes(document: Mapping[str, Any] | None) -> Holes:
    if document is None:
        return Holes()
    return Holes([restored(one) for one in document["holes"]])


def _spent(document: Mapping[str, Any] | None) -> Spent | None:
    if document is None:
        return None
    counted = Spent(
        date.fromisoformat(document["day"]),
        document["today"],
        date.fromisoformat(document["month"]),
        document["this_month"],
    )
    return counted.read(document["ahead"])


def _foreign(file: Path, reason: Exception) -> StateUnusable:
    return StateUnusable(
        f"{file}: not a file of this program ({type(reason).__name__}: {reason}); "
        "move it away, and what it knew is lost: what was read this month, and up to when"
    )


def _unusable(file: Path, reason: OSError) -> StateUnusable:
    return StateUnusable(f"{file}: cannot be used: {reason.strerror}")
