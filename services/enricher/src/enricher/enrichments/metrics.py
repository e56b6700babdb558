"""How often the post was liked, retweeted, answered, quoted and seen when it was received."""

from enricher.post import Post, mapping, whole

VERSION = 1
_NAMES = ("like_count", "retweet_count", "reply_count", "quote_count", "impression_count")
SCHEMA = {name: {"type": ["integer", "null"]} for name in _NAMES}


def metrics(post: Post) -> dict[str, object]:
    """Return the counts that the payload has."""
    public = mapping(post.tweet, "public_metrics")
    return {name: whole(public, name) for name in _NAMES}
