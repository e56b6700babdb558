"""Whether its author or X marked it as possibly sensitive."""

from enricher.post import Post

VERSION = 1
SCHEMA = {"possibly_sensitive": {"type": ["boolean", "null"]}}


def sensitivity(post: Post) -> dict[str, object]:
    """Return X's mark."""
    mark = post.tweet.get("possibly_sensitive")
    return {"possibly_sensitive": mark if isinstance(mark, bool) else None}
