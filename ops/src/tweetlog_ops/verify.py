"""The proof: every event of the raw log stands in the table once, or says why it does not.

The comparison is SQL that runs locally and in BigQuery alike; the verdict is pure. Of the log it
reads the envelopes of the window's days, never a payload; of the table its ids.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import xor
from typing import Any

from tweetlog_ops.answers import plain, table

# How many faults are named, as the LIMITs below say; the counts are always whole.
NAMED = 100

_ACCOUNT = """
WITH logged AS (
  -- All statements about one hole share its row, and all verdicts on one tweet or user.
  SELECT type, event_id, MIN(publish_time) AS publish_time, COUNT(*) AS messages,
    FARM_FINGERPRINT(CONCAT(IFNULL(type, ''), ' ', IFNULL(event_id, ''))) AS mark,
    MIN(CASE type
      WHEN 'tweetlog.stream.gap.v1' THEN IFNULL(subject, event_id)
      WHEN 'tweetlog.tweet.deleted.v1' THEN IFNULL(subject, event_id)
      WHEN 'tweetlog.tweet.scrubbed.v1' THEN CONCAT('scrub-tweet-', subject)
      WHEN 'tweetlog.user.deleted.v1' THEN CONCAT('delete-user-', subject)
      WHEN 'tweetlog.user.scrubbed.v1' THEN CONCAT('scrub-user-', subject)
      ELSE event_id
    END) AS row_id
  FROM tweetlog.v_raw_events
  WHERE publish_time >= @from AND publish_time < @to
  GROUP BY type, event_id
), loaded AS (
  SELECT 'tweetlog.tweet.received.v1' AS type, tweet_id AS row_id, COUNT(*) AS copies
  FROM tweetlog.tweets_current GROUP BY tweet_id
  UNION ALL
  SELECT 'tweetlog.stream.gap.v1', gap_id, COUNT(*) FROM tweetlog.gaps GROUP BY gap_id
  UNION ALL
  SELECT 'tweetlog.tweet.deleted.v1', tweet_id, COUNT(*) FROM tweetlog.deletions GROUP BY tweet_id
  UNION ALL
  SELECT
    CASE
      WHEN tweet_id IS NOT NULL THEN 'tweetlog.tweet.scrubbed.v1'
      WHEN effect = 'scrub' THEN 'tweetlog.user.scrubbed.v1'
      ELSE 'tweetlog.user.deleted.v1'
    END,
    verdict_id, COUNT(*)
  FROM tweetlog.verdicts GROUP BY 1, 2
), rejected AS (
  SELECT raw_event_id AS event_id, MIN(stage) AS stage
  FROM tweetlog.v_dead_letters
  WHERE publish_time >= @from -- nothing is rejected before it was logged
  GROUP BY raw_event_id
), deleted AS (
  SELECT tweet_id AS event_id FROM tweetlog.deletions GROUP BY tweet_id
), account AS (
  SELECT
    logged.publish_time,
    logged.type,
    logged.event_id,
    logged.messages,
    logged.mark,
    IFNULL(loaded.copies, 0) AS copies,
    CASE
      WHEN loaded.copies IS NOT NULL THEN 'loaded'
      -- The event store is where it is kept; no table follows from it.
      WHEN logged.type = 'tweetlog.table.promoted.v1' THEN 'loaded'
      WHEN deleted.event_id IS NOT NULL AND logged.type = 'tweetlog.tweet.received.v1'
        THEN 'deleted'
      WHEN rejected.event_id IS NOT NULL THEN 'rejected'
      WHEN logged.publish_time >= @settled THEN 'in_flight'
      ELSE 'missing'
    END AS fate
  FROM logged
  LEFT JOIN loaded ON loaded.type = logged.type AND loaded.row_id = logged.row_id
  LEFT JOIN rejected ON rejected.event_id = logged.event_id
  LEFT JOIN deleted ON deleted.event_id = logged.event_id
)
"""

# The hashes are exclusive-ors of a fingerprint of each id: no order, and an id more or less shows.
WINDOWS = (
    _ACCOUNT
    + """
SELECT
  TIMESTAMP_TRUNC(publish_time, HOUR) AS hour,
  COUNT(*) AS logged,
  COUNTIF(fate = 'loaded') AS loaded,
  COUNTIF(fate = 'rejected') AS rejected,
  COUNTIF(fate = 'deleted') AS deleted,
  COUNTIF(fate = 'in_flight') AS in_flight,
  COUNTIF(fate = 'missing') AS missing,
  COUNTIF(copies > 1) AS doubled,
  SUM(messages) AS messages,
  BIT_XOR(mark) AS logged_ids,
  BIT_XOR(IF(fate = 'loaded', mark, NULL)) AS loaded_ids,
  BIT_XOR(IF(fate = 'rejected', mark, NULL)) AS rejected_ids,
  BIT_XOR(IF(fate = 'deleted', mark, NULL)) AS deleted_ids
