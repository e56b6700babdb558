"""Deletion: tombstones published, loaded, and every place swept; and the certificate of it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tweetlog import events
from tweetlog.envelope import Envelope
from tweetlog_ops.errors import CommandError
from tweetlog_ops.lane import LIVE
from tweetlog_ops.message import carrying
from tweetlog_ops.publishing import Publisher
from tweetlog_ops.site import Site
from tweetlog_ops.statements import for_dataset
from tweetlog_ops.sweep import BEGINNING, Swept, sweep

#: What X says of a post that is to be deleted, and of one that only loses its position.
VERDICTS = (
    "deleted",
    "protected",
    "suspended",
    "deactivated",
    "bounced",
    "dropped",
    "withheld",
    events.SCRUB_GEO,
)
#: What takes such a verdict back on X. What was erased here cannot be given back.
LIFTED = ("undeleted", "unprotected", "unsuspended", "undropped")

_WRONG_CALL = 2
_AT_ONCE = 1_000
_LONGEST_ID = 20
_LOADED_SECONDS = 600.0
_LOOK_SECONDS = 1.0

_LOADED = """
SELECT COUNT(DISTINCT id) AS loaded FROM (
  SELECT tweet_id AS id FROM tweetlog.deletions WHERE tweet_id IN UNNEST(@ids)
  UNION ALL
  SELECT IFNULL(tweet_id, user_id) FROM tweetlog.verdicts
  WHERE IFNULL(tweet_id, user_id) IN UNNEST(@ids)
)
"""
# A batch that was begun before goes on with the same events.
_BEGUN = """
SELECT MIN(JSON_VALUE(attributes, '$."ce-time"')) AS time FROM tweetlog.raw_events
WHERE JSON_VALUE(attributes, '$."ce-batchid"') = @batch
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is asked for together.

    Attributes:
        id: follows from ids and verdict, so that the same call is the same batch.
        ids: of tweets, or of users.
        verdict: one of `VERDICTS`.
        up_to: of users: the largest id of a post that it is about.
        times: since when, of those of which X says so.
    """

    id: str
    ids: tuple[str, ...]
    verdict: str
    users: bool = False
    up_to: int | None = None
    times: Mapping[str, datetime] = field(default_factory=dict)


def batch(
    ids: Sequence[str],
    verdict: str,
    *,
    users: bool = False,
    up_to: int | None = None,
    times: Mapping[str, datetime] | None = None,
) -> Batch:
    """Return the batch that these ids under this verdict are."""
    unique = tuple(sorted(set(ids), key=lambda id: (len(id), id)))
    kind = "users" if users else "tweets"
    digest = events.digest(kind, verdict, str(up_to), *unique)
    return Batch(f"{verdict}-{digest[:12]}", unique, verdict, users, up_to, times or {})


def ids_of(given: Sequence[str]) -> list[str]:
    """Return the ids that are given: each an id, or a file with one on a line.

    Raises:
        CommandError: naming the file and the line of what is no id.
    """
    found: list[str] = []
    for one in given:
        found += [one] if _is_id(one) else _ids_in(Path(one))
    if not found:
        raise CommandError("no ids; name some, or a file with one on a line", exit_code=_WRONG_CALL)
    return found


def _ids_in(file: Path) -> Iterator[str]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        line = f"{file}: neither an id of digits nor a file"
        raise CommandError(line, exit_code=_WRONG_CALL) from None
    except (OSError, UnicodeDecodeError) as reason:
        raise CommandError(f"{file}: {reason}", exit_code=_WRONG_CALL) from None
    for number, text in enumerate(lines, start=1):
        id = text.strip()
        if not id or id.startswith("#"):
            continue
        if not _is_id(id):
            shown = id[:40]
            line = f"{file}, line {number}: {shown!r} is not an id of 1 to {_LONGEST_ID} digits"
            raise CommandError(line, exit_code=_WRONG_CALL)
        yield id


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID


def delete(
    site: Site,
    batches: Sequence[Batch],
    *,
    at: datetime | None = None,
    patience: float = 0.0,
    say: Callable[[str], object] = lambda _: None,
) -> Swept:
    """Publish the tombstones of the batches, wait until they are loaded, and remove the content.

    Args:
        site: where.
        batches: what is to be gone.
        at: when X said so; now if None.
        patience: seconds to try again for, while BigQuery does not let rows be changed yet.
        say: is told why it waits.

    Raises:
        CommandError: if something cannot be reached; repeating it goes on.
    """
    site.start_live()
    with Publisher(site.project) as publisher:
        for one in batches:
            time_ = at or _begun(site, one) or datetime.now(UTC)
            for some in _chunks(one.ids):
                publisher.publish([carrying(e, LIVE.raw) for e in tombstones(one, some, time_)])
    site.drain(*site.live_subscriptions())
    for one in batches:
        _await_loaded(site, one)
    return sweep(site, since=since(batches), patience=patience, say=say)


def tombstones(one: Batch, ids: Sequence[str], at: datetime) -> Iterator[Envelope]:
    """Yield the event of each of the ids, which are a part of the batch."""
    for id in ids:
        moment = events.rfc3339(one.times.get(id, at))
        if one.users:
            up_to = events.last_id(at) if one.up_to is None else one.up_to
            yield events.user_judged(
                id, verdict=one.verdict, up_to=up_to, time=moment, batch=one.id
            )
        elif one.verdict == events.SCRUB_GEO:
            yield events.scrubbed(id, time=moment, batch=one.id)
        else:
            yield events.deleted(id, verdict=one.verdict, time=moment, batch=one.id)


def _begun(site: Site, one: Batch) -> datetime | None:
    sql = for_dataset(_BEGUN, site.warehouse.dataset)
    (row,) = site.warehouse.query(sql, {"batch": one.id}).dicts()
    return datetime.fromisoformat(row["time"]) if row["time"] else None


def since(batches: Sequence[Batch]) -> datetime:
    """Return before when nothing was received of what the batches are about.

    A tweet is received after it was created; a day is for clocks that are wrong.
    """
    if any(one.users for one in batches):
        return BEGINNING
    created = [events.created_at(id) for one in batches for id in one.ids]
    known = [moment for moment in created if moment]
    return min(known) - timedelta(days=1) if known and len(known) == len(created) else BEGINNING


def _await_loaded(site: Site, one: Batch) -> None:
    deadline = time.monotonic() + _LOADED_SECONDS
    for some in _chunks(one.ids):
        while _loaded(site, some) < len(some):
            if time.monotonic() > deadline:
                line = "tombstones were published, but are not all loaded; repeat the command"
                raise CommandError(line)
            site.tend()
            time.sleep(_LOOK_SECONDS)


def _loaded(site: Site, ids: Sequence[str]) -> int:
    sql = for_dataset(_LOADED, site.warehouse.dataset)
    (row,) = site.warehouse.query(sql, {"ids": list(ids)}).dicts()
    return int(row["loaded"])


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), _AT_ONCE):
        yield ids[first : first + _AT_ONCE]
