"""What kind of post it is, and which posts and accounts it refers to.

A reply that quotes is a reply: `quoted_id` still says what it quotes.
"""

from enricher.post import Post, string

VERSION = 1
SCHEMA = {
    "kind": {"enum": ["original", "reply", "quote", "retweet"]},
    "conversation_id": {"type": ["string", "null"]},
    "reply_to_id": {"type": ["string", "null"]},
    "reply_to_user_id": {"type": ["string", "null"]},
    "quoted_id": {"type": ["string", "null"]},
    "retweeted_id": {"type": ["string", "null"]},
}


def kind(post: Post) -> dict[str, object]:
    """Return the post's kind and what it refers to."""
    return {
        "kind": _kind(post),
        "conversation_id": string(post.tweet, "conversation_id"),
        "reply_to_id": post.references.get("replied_to"),
        "reply_to_user_id": string(post.tweet, "in_reply_to_user_id"),
        "quoted_id": post.references.get("quoted"),
        "retweeted_id": post.references.get("retweeted"),
    }


def _kind(post: Post) -> str:
    if "retweeted" in post.references:
        return "retweet"
    # A post that begins with another's name answers the account, though no post of it.
    if "replied_to" in post.references or string(post.tweet, "in_reply_to_user_id"):
        return "reply"
    return "quote" if "quoted" in post.references else "original"
