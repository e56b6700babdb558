"""Which application it was posted from, where X says so."""

from enricher.post import Post, string

VERSION = 1
SCHEMA = {"client": {"type": ["string", "null"]}}


def client(post: Post) -> dict[str, object]:
    """Return the application's name."""
    return {"client": string(post.tweet, "source")}