FROM account
GROUP BY hour
ORDER BY hour
"""
)

FAULTS = (
    _ACCOUNT
    + """
SELECT 'missing' AS fault, 'enrich or load' AS stage, type, event_id, publish_time
FROM account WHERE fate = 'missing'
UNION ALL
SELECT 'doubled', 'table', type, event_id, publish_time
FROM account WHERE copies > 1
ORDER BY fault, publish_time, event_id
LIMIT 100
"""
)

# Rows whose raw event is not in the log: the event store lost it, or is behind.
_UNLOGGED = """
SELECT tweet_id AS event_id, loaded_at
FROM tweetlog.tweets_current
WHERE loaded_at >= @from AND loaded_at < @to AND loaded_at < @settled{live}
  AND tweet_id NOT IN (
    SELECT event_id FROM tweetlog.v_raw_events
    WHERE event_id IS NOT NULL AND type = 'tweetlog.tweet.received.v1'{since})
ORDER BY loaded_at, tweet_id
LIMIT 100
"""
UNLOGGED = _UNLOGGED.format(live="", since="")
# What the live lane wrote was logged at most as long before as its two subscriptions keep a
# message, a week each; of a replay's rows that cannot be said.
UNLOGGED_IN_WINDOW = _UNLOGGED.format(
    live=" AND replay_id IS NULL",
    since="\n      AND publish_time >= TIMESTAMP_SUB(@from, INTERVAL 15 DAY)",
)

# What has a tombstone, and content all the same.
CONTENT = """
SELECT place, tweet_id FROM (
  SELECT 'raw_events' AS place, d.tweet_id
  FROM tweetlog.raw_events AS r
  JOIN tweetlog.deletions AS d ON d.tweet_id = JSON_VALUE(r.attributes, '$."ce-subject"')
  WHERE JSON_VALUE(r.attributes, '$."ce-type"') = 'tweetlog.tweet.received.v1'
    AND r.removed_at IS NULL
    AND d.loaded_at >= @from AND d.loaded_at < @to AND d.loaded_at < @settled
  UNION ALL
  SELECT 'tweets', d.tweet_id
  FROM tweetlog.tweets_current AS t
  JOIN tweetlog.deletions AS d ON d.tweet_id = t.tweet_id
  WHERE d.loaded_at >= @from AND d.loaded_at < @to AND d.loaded_at < @settled
)
GROUP BY place, tweet_id
ORDER BY place, tweet_id
LIMIT 100
"""

TOMBSTONES = """
SELECT verdict, effect, COUNT(*) AS tombstones FROM (
  SELECT verdict, 'tweet deleted' AS effect FROM tweetlog.deletions
  WHERE loaded_at >= @from AND loaded_at < @to
  UNION ALL
  SELECT verdict, CONCAT(IF(tweet_id IS NULL, 'posts of a user ', 'tweet '),
    IF(effect = 'scrub', 'without position', 'deleted'))
  FROM tweetlog.verdicts
  WHERE loaded_at >= @from AND loaded_at < @to
)
GROUP BY verdict, effect
ORDER BY tombstones DESC, verdict, effect
"""

REJECTIONS = """
SELECT stage, reason_class, COUNT(*) AS events, MIN(reason) AS example
FROM tweetlog.v_dead_letters
WHERE publish_time >= @from AND publish_time < @to
GROUP BY stage, reason_class
ORDER BY stage, events DESC, reason_class
"""


_COUNTS = ("logged", "loaded", "rejected", "deleted", "in_flight", "missing", "doubled")
_STAGES = ("logged", "loaded", "rejected", "deleted")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison found.

    Attributes:
        windows: a row an hour: logged, loaded, rejected, deleted, in flight, missing, doubled;
            messages, and by stage the hash of ids.
        faults: what is missing or doubled, by id and stage.
        unlogged: rows of the table without a raw event.
        rejections: dead letters by stage and reason.
        content: what has a tombstone and content all the same, by place.
        tombstones: how many, by verdict and effect.
    """

    windows: Sequence[Mapping[str, Any]]
    faults: Sequence[Mapping[str, Any]]
    unlogged: Sequence[Mapping[str, Any]]
    rejections: Sequence[Mapping[str, Any]]
    content: Sequence[Mapping[str, Any]] = ()
    tombstones: Sequence[Mapping[str, Any]] = ()

    def total(self, column: str) -> int:
        """Return the sum of a column over all windows."""
        return sum(int(window[column]) for window in self.windows)

    def hashed(self, stage: str) -> str:
        """Return the hash of the ids of a stage over all windows."""
        return _hash(reduce(xor, (int(one[f"{stage}_ids"] or 0) for one in self.windows), 0))

    @property
    def clean(self) -> bool:
        """Whether nothing is missing, doubled or unlogged, and no deleted content is left."""
        return not (self.total("missing") or self.total("doubled") or self.unlogged or self.content)


