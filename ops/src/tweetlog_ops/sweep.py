"""Makes every place agree with the tombstones: content that is left anywhere is removed.

It is told nothing of what was done before: it asks each place what is left, and ends when nothing
is. So it may be stopped and repeated at any time, and finds what came late.
"""

import base64
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson

from tweetlog import events
from tweetlog.envelope import Envelope
from tweetlog_ops import project, statements
from tweetlog_ops import shadow as shadows
from tweetlog_ops.answers import plain
from tweetlog_ops.keeping import VERSIONS
from tweetlog_ops.lane import LIVE, REPLAY, Lane
from tweetlog_ops.message import Message, carrying
from tweetlog_ops.publishing import Publisher
from tweetlog_ops.redaction import Gone, authored, covered, has_position, redacted
from tweetlog_ops.site import Site
from tweetlog_ops.statements import for_dataset
from tweetlog_ops.warehouse import Parameter, StillStreaming, Warehouse

_T = TypeVar("_T")

BEGINNING = datetime(2006, 3, 21, tzinfo=UTC)  # X's first post
#: What a tombstone is called that no batch asked for.
NO_BATCH = "no batch"

_COLUMNS = {"tweet_id", "retweeted_id", "enricher_version", "geo_latitude"}
# A retweet of a retweet is none, so what a round finds is found by the next at the latest.
_ROUNDS = 4
# Between two tries at rows that may not be changed yet.
_PAUSE_SECONDS = 20.0
_AT_ONCE = 200
_MARK = f"ce-{events.MARK}"
_CONTENT = "tweetlog.tweet.received.v1"

