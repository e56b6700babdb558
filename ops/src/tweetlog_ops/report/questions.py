"""What the report asks the warehouse: fixed statements, whose values are parameters.

The figures that depend on filters come from one compact table of counts (see `cube`), which the
page itself adds up; so a filter costs no query. What cannot be added up, and tweets themselves,
are asked for with the filters as parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tweetlog_ops.warehouse import Parameter

#: How finely time is counted, with the longest span that is counted so: some thousand steps.
GRAINS: Mapping[str, timedelta] = {
    "MINUTE": timedelta(days=2),
    "HOUR": timedelta(days=200),
    "DAY": timedelta.max,
}
#: So many hashtags can be chosen from; the rarer ones are counted as tweets alone.
HASHTAGS = 5_000
SAMPLES = 20

# X's first post, and further than any post.
_FIRST = datetime(2006, 3, 21, tzinfo=UTC)
_LAST = datetime(2200, 1, 1, tzinfo=UTC)
# Snowflake ids count milliseconds from here in their upper bits; since this day they have 19
# digits, so that they sort as texts (X developer docs).
_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657000, tzinfo=UTC)
_SORTED_SINCE = datetime(2018, 6, 1, tzinfo=UTC)

# A cheap sign of change: tables are counted from what is known of them, and one column is read.
PULSE = """
SELECT
  (SELECT COUNT(*) FROM tweetlog.tweets_current) AS rows_kept,
  (SELECT MAX(loaded_at) FROM tweetlog.tweets_current) AS loaded_at,
  (SELECT COUNT(*) FROM tweetlog.deletions) AS deletions,
  (SELECT COUNT(*) FROM tweetlog.verdicts) AS verdicts,
  (SELECT COUNT(*) FROM tweetlog.dead_letters) AS dead_letters,
  (SELECT MAX(loaded_at) FROM tweetlog.gaps) AS gaps_at
"""

EXTENT = """
SELECT
  COUNT(*) AS tweets,
  MIN(created_at) AS first_at,
  MAX(created_at) AS last_at,
  MAX(loaded_at) AS loaded_at
FROM tweetlog.v_tweets
WHERE created_at >= @from AND created_at < @to AND tweet_id >= @first_id
"""

# A group is what the filters and charts tell apart, as JSON, since its parts may hold anything;
# the groups of a bucket are one row, since rows are what costs time on the way. A tab
# parts groups and counts: JSON has none inside.
_GROUPS = r"""
SELECT bucket, STRING_AGG(CONCAT('[', parts, ']\t', CAST(tweets AS STRING)), '\t') AS packed
FROM (
  SELECT bucket, parts, COUNT(*) AS tweets
  FROM (
    SELECT
      TIMESTAMP_TRUNC(created_at, MINUTE) AS bucket,
      CONCAT(
        TO_JSON_STRING(IFNULL(language, '')), ',',
        TO_JSON_STRING(IFNULL(x_language, '')), ',',
        TO_JSON_STRING(IFNULL(kind, '')), ',',
        TO_JSON_STRING(
          ARRAY(SELECT DISTINCT h.folded FROM UNNEST(hashtags) AS h ORDER BY h.folded)), ',',
        TO_JSON_STRING(ARRAY(SELECT DISTINCT r.id FROM UNNEST(rules) AS r ORDER BY r.id))
      ) AS parts
    FROM tweetlog.v_tweets
    WHERE created_at >= @from AND created_at < @to AND tweet_id >= @first_id
  )
  GROUP BY bucket, parts
)
GROUP BY bucket
ORDER BY bucket
"""
GROUPS: Mapping[str, str] = {grain: _GROUPS.replace("MINUTE", grain) for grain in GRAINS}

SPELLINGS = """
SELECT folded, hashtag
FROM tweetlog.v_hashtag_spellings
ORDER BY uses DESC, folded
LIMIT @most
"""

RULES = """
SELECT r.id AS rule_id, MAX(COALESCE(r.tag, r.id)) AS rule
FROM tweetlog.v_tweets, UNNEST(rules) AS r
GROUP BY rule_id
ORDER BY rule_id
LIMIT 1000
"""

_SIZE = """
  CASE
    WHEN tweets = 1 THEN '1'
    WHEN tweets < 5 THEN '2 to 4'
    WHEN tweets < 10 THEN '5 to 9'
    WHEN tweets < 50 THEN '10 to 49'
    ELSE '50 and more'
  END AS tweets_each
