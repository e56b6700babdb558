"""A page of X's API, one response with many tweets, split into a payload a tweet.

Each payload keeps of `includes` what its tweet refers to: author, mentioned users, media, polls,
place, the tweets it retweets, quotes or answers, and the same for those. What the page has
beyond that (its `meta`, errors about something no tweet in it refers to) is not about a tweet
and is left behind.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ingestor.loose import members, objects, words

# X renamed tweets to posts in its OpenAPI 2.167 (August 2026); both names are in use.
_TWEETS = ("tweets", "posts")
_REFERENCES = ("referenced_tweets", "referenced_posts")
_NOTES = ("note_tweet", "note_post")
_EDITS = ("edit_history_tweet_ids", "edit_history_post_ids")
# An include of any other kind belongs to a tweet that has its id in any place.
_KINDS = frozenset({"users", "media", "places", "polls", *_TWEETS})
# The original of a retweet, and what that quotes or answers.
_LEVELS = 2

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Include:
    """One object of `includes`: its kind as the page names it, and its place in the page."""

    kind: str
    position: int
    object: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A page's includes by what they are referred to with."""

    includes: Mapping[str, _Include]
    order: tuple[str, ...]
    strange: frozenset[str]

    def payload(self, page: Payload, tweet: dict[str, Any]) -> Payload:
        """Return the payload of one tweet of the page."""
        keys, found = self._needed(tweet)
        payload: Payload = {"data": tweet}
        includes = self._by_kind(found)
        errors = [error for error in objects(page.get("errors")) if _is_about(error, keys)]
        if includes:
            payload["includes"] = includes
        if "matching_rules" in page:
            payload["matching_rules"] = page["matching_rules"]
        if errors:
            payload["errors"] = errors
        return payload

    def _needed(self, tweet: dict[str, Any]) -> tuple[set[str], dict[int, _Include]]:
        own = set(_names("tweets", tweet))
        keys = set(own)
        found: dict[int, _Include] = {}
        level = [tweet]
        for depth in range(_LEVELS + 1):
            wanted = {key for one in level for key in self._references(one)} - keys
            if depth == _LEVELS:
                wanted = {key for key in wanted if not key.startswith("tweets:")}
            keys |= wanted
            new = [self.includes[key] for key in wanted if key in self.includes]
            found |= {include.position: include for include in new}
            level = [include.object for include in new if include.kind in _TWEETS]
        return keys, found

    def _references(self, tweet: dict[str, Any]) -> Iterator[str]:
        yield from _references(tweet)
        if self.strange:
            yield from (f"{kind}:{word}" for word in _all_words(tweet) for kind in self.strange)

    def _by_kind(self, found: Mapping[int, _Include]) -> dict[str, list[dict[str, Any]]]:
        kinds: dict[str, list[dict[str, Any]]] = {}
        for position in sorted(found):
            include = found[position]
            kinds.setdefault(include.kind, []).append(include.object)
        return {kind: kinds[kind] for kind in self.order if kind in kinds}


def shelf(page: Payload) -> Shelf:
    """Return the page's includes, ready to be asked for what a tweet needs.

    A tweet that another one of the page refers to counts as included, whichever part of the
    page it stands in.
    """
    includes: dict[str, _Include] = {}
    kinds = list(members(page, "includes"))
    tweets = next((kind for kind in kinds if kind in _TWEETS), _TWEETS[0])
    everything = [
        *((kind, one) for kind in kinds for one in objects(page["includes"][kind])),
        *((tweets, one) for one in objects(page.get("data"))),
    ]
    for position, (kind, one) in enumerate(everything):
        for name in _names(kind, one):
            includes.setdefault(name, _Include(kind, position, one))
    strange = frozenset(kinds) - _KINDS
    return Shelf(includes, tuple(dict.fromkeys([*kinds, tweets])), strange)


def _names(kind: str, include: dict[str, Any]) -> Iterator[str]:
    """Yield what an include is referred to with; kinds do not share their ids."""
    group = "tweets" if kind in _TWEETS else kind
    for key in words(include.get("id"), include.get("media_key")):
        yield f"{group}:{key}"
    if group == "users":
        for username in words(include.get("username")):
            yield f"@{username.lower()}"


def _references(tweet: dict[str, Any]) -> Iterator[str]:
    for kind, key in _referred(tweet):
        yield f"@{key.lower()}" if kind == "@" else f"{kind}:{key}"


def _referred(tweet: dict[str, Any]) -> Iterator[tuple[str, str]]:
    attachments = members(tweet, "attachments")
    article = members(tweet, "article")
    for name in _REFERENCES:
        for reference in objects(tweet.get(name)):
            yield from (("tweets", id) for id in words(reference.get("id")))
    edits = words(*(tweet.get(name) for name in _EDITS), attachments.get("media_source_tweet_id"))
    yield from (("tweets", id) for id in edits)
    yield from (("users", id) for id in words(tweet.get("author_id")))
    yield from (("users", id) for id in words(tweet.get("in_reply_to_user_id")))
    yield from (("polls", id) for id in words(attachments.get("poll_ids")))
    yield from (("places", id) for id in words(members(tweet, "geo").get("place_id")))
    media = (
        attachments.get("media_keys"),
        article.get("cover_media"),
        article.get("media_entities"),
    )
    yield from (("media", key) for key in words(*media))
    for entities in (members(tweet, "entities"), *(members(tweet, n, "entities") for n in _NOTES)):
        for mention in objects(entities.get("mentions")):
            yield from (("@", name) for name in words(mention.get("username")))
            yield from (("users", id) for id in words(mention.get("id")))
        for url in objects(entities.get("urls")):
            yield from (("media", key) for key in words(url.get("media_key")))


def _all_words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _all_words(one)


def _is_about(error: dict[str, Any], keys: set[str]) -> bool:
    """Whether a partial error of X names something that this tweet refers to."""
    for name in words(error.get("resource_id"), error.get("value")):
        if f"@{name.lower()}" in keys:
            return True
        if any(
            f"{kind}:{name}" in keys for kind in ("tweets", "users", "media", "places", "polls")
        ):
            return True
    return False
