"""What became of a replay's events: for each tweet exactly one fate, told by the tables.

A row's `replay_id` names the replay that last really changed it, since of equal changes the
first counts (docs/decisions/0002-first-load-wins.md). So the rows that name a replay are those it
changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tweetlog import events
from tweetlog_ops.answers import table
from tweetlog_ops.replay.selection import COVERED, TOMBSTONES, Selection, condition

_REJECTED = """
  -- An enriched event names the raw event that it follows from; Pub/Sub's own letters are events.
  SELECT DISTINCT COALESCE(
    JSON_VALUE(data, '$.attributes."ce-causationid"'),
    JSON_VALUE(data, '$.rejected_id'),
    JSON_VALUE(attributes, '$."ce-causationid"'),
    JSON_VALUE(attributes, '$."ce-id"')) AS tweet_id
  FROM tweetlog.dead_letters
  WHERE publish_time >= @began
    AND @replay IN (
      JSON_VALUE(data, '$.attributes."ce-replayid"'), JSON_VALUE(attributes, '$."ce-replayid"'))"""
_FATE = """CASE
      WHEN covered THEN 'deleted'
      WHEN t.replay_id = @replay THEN 'changed'
      WHEN rejected.tweet_id IS NOT NULL THEN 'rejected'
      WHEN t.tweet_id IS NULL THEN 'missing'
      WHEN t.enricher_version < @version THEN 'older'
      ELSE 'unchanged'
    END AS fate"""
FATES = ("changed", "unchanged", "rejected", "deleted", "older", "missing")


@dataclass(frozen=True, slots=True)
class Account:
    """How many tweets a replay has examined, and how many came to which of `FATES`.

    Attributes:
        counts: by fate; `older` has a row that an older enricher wrote, `missing` has none.
        named: ids that are older or missing, a hundred at most.
    """

    counts: Mapping[str, int]
    named: Sequence[str]

    @property
    def examined(self) -> int:
        """How many tweets."""
        return sum(self.counts.values())

    @property
    def pending(self) -> int:
        """How many have not arrived."""
        return self.counts["older"] + self.counts["missing"]


def fates(selection: Selection, target: str) -> str:
    """Return the query for how many tweets came to which fate, with a few of their ids.

    Args:
        selection: what was replayed.
        target: the table of tweets that the lane wrote to.

    Its parameters are the selection's, and `replay`, `version` and `began`.
    """
    return f"""
WITH selected AS (
  SELECT
    e.data,
    JSON_VALUE(e.attributes, '$."ce-type"') AS type,
    JSON_VALUE(e.attributes, '$."ce-subject"') AS subject
  FROM tweetlog.raw_events AS e
  WHERE {condition(selection)}
    AND JSON_VALUE(e.attributes, '$."ce-type"') = '{events.RECEIVED}'
), examined AS (
  SELECT subject AS tweet_id, LOGICAL_OR(covered) AS covered
  FROM (SELECT subject, {COVERED} AS covered FROM selected{TOMBSTONES})
  GROUP BY subject
), rejected AS ({_REJECTED}
)
SELECT fate, COUNT(*) AS tweets, ARRAY_AGG(tweet_id ORDER BY tweet_id LIMIT 100) AS ids
FROM (
  SELECT examined.tweet_id, {_FATE}
  FROM examined
  LEFT JOIN tweetlog.{target} AS t ON t.tweet_id = examined.tweet_id
  LEFT JOIN rejected ON rejected.tweet_id = examined.tweet_id
)
GROUP BY fate"""


def account(rows: Sequence[Mapping[str, Any]]) -> Account:
    """Return the account that the query's answer is."""
    found = {row["fate"]: row for row in rows}
    counts = {fate: int(found[fate]["tweets"]) if fate in found else 0 for fate in FATES}
    late = [found[fate]["ids"] for fate in ("missing", "older") if fate in found]
    return Account(counts, [one for ids in late for one in ids][:100])


def report(found: Account) -> str:
    """Return the account as lines for a person."""
    columns = ["tweets examined", *FATES]
    row = [found.examined, *(found.counts[fate] for fate in FATES)]
    text = table(columns, ["INT64"] * len(columns), [row])
    if found.named:
        text += "not arrived: " + ", ".join(found.named[:10])
        text += f" and {found.pending - 10:,} more\n" if found.pending > 10 else "\n"  # noqa: PLR2004 - fits a line
    return text