"""
_PEOPLE = f"""
WITH shown AS (
  SELECT author_id, conversation_id FROM tweetlog.v_tweets WHERE FILTERED
), sized AS (
  SELECT 'authors' AS what, COUNT(*) AS tweets FROM shown
  WHERE author_id IS NOT NULL GROUP BY author_id
  UNION ALL
  SELECT 'conversations', COUNT(*) FROM shown
  WHERE conversation_id IS NOT NULL GROUP BY conversation_id
), named AS (
  SELECT what, tweets, {_SIZE} FROM sized
)
SELECT what, tweets_each, COUNT(*) AS counted, SUM(tweets) AS tweets
FROM named
GROUP BY what, tweets_each
ORDER BY what, MIN(named.tweets)
"""  # noqa: S608 - our own text

_SAMPLES = """
SELECT tweet_id, created_at, language, kind, text, partial
FROM tweetlog.v_tweets
WHERE FILTERED
ORDER BY created_at DESC, tweet_id DESC
LIMIT 20
"""

# Health

LAG = """
SELECT * FROM tweetlog.v_lag ORDER BY loaded_hour DESC LIMIT 1
"""

COMPLETENESS = """
SELECT
  IFNULL(SUM(holes), 0) AS holes,
  IFNULL(SUM(hole_seconds), 0) AS hole_seconds,
  MIN(completeness) AS worst_day,
  AVG(completeness) AS completeness
FROM tweetlog.v_completeness
"""

GAPS = """
SELECT stream, from_time, to_time, seconds, cause, repair, complete, recovered
FROM tweetlog.v_gaps
ORDER BY from_time DESC
LIMIT 200
"""

REJECTIONS = """
SELECT stage, reason_class, SUM(events) AS events, MIN(example) AS example, MAX(last_at) AS last_at
FROM tweetlog.v_rejections
WHERE day >= DATE(@recent)
GROUP BY stage, reason_class
ORDER BY events DESC, stage, reason_class
LIMIT 50
"""

DUPLICATES = """
SELECT IFNULL(SUM(messages), 0) AS messages, IFNULL(SUM(duplicates), 0) AS duplicates
FROM tweetlog.v_duplicates
WHERE day >= DATE(@recent)
"""

VERSIONS = """
SELECT enricher_version, tweets, share, replayed
FROM tweetlog.v_enricher_versions
ORDER BY enricher_version DESC
LIMIT 20
"""

SPEND = """
SELECT
  IFNULL(SUM(posts), 0) AS posts,
  IFNULL(SUM(cost_usd), 0) AS cost_usd,
  MAX_BY(month_to_date_usd, created_date) AS month_usd,
  MAX(created_date) AS last_day
FROM tweetlog.v_spend
"""


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is looked at; open at a side that is None."""

    since: datetime | None = None
    until: datetime | None = None

    def parameters(self) -> dict[str, Parameter]:
        """Return the parameters `from`, `to` and `first_id`."""
        return {
            "from": self.since or _FIRST,
            "to": self.until or _LAST,
            "first_id": first_id(self.since),
        }


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for; an empty text asks for everything."""

    window: Window = Window()
    language: str = ""
    hashtag: str = ""
    rule: str = ""


def grain(first: datetime, last: datetime) -> str:
    """Return how finely the time between is counted."""
    return next(name for name, longest in GRAINS.items() if last - first <= longest)


def people(filters: Filters) -> tuple[str, dict[str, Parameter]]:
    """Return the query that counts accounts and conversations by size, with its parameters."""
    condition, parameters = _filtered(filters)
    return _PEOPLE.replace("FILTERED", condition), parameters


def samples(filters: Filters) -> tuple[str, dict[str, Parameter]]:
    """Return the query for the newest tweets, with its parameters."""
    condition, parameters = _filtered(filters)
    return _SAMPLES.replace("FILTERED", condition), parameters


# Only these texts of ours become SQL; what is asked for is a parameter.
_CONDITIONS: Mapping[str, str] = {
    "language": "IFNULL(language, '') = @language",
    "hashtag": "@hashtag IN UNNEST(ARRAY(SELECT h.folded FROM UNNEST(hashtags) AS h))",
    "rule": "@rule IN UNNEST(ARRAY(SELECT r.id FROM UNNEST(rules) AS r))",
}


def _filtered(filters: Filters) -> tuple[str, dict[str, Parameter]]:
    chosen = {name: value for name in _CONDITIONS if (value := getattr(filters, name))}
    conditions = ["created_at >= @from", "created_at < @to", "tweet_id >= @first_id"]
    conditions += [_CONDITIONS[name] for name in chosen]
    return " AND ".join(conditions), {**filters.window.parameters(), **chosen}


def first_id(since: datetime | None) -> str:
    """Return the smallest id that a tweet of this moment or later can have, compared as text.

    The table is clustered by id: with it BigQuery skips what is older. Empty where ids do not
    sort as texts.
    """
    if since is None or since < _SORTED_SINCE:
        return ""
    return str((since - _EPOCH) // timedelta(milliseconds=1) << 22)
