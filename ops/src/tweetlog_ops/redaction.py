"""A payload of X without what was deleted, and without a position that was scrubbed.

Pure. Content is not only where it was received: a retweet is its original's text, and a quote has
the quoted post among its includes, with its author and media. X: "the deletion of the original ID
should be sufficient to delete all subsequent Retweets" (Compliance firehose, best practices).
"""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import orjson

# X renames fields over time; both spellings are read.
_POSTS = ("tweets", "posts")
_REFERENCES = ("referenced_tweets", "referenced_posts")
_ID = re.compile(rb'"id"\s*:\s*"?([0-9]{1,20})(?![0-9])')
# By which key an object among the includes is known.
_KEYS = {"users": "id", "media": "media_key", "places": "id", "polls": "id"}

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gone:
    """What must not be kept: the ids of tweets, and of tweets whose position must not be."""

    tweets: AbstractSet[str] = field(default_factory=frozenset)
    positions: AbstractSet[str] = field(default_factory=frozenset)


def mentioned(payload: bytes) -> set[str]:
    """Return every id that stands in the payload, be it JSON or not."""
    return {found.decode() for found in _ID.findall(payload)}


def covered(payload: bytes, gone: Gone) -> bool:
    """Return whether nothing of the payload may stay: its tweet, or the original of it, is gone.

    Of what is no payload of X nothing may stay that names a tweet that is gone.
    """
    document = _parsed(payload)
    if document is None:
        return bool(mentioned(payload) & (gone.tweets | gone.positions))
    tweet = _object(document.get("data"))
    return bool({str(tweet.get("id")), *_originals(tweet)} & gone.tweets)


def redacted(payload: bytes, gone: Gone) -> bytes:
    """Return a payload of which something may stay; the same bytes if all of it may."""
    document = _parsed(payload)
    if document is None:
        return payload
    tweet = _object(document.get("data"))
    kept, removed = _included(document, gone)
    changed = [one for one in (tweet, *kept) if _has_position(one, gone)]
    if not (removed or changed):
        return payload
    stripped = [_without_position(one) if _has_position(one, gone) else one for one in kept]
    main = _without_position(tweet) if tweet in changed else tweet
    before = [tweet, *kept, *removed]
    includes = _without_orphans(_object(document.get("includes")), before, [main, *stripped])
    for name in _POSTS:
        if name in includes:
            ids = {str(one.get("id")) for one in _objects(includes[name])}
            includes[name] = [one for one in stripped if str(one.get("id")) in ids]
    beside = {"includes": includes} if "includes" in document else {}
    return orjson.dumps({**document, "data": main, **beside})


def authored(payload: bytes, users: Mapping[str, int]) -> dict[str, str]:
    """Return the tweets in the payload that a verdict over their author is about: id to author.

    Args:
        payload: a payload of X.
        users: the largest id that it is about, for each user id.
    """
    document = _parsed(payload) or {}
    posts = [_object(document.get("data")), *_posts(document)]
    found = [(str(one.get("id")), str(one.get("author_id"))) for one in posts]
    return {
        id: user
        for id, user in found
        if id.isascii() and id.isdigit() and int(id) <= users.get(user, -1)
    }


def has_position(payload: bytes, gone: Gone) -> bool:
    """Return whether the payload's own tweet still has a position that was scrubbed."""
    document = _parsed(payload) or {}
    return _has_position(_object(document.get("data")), gone)


def _included(document: Json, gone: Gone) -> tuple[list[Json], list[Json]]:
    posts = list(_posts(document))
    removed = [one for one in posts if {str(one.get("id")), *_originals(one)} & gone.tweets]
    return [one for one in posts if one not in removed], removed


def _without_orphans(includes: Json, before: list[Json], after: list[Json]) -> dict[str, Any]:
    """Return the includes without what only a removed post, or position, referred to."""
    orphans = set(_references(before)) - set(_references(after))
    return {
        name: [one for one in _objects(items) if (name, str(one.get(_KEYS[name]))) not in orphans]
        if name in _KEYS
        else items
        for name, items in includes.items()
    }


def _references(posts: list[Json]) -> Iterator[tuple[str, str]]:
    for post in posts:
        for name in ("author_id", "in_reply_to_user_id"):
            yield "users", str(post.get(name))
        for mention in _objects(_object(post.get("entities")).get("mentions")):
            yield "users", str(mention.get("id"))
        attachments = _object(post.get("attachments"))
        for name, kind in (("media_keys", "media"), ("poll_ids", "polls")):
            found = attachments.get(name)
            yield from ((kind, str(one)) for one in (found if isinstance(found, list) else ()))
        yield "places", str(_object(post.get("geo")).get("place_id"))


def _has_position(post: Json, gone: Gone) -> bool:
    return str(post.get("id")) in gone.positions and bool(post.get("geo"))


def _without_position(post: Json) -> Json:
    return {name: value for name, value in post.items() if name != "geo"}


def _originals(post: Json) -> Iterator[str]:
    for name in _REFERENCES:
        for one in _objects(post.get(name)):
            if one.get("type") == "retweeted":
                yield str(one.get("id"))


def _posts(document: Json) -> Iterator[Json]:
    includes = _object(document.get("includes"))
    for name in _POSTS:
        yield from _objects(includes.get(name))


def _parsed(payload: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    whole = isinstance(document, dict) and isinstance(document.get("data"), dict)
    return document if whole else None


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