# What stands in the log under the id of a deleted tweet goes as a whole, without being read.
_EMPTY = """
UPDATE tweetlog.raw_events AS r
SET data = NULL, removed_at = CURRENT_TIMESTAMP(), removal = IFNULL(d.batch_id, 'no batch')
FROM tweetlog.deletions AS d
WHERE r.publish_time >= @since AND r.data IS NOT NULL
  AND JSON_VALUE(r.attributes, '$."ce-type"') = 'tweetlog.tweet.received.v1'
  AND d.tweet_id = IFNULL(
    JSON_VALUE(r.attributes, '$."ce-subject"'), JSON_VALUE(r.attributes, '$."ce-id"'))
"""
#: Each tweet that a raw event names: itself, what it retweets, quotes or answers, and its copies.
NAMED = """
  SELECT DISTINCT message_id, publish_time, data, TO_JSON_STRING(attributes) AS attributes, id
  FROM tweetlog.raw_events,
    UNNEST(REGEXP_EXTRACT_ALL(data, r'"id"\\s*:\\s*"([0-9]{1,20})"')) AS id
  WHERE publish_time >= @since AND data IS NOT NULL
    AND JSON_VALUE(attributes, '$."ce-type"') = 'tweetlog.tweet.received.v1'
"""
_NAMING = """
SELECT r.message_id, r.publish_time, r.data, r.attributes, j.tweet_id, j.batch, j.what
FROM (named) AS r
JOIN (
    SELECT tweet_id, IFNULL(batch_id, 'no batch') AS batch, 'tweet' AS what
    FROM tweetlog.deletions
    UNION ALL
    SELECT tweet_id, IFNULL(batch_id, 'no batch'), 'position'
    FROM tweetlog.verdicts WHERE tweet_id IS NOT NULL
  ) AS j ON j.tweet_id = r.id
"""
#: What names a deleted tweet: its retweets, posts that quote it, and a second copy of either.
NAMING = _NAMING.replace("(named)", f"({NAMED})")
_BY_AUTHOR = """
SELECT DISTINCT r.message_id, r.data
FROM (
  SELECT message_id, data, author_id
  FROM tweetlog.raw_events,
    UNNEST(REGEXP_EXTRACT_ALL(data, r'"author_id"\\s*:\\s*"([0-9]{1,20})"')) AS author_id
  WHERE data IS NOT NULL
) AS r
JOIN tweetlog.verdicts AS v ON v.user_id = r.author_id AND v.effect = @effect
"""
_USERS = """
SELECT user_id, up_to_tweet_id, verdict, decided_at, IFNULL(batch_id, 'no batch') AS batch
FROM tweetlog.verdicts WHERE user_id IS NOT NULL AND effect = @effect
"""
_KNOWN = {
    "delete": "SELECT tweet_id FROM tweetlog.deletions WHERE tweet_id IN UNNEST(@ids)",
    "scrub": "SELECT tweet_id FROM tweetlog.verdicts WHERE tweet_id IN UNNEST(@ids)",
}
# Arrays side by side: one statement for many rows, each with its own new content.
_REWRITE = """
UPDATE tweetlog.{table} AS r
SET data = NULLIF(n.data, ''), attributes = PARSE_JSON(n.attributes),
  removed_at = CURRENT_TIMESTAMP(), removal = n.batch
FROM (
  SELECT id, data, attributes, batch
  FROM UNNEST(@ids) AS id WITH OFFSET AS a
  JOIN UNNEST(@contents) AS data WITH OFFSET AS b ON b = a
  JOIN UNNEST(@attributes) AS attributes WITH OFFSET AS c ON c = a
  JOIN UNNEST(@batches) AS batch WITH OFFSET AS d ON d = a
) AS n
WHERE r.publish_time BETWEEN @first AND @last AND r.message_id = n.id
"""
#: Each tweet that a dead letter names.
LETTERS_NAMED = """
  SELECT DISTINCT message_id, publish_time, data, attributes, id
  FROM (
    SELECT
      message_id,
      publish_time,
      data,
      TO_JSON_STRING(attributes) AS attributes,
      ARRAY_CONCAT(
        [IFNULL(JSON_VALUE(attributes, '$."ce-subject"'), '')],
        REGEXP_EXTRACT_ALL(
          IFNULL(
            SAFE_CONVERT_BYTES_TO_STRING(FROM_BASE64(JSON_VALUE(data, '$.data_base64'))), data),
          r'"(?:tweet_)?id"\\s*:\\s*"?([0-9]{1,20})')
      ) AS ids
    FROM tweetlog.dead_letters
    WHERE data IS NOT NULL
      AND IFNULL(JSON_VALUE(attributes, '$."ce-type"'), '') NOT IN (
        'tweetlog.tweet.deleted.v1', 'tweetlog.tweet.scrubbed.v1',
        'tweetlog.deadletter.redriven.v1', 'tweetlog.deadletter.discarded.v1')
  ), UNNEST(ids) AS id
"""
_LETTERS = _NAMING.replace("(named)", f"({LETTERS_NAMED})")
# Rows of a table of tweets that a tombstone is about: its own, and those of its retweets.
_ROWS = """
SELECT t.tweet_id, d.verdict, d.deleted_at, IFNULL(d.batch_id, 'no batch') AS batch
FROM tweetlog.{table} AS t JOIN tweetlog.deletions AS d ON d.tweet_id = t.tweet_id
UNION DISTINCT
SELECT t.tweet_id, d.verdict, d.deleted_at, IFNULL(d.batch_id, 'no batch')
FROM tweetlog.{table} AS t JOIN tweetlog.deletions AS d ON d.tweet_id = t.retweeted_id
"""
_DELETE = """
DELETE FROM tweetlog.{table}
WHERE tweet_id IN (SELECT tweet_id FROM tweetlog.deletions)
  OR retweeted_id IN (SELECT tweet_id FROM tweetlog.deletions)
"""
_PLACED = """
SELECT DISTINCT t.tweet_id
FROM tweetlog.{table} AS t
JOIN tweetlog.verdicts AS v ON v.tweet_id = t.tweet_id
WHERE t.geo_latitude IS NOT NULL OR t.geo_longitude IS NOT NULL OR t.place_id IS NOT NULL
  OR t.country IS NOT NULL
"""
_UNPLACE = """
UPDATE tweetlog.{table}
SET geo_latitude = NULL, geo_longitude = NULL, place_id = NULL, country = NULL
WHERE tweet_id IN (SELECT tweet_id FROM tweetlog.verdicts WHERE tweet_id IS NOT NULL)
  AND (geo_latitude IS NOT NULL OR geo_longitude IS NOT NULL OR place_id IS NOT NULL
    OR country IS NOT NULL)
"""
_KEPT = """
SELECT {columns}
FROM tweetlog.{table} AS t
LEFT JOIN (
  SELECT DISTINCT tweet_id FROM tweetlog.verdicts WHERE tweet_id IS NOT NULL
) AS v ON v.tweet_id = t.tweet_id
WHERE t.tweet_id NOT IN (SELECT tweet_id FROM tweetlog.deletions)
  AND IFNULL(t.retweeted_id, '') NOT IN (SELECT tweet_id FROM tweetlog.deletions)
"""
_POSITION = ("geo_latitude", "geo_longitude", "place_id", "country")
_SCRUBBED = """
SELECT data, TO_JSON_STRING(attributes) AS attributes
FROM tweetlog.raw_events
WHERE data IS NOT NULL AND JSON_VALUE(attributes, '$."ce-scrubbed"') IS NOT NULL
  AND JSON_VALUE(attributes, '$."ce-subject"') IN UNNEST(@ids)
"""


