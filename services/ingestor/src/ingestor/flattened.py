"""A tweet as twarc flattens it, with everything it refers to inlined, taken apart again.

The inlined author, media, poll, place, mentioned users and referenced tweets go back into
`includes`, where X put them and where the rest of the log looks for them; what is not
recognised stays where it is, so that nothing is lost.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ingestor.loose import members, words

Object = dict[str, Any]

_MENTION = frozenset({"start", "end", "username", "id"})
_GEO = frozenset({"place_id", "coordinates"})
_REFERENCE = frozenset({"type", "id"})
_REFERENCES = ("referenced_tweets", "referenced_posts")


@dataclass(slots=True)
class Includes:
    """What is taken out of a flattened tweet, by kind and id, in the order found."""

    kinds: dict[str, dict[str, Object]] = field(default_factory=dict)

    def add(self, kind: str, key: str, include: Object) -> None:
        """Keep `include`; of two with the same id, the first wins member by member."""
        found = self.kinds.setdefault(kind, {})
        found[key] = {**include, **found.get(key, {})}

    def as_json(self) -> dict[str, list[Object]]:
        """Return them as X writes them."""
        return {kind: list(found.values()) for kind, found in self.kinds.items()}


def unflatten(tweet: Object) -> tuple[Object, dict[str, list[Object]]]:
    """Return the tweet as X gives it, and the includes that were inlined in it.

    A tweet that was never flattened comes back equal, with no includes.
    """
    includes = Includes()
    return _plain(tweet, includes), includes.as_json()


def _plain(tweet: Object, includes: Includes) -> Object:
    plain: Object = {}
    for name, value in tweet.items():
        taken = _PARTS[name](value, tweet, includes) if name in _PARTS else value
        if taken is not _TAKEN:
            plain[name] = taken
    return plain


#: Stands for a member that is now in the includes as a whole.
_TAKEN = object()


def _user(value: Any, _: Object, includes: Includes) -> Any:
    return _moved("users", "id", value, includes)


def _moved(kind: str, key: str, value: Any, includes: Includes) -> Any:
    """Move an inlined object out; twarc puts an empty one where X had none."""
    if value == {}:
        return _TAKEN
    for id in words(members(value).get(key)):
        includes.add(kind, id, value)
        return _TAKEN
    return value


def _references(value: Any, _: Object, includes: Includes) -> Any:
    return _each(value, lambda one: _reference(one, includes))


def _reference(reference: Object, includes: Includes) -> Object:
    inlined = {name: value for name, value in reference.items() if name != "type"}
    for id in words(reference.get("id")):
        if reference.keys() > _REFERENCE:
            includes.add("tweets", id, _plain(inlined, includes))
            return {name: value for name, value in reference.items() if name in _REFERENCE}
    return reference


def _attachments(value: Any, _: Object, includes: Includes) -> Any:
    plain: Object = {}
    for name, attached in members(value).items():
        left = attached
        if name == "media" and isinstance(attached, list):
            left = [one for one in attached if not _is_moved("media", "media_key", one, includes)]
            left = left or _TAKEN
        elif name == "poll":
            left = _moved("polls", "id", attached, includes)
        if left is not _TAKEN:
            plain[name] = left
    return plain if isinstance(value, dict) else value


def _is_moved(kind: str, key: str, value: Any, includes: Includes) -> bool:
    return _moved(kind, key, value, includes) is _TAKEN


def _geo(value: Any, _: Object, includes: Includes) -> Any:
    """Take the place out, which twarc merges into `geo`."""
    geo = members(value)
    place = {name: part for name, part in geo.items() if name not in _GEO}
    for id in words(geo.get("id"), geo.get("place_id")):
        if place:
            includes.add("places", id, {"id": id, **place})
            return {name: part for name, part in geo.items() if name in _GEO} | {"place_id": id}
    return value


def _entities(value: Any, _: Object, includes: Includes) -> Any:
    if "mentions" not in members(value):
        return value
    mentions = _each(value["mentions"], lambda one: _mention(one, includes))
    return {**value, "mentions": mentions}


def _mention(mention: Object, includes: Includes) -> Object:
    """Take the user out, whom twarc merges into the mention."""
    if not mention.keys() - _MENTION:
        return mention
    for id in words(mention.get("id")):
        user = {name: value for name, value in mention.items() if name not in {"start", "end"}}
        includes.add("users", id, user)
        return {name: value for name, value in mention.items() if name in _MENTION}
    return mention


def _note(value: Any, tweet: Object, includes: Includes) -> Any:
    if "entities" not in members(value):
        return value
    return {**value, "entities": _entities(value["entities"], tweet, includes)}


def _each(value: Any, change: Callable[[Object], Object]) -> Any:
    if not isinstance(value, list):
        return value
    return [change(one) if isinstance(one, dict) else one for one in value]


_PARTS: Mapping[str, Callable[[Any, Object, Includes], Any]] = {
    "author": _user,
    "in_reply_to_user": _user,
    "attachments": _attachments,
    "geo": _geo,
    "entities": _entities,
    "note_tweet": _note,
    "note_post": _note,
    **dict.fromkeys(_REFERENCES, _references),
}
