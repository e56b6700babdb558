"""The versions of a post that was edited: X gives each its own id."""

from enricher.post import Post, strings

VERSION = 1
SCHEMA = {"edit_history": {"type": "array", "items": {"type": "string"}}}


def edits(post: Post) -> dict[str, object]:
    """Return the ids of the post's versions, oldest first."""
    ids = strings(post.tweet, "edit_history_tweet_ids")
    return {"edit_history": ids or strings(post.tweet, "edit_history_post_ids")}
