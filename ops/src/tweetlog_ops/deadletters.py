"""Which dead letters there are, and what is done about them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tweetlog_ops import letters
from tweetlog_ops.errors import CommandError
from tweetlog_ops.lane import LIVE, REPLAY, STORES
from tweetlog_ops.letters import DEAD, INGEST, Letter
from tweetlog_ops.message import Message, carrying
from tweetlog_ops.patching import patched, reread
from tweetlog_ops.publishing import Publisher
from tweetlog_ops.site import Site
from tweetlog_ops.statements import for_dataset
from tweetlog_ops.warehouse import Rows, Warehouse

OPEN = "open"
STATUSES = (OPEN, "redriven", "discarded")

# Letters have up to 8 MB; with so few at once a command's memory stays bounded.
_AT_ONCE = 50
_WRONG_CALL = 2

_GROUPS = """
SELECT
  stage,
  reason_class,
  COUNT(*) AS letters,
  MIN(publish_time) AS first_seen,
  MAX(last_seen) AS last_seen,
  ARRAY_AGG(event_id ORDER BY publish_time, event_id LIMIT 1)[OFFSET(0)] AS sample,
  ARRAY_AGG(IF(removed_at IS NULL, reason, 'removed') ORDER BY publish_time, event_id LIMIT 1)
    [OFFSET(0)] AS reason
FROM tweetlog.v_dead_letters
WHERE {chosen}
GROUP BY stage, reason_class
ORDER BY letters DESC, stage, reason_class
"""
_COUNTS = "SELECT status, COUNT(*) AS letters FROM tweetlog.v_dead_letters GROUP BY status"
_IDS = "SELECT event_id FROM tweetlog.v_dead_letters WHERE {chosen} ORDER BY publish_time, event_id"
_LETTERS = """
SELECT * FROM tweetlog.v_dead_letters
WHERE event_id IN UNNEST(@ids) ORDER BY publish_time, event_id
"""
_FATES = "SELECT event_id, status FROM tweetlog.v_dead_letters WHERE event_id IN UNNEST(@ids)"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant: these, or all of a stage, a reason class and a status."""

    ids: tuple[str, ...] = ()
    stage: str | None = None
    reason_class: str | None = None
    status: str | None = OPEN

    def sql(self) -> tuple[str, dict[str, str | Sequence[str]]]:
        """Return the condition over `v_dead_letters`, and its parameters."""
        if self.ids:
            return "event_id IN UNNEST(@ids)", {"ids": self.ids}
        given = {
            name: value
            for name in ("stage", "reason_class", "status")
            if (value := getattr(self, name)) is not None
        }
        return " AND ".join(["TRUE", *(f"{name} = @{name}" for name in given)]), dict(given)


@dataclass(slots=True)
class Redriven:
    """What became of the letters that were to be redriven.

    Attributes:
        to: how many went to each topic.
        done_before: letters that were redriven already, and not rejected since.
        unusable: lines that say why one could not be.
        again: letters that were rejected again for the same reason.
        failure: why the rest was not even tried.
    """

    to: dict[str, int] = field(default_factory=dict)
    done_before: int = 0
    unusable: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    failure: str = ""


#: A letter, and the messages that carry what follows from it.
_Ready = tuple[Letter, Sequence[Message]]


def groups(warehouse: Warehouse, choice: Choice) -> Rows:
    """Return the letters by stage and reason class, with counts, times and a sample."""
    return _ask(warehouse, _GROUPS, choice)


def counts(warehouse: Warehouse) -> dict[str, int]:
    """Return how many letters have each status."""
    rows = warehouse.query(for_dataset(_COUNTS, warehouse.dataset)).dicts()
    return {row["status"]: row["letters"] for row in rows}


def row_of(warehouse: Warehouse, id: str) -> Mapping[str, Any]:
    """Return everything about one letter.

    Raises:
        CommandError: if there is none.
    """
    rows = warehouse.query(for_dataset(_LETTERS, warehouse.dataset), {"ids": [id]}).dicts()
    if not rows:
        raise CommandError(f"{id}: no such dead letter", exit_code=_WRONG_CALL)
    return rows[0]


def chosen(warehouse: Warehouse, choice: Choice) -> list[str]:
    """Return the ids that are meant, in the order in which they were first rejected.

    Raises:
        CommandError: if one that is named does not exist.
    """
    found = [row[0] for row in _ask(warehouse, _IDS, choice).rows]
    unknown = sorted(set(choice.ids) - set(found))
    if unknown:
        line = f"{', '.join(unknown[:3])}: no such dead letter"
        more = f", and {len(unknown) - 3} more" if unknown[3:] else ""
        raise CommandError(line + more, exit_code=_WRONG_CALL)
    return found


