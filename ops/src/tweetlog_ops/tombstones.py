"""What tombstones cover: a tweet by itself, or all posts of its author up to one of them.

As SQL that joins them: they are few. A correlated EXISTS says the same, and makes DuckDB group
all tweets first, and read each id as a number.
"""

_GONE = "(SELECT DISTINCT tweet_id FROM tweetlog.deletions)"
_USERS_GONE = """(
    SELECT user_id, MAX(up_to_tweet_id) AS up_to
    FROM tweetlog.verdicts WHERE effect = 'delete' AND user_id IS NOT NULL GROUP BY user_id)"""


def joined(tweet: str, author: str) -> str:
    """Return the joins that `covering` needs; they neither add nor remove a row.

    Args:
        tweet: the tweet's id, as SQL.
        author: the id of its author, as SQL.
    """
    return f"""
  LEFT JOIN {_GONE} AS gone ON gone.tweet_id = {tweet}
  LEFT JOIN {_USERS_GONE} AS users_gone ON users_gone.user_id = {author}"""


def covering(tweet: str) -> str:
    """Return the condition that a tombstone covers the tweet: true or false, never NULL.

    Args:
        tweet: the tweet's id, as SQL; one that is no number is covered by itself alone.
    """
    return (
        "(gone.tweet_id IS NOT NULL OR "
        f"IFNULL(SAFE_CAST({tweet} AS INT64) <= users_gone.up_to, FALSE))"
    )


def uncovered(table: str) -> str:
    """Return the query for the rows of a table of tweets that no tombstone covers."""
    return f"""
  SELECT t.* FROM tweetlog.{table} AS t{joined("t.tweet_id", "t.author_id")}
  WHERE NOT {covering("t.tweet_id")}"""
