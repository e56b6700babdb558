"""A post read from X's payload: the right text, and the objects that belong to it.

X cuts the text of a retweet at 140 characters and that of a long post at 280, and with them the
entities. The whole is elsewhere in the payload: in the original among the includes, and in the
note. So the text is, in this order: the original's note, the original's text, the post's own
note, its own text; and everything read beside it comes from the same object.

X renames fields over time (`includes.posts` for `includes.tweets`); both spellings are read
alike. A field of the wrong type is read as absent: the raw payload still has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tweetlog.errors import InvalidEvent

Json = Mapping[str, Any]

_NOTES = ("note_tweet", "note_post")
_REFERENCES = ("referenced_tweets", "referenced_posts")
_INCLUDED = ("tweets", "posts")
_MAX_ID_DIGITS = 20
_ELLIPSIS = "\u2026"


@dataclass(frozen=True, slots=True)
class Post:
    """What X said of one post.

    Attributes:
        tweet: the post that was received.
        origin: the post whose words these are: the original of a retweet, else `tweet`.
        content: what holds the whole text and its entities: the note of `origin`, or `origin`.
        text: the whole text as X wrote it, HTML-escaped; X's positions count its code points.
        partial: whether this is a retweet whose original is not in the payload.
        references: the ids of other posts by relation: `replied_to`, `quoted`, `retweeted`.
        includes: X's expansions: users, media, places, posts.
        rules: the stream rules that brought the post.
    """

    tweet: Json
    origin: Json
    content: Json
    text: str
    partial: bool
    references: Mapping[str, str]
    includes: Json
    rules: list[Json]

    @property
    def id(self) -> str:
        """X's id of the post."""
        return str(self.tweet["id"])

    def included(self, kind: str, key: str, value: str | None) -> Json:
        """Return the object of `includes[kind]` whose `key` is `value`, or an empty one."""
        for one in objects(self.includes, kind) if value is not None else ():
            if one.get(key) == value:
                return one
        return {}

    def is_cut(self, end: int) -> bool:
        """Whether what ends at code point `end` of the text may have been longer."""
        return self.partial and end == len(self.text) - 1 and self.text[end] == _ELLIPSIS


def read(payload: object) -> Post:
    """Return the post in X's payload: `data`, `includes`, `matching_rules`.

    Raises:
        InvalidEvent: if there is no post in it.
    """
    document = payload if isinstance(payload, dict) else {}
    tweet = _tweet(document.get("data"))
    includes = mapping(document, "includes")
    references = _references(tweet)
    original = _original(tweet, includes, references)
    origin = original or tweet
    content = _content(origin)
    return Post(
        tweet=tweet,
        origin=origin,
        content=content,
        text=content["text"],
        partial="retweeted" in references and original is None,
        references={kind: one["id"] for kind, one in references.items()},
        includes=includes,
        rules=objects(document, "matching_rules"),
    )


def _tweet(data: object) -> Json:
    if not isinstance(data, dict):
        raise InvalidEvent("the payload has no `data` object", reason_class="not_a_tweet")
    if not _is_id(data.get("id")):
        raise InvalidEvent("`data.id` is not an id of 1 to 20 digits", reason_class="not_a_tweet")
    if not isinstance(data.get("text"), str):
        raise InvalidEvent(f"{data['id']}: a tweet has a text", reason_class="not_a_tweet")
    return data


def _is_id(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isascii()
        and value.isdigit()
        and len(value) <= _MAX_ID_DIGITS
    )


def _references(tweet: Json) -> dict[str, Json]:
    return {
        one["type"]: one
        for name in _REFERENCES
        if name in tweet
        for one in objects(tweet, name)
        if isinstance(one.get("type"), str) and _is_id(one.get("id"))
    }


def _original(tweet: Json, includes: Json, references: Mapping[str, Json]) -> Json | None:
    reference = references.get("retweeted")
    if reference is None or reference["id"] == tweet["id"]:
        return None
    included = (one for name in _INCLUDED for one in objects(includes, name))
    # A reference may hold the whole post itself: archives flattened by twarc do.
    candidates = (*(one for one in included if one.get("id") == reference["id"]), reference)
    return next((one for one in candidates if isinstance(one.get("text"), str)), None)


def _content(origin: Json) -> Json:
    for name in _NOTES:
        note = origin.get(name)
        if isinstance(note, dict) and isinstance(note.get("text"), str):
            return note
    return origin


def mapping(of: Json, name: str) -> Json:
    """Return the object `of[name]`, empty where there is none."""
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def objects(of: Json, name: str) -> list[Json]:
    """Return the objects in the list `of[name]`, empty where there is none."""
    value = of.get(name)
    if not isinstance(value, list):
        return []
    return [one for one in value if isinstance(one, dict)]


def string(of: Json, name: str) -> str | None:
    """Return the text `of[name]`, or None."""
    value = of.get(name)
    return value if isinstance(value, str) else None


def strings(of: Json, name: str) -> list[str]:
    """Return the texts in the list `of[name]`, empty where there is none."""
    value = of.get(name)
    if not isinstance(value, list):
        return []
    return [one for one in value if isinstance(one, str)]


def whole(of: Json, name: str) -> int | None:
    """Return the whole number `of[name]`, or None; a column holds 64 bits."""
    value = of.get(name)
    # Not isinstance: a Boolean is an int too, and none of these.
    return value if type(value) is int and -(2**63) <= value < 2**63 else None