@dataclass(slots=True)
class Swept:
    """What a sweep did.

    Attributes:
        removed: how many rows of each place lost content.
        derived: tombstones that followed from others: of retweets, and of a user's posts.
        left: lines that say what could not be removed yet, and why.
    """

    removed: dict[str, int] = field(default_factory=dict)
    derived: int = 0
    left: list[str] = field(default_factory=list)

    def count(self, place: str, rows: int) -> bool:
        """Add to what was removed there; return whether it was anything."""
        if rows:
            self.removed[place] = self.removed.get(place, 0) + rows
        return bool(rows)


def sweep(
    site: Site,
    *,
    since: datetime = BEGINNING,
    patience: float = 0.0,
    say: Callable[[str], object] = lambda _: None,
    pause: Callable[[float], object] = time.sleep,
) -> Swept:
    """Remove what is left of what was deleted, everywhere.

    Args:
        site: whose warehouse; the services of its live lane must run.
        since: raw events that were published before it hold nothing that could be left.
        patience: seconds to try again for, while BigQuery does not let rows be changed yet.
        say: is told why it waits.
        pause: waits so many seconds.
    """
    one = _Sweep(site, since)
    until = time.monotonic() + patience
    with Publisher(site.project) as one.publisher:
        _rounds(one)
        while one.swept.left and time.monotonic() < until:
            say(f"{one.swept.left[0]}; trying again")
            site.tend()
            pause(min(_PAUSE_SECONDS, max(0.0, until - time.monotonic())))
            _rounds(one)
    return one.swept


def tables_of_tweets(warehouse: Warehouse) -> list[str]:
    """Return every table that has tweets as rows: shown, candidates and versions."""
    existing = warehouse.existing()
    return sorted(name for name in warehouse.tables() if set(existing[name]) >= _COLUMNS)


def _rounds(one: "_Sweep") -> None:
    for _ in range(_ROUNDS):
        one.swept.left = []
        if not one.round():
            break