def document(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as JSON can hold it."""
    windows = [
        {**window, **{f"{one}_ids": _hash(int(window[f"{one}_ids"] or 0)) for one in _STAGES}}
        for window in verdict.windows
    ]
    total: dict[str, Any] = {name: verdict.total(name) for name in (*_COUNTS, "messages")}
    total |= {f"{one}_ids": verdict.hashed(one) for one in _STAGES}
    found = plain({**asdict(verdict), "windows": windows})
    return {"clean": verdict.clean, "total": total, **found}


def metrics(verdict: Verdict, *, at: datetime) -> str:
    """Return the verdict in Prometheus' text format.

    Args:
        verdict: what was found.
        at: when.
    """
    name = "tweetlog_verify"
    lines = [
        f"# HELP {name}_clean Whether nothing is missing, doubled, unlogged or left of content.",
        f"# TYPE {name}_clean gauge",
        f"{name}_clean {int(verdict.clean)}",
        f"# HELP {name}_events Events of the window by what became of them.",
        f"# TYPE {name}_events gauge",
        *(f'{name}_events{{fate="{one}"}} {verdict.total(one)}' for one in _COUNTS),
        f'{name}_events{{fate="unlogged"}} {len(verdict.unlogged)}',
        f'{name}_events{{fate="content_left"}} {len(verdict.content)}',
        f"# HELP {name}_at_seconds When this was found.",
        f"# TYPE {name}_at_seconds gauge",
        f"{name}_at_seconds {at.timestamp():.0f}",
    ]
    return "\n".join(lines) + "\n"


def report(verdict: Verdict) -> str:
    """Return the verdict as lines for a person."""
    parts = [_windows(verdict)]
    if verdict.rejections:
        parts.append(_listed("rejected, with the reason:", verdict.rejections))
    if verdict.tombstones:
        parts.append(_listed("tombstones:", verdict.tombstones))
    if verdict.faults:
        parts.append(_listed(f"the first {NAMED} at most:", verdict.faults))
    if verdict.unlogged:
        parts.append(_listed("in the table, but not in raw_events:", verdict.unlogged))
    if verdict.content:
        title = "deleted, but with content; `tweetlog delete --sweep` removes it:"
        parts.append(_listed(title, verdict.content))
    return "\n".join([*parts, conclusion(verdict)])


def conclusion(verdict: Verdict) -> str:
    """Return the verdict in one line."""
    counts = f"{verdict.total('missing')} missing, {verdict.total('doubled')} doubled"
    if verdict.unlogged:
        counts += f", {_few(verdict.unlogged)} not in the log"
    if verdict.content:
        counts += f", content of {_few(verdict.content)} that are deleted"
    if verdict.total("in_flight"):
        counts += f", {verdict.total('in_flight')} still under way"
    return f"verify: {'clean' if verdict.clean else 'FAILED'}: {counts}\n"


def _few(rows: Sequence[Mapping[str, Any]]) -> str:
    return str(len(rows)) if len(rows) < NAMED else f"{NAMED} or more"


def _windows(verdict: Verdict) -> str:
    rows = [
        [window["hour"], *(window[one] for one in _COUNTS), _hash(int(window["logged_ids"] or 0))]
        for window in verdict.windows
    ]
    if len(rows) != 1:
        rows.append(["all", *map(verdict.total, _COUNTS), verdict.hashed("logged")])
    kinds = ["TIMESTAMP", *["INT64"] * len(_COUNTS), "STRING"]
    return table(["hour", *_COUNTS, "ids"], kinds, rows)


def _hash(number: int) -> str:
    return f"{number % (1 << 64):016x}"


def _listed(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(rows[0])
    kinds = ["INT64" if isinstance(rows[0][name], int) else "STRING" for name in columns]
    return f"{title}\n" + table(columns, kinds, [[row[name] for name in columns] for row in rows])


def moment(text: str) -> datetime:
    """Return a moment written as a date or as RFC 3339.

    Raises:
        ValueError: if it is neither, or has no time zone.
    """
    found = datetime.fromisoformat(text)
    if len(text) == len("2026-01-31"):
        return datetime.fromisoformat(text + "T00:00:00+00:00")
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; end it in Z for UTC")
    return found


def span(text: str) -> timedelta:
    """Return a length of time written as 30m, 48h or 7d.

    Raises:
        ValueError: if it is not.
    """
    found = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    if not found:
        raise ValueError(f"{text!r} is not a length of time; write 30m, 48h or 7d")
    unit = {"m": "minutes", "h": "hours", "d": "days"}[found[2]]
    return timedelta(**{unit: int(found[1])})
