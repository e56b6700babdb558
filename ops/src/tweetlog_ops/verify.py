"""The proof: every event of the raw log stands in the table once, or says why it does not.

The comparison is SQL that runs locally and in BigQuery alike; the verdict is pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tweetlog_ops.answers import plain, table

# How many faults are named, as the LIMITs below say; the counts are always whole.
NAMED = 100

_ACCOUNT = """
WITH logged AS (
  -- All statements about one hole share its row, and all verdicts on one tweet or user.
  SELECT type, event_id, MIN(publish_time) AS publish_time,
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
  FROM tweetlog.v_dead_letters GROUP BY raw_event_id
), deleted AS (
  SELECT tweet_id AS event_id FROM tweetlog.deletions GROUP BY tweet_id
), account AS (
  SELECT
    logged.publish_time,
    logged.type,
    logged.event_id,
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
  COUNTIF(copies > 1) AS doubled
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
UNLOGGED = """
SELECT tweet_id AS event_id, loaded_at
FROM tweetlog.tweets_current
WHERE loaded_at < @settled
  AND tweet_id NOT IN (
    SELECT event_id FROM tweetlog.v_raw_events
    WHERE event_id IS NOT NULL AND type = 'tweetlog.tweet.received.v1')
ORDER BY loaded_at, tweet_id
LIMIT 100
"""

REJECTIONS = """
SELECT stage, reason_class, COUNT(*) AS events, MIN(reason) AS example
FROM tweetlog.v_dead_letters
WHERE publish_time >= @from AND publish_time < @to
GROUP BY stage, reason_class
ORDER BY stage, events DESC, reason_class
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison found.

    Attributes:
        windows: a row an hour: logged, loaded, rejected, deleted, in flight, missing, doubled.
        faults: what is missing or doubled, by id and stage.
        unlogged: rows of the table without a raw event.
        rejections: dead letters by stage and reason.
    """

    windows: Sequence[Mapping[str, Any]]
    faults: Sequence[Mapping[str, Any]]
    unlogged: Sequence[Mapping[str, Any]]
    rejections: Sequence[Mapping[str, Any]]

    def total(self, column: str) -> int:
        """Return the sum of a column over all windows."""
        return sum(int(window[column]) for window in self.windows)

    @property
    def clean(self) -> bool:
        """Whether nothing is missing, doubled or unlogged."""
        return not (self.total("missing") or self.total("doubled") or self.unlogged)


def document(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as JSON can hold it."""
    return {"clean": verdict.clean, **plain(asdict(verdict))}


def report(verdict: Verdict) -> str:
    """Return the verdict as lines for a person."""
    parts = [_windows(verdict)]
    if verdict.rejections:
        parts.append(_listed("rejected, with the reason:", verdict.rejections))
    if verdict.faults:
        parts.append(_listed(f"the first {NAMED} at most:", verdict.faults))
    if verdict.unlogged:
        parts.append(_listed("in the table, but not in raw_events:", verdict.unlogged))
    return "\n".join([*parts, conclusion(verdict)])


def conclusion(verdict: Verdict) -> str:
    """Return the verdict in one line."""
    counts = f"{verdict.total('missing')} missing, {verdict.total('doubled')} doubled"
    if verdict.unlogged:
        counts += f", {len(verdict.unlogged)} not in the log"
    if verdict.total("in_flight"):
        counts += f", {verdict.total('in_flight')} still under way"
    return f"verify: {'clean' if verdict.clean else 'FAILED'}: {counts}\n"


def _windows(verdict: Verdict) -> str:
    columns = ["hour", "logged", "loaded", "rejected", "deleted", "in_flight", "missing", "doubled"]
    rows = [[window[name] for name in columns] for window in verdict.windows]
    if len(rows) != 1:
        rows.append(["all", *(verdict.total(name) for name in columns[1:])])
    return table(columns, ["TIMESTAMP", *["INT64"] * 7], rows)


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