def redrive(site: Site, ids: Sequence[str], *, patch: str | None) -> Redriven:
    """Send letters once more to the stage that rejected them, and wait for what becomes of it.

    When the patch fails nothing more is sent; what went before is redriven and written down.
    """
    done = Redriven()
    with Publisher(site.project) as publisher:
        for batch in _batches(site.warehouse, ids):
            ready = _ready(batch, patch, done)
            _send(publisher, ready, done, mended=patch is not None)
            if done.failure:
                break
    lanes = [lane for lane in (LIVE, REPLAY) if {lane.raw, lane.enriched} & done.to.keys()]
    for lane in lanes:
        site.start(lane)
    site.drain(*(one for lane in lanes for one in lane.subscriptions), *STORES)
    done.again = _still_open(site.warehouse, done.ids)
    return done


def discard(site: Site, ids: Sequence[str], *, why: str) -> int:
    """Write down that letters are given up, and why; return how many."""
    count = 0
    with Publisher(site.project) as publisher:
        for batch in _batches(site.warehouse, ids):
            fresh = [one for one in batch if one.status != "discarded"]
            publisher.publish([carrying(letters.discarded(one, why), DEAD) for one in fresh])
            count += len(fresh)
    site.drain(*STORES)
    return count


def _ready(batch: Sequence[Letter], patch: str | None, done: Redriven) -> list[_Ready]:
    """Return the letters of a batch that can be redriven, each with the messages to send."""
    mended: list[tuple[Letter, bytes | None]] = []
    for one in _redrivable(batch, done):
        try:
            mended.append((one, patched(one, patch) if patch else None))
        except CommandError as reason:
            done.failure = str(reason)
            break
    ready = [*_read_again(mended, done)]
    for one, printed in mended:
        try:
            if one.stage != INGEST:
                ready.append((one, [_message(one, printed)]))
        except CommandError as reason:
            done.failure = str(reason)
            break
    return ready


def _message(one: Letter, printed: bytes | None) -> Message:
    return letters.unchanged(one) if printed is None else letters.mended(one, printed)


def _redrivable(batch: Sequence[Letter], done: Redriven) -> Iterator[Letter]:
    for one in batch:
        if one.status == "redriven":
            done.done_before += 1
            continue
        try:
            letters.check(one)
        except CommandError as reason:
            done.unusable.append(str(reason))
            continue
        yield one


def _read_again(mended: Sequence[tuple[Letter, bytes | None]], done: Redriven) -> Iterator[_Ready]:
    """Yield the letters in which the ingestor now finds tweets, each with those."""
    reading = [
        (one, one.data if printed is None else printed.strip())
        for one, printed in mended
        if one.stage == INGEST
    ]
    for (one, data), found in zip(reading, reread(reading) if reading else (), strict=True):
        reason = letters.still_rejected(found)
        if reason:
            done.unusable.append(f"{one.id}: rejected again: {reason}")
        else:
            yield one, [letters.read_again(one, each, data) for each in found]


def _send(
    publisher: Publisher,
    ready: Sequence[_Ready],
    done: Redriven,
    *,
    mended: bool,
) -> None:
    """Publish the events, then that they were: a letter is redriven when its event is durable."""
    publisher.publish([message for _, messages in ready for message in messages])
    publisher.publish(
        [
            carrying(
                letters.redriven(
                    one,
                    messages[0].attributes[letters.REPLAY_ID],
                    messages[0].topic,
                    mended=mended,
                ),
                DEAD,
            )
            for one, messages in ready
        ]
    )
    for one, messages in ready:
        done.ids.append(one.id)
        topic = messages[0].topic
        done.to[topic] = done.to.get(topic, 0) + 1


def _still_open(warehouse: Warehouse, ids: Sequence[str]) -> list[str]:
    found: list[str] = []
    for some in _chunks(ids):
        rows = warehouse.query(for_dataset(_FATES, warehouse.dataset), {"ids": some}).dicts()
        found += [row["event_id"] for row in rows if row["status"] == OPEN]
    return found


def _batches(warehouse: Warehouse, ids: Sequence[str]) -> Iterator[list[Letter]]:
    for some in _chunks(ids):
        rows = warehouse.query(for_dataset(_LETTERS, warehouse.dataset), {"ids": some}).dicts()
        yield [letters.letter(row) for row in rows]


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), _AT_ONCE):
        yield ids[first : first + _AT_ONCE]


def _ask(warehouse: Warehouse, sql: str, choice: Choice) -> Rows:
    condition, parameters = choice.sql()
    sql = for_dataset(sql.format(chosen=condition), warehouse.dataset)
    return warehouse.query(sql, parameters)
