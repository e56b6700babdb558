"""Who posted it."""

from enricher.post import Post, mapping, string

VERSION = 1
SCHEMA = {
    "author_id": {"type": ["string", "null"]},
    "author_username": {"type": ["string", "null"]},
}


def author(post: Post) -> dict[str, object]:
    """Return the author's id, and the name if the payload has the account."""
    author_id = string(post.tweet, "author_id")
    account = post.included("users", "id", author_id) or mapping(post.tweet, "author")
    return {
        "author_id": author_id or string(account, "id"),
        "author_username": string(account, "username"),
    }
