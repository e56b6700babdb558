"""Asks the warehouse, and keeps what it said for as long as nothing changed there."""

import gzip
import hashlib
import threading
import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from tweetlog_ops.answers import plain
from tweetlog_ops.checking import proven
from tweetlog_ops.errors import CommandError
from tweetlog_ops.report import cube, health, questions
from tweetlog_ops.report.health import Checked
from tweetlog_ops.report.place import Place, empty
from tweetlog_ops.report.questions import Filters, Window
from tweetlog_ops.statements import for_dataset
from tweetlog_ops.warehouse import Parameter, Warehouse

# BigQuery on demand: https://cloud.google.com/bigquery/pricing, read 2026-11-22.
_DOLLARS_A_BYTE = 6.25 / 2**40
# No query is billed for less.
_LEAST_BYTES = 10 * 2**20
# Dead letters and duplicates are counted over so many days: their tables are partitioned by day.
_RECENT = timedelta(days=90)
# In the cloud the proof looks at one day, and leaves rows alone that may still be in a buffer.
_PROVEN_DAYS, _GRACE = timedelta(days=1), timedelta(minutes=20)
_ENOUGH = 64
# While tweets flow the proof is renewed no more often than this.
_PROOF_SECONDS = 20.0
# So many looks in a row may fail before it is said, if there is something to show.
_PATIENCE = 5


@dataclass(frozen=True, slots=True)
class Document:
    """What a browser is sent.

    Attributes:
        tag: differs where the content does.
        data: the content, packed by gzip.
    """

    tag: str
    data: bytes

    @staticmethod
    def of(data: bytes) -> "Document":
        """Return the document of these bytes."""
        tag = hashlib.sha256(data).hexdigest()[:16]
        return Document(tag, gzip.compress(data, 2, mtime=0))


