"""A compliance round: every id that is here goes to X, and what it says of them is done.

Resumable without a note of its own: a job is named after the ids in it, and X keeps the list of
jobs. Killed at any moment, the next round finds the job of the same ids and goes on with it.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from tweetlog import events
from tweetlog_ops.deletion import Batch, batch
from tweetlog_ops.errors import CommandError
from tweetlog_ops.statements import for_dataset
from tweetlog_ops.warehouse import Warehouse
from tweetlog_ops.x_compliance import Busy

#: Ids in one job at most: 128 MB hold about 6.5 million (X docs, "Batch compliance").
MOST_IDS = 5_000_000

_PREFIX = "tweetlog-"
_REASON = re.compile(r"[a-z_]{1,40}")
_UNDER_WAY = ("created", "in_progress")

# Content of a tweet is also within those that refer to it, so their ids are asked about as well.
_IDS = """
SELECT id FROM (
  SELECT tweet_id AS id FROM tweetlog.tweets_current
  UNION DISTINCT SELECT retweeted_id FROM tweetlog.tweets_current
  UNION DISTINCT SELECT quoted_id FROM tweetlog.tweets_current
  UNION DISTINCT SELECT reply_to_id FROM tweetlog.tweets_current
)
WHERE id IS NOT NULL AND id NOT IN (SELECT tweet_id FROM tweetlog.deletions)
  AND (LENGTH(id) > LENGTH(@after) OR (LENGTH(id) = LENGTH(@after) AND id > @after))
ORDER BY LENGTH(id), id LIMIT @most
"""
_SCRUBBED = "SELECT tweet_id FROM tweetlog.verdicts WHERE tweet_id IN UNNEST(@ids)"


class Jobs(Protocol):
    """What a round needs of X."""

    def jobs(self) -> list[dict[str, Any]]:
        """Return the jobs that there are."""

    def job(self, id: str) -> dict[str, Any]:
        """Return how far a job is."""

    def create(self, name: str) -> dict[str, Any]:
        """Make a job."""

    def upload(self, url: str, ids: Sequence[str]) -> None:
        """Give a job its ids."""

    def download(self, url: str) -> Iterator[bytes]:
        """Yield the lines of its results."""


@dataclass(slots=True)
class Round:
    """What X said.

    Attributes:
        asked: how many ids were sent.
        verdicts: of which ids what, and since when.
        edited: ids whose content here is not the latest.
        refused: lines that X could not make an id of.
    """

    asked: int = 0
    verdicts: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    edited: list[str] = field(default_factory=list)
    refused: int = 0

    def batches(self) -> list[Batch]:
        """Return what is to be deleted, a batch a verdict."""
        by_verdict: dict[str, dict[str, datetime]] = {}
        for id, (verdict, at) in self.verdicts.items():
            by_verdict.setdefault(verdict, {})[id] = at
        return [
            batch(list(times), verdict, times=times)
            for verdict, times in sorted(by_verdict.items())
        ]


def asked(
    warehouse: Warehouse,
    x: Jobs,
    *,
    most: int,
    poll: float,
    say: Callable[[str], None],
    wait: Callable[[float], None] = time.sleep,
) -> Round:
    """Ask X about every id that is here, and return what it says.

    Args:
        warehouse: what is here.
        x: X.
        most: ids in one job.
        poll: seconds between two looks at a job.
        say: shows a line of progress.
        wait: waits so many seconds.

    Raises:
        CommandError: if X refuses; repeating it goes on.
    """
    found = Round()
    for ids in _chunks(warehouse, most):
        job = _done(x, ids, poll, say, wait)
        for line in x.download(job["download_url"]):
            take(found, orjson.loads(line))
        found.asked += len(ids)
        say(f"asked about {found.asked:,} ids: {len(found.verdicts):,} verdicts")
    for id in _scrubbed(warehouse, found):
        del found.verdicts[id]
    return found


def take(found: Round, result: Mapping[str, Any]) -> None:
    """Take note of one line of a job's results."""
    id, action, reason = (str(result.get(name) or "") for name in ("id", "action", "reason"))
    if "error" in result or not id.isdigit():
        found.refused += 1
    elif events.SCRUB_GEO in (action, reason):
        found.verdicts[id] = (events.SCRUB_GEO, _moment(result))
    elif action == "rehydrate":
        found.edited.append(id)
    else:
        verdict = reason if _REASON.fullmatch(reason) else "deleted"
        found.verdicts[id] = (verdict, _moment(result))


def _done(
    x: Jobs,
    ids: Sequence[str],
    poll: float,
    say: Callable[[str], None],
    wait: Callable[[float], None],
) -> dict[str, Any]:
    """Return the job of these ids once its results are there."""
    name = _PREFIX + events.digest(*ids)[:24]
    job = _begun(x, name) or _made(x, name, poll, say, wait)
    if job["status"] == "created":
        x.upload(job["upload_url"], ids)
        say(f"uploaded {len(ids):,} ids as {name}")
    while (job := x.job(job["id"]))["status"] in _UNDER_WAY:
        wait(poll)
    if job["status"] != "complete":
        why = job.get("error") or "X does not say why"
        raise CommandError(f"{name}: {job['status']}: {why}; repeat the command")
    return job


def _begun(x: Jobs, name: str) -> dict[str, Any] | None:
    usable = (*_UNDER_WAY, "complete")
    same = [one for one in x.jobs() if one.get("name") == name and one["status"] in usable]
    if same and _is_recent(same[-1]):
        return x.job(same[-1]["id"])
    return None


def _is_recent(job: Mapping[str, Any]) -> bool:
    """Whether a job's answer is news: one that is done a day ago is not."""
    if job["status"] in _UNDER_WAY:
        return True
    created = datetime.fromisoformat(str(job["created_at"]))
    return (datetime.now(UTC) - created).total_seconds() < 86_400 / 2


def _made(
    x: Jobs, name: str, poll: float, say: Callable[[str], None], wait: Callable[[float], None]
) -> dict[str, Any]:
    waiting = False
    while True:
        try:
            return x.create(name)
        except Busy:
            if not waiting:
                say("another compliance job of this app is under way; waiting for its end")
            waiting = True
            wait(poll)


def _chunks(warehouse: Warehouse, most: int) -> Iterator[list[str]]:
    after = ""
    sql = for_dataset(_IDS, warehouse.dataset)
    while True:
        ids = [row[0] for row in warehouse.query(sql, {"after": after, "most": most}).rows]
        if ids:
            yield ids
        if len(ids) < most:
            return
        after = ids[-1]


def _scrubbed(warehouse: Warehouse, found: Round) -> list[str]:
    """Return the ids whose position X wants gone, and which was scrubbed before."""
    ids = [id for id, (verdict, _) in found.verdicts.items() if verdict == events.SCRUB_GEO]
    known: list[str] = []
    for first in range(0, len(ids), 1_000):
        some = ids[first : first + 1_000]
        sql = for_dataset(_SCRUBBED, warehouse.dataset)
        known += [row[0] for row in warehouse.query(sql, {"ids": some}).rows]
    return known


def _moment(result: Mapping[str, Any]) -> datetime:
    """Return when X redacted it; now where it does not know any more."""
    text = result.get("redacted_at") or result.get("deleted_at")
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return datetime.now(UTC)
