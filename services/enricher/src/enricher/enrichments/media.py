"""Which kinds of media it shows: `photo`, `video`, `animated_gif`."""

from enricher.post import Post, mapping, string, strings

VERSION = 1
SCHEMA = {"media": {"type": "array", "items": {"type": "string"}}}

# The number before `_` in a media key tells the kind where the payload has no media object.
_BY_PREFIX = {"3": "photo", "7": "video", "13": "video", "16": "animated_gif"}


def media(post: Post) -> dict[str, object]:
    """Return the kind of each medium in the order of the post; an original's for a retweet."""
    keys = strings(mapping(post.origin, "attachments"), "media_keys")
    kinds = (_kind(post, key) for key in keys)
    return {"media": [kind for kind in kinds if kind]}


def _kind(post: Post, key: str) -> str | None:
    known = string(post.included("media", "media_key", key), "type")
    return known or _BY_PREFIX.get(key.partition("_")[0])