class Questioner:
    """Asks one warehouse, and counts what that costs."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self.bytes = 0
        self.questions = 0

    def ask(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> list[Any]:
        """Return the rows of the answer as dictionaries."""
        found = self._warehouse.query(for_dataset(sql, self._warehouse.dataset), parameters or {})
        self.questions += 1
        self.bytes += max(found.bytes_read, _LEAST_BYTES)
        return found.dicts()

    def one(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> Any:
        """Return the one row of the answer."""
        (row,) = self.ask(sql, parameters)
        return row

    def cost(self, *, cloud: bool) -> dict[str, Any] | None:
        """Return what the questions cost so far, at list price; None where they cost nothing."""
        if not cloud:
            return None
        return {"bytes": self.bytes, "usd": self.bytes * _DOLLARS_A_BYTE}


def facts(asked: Questioner, window: Window, *, place: Place, live: bool | None) -> Document:
    """Return the table of counts, packed, with what belongs to it."""
    extent = asked.one(questions.EXTENT, window.parameters())
    spellings = asked.ask(questions.SPELLINGS, {"most": questions.HASHTAGS})
    rules = asked.ask(questions.RULES)
    grain = questions.grain(extent["first_at"], extent["last_at"]) if extent["tweets"] else "HOUR"
    rows = asked.ask(questions.GROUPS[grain], window.parameters()) if extent["tweets"] else []
    head = {
        "place": place.name,
        "cloud": place.cloud,
        "live": live,
        "first_at": plain(extent["first_at"]),
        "last_at": plain(extent["last_at"]),
        "loaded_at": plain(extent["loaded_at"]),
        "people": people(asked, Filters(window)),
        "cost": asked.cost(cloud=place.cloud),
    }
    return Document.of(
        cube.packed(
            ((row["bucket"], row["packed"]) for row in rows),
            grain=grain,
            spellings=[(row["folded"], row["hashtag"]) for row in spellings],
            rules={row["rule_id"]: row["rule"] for row in rules},
            head=head,
        ).data
    )


def people(asked: Questioner, filters: Filters) -> list[dict[str, Any]]:
    """Return how many accounts and conversations there are, by size."""
    return [dict(row) for row in asked.ask(*questions.people(filters))]


def samples(asked: Questioner, filters: Filters) -> list[dict[str, Any]]:
    """Return the newest tweets; their texts are as they came."""
    return [plain(row) for row in asked.ask(*questions.samples(filters))]


def answers(asked: Questioner, pulse: Mapping[str, Any]) -> health.Answers:
    """Return what the views of health say."""
    recent: dict[str, Parameter] = {"recent": datetime.now(UTC) - _RECENT}
    lags = asked.ask(questions.LAG)
    return health.Answers(
        pulse=pulse,
        completeness=asked.one(questions.COMPLETENESS),
        gaps=asked.ask(questions.GAPS),
        rejections=asked.ask(questions.REJECTIONS, recent),
        duplicates=asked.one(questions.DUPLICATES, recent),
        versions=asked.ask(questions.VERSIONS),
        spend=asked.one(questions.SPEND),
        lag=lags[0] if lags else None,
    )


def checked(warehouse: Warehouse, *, cloud: bool) -> Checked:
    """Return the proof that every logged event is in the table once."""
    now = datetime.now(UTC)
    if not cloud:
        return Checked(proven(warehouse, grace=timedelta(minutes=1)), now, "so far")
    verdict = proven(warehouse, since=now - _PROVEN_DAYS, grace=_GRACE)
    return Checked(verdict, now, "in the last 24 hours")


class Reader:
    """Keeps what the page shows fresh.

    Args:
        place: where the warehouse is.
        window: the time that is looked at.
        every: how many seconds lie between two looks for changes.
    """

    def __init__(self, place: Place, window: Window, *, every: float) -> None:
        self.place = place
        self._window = window
        self._every = every
        self._stopped = threading.Event()
        self._ready = threading.Event()
        self._pulse: Mapping[str, Any] | None = None
        self._said: health.Answers | None = None
        self._checked: Checked | None = None
        self._proof = _Due()
        self._live: bool | None = None
        self._trace: Hashable = None
        self._changes = 0
        self._failures = 0
        self._facts = Document("", b"")
        self._health = Document.of(orjson.dumps({"signs": [], "gaps": []}))
        self._people: dict[tuple[int, Filters], list[dict[str, Any]]] = {}

    def facts(self) -> Document:
        """Return the table of counts; waits for the first one."""
        self._ready.wait()
        return self._facts

    def health(self) -> Document:
        """Return the health of the pipeline; no signs of it until they were read."""
        return self._health

    def people(self, filters: Filters) -> list[dict[str, Any]]:
        """Return how many accounts and conversations there are; asked once a change."""
        key = (self._changes, filters)
        if key not in self._people:
            with self.place.reached() as warehouse:
                found = people(Questioner(warehouse), filters)
            if len(self._people) >= _ENOUGH:
                self._people.clear()
            self._people[key] = found
        return self._people[key]

    def samples(self, filters: Filters) -> list[dict[str, Any]]:
        """Return the newest tweets; always asked, so that nothing deleted is shown."""
        with self.place.reached() as warehouse:
            return samples(Questioner(warehouse), filters)

    def run(self) -> None:
        """Look for changes until `stop`."""
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self.look()
            except CommandError as reason:
                self._fail(reason)
            self._ready.set()
            # What takes long is done more seldom, so that half of the time is left to others.
            self._stopped.wait(max(self._every, time.monotonic() - began))

    def stop(self) -> None:
        """End `run`, and leave the place."""
        self._stopped.set()
        self._ready.set()
        self.place.close()

    def look(self, *, proof: bool = False) -> None:
        """Ask whether something changed, and read it if so.

        Args:
            proof: check that every event is in the table once, even while more are coming.
        """
        live, trace = self.place.live(), self.place.trace()
        if self._settled(live=live, trace=trace):
            return
        with self.place.reached() as warehouse:
            asked = Questioner(warehouse)
            pulse = asked.one(questions.PULSE)
            changed = pulse != self._pulse or live != self._live
            if changed:
                self._facts = facts(asked, self._window, place=self.place, live=live)
                self._changes += 1
                self._ready.set()
                self._said = answers(asked, pulse)
                self._proof.due = True
            # Also where nothing changed: a failure may have been told in between.
            self._say(live=live)
            if self._proof.due and (proof or not (live and changed) or self._proof.overdue()):
                with self._proof.timed():
                    self._checked = checked(warehouse, cloud=self.place.cloud)
                self._say(live=live)
        self._pulse, self._live, self._trace, self._failures = pulse, live, trace, 0

    def _settled(self, *, live: bool | None, trace: Hashable) -> bool:
        """Whether nothing can have changed: what is written to a folder leaves its trace."""
        if live is not False or self._live is not False or self._proof.due or self._failures:
            return False
        return trace == self._trace

    def _say(self, *, live: bool | None) -> None:
        if self._said is not None:
            said = health.document(self._said, self._checked, live=live)
            self._health = Document.of(orjson.dumps(said))

    def _fail(self, reason: CommandError) -> None:
        """Tell what is wrong, unless it is likely to be over soon: a run that starts or stops."""
        self._failures += 1
        if self._facts.data and self._failures < _PATIENCE:
            return
        said = {"signs": [], "live": False, "error": "" if empty(reason) else str(reason)}
        self._health = Document.of(orjson.dumps(said))
        if not self._facts.data:
            nothing = {"place": self.place.name, "cloud": self.place.cloud, "people": []}
            self._facts = Document.of(
                cube.packed([], grain="HOUR", spellings=[], rules={}, head=nothing).data
            )


class _Due:
    """When the proof is due: it takes long, so it is made seldom while tweets flow."""

    def __init__(self) -> None:
        self.due = True
        self._ended = time.monotonic()
        self._took = 0.0

    def overdue(self) -> bool:
        """Whether enough time has passed since the last one to spend as much again."""
        return time.monotonic() - self._ended > max(_PROOF_SECONDS, 10 * self._took)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Remember how long it takes."""
        began = time.monotonic()
        yield
        self._ended = time.monotonic()
        self._took = self._ended - began
        self.due = False
