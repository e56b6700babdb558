"""A replay from its quote to its report, on a site: in the cloud or on this machine."""

import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from tweetlog.errors import PublishFailed
from tweetlog_ops import project, serving, statements
from tweetlog_ops import shadow as shadows
from tweetlog_ops.checking import proven
from tweetlog_ops.errors import CommandError
from tweetlog_ops.lane import LIVE, REPLAY, SHADOW
from tweetlog_ops.replay import edge, quote
from tweetlog_ops.replay.account import Account, account, fates, report
from tweetlog_ops.replay.pace import Pace
from tweetlog_ops.replay.play import Hands, play
from tweetlog_ops.replay.progress import Progress
from tweetlog_ops.replay.record import Record, RecordFile, check_same
from tweetlog_ops.replay.selection import Selection
from tweetlog_ops.replay.source import EventStore, Hour, Source, Tombstones
from tweetlog_ops.shadow import Shadow
from tweetlog_ops.site import Site
from tweetlog_ops.statements import for_dataset
from tweetlog_ops.verify import report as verdict_report
from tweetlog_ops.warehouse import Parameter

RAW_EVENTS = "raw_events"
_INTERRUPTED = 130
_MOST_BATCH = 500
_LOOK_SECONDS = 0.5
# Where the record may lie in a bucket.
_KEEP_SECONDS = 5.0
# How long a topic that is read is quiet when everything has come; a seek takes a minute to hold.
_QUIET_LOCAL, _QUIET_CLOUD = 5.0, 90.0
# Between two looks at the warehouse, each of which costs a query.
_ASK_SECONDS = 60.0
_ONE_LOOK_SECONDS = 15.0
_RETAINED = timedelta(days=31)  # the longest that a topic can (Pub/Sub quotas)
_BEGINNING = datetime(2006, 3, 21, tzinfo=UTC)  # X's first post


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line; None where nothing was said.

    Attributes:
        place: where: the project and dataset, or the data folder.
        again: how one types this command, for the line that says how to go on.
    """

    place: str
    again: str
    progress: Path
    since: datetime | None = None
    until: datetime | None = None
    rule: str | None = None
    lang: str | None = None
    ids: tuple[str, ...] | None = None
    dead_letters: bool = False
    from_topic: bool = False
    into: str | None = None
    version: int | None = None
    enricher: Path | None = None
    rate: int = 0
    patience: float = 300.0
    dry_run: bool = False
    resume: bool = False
    restartable: bool = False

    @property
    def source(self) -> str:
        """Where the events are read."""
        return LIVE.raw if self.from_topic else RAW_EVENTS


def run(asked: Asked, site: Site) -> int:
    """Replay what was asked for; return the exit code."""
    file = RecordFile(asked.progress, every=0.0 if site.local else _KEEP_SECONDS)
    with file.locked():
        session = _Session(asked, site, file)
        begun = asked.restartable and file.exists() and not file.read().finished
        return session.resumed() if asked.resume or begun else session.begun()


class _Session:
    def __init__(self, asked: Asked, site: Site, file: RecordFile) -> None:
        self._asked = asked
        self._site = site
        self._file = file
        self._stop = threading.Event()
        self._broken: list[CommandError] = []
        self._progress = Progress()

    def begun(self) -> int:
        """Quote a new replay and, unless that is all, begin it."""
        asked = self._asked
        if not asked.dry_run:
            _check_free(self._file)
        now = datetime.now(UTC)
        selection = Selection(
            since=asked.since or (now - _RETAINED if asked.from_topic else _BEGINNING),
            until=min(asked.until or now, now),
            asked=now,
            rule=asked.rule,
            lang=asked.lang,
            ids=asked.ids,
            dead_letters=asked.dead_letters,
        )
        table = asked.into or self._served()
        store = EventStore(self._ask, selection)
        hours = store.hours()
        expected = sum(one.events for one in hours)
        record = Record(
            replay=f"r-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
            place=asked.place,
            source=asked.source,
            table=table,
            chosen=selection,
            expected=0 if asked.from_topic else expected,
        )
        self._say_quote(record, store, hours)
        if asked.dry_run or not (expected or asked.from_topic):
            sys.stdout.write("nothing was sent\n" if asked.dry_run else "nothing to replay\n")
            return 0
        self._prepare(record)
        self._file.create(record)
        return self._played(record)

    def resumed(self) -> int:
        """Go on with the replay of the record."""
        asked, record = self._asked, self._file.read()
        named = {
            "place": asked.place,
            "source": asked.source if asked.from_topic else None,
            "table": asked.into,
            "since": asked.since and asked.since.isoformat(),
            "until": asked.until and asked.until.isoformat(),
            "rule": asked.rule,
            "lang": asked.lang,
            "ids": asked.ids and replace(record.chosen, ids=asked.ids).document()["ids"],
            "dead_letters": asked.dead_letters or None,
        }
        check_same(record, named, path=self._file.path)
        if record.finished:
            line = f"{self._file.path}: replay {record.replay} is done; start one without --resume"
            raise CommandError(line, exit_code=2)
        sys.stdout.write(f"replay {record.replay} goes on at {record.percent} %\n")
        sys.stdout.flush()
        return self._played(record)

    def _say_quote(self, record: Record, store: EventStore, hours: Sequence[Hour]) -> None:
        size = quote.Size(
            events=sum(one.events for one in hours),
            covered=sum(one.deleted for one in hours),
            event_bytes=store.event_bytes(hours),
            table_bytes=self._site.warehouse.bytes_of(record.table),
            rate=self._asked.rate,
        )
        chosen = record.chosen
        since = hours[0].hour if hours and self._asked.since is None else chosen.since
        sys.stdout.write(
            f"replay {record.replay}: {_stamp(since)} to {_stamp(chosen.until)}, "
            f"from {record.source} into {record.table}\n\n"
            f"{quote.shown(quote.legs(size), size)}"
        )
        sys.stdout.flush()

    def _prepare(self, record: Record) -> None:
        """Make the candidate and its live feed, where the replay is a shadow's."""
        into = self._asked.into
        self._site.check_lane(into)
        if into is None:
            return
        warehouse, there = self._site.warehouse, shadows.found(self._site.project)
        beside = self._site.kept().table
        if into == beside:
            raise CommandError(
                f"{into} is what the live lane writes to; leave --into out", exit_code=2
            )
        made = statements.candidate(project.warehouse_sql(), dataset=warehouse.dataset, name=into)
        warehouse.query(made.sql)
        if not there:
            whole = record.chosen.whole and self._asked.until is None and self._asked.since is None
            since = record.chosen.until - shadows.OVERLAP
            shadows.create(self._site.project, Shadow(into, beside, whole), since=since)
            live = "every event from now on" if whole else "tombstones, but no tweets, from now on"
            sys.stdout.write(f"{into} is a shadow of {beside}: it gets {live}\n")
            sys.stdout.flush()
        self._site.note_enricher(self._asked.enricher)

    def _played(self, record: Record) -> int:
        shadow = shadows.found(self._site.project)
        into = record.table if shadow and shadow.into == record.table else None
        if not into and record.table != self._served():
            line = f"{record.table} is neither what the views read nor a shadow any more"
            raise CommandError(line, exit_code=2)
        self._site.start(REPLAY, table=into, enricher=self._asked.enricher)
        with self._stoppable(), self._tended():
            try:
                record = self._published(record)
            except (PublishFailed, CommandError) as reason:
                record = self._file.read()
                if isinstance(reason, PublishFailed) and self._stop.is_set() and not self._broken:
                    return self._stopped(record)
                raise self._given_up(self._broken[0] if self._broken else reason) from None
            if self._broken:
                raise self._given_up(self._broken[0])
            if not record.published_all:
                return self._stopped(record)
            self._progress.close(record)
            try:
                record = self._settled(record)
            except CommandError as reason:
                raise self._given_up(reason) from None
            if self._broken:
                raise self._given_up(self._broken[0])
            if self._stop.is_set():
                return self._stopped(record)
        return self._reported(record)

    def _stopped(self, record: Record) -> int:
        self._progress.say(f"stopped: {self._how_to_go_on(record)}")
        return _INTERRUPTED

    def _given_up(self, why: CommandError | PublishFailed) -> CommandError:
        return CommandError(f"{why}; {self._how_to_go_on(self._file.read())}")

    def _published(self, record: Record) -> Record:
        """Publish what has not been; return the record as it then stands."""
        if record.published_all:
            return record
        asked, site = self._asked, self._site
        with ExitStack() as stack:
            topic = edge.LaneTopic(
                f"projects/{site.project}/topics/{REPLAY.raw}",
                patience=asked.patience,
                stop=self._stop,
                say=self._progress.say,
            )
            stack.callback(topic.close)
            probe = stack.enter_context(self._probe(record))
            hands = Hands(
                topic=topic,
                keep=self._file.keep,
                show=self._show,
                say=self._progress.say,
                stopped=self._stop.is_set,
                probe=probe,
                wait=self._stop.wait,
                patience=asked.patience,
            )
            source = stack.enter_context(self._source(record))
            pace = Pace(asked.rate, most=_MOST_BATCH)
            record = play(record, source, hands, pace=pace, version=asked.version)
        if record.published_all and record.source != RAW_EVENTS:
            edge.remove_log(site.project, record.replay)
        return record

    @contextmanager
    def _probe(self, record: Record) -> Iterator[edge.LaneProbe | None]:
        """Look at what comes out of the lane, if one may."""
        asked = self._asked
        with edge.probe(
            self._site.project,
            REPLAY.enriched,
            record.replay,
            patience=min(_ONE_LOOK_SECONDS, asked.patience),
            stop=self._stop,
        ) as found:
            if found is None and (asked.version is not None or record.version is not None):
                line = "no permission to subscribe to the lane: its version cannot be told; "
                raise CommandError(line + "leave --version out, or ask for roles/pubsub.editor")
            yield found

    @contextmanager
    def _source(self, record: Record) -> Iterator[Source]:
        chosen = record.chosen
        if record.source == RAW_EVENTS:
            yield EventStore(self._ask, chosen)
            return
        quiet = _QUIET_LOCAL if self._site.local else _QUIET_CLOUD
        with edge.topic_log(
            self._site.project,
            record.source,
            record.replay,
            since=chosen.since,
            until=chosen.until,
            quiet=quiet,
            stop=self._stop,
        ) as log:
            yield Tombstones(log, self._ask, chosen)

    def _settled(self, record: Record) -> Record:
        """Wait until what was published has come through the lane; return what that took, too."""
        began = time.monotonic()
        self._await_lane(record)
        seconds = record.done.seconds + time.monotonic() - began
        return replace(record, done=replace(record.done, seconds=seconds))

    def _await_lane(self, record: Record) -> None:
        if self._site.local is None:
            self._await_rows(record)
            return
        live = (SHADOW,) if shadows.found(self._site.project) else ()
        self._site.drain(
            *live,
            *REPLAY.subscriptions,
            look=partial(self._progress.show, record),
            stopped=self._stop.is_set,
            patience=self._asked.patience,
        )

    def _await_rows(self, record: Record) -> None:
        """Wait until every row has come, or no more come: all that can be seen from outside."""
        least, patience = None, self._asked.patience
        while not self._stop.is_set():
            pending = self._account(record).pending
            if not pending:
                return
            patience = self._asked.patience if pending != least else patience - _ASK_SECONDS
            least = pending
            if patience <= 0:
                return
            self._progress.show(record, pending)
            self._stop.wait(_ASK_SECONDS)

    def _reported(self, record: Record) -> int:
        found = self._account(record)
        chosen = record.chosen
        verdict = None
        if chosen.whole:
            verdict = proven(
                self._site.warehouse, since=chosen.since, until=chosen.until, table=record.table
            )
        self._file.keep(replace(record, finished=True))
        done, version = record.done, record.version
        by = f" by enricher version {version}" if version is not None else ""
        others = done.published - done.tweets
        sys.stdout.write(
            f"\nreplay {record.replay}: {done.published:,} events{by} into {record.table}"
            f"{f', {others:,} of them no tweets' if others else ''}"
            f"{f'; {done.covered:,} passed over' if done.covered else ''}, "
            f"in {done.seconds:,.1f} s\n\n{report(found)}"
        )
        if verdict:
            sys.stdout.write(f"\n{verdict_report(verdict)}")
        sys.stdout.flush()
        return 1 if found.pending or (verdict and not verdict.clean) else 0

    def _account(self, record: Record) -> Account:
        chosen = record.chosen
        given: dict[str, Parameter] = {
            "replay": record.replay,
            "version": record.version or 0,
            "began": chosen.asked,
        }
        return account(self._ask(fates(chosen, record.table), chosen.parameters | given))

    def _ask(self, sql: str, parameters: Mapping[str, Parameter]) -> Sequence[dict[str, Any]]:
        warehouse = self._site.warehouse
        return warehouse.query(for_dataset(sql, warehouse.dataset), parameters).dicts()

    def _served(self) -> str:
        labels = self._site.warehouse.labels(serving.CURRENT)
        return serving.served(labels, layout=self._site.layout()).table

    def _show(self, record: Record) -> None:
        self._progress.show(record, self._site.backlog(*REPLAY.subscriptions))

    def _how_to_go_on(self, record: Record) -> str:
        done = record.done.published + record.done.covered
        so_far = f"{done:,} of {record.expected:,}" if record.expected else f"{done:,}"
        return f"{so_far} events are done, `{self._asked.again} --resume` goes on from there"

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Turn the first Ctrl-C or SIGTERM into a stop after the batch in hand."""

        def stop(number: int, _frame: FrameType | None) -> None:
            self._stop.set()
            signal.signal(number, before[signal.Signals(number)])

        signals = (signal.SIGINT, signal.SIGTERM)
        before = {one: signal.signal(one, stop) for one in signals}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    @contextmanager
    def _tended(self) -> Iterator[None]:
        """Keep alive what was started here, while the replay may be waiting for it."""
        ended = threading.Event()
        tending = threading.Thread(target=partial(self._tend, ended), name="tend", daemon=True)
        tending.start()
        try:
            yield
        finally:
            ended.set()
            tending.join()

    def _tend(self, ended: threading.Event) -> None:
        while not ended.wait(_LOOK_SECONDS):
            try:
                self._site.tend()
            except CommandError as reason:
                self._broken.append(reason)
                self._stop.set()
                return


def _check_free(file: RecordFile) -> None:
    """Raise CommandError if the file has a replay that is not done."""
    if not file.exists():
        return
    found = file.read()
    if not found.finished:
        raise CommandError(
            f"{file.path}: replay {found.replay} is at {found.percent} %; go on with it by "
            "--resume, or begin another beside it with --progress FILE",
            exit_code=2,
        )


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
