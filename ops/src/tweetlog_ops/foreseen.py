"""What a deletion would remove, and where, before anything is published.

It reads what the sweep reads, with the ids that are asked for in the place of the tombstones.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from tweetlog import events
from tweetlog_ops.answers import table
from tweetlog_ops.deletion import Batch, since
from tweetlog_ops.redaction import Gone, authored, covered, has_position, redacted
from tweetlog_ops.statements import for_dataset
from tweetlog_ops.sweep import LETTERS_NAMED, NAMED, letter_without, tables_of_tweets
from tweetlog_ops.warehouse import Parameter, Warehouse

_NAMED = "SELECT DISTINCT message_id, data, attributes FROM ({named}) WHERE id IN UNNEST(@ids)"
_BY_AUTHOR = """
SELECT DISTINCT message_id, data
FROM tweetlog.raw_events,
  UNNEST(REGEXP_EXTRACT_ALL(data, r'"author_id"\\s*:\\s*"([0-9]{1,20})"')) AS author_id
WHERE data IS NOT NULL AND author_id IN UNNEST(@ids)"""
_ROWS = """
SELECT COUNT(DISTINCT tweet_id) AS items FROM tweetlog.{table}
WHERE tweet_id IN UNNEST(@ids) OR retweeted_id IN UNNEST(@ids)"""
_PLACED = """
SELECT COUNT(DISTINCT tweet_id) AS items FROM tweetlog.{table}
WHERE tweet_id IN UNNEST(@ids)
  AND (geo_latitude IS NOT NULL OR place_id IS NOT NULL OR country IS NOT NULL)"""


def foreseen(warehouse: Warehouse, one: Batch, *, at: datetime | None) -> dict[str, int]:
    """Return how many rows of each place would lose content; places without any are left out.

    Args:
        warehouse: what is here.
        one: what is asked for.
        at: when X said so; now if None.
    """
    return dict(sorted(_Foreseen(warehouse, one, at or datetime.now(UTC)).places().items()))


def report(one: Batch, places: Mapping[str, int]) -> str:
    """Return it as lines for a person."""
    who = "users" if one.users else "tweets"
    head = f"batch {one.id} of {len(one.ids):,} {who}, {one.verdict}: nothing was done\n"
    if not places:
        return f"{head}nothing of it is here; should it come, it is not shown\n"
    rows = [[place, count] for place, count in places.items()]
    return f"{head}{table(['would be removed from', 'items'], ['', 'INT64'], rows)}"


class _Foreseen:
    def __init__(self, warehouse: Warehouse, one: Batch, at: datetime) -> None:
        self._warehouse = warehouse
        self._one = one
        self._ids = list(self._of_users(at) if one.users else one.ids)
        gone = frozenset(self._ids)
        scrub = one.verdict == events.SCRUB_GEO
        self._gone = Gone(positions=gone) if scrub else Gone(tweets=gone)

    def places(self) -> Counter[str]:
        """Return how many rows of each place would lose content."""
        found: Counter[str] = Counter()
        if not self._ids:
            return found
        for row in self._rows(
            _NAMED.format(named=NAMED), {"ids": self._ids, "since": since([self._one])}
        ):
            found[f"raw_events: {self._part(row['data'].encode())}"] += 1
        for row in self._rows(_NAMED.format(named=LETTERS_NAMED), {"ids": self._ids}):
            data = row["data"].encode()
            found["dead_letters"] += (
                letter_without(data, _json(row["attributes"]), self._gone) != data
            )
        sql, kind = (_ROWS, "") if self._gone.tweets else (_PLACED, ", positions")
        for name in tables_of_tweets(self._warehouse):
            (row,) = self._rows(sql.format(table=name), {"ids": self._ids})
            found[f"{name}{kind}"] += int(row["items"])
        del found["raw_events: nothing"]
        return +found

    def _part(self, data: bytes) -> str:
        if covered(data, self._gone):
            return "whole"
        if has_position(data, self._gone):
            return "position"
        return "in part" if redacted(data, self._gone) != data else "nothing"

    def _of_users(self, at: datetime) -> list[str]:
        up_to = events.last_id(at) if self._one.up_to is None else self._one.up_to
        users = dict.fromkeys(self._one.ids, up_to)
        found: dict[str, str] = {}
        for row in self._rows(_BY_AUTHOR, {"ids": self._one.ids}):
            found |= authored(row["data"].encode(), users)
        return sorted(found)

    def _rows(self, sql: str, given: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        return self._warehouse.query(for_dataset(sql, self._warehouse.dataset), given).dicts()


def _json(text: str) -> dict[str, str]:
    found: dict[str, str] = orjson.loads(text)
    return found