class _Sweep:
    """A sweep under way."""

    publisher: Publisher

    def __init__(self, site: Site, since: datetime) -> None:
        self.site = site
        self.since = since
        self.swept = Swept()

    def round(self) -> bool:
        """Remove what is found; return whether there may be more."""
        published = self._judge_users()
        emptied = self._change("raw_events", _EMPTY, {"since": self.since})
        found = self._redact_raw()
        self._redact_letters()
        again = self._tables()
        return any((published, emptied, found, again))

    def _judge_users(self) -> bool:
        """Publish the tombstones that follow from verdicts over users, for what is here."""
        found = [one for effect in _KNOWN for one in self._of_users(effect)]
        return self._publish(found)

    def _of_users(self, effect: str) -> list[Envelope]:
        users = {row["user_id"]: row for row in self._rows(_USERS, {"effect": effect})}
        if not users:
            return []
        up_to = {user: int(row["up_to_tweet_id"]) for user, row in users.items()}
        about: dict[str, str] = {}
        for row in self._rows(_BY_AUTHOR, {"effect": effect}):
            about |= authored(row["data"].encode(), up_to)
        fresh = self._unknown(effect, list(about))
        return [_judged(id, users[about[id]], effect) for id in fresh]

    def _unknown(self, effect: str, ids: Sequence[str]) -> list[str]:
        known = {
            row["tweet_id"]
            for some in _chunks(ids)
            for row in self._rows(_KNOWN[effect], {"ids": list(some)})
        }
        return [id for id in ids if id not in known]

    def _redact_raw(self) -> bool:
        """Rewrite what names a deleted tweet; a retweet of it gets a tombstone of its own."""
        rewrites, tombstones = [], []
        for row, gone in gathered(self._rows(NAMING, {"since": self.since})):
            data, attributes = row["data"].encode(), orjson.loads(row["attributes"])
            if covered(data, gone):
                # One of its own it has, where BigQuery did not let it be emptied a moment ago.
                tombstones += (
                    [_derived(attributes, row["batch"])]
                    if _id(attributes) not in gone.tweets
                    else []
                )
                rewrites.append(_Rewrite(row, b"", attributes))
                continue
            if has_position(data, gone):
                attributes |= {_MARK: "geo"}
            kept = redacted(data, gone)
            if kept != data:
                rewrites.append(_Rewrite(row, kept, attributes))
        done = self._rewrite("raw_events", rewrites)
        return self._publish([one for one in tombstones if one]) or done

    def _redact_letters(self) -> None:
        rewrites = []
        for row, gone in gathered(self._rows(_LETTERS, {})):
            attributes = orjson.loads(row["attributes"])
            kept = letter_without(row["data"].encode(), attributes, gone)
            if kept != row["data"].encode():
                rewrites.append(_Rewrite(row, kept, attributes))
        self._rewrite("dead_letters", rewrites)

    def _tables(self) -> bool:
        again = False
        for table in tables_of_tweets(self.site.warehouse):
            lane = self.site.lane_of(table)
            if lane:
                again |= self._delete_by_loader(table, lane) | self._unplace_by_loader(table)
            elif table == VERSIONS:
                again |= self._change(table, _DELETE.format(table=table), {})
                again |= self._change(table, _UNPLACE.format(table=table), {})
            else:
                self._replace(table)
        return again

    def _replace(self, table: str) -> None:
        """Write a table anew, without what was deleted.

        It is one to which upserts were streamed, and are no more: BigQuery may refuse to change its
        rows, and no loader deletes from it. One statement, so that nobody sees it empty.
        """
        rows = [row["tweet_id"] for row in self._rows(_ROWS.format(table=table), {})]
        placed = [row["tweet_id"] for row in self._rows(_PLACED.format(table=table), {})]
        if not (rows or placed):
            return
        dataset = self.site.warehouse.dataset
        made = statements.candidate(project.warehouse_sql(), dataset=dataset, name=table).sql
        there = set(self.site.warehouse.columns(table))
        columns = ", ".join(_kept_column(one, there) for one in statements.columns(made))
        query = for_dataset(_KEPT.format(columns=columns, table=table), dataset)
        self.site.warehouse.query(f"{statements.replacing(made)} AS {query}")
        self.swept.count(table, len(rows))
        self.swept.count(f"{table}, positions", len(placed))

    def _delete_by_loader(self, table: str, lane: Lane) -> bool:
        """Send the tombstones of rows that are there again: BigQuery forgets after two days."""
        rows = self._rows(_ROWS.format(table=table), {})
        tombstones = [_tombstone(row["tweet_id"], row) for row in rows]
        fresh = set(self._unknown("delete", [row["tweet_id"] for row in rows]))
        # A tombstone that is new goes by the log; one that is there already, to the loader alone.
        self._publish([one for one in tombstones if one.subject in fresh])
        again = [one for one in tombstones if one.subject not in fresh]
        self._send([carrying(one, lane.enriched) for one in again])
        self.swept.count(table, len(rows))
        return bool(rows)

    def _unplace_by_loader(self, table: str) -> bool:
        """Send the raw events without their position once more: they outrank what is there."""
        ids = [row["tweet_id"] for row in self._rows(_PLACED.format(table=table), {})]
        # While there is a shadow, the replay lane writes to it alone: both get it as live.
        to = LIVE.raw if shadows.found(self.site.project) else REPLAY.raw
        messages = []
        for some in _chunks(ids):
            for row in self._rows(_SCRUBBED, {"ids": list(some)}):
                attributes = {**orjson.loads(row["attributes"]), "ce-replayid": "scrub"}
                messages.append(Message(to, row["data"].encode(), attributes))
        if not messages:
            return False
        self.publisher.publish(messages)
        if to == REPLAY.raw:
            self.site.start(REPLAY)
        self.site.drain(*REPLAY.subscriptions, *self.site.live_subscriptions())
        self.swept.count(f"{table}, positions", len(messages))
        return True

    def _publish(self, tombstones: Sequence[Envelope]) -> bool:
        self.swept.derived += len(tombstones)
        return self._send([carrying(one, LIVE.raw) for one in tombstones])

    def _send(self, messages: Sequence[Message]) -> bool:
        if messages:
            self.publisher.publish(messages)
            self.site.drain(*self.site.live_subscriptions())
        return bool(messages)

    def _rewrite(self, table: str, rewrites: Sequence["_Rewrite"]) -> bool:
        done = False
        for some in _chunks(rewrites):
            moments = [one.row["publish_time"] for one in some]
            parameters: dict[str, Parameter] = {
                "ids": [one.row["message_id"] for one in some],
                "contents": [one.data.decode() for one in some],
                "attributes": [orjson.dumps(one.attributes).decode() for one in some],
                "batches": [one.row["batch"] for one in some],
                "first": min(moments),
                "last": max(moments),
            }
            done |= self._change(table, _REWRITE.format(table=table), parameters)
        return done

    def _change(self, table: str, sql: str, parameters: Mapping[str, Parameter]) -> bool:
        """Run a statement that removes; what BigQuery does not allow yet is left for later."""
        try:
            sql = for_dataset(sql, self.site.warehouse.dataset)
            return self.swept.count(table, self.site.warehouse.change(sql, parameters))
        except StillStreaming:
            why = (
                "BigQuery does not let rows be changed yet that were streamed in the last half hour"
            )
            self.swept.left.append(f"{table}: {why}")
            return False

    def _rows(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        sql = for_dataset(sql, self.site.warehouse.dataset)
        return self.site.warehouse.query(sql, parameters).dicts()


@dataclass(frozen=True, slots=True)
class _Rewrite:
    """A row of the log or of the dead letters with its new content; empty for none."""

    row: Mapping[str, Any]
    data: bytes
    attributes: Mapping[str, str]


def gathered(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], Gone]]:
    """Yield each message once, with all that it names and must not."""
    tweets: dict[str, set[str]] = {}
    positions: dict[str, set[str]] = {}
    first: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        id = row["message_id"]
        first.setdefault(id, row)
        into = tweets if row["what"] == "tweet" else positions
        into.setdefault(id, set()).add(row["tweet_id"])
    for id, row in first.items():
        yield row, Gone(tweets.get(id, set()), positions.get(id, set()))


