"""The certificate: what each batch removed, where and when, and the proof that nothing is left.

Nothing here is remembered: removals stand in the rows that lost their content, and what is left is
counted in every place at the moment of asking.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tweetlog_ops.answers import plain, table
from tweetlog_ops.redaction import covered, has_position, redacted
from tweetlog_ops.statements import for_dataset
from tweetlog_ops.sweep import BEGINNING, NAMING, gathered, tables_of_tweets
from tweetlog_ops.warehouse import Warehouse

_BATCHES = """
SELECT batch, verdict, COUNT(*) AS ids, MIN(loaded_at) AS first, MAX(loaded_at) AS last
FROM (
  SELECT IFNULL(batch_id, 'no batch') AS batch, verdict, loaded_at FROM tweetlog.deletions
  UNION ALL
  SELECT IFNULL(batch_id, 'no batch'), verdict, loaded_at FROM tweetlog.verdicts
)
GROUP BY batch, verdict ORDER BY first, batch, verdict
"""
_REMOVED = """
SELECT removal AS batch, place, COUNT(*) AS items, MIN(removed_at) AS first, MAX(removed_at) AS last
FROM (
  SELECT removal, removed_at, CASE
      WHEN data IS NULL THEN 'raw_events: whole'
      WHEN STARTS_WITH(removal, 'scrub_geo-') THEN 'raw_events: position'
      ELSE 'raw_events: in part'
    END AS place
  FROM tweetlog.raw_events WHERE removed_at IS NOT NULL
  UNION ALL
  SELECT removal, removed_at, 'dead_letters'
  FROM tweetlog.dead_letters WHERE removed_at IS NOT NULL
)
GROUP BY batch, place ORDER BY batch, place
"""
_LEFT_RAW = """
SELECT COUNT(*) AS items
FROM tweetlog.raw_events AS r
JOIN tweetlog.deletions AS d
  ON d.tweet_id = IFNULL(
    JSON_VALUE(r.attributes, '$."ce-subject"'), JSON_VALUE(r.attributes, '$."ce-id"'))
WHERE r.data IS NOT NULL AND JSON_VALUE(r.attributes, '$."ce-type"') = 'tweetlog.tweet.received.v1'
"""
_LEFT_LETTERS = """
SELECT COUNT(*) AS items
FROM tweetlog.dead_letters AS l
JOIN tweetlog.deletions AS d ON d.tweet_id = JSON_VALUE(l.attributes, '$."ce-subject"')
WHERE l.data IS NOT NULL
  AND IFNULL(JSON_VALUE(l.data, '$.data_base64'), IF(
    JSON_VALUE(l.attributes, '$.CloudPubSubDeadLetterSourceSubscription') IS NULL, '', 'x')) != ''
"""
_LEFT_ROWS = """
SELECT COUNT(*) AS items FROM tweetlog.{table}
WHERE tweet_id IN (SELECT tweet_id FROM tweetlog.deletions)
  OR retweeted_id IN (SELECT tweet_id FROM tweetlog.deletions)
"""
_LEFT_PLACES = """
SELECT COUNT(*) AS items FROM tweetlog.{table} AS t
JOIN tweetlog.verdicts AS v ON v.tweet_id = t.tweet_id
WHERE t.geo_latitude IS NOT NULL OR t.place_id IS NOT NULL OR t.country IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was removed, by batch and place, and what is left.

    Attributes:
        batches: a row a batch and verdict: how many ids, from when to when they were loaded.
        removed: a row a batch and place: how many rows lost content, from when to when.
        left: how many rows of each place still have content of what was deleted.
    """

    batches: Sequence[Mapping[str, Any]]
    removed: Sequence[Mapping[str, Any]]
    left: Mapping[str, int]

    @property
    def clean(self) -> bool:
        """Whether nothing is left anywhere."""
        return not any(self.left.values())


def certificate(warehouse: Warehouse) -> Certificate:
    """Ask every place what was removed from it, and what is left."""

    def rows(sql: str, **given: datetime) -> list[dict[str, Any]]:
        return warehouse.query(for_dataset(sql, warehouse.dataset), given).dicts()

    def left(sql: str) -> int:
        return int(rows(sql)[0]["items"])

    places = {
        "raw_events": left(_LEFT_RAW),
        **_left_within(rows),
        "dead_letters": left(_LEFT_LETTERS),
        "v_tweets": left(_LEFT_ROWS.format(table="v_tweets")),
    }
    for name in tables_of_tweets(warehouse):
        places[name] = left(_LEFT_ROWS.format(table=name))
        places[f"{name}, positions"] = left(_LEFT_PLACES.format(table=name))
    return Certificate(rows(_BATCHES), rows(_REMOVED), places)


def _left_within(rows: Callable[..., list[dict[str, Any]]]) -> dict[str, int]:
    """Return how many raw events have anything of what they name and must not, read anew."""
    positions = within = 0
    for row, gone in gathered(rows(NAMING, since=BEGINNING)):
        data = row["data"].encode()
        if has_position(data, gone):
            positions += 1
        elif covered(data, gone) or redacted(data, gone) != data:
            within += 1
    return {"raw_events, positions": positions, "raw_events, within others": within}


def report(found: Certificate) -> str:
    """Return the certificate as lines for a person."""
    times = ["TIMESTAMP", "TIMESTAMP"]
    parts = [
        _listed(found.batches, ["batch", "verdict", "ids", "first", "last"], "INT64", times),
        "removed:",
        _listed(found.removed, ["batch", "place", "items", "first", "last"], "INT64", times),
        "left:",
        table(["place", "items"], ["STRING", "INT64"], list(found.left.items())),
        f"deleted content: {'none is left' if found.clean else 'NOT ALL REMOVED'}\n",
    ]
    return "\n".join(parts)


def document(found: Certificate) -> dict[str, Any]:
    """Return the certificate as JSON can hold it."""
    return {
        "clean": found.clean,
        "batches": plain(list(found.batches)),
        "removed": plain(list(found.removed)),
        "left": dict(found.left),
    }


def _listed(
    rows: Sequence[Mapping[str, Any]], columns: list[str], count: str, times: list[str]
) -> str:
    kinds = ["STRING", "STRING", count, *times]
    return table(columns, kinds, [[row[name] for name in columns] for row in rows])
