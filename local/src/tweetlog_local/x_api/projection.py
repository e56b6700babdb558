"""What of a tweet a request gets to see: the fields and expansions it asked for.

X gives `id`, `text` and `edit_history_tweet_ids` by itself, everything else on request.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

# X docs, "Fields" and "Expansions", 2026-08.
TWEET_FIELDS = frozenset({
    "article", "attachments", "author_id", "card_uri", "community_id", "context_annotations",
    "conversation_id", "created_at", "display_text_range", "edit_controls",
    "edit_history_tweet_ids", "entities", "geo", "id", "in_reply_to_user_id", "lang",
    "matched_media_notes", "media_metadata", "non_public_metrics", "note_request_suggestions",
    "note_tweet", "organic_metrics", "paid_partnership", "possibly_sensitive", "promoted_metrics",
    "public_metrics", "referenced_tweets", "reply_settings", "scopes", "source",
    "suggested_source_links", "suggested_source_links_with_counts", "text", "withheld",
})  # fmt: skip
USER_FIELDS = frozenset({
    "affiliation", "confirmed_email", "connection_status", "created_at", "description", "entities",
    "id", "is_identity_verified", "location", "most_recent_tweet_id", "name", "parody",
    "pinned_tweet_id", "profile_banner_url", "profile_image_url", "protected", "public_metrics",
    "receives_your_dm", "subscription", "subscription_type", "url", "username", "verified",
    "verified_followers_count", "verified_type", "withheld",
})  # fmt: skip
MEDIA_FIELDS = frozenset({
    "alt_text", "duration_ms", "height", "media_key", "non_public_metrics", "organic_metrics",
    "preview_image_url", "promoted_metrics", "public_metrics", "type", "url", "variants", "width",
})  # fmt: skip
POLL_FIELDS = frozenset({"duration_minutes", "end_datetime", "id", "options", "voting_status"})
PLACE_FIELDS = frozenset({
    "contained_within", "country", "country_code", "full_name", "geo", "id", "name", "place_type",
})  # fmt: skip
EXPANSIONS = frozenset({
    "article.cover_media", "article.media_entities", "attachments.media_keys",
    "attachments.media_source_tweet", "attachments.poll_ids", "author_id",
    "edit_history_tweet_ids", "entities.mentions.username", "entities.note.mentions.username",
    "geo.place_id", "in_reply_to_user_id", "referenced_tweets.id",
    "referenced_tweets.id.attachments.media_keys", "referenced_tweets.id.author_id",
})  # fmt: skip
PARAMETERS: Mapping[str, Collection[str]] = {
    "tweet.fields": TWEET_FIELDS,
    "user.fields": USER_FIELDS,
    "media.fields": MEDIA_FIELDS,
    "poll.fields": POLL_FIELDS,
    "place.fields": PLACE_FIELDS,
    "expansions": EXPANSIONS,
}
_DEFAULTS: Mapping[str, frozenset[str]] = {
    "tweet.fields": frozenset({"id", "text", "edit_history_tweet_ids"}),
    "user.fields": frozenset({"id", "name", "username"}),
    "media.fields": frozenset({"media_key", "type"}),
    "poll.fields": frozenset({"id", "options"}),
    "place.fields": frozenset({"id", "full_name"}),
    "expansions": frozenset(),
}
# X's specification has begun to call tweets posts; some made-up tweets do so already.
_ALSO = {
    "referenced_tweets": "referenced_posts",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
}
# The half of a pair that the made-up tweets have, and what stands for it meanwhile.
_HALF, _STAND_IN = b"\\ud83d", "\ue000".encode()


class UnknownValueError(ValueError):
    """A value that a parameter does not take."""

    def __init__(self, parameter: str, value: str) -> None:
        super().__init__(f"{parameter}: {value}")
        self.parameter = parameter
        self.value = value


@dataclass(frozen=True, slots=True)
class Projection:
    """The fields that are shown, by kind of thing; and the expansions."""

    tweet: frozenset[str]
    user: frozenset[str]
    media: frozenset[str]
    poll: frozenset[str]
    place: frozenset[str]
    expansions: frozenset[str]

    def of(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is shown of a whole payload."""
        shown: dict[str, Any] = {"data": self.tweet_of(payload["data"])}
        includes = self._includes(payload)
        if includes:
            shown["includes"] = includes
        if payload.get("errors") and "referenced_tweets.id" in self.expansions:
            shown["errors"] = payload["errors"]
        return shown

    def tweet_of(self, tweet: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is shown of a tweet."""
        return _only(tweet, self.tweet)

    def _includes(self, payload: Mapping[str, Any]) -> dict[str, list[Any]]:
        includes, tweet = payload.get("includes", {}), payload["data"]
        tweets_name = "posts" if "posts" in includes else "tweets"
        others = includes.get(tweets_name, [])
        wanted_users = set(self._users(tweet, others))
        shown = {
            "users": [
                _only(user, self.user)
                for user in includes.get("users", [])
                if user["id"] in wanted_users
            ]
        }
        if "referenced_tweets.id" in self.expansions:
            shown[tweets_name] = [self.tweet_of(one) for one in others]
        for kind, expansion, fields in (
            ("media", "attachments.media_keys", self.media),
            ("polls", "attachments.poll_ids", self.poll),
            ("places", "geo.place_id", self.place),
        ):
            if expansion in self.expansions:
                shown[kind] = [_only(one, fields) for one in includes.get(kind, [])]
        return {kind: things for kind, things in shown.items() if things}

    def _users(self, tweet: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> list[str]:
        found: list[str] = []
        if "author_id" in self.expansions:
            found.append(tweet.get("author_id", ""))
        if "in_reply_to_user_id" in self.expansions:
            found.append(tweet.get("in_reply_to_user_id", ""))
        if "entities.mentions.username" in self.expansions:
            mentions = tweet.get("entities", {}).get("mentions", [])
            found += [mention.get("id", "") for mention in mentions]
        if "referenced_tweets.id.author_id" in self.expansions:
            found += [one.get("author_id", "") for one in others]
        return found


def projection(query: Mapping[str, list[str]]) -> Projection:
    """Return what a request's parameters ask for.

    Raises:
        UnknownValueError: if a field or expansion is none of X's.
    """
    return Projection(*(_asked(query, name) for name in PARAMETERS))


def loaded(line: bytes) -> tuple[Any, bool]:
    """Return a kept payload, and whether half a pair of surrogates in it was put aside.

    X can send one, since JSON can; Python's text cannot hold it.
    """
    half = _HALF in line
    return orjson.loads(line.replace(_HALF, _STAND_IN) if half else line), half


def dumped(value: object, *, half: bool) -> bytes:
    """Return what was loaded as JSON again."""
    data = orjson.dumps(value)
    return data.replace(_STAND_IN, _HALF) if half else data


def rendered(line: bytes, projection: Projection, rules: Sequence[Mapping[str, str]] = ()) -> bytes:
    """Return a kept payload as a stream gives it, without the end of the line."""
    payload, half = loaded(line)
    shown = projection.of(payload)
    return dumped({**shown, "matching_rules": rules} if rules else shown, half=half)


def _asked(query: Mapping[str, list[str]], name: str) -> frozenset[str]:
    values = {value for text in query.get(name, []) for value in text.split(",") if value}
    for value in sorted(values):
        if value not in PARAMETERS[name]:
            raise UnknownValueError(name, value)
    return _DEFAULTS[name] | values


def _only(thing: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    wanted = {*fields, *(_ALSO[name] for name in fields if name in _ALSO)}
    return {name: value for name, value in thing.items() if name in wanted}