def letter_without(data: bytes, attributes: Mapping[str, str], gone: Gone) -> bytes:
    """Return the data of a dead letter of which only what may stay is left."""
    if attributes.get("ce-type") != events.REJECTED:  # the broker's: the message as it was
        kept = _inner(data, attributes, gone)
        return kept or b""
    document = orjson.loads(data)
    before = base64.b64decode(document.get("data_base64") or "")
    if not before:
        return data
    after = _inner(before, document.get("attributes") or {}, gone)
    if after == before:
        return data
    encoded = base64.b64encode(after or b"").decode()
    reason = document.get("reason") if after else "removed: what it was about was deleted"
    changed = {"data_base64": encoded, "reason": reason, "data_bytes": len(after or b"")}
    complete = bool(after) and document.get("data_complete", True)
    return orjson.dumps({**document, **changed, "data_complete": complete})


def _inner(data: bytes, attributes: Mapping[str, str], gone: Gone) -> bytes | None:
    """Return what may stay of an event that was rejected; None for nothing.

    Of an enriched event nothing does that is touched at all: it can be derived again.
    """
    kind = attributes.get("ce-type", _CONTENT)
    if kind != _CONTENT or covered(data, gone):
        return None
    return redacted(data, gone)


def _derived(attributes: Mapping[str, str], batch: str) -> Envelope | None:
    """Return the tombstone of what shows a deleted tweet as its own: of a retweet."""
    id = _id(attributes)
    if not id.isdigit():
        return None
    time = attributes.get("ce-time") or events.rfc3339(datetime.now(UTC))
    return events.deleted(id, verdict="original_deleted", time=time, batch=batch)


def _id(attributes: Mapping[str, str]) -> str:
    return attributes.get("ce-subject") or attributes.get("ce-id", "")


def _judged(id: str, user: Mapping[str, Any], effect: str) -> Envelope:
    time, batch = events.rfc3339(user["decided_at"]), user["batch"]
    if effect == "scrub":
        return events.scrubbed(id, time=time, batch=batch)
    return events.deleted(id, verdict=user["verdict"], time=time, batch=batch)


def _tombstone(id: str, row: Mapping[str, Any]) -> Envelope:
    return events.deleted(
        id,
        verdict=row["verdict"] or "deleted",
        time=plain(row["deleted_at"]),
        batch=row["batch"],
    )


def _kept_column(name: str, there: Collection[str]) -> str:
    """Return a column of a table that is written anew: without a position that was scrubbed."""
    if name not in there:
        return f"NULL AS {name}"
    return f"IF(v.tweet_id IS NULL, t.{name}, NULL) AS {name}" if name in _POSITION else f"t.{name}"


def _chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for first in range(0, len(items), _AT_ONCE):
        yield items[first : first + _AT_ONCE]
