"""Loading: what is done with one event, or with a batch of them, and who is told.

All the policy on failure there is. A delivery is acknowledged only after BigQuery confirmed every
row that follows from it, or after the event was published to the dead letters with the reason.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from loader.outcome import Outcome, Postponed, Refused
from loader.row import TABLES, Row, rows
from tweetlog import events
from tweetlog.delivery import Delivery, from_message
from tweetlog.envelope import Envelope
from tweetlog.errors import InvalidEvent, PublishFailed, TweetlogError, Unreadable
from tweetlog.rejection import rejected, unreadable
from tweetlog.topic import Topic

log = logging.getLogger(__name__)

STAGE = "loader"


class NotLoaded(TweetlogError):  # noqa: N818 - named for what happened
    """Raised when an event may be loaded later: its delivery is to come again."""


class Ledger(Protocol):
    """Is told what became of events; must be quick and never raise."""

    def good(self, delivery: Delivery, row: Row) -> None:
        """Take a row that BigQuery confirmed."""

    def bad(self, reason_class: str) -> None:
        """Take an event that went to the dead letters."""

    def postponed(self, *, setup: bool) -> None:
        """Take a row that is to come again."""


class Message(Protocol):
    """A pulled message, as `tweetlog.subscription` has it."""

    @property
    def data(self) -> bytes:
        """The payload."""

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes."""

    @property
    def message_id(self) -> str:
        """Pub/Sub's id."""

    @property
    def publish_time(self) -> datetime:
        """When Pub/Sub took it."""

    @property
    def ack_id(self) -> str:
        """What acknowledges this delivery."""


#: Loads one row and returns once it is known what became of it.
Load = Callable[[Row], Outcome]
#: Loads rows of one table and returns the outcome of each, in their order.
LoadAll = Callable[[Sequence[Row]], Sequence[Outcome]]


def now() -> datetime:
    """Return the moment, in UTC."""
    return datetime.now(UTC)


def letter(event: Envelope, reason: InvalidEvent) -> Envelope:
    """Return what the dead letters are to keep of an event that can never be loaded.

    A rejection that strays to us is a dead letter already and goes there as it is: rejecting it
    again would hide its reason inside another, and cut its bytes if they are many.
    """
    log.warning("dead letter: %s: %s", event.id, reason)
    return event if event.type == events.REJECTED else rejected(event, reason, stage=STAGE)


def receive(
    delivery: Delivery,
    *,
    tables: Mapping[str, Load],
    dead_letters: Topic,
    ledger: Ledger,
    deletes: bool = True,
    clock: Callable[[], datetime] = now,
) -> None:
    """Return to ack the delivery; raise to nack it, so that it comes again.

    Args:
        delivery: the event.
        tables: loads a row, for each table of the contract.
        dead_letters: takes what can never be loaded.
        ledger: is told what became of it.
        deletes: whether the table of tweets takes deletes.
        clock: tells the moment of loading.

    Raises:
        NotLoaded: if BigQuery may take it later.
        PublishFailed: if the dead letter was not confirmed.
    """
    try:
        for row in rows(delivery, loaded_at=clock(), deletes=deletes):
            _settle(delivery, row, tables[row.table](row), ledger)
    except InvalidEvent as reason:
        dead_letters.publish(letter(delivery.event, reason))
        ledger.bad(reason.reason_class)


def receive_unreadable(reason: Unreadable, *, dead_letters: Topic, ledger: Ledger) -> None:
    """Return to ack a delivery that is no event, once the dead letters have it.

    Raises:
        PublishFailed: if they did not confirm it.
    """
    log.warning("dead letter: message %s: %s", reason.message_id, reason)
    dead_letters.publish(unreadable(reason, stage=STAGE))
    ledger.bad(reason.reason_class)


def receive_all(
    messages: Sequence[Message],
    *,
    tables: Mapping[str, LoadAll],
    dead_letters: Topic,
    ledger: Ledger,
    deletes: bool = True,
    clock: Callable[[], datetime] = now,
) -> list[str]:
    """Return the ack ids of the messages whose fate is durable; the others are to come again.

    Args: as for `receive`; a table's function takes all its rows at once.
    """
    batch = _Batch(ledger, deletes, clock())
    for message in messages:
        batch.take(message)
    for table in TABLES:
        batch.load(table, tables[table])
    batch.set_aside(dead_letters)
    return [message.ack_id for message in messages if message.ack_id not in batch.postponed]


@dataclass(slots=True)
class _Batch:
    """Messages on their way: rows by table, letters to write, and who has to come again."""

    ledger: Ledger
    deletes: bool
    loaded_at: datetime
    work: dict[str, list[tuple[str, Delivery, Row]]] = field(
        default_factory=lambda: {table: [] for table in TABLES}
    )
    letters: list[tuple[str, Envelope, str]] = field(default_factory=list)
    postponed: set[str] = field(default_factory=set)

    def take(self, message: Message) -> None:
        try:
            delivery = from_message(
                message.data,
                message.attributes,
                message_id=message.message_id,
                publish_time=message.publish_time,
            )
        except Unreadable as reason:
            log.warning("dead letter: message %s: %s", reason.message_id, reason)
            self._write(message.ack_id, unreadable(reason, stage=STAGE), reason)
            return
        try:
            for row in rows(delivery, loaded_at=self.loaded_at, deletes=self.deletes):
                self.work[row.table].append((message.ack_id, delivery, row))
        except InvalidEvent as reason:
            self._write(message.ack_id, letter(delivery.event, reason), reason)

    def load(self, table: str, load: LoadAll) -> None:
        # A tombstone that was not kept deletes nothing yet.
        out = self.postponed | {ack_id for ack_id, _, _ in self.letters}
        work = [one for one in self.work[table] if one[0] not in out]
        if not work:
            return
        outcomes = load([row for _, _, row in work])
        for (ack_id, delivery, row), outcome in zip(work, outcomes, strict=True):
            try:
                _settle(delivery, row, outcome, self.ledger)
            except NotLoaded:
                self.postponed.add(ack_id)
            except InvalidEvent as reason:
                self._write(ack_id, letter(delivery.event, reason), reason)

    def set_aside(self, dead_letters: Topic) -> None:
        try:
            dead_letters.publish(*(letter for _, letter, _ in self.letters))
        except PublishFailed as reason:
            log.warning("%d dead letters not confirmed: %s", len(self.letters), reason)
            self.postponed |= {ack_id for ack_id, _, _ in self.letters}
        else:
            for _, _, reason_class in self.letters:
                self.ledger.bad(reason_class)

    def _write(self, ack_id: str, letter: Envelope, reason: InvalidEvent) -> None:
        self.letters.append((ack_id, letter, reason.reason_class))


def _settle(delivery: Delivery, row: Row, outcome: Outcome, ledger: Ledger) -> None:
    """Return if the row is confirmed; raise what has to be done otherwise."""
    match outcome:
        case Postponed(reason, setup):
            ledger.postponed(setup=setup)
            raise NotLoaded(reason)
        case Refused(reason, reason_class):
            raise InvalidEvent(reason, reason_class=reason_class)
        case _:
            ledger.good(delivery, row)
