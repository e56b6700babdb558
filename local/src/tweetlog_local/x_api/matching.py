"""Whether a tweet matches a rule.

On the stream a quoted tweet's text counts and diacritics do; in the search neither does
(X docs, "Operators").
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any as Json
from zlib import crc32

from tweetlog_local.x_api.grammar import All, Any, Clause, Not, Term

_WORD = re.compile(r"\w+")
# Below here scripts put spaces between words: Latin, Greek, Cyrillic. In the others a keyword may
# stand anywhere in the text.
_SPACED = 0x0530
_PHRASE = re.compile(r'"([^"]*)"(?:~(\d+))?')


@dataclass(frozen=True, slots=True)
class Features:
    """What rules look at in a tweet; every text is folded."""

    text: str
    words: tuple[str, ...]
    hashtags: frozenset[str]
    cashtags: frozenset[str]
    mentions: frozenset[str]
    urls: str
    author: frozenset[str]
    bio: Mapping[str, str]
    to: frozenset[str]
    retweeted: frozenset[str]
    refers: Mapping[str, str]
    conversation: str
    lang: str
    country: str
    place: str
    has: frozenset[str]
    verified: bool
    bucket: int

    @property
    def kinds(self) -> frozenset[str]:
        """How it refers to others: `retweeted`, `replied_to`, `quoted`."""
        return frozenset(self.refers)


Matcher = Callable[[Features], bool]


def features(payload: Mapping[str, Json], *, search: bool = False) -> Features:
    """Return what rules look at in a v2 payload, for the stream or for the search."""
    tweet = payload["data"]
    includes = payload.get("includes", {})
    fold = _plain if search else str.casefold
    references = tweet.get("referenced_tweets") or tweet.get("referenced_posts") or []
    refers = {one["type"]: one["id"] for one in references}
    others = {one["id"]: one for one in includes.get("tweets") or includes.get("posts") or []}
    users = {user["id"]: user for user in includes.get("users", [])}
    text = fold(_text(tweet, others.get(refers.get("quoted", "")), search=search))
    entities = (tweet.get("note_tweet") or {}).get("entities") or tweet.get("entities") or {}
    author = users.get(tweet.get("author_id", ""), {})
    place: Mapping[str, Json] = next(iter(includes.get("places", [])), {})
    return Features(
        text=text,
        words=tuple(_WORD.findall(text)),
        hashtags=_folded(entities, "hashtags", "tag", fold),
        cashtags=_folded(entities, "cashtags", "tag", fold),
        mentions=_folded(entities, "mentions", "username", fold),
        urls=" ".join(_urls(entities)).casefold(),
        author=_names(tweet.get("author_id", ""), users),
        bio=_bio(author, fold),
        to=_names(tweet.get("in_reply_to_user_id", ""), users),
        retweeted=_names(_author_of(others, refers.get("retweeted", "")), users),
        refers=refers,
        conversation=tweet.get("conversation_id", ""),
        lang=tweet.get("lang", ""),
        country=place.get("country_code", "").casefold(),
        place=fold(" ".join((place.get("full_name", ""), place.get("id", "")))),
        has=frozenset(_has(tweet, entities, includes)),
        verified=bool(author.get("verified")),
        bucket=crc32(str(tweet["id"]).encode()) % 100,
    )


def _text(tweet: Mapping[str, Json], quoted: Mapping[str, Json] | None, *, search: bool) -> str:
    note = tweet.get("note_tweet") or tweet.get("note_post") or {}
    text = str(note.get("text") or tweet.get("text", ""))
    return text if search or quoted is None else f"{text}\n{quoted.get('text', '')}"


def _plain(text: str) -> str:
    """Return text without case and diacritics."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in apart if not unicodedata.combining(char))


def _folded(
    entities: Mapping[str, Json], kind: str, field: str, fold: Callable[[str], str]
) -> frozenset[str]:
    return frozenset(fold(one[field]) for one in entities.get(kind, []))


def _urls(entities: Mapping[str, Json]) -> list[str]:
    names = ("url", "expanded_url", "display_url", "unwound_url")
    return [one[name] for one in entities.get("urls", []) for name in names if name in one]


def _bio(author: Mapping[str, Json], fold: Callable[[str], str]) -> dict[str, str]:
    fields = {"bio": "description", "bio_name": "name", "bio_location": "location"}
    return {name: fold(author.get(field, "")) for name, field in fields.items()}


def _names(id: str, users: Mapping[str, Mapping[str, Json]]) -> frozenset[str]:
    """Return what a user may be called in a rule: the id and the name."""
    if not id:
        return frozenset()
    return frozenset({id, users.get(id, {}).get("username", id).casefold()})


def _author_of(tweets: Mapping[str, Mapping[str, Json]], id: str) -> str:
    return str(tweets.get(id, {}).get("author_id", ""))


def _has(
    tweet: Mapping[str, Json], entities: Mapping[str, Json], includes: Mapping[str, Json]
) -> list[str]:
    media = {one.get("type") for one in includes.get("media", [])}
    found = [kind for kind in ("hashtags", "cashtags", "mentions") if entities.get(kind)]
    found += ["links"] if entities.get("urls") else []
    found += ["media"] if media else []
    found += ["images"] if "photo" in media else []
    found += ["videos", "video_link"] if media & {"video", "animated_gif"} else []
    return [*found, "geo"] if tweet.get("geo") else found


def matcher(tree: Clause, *, search: bool = False) -> Matcher:
    """Return a function that says whether a tweet matches."""
    if isinstance(tree, Term):
        return _term(tree, _plain if search else str.casefold)
    if isinstance(tree, Not):
        inner = matcher(tree.clause, search=search)
        return lambda tweet: not inner(tweet)
    parts = [matcher(part, search=search) for part in tree.parts]
    if isinstance(tree, All):
        return lambda tweet: all(part(tweet) for part in parts)
    assert isinstance(tree, Any)  # noqa: S101 - nothing else is left
    return lambda tweet: any(part(tweet) for part in parts)


def _term(term: Term, fold: Callable[[str], str]) -> Matcher:
    if term.operator in {"is", "has"}:
        return _IS[term.value] if term.operator == "is" else _having(term.value)
    make = _OPERATORS.get(term.operator, _nothing)
    return make(fold(term.value) if term.operator != "lang" else term.value)


def _nothing(_: str) -> Matcher:
    """Return what matches no tweet: there are none here with annotations, say."""
    return lambda _tweet: False


def _having(value: str) -> Matcher:
    return lambda tweet: value in tweet.has


def _word(value: str) -> Matcher:
    wanted = tuple(_WORD.findall(value))
    if not wanted or any(ord(char) >= _SPACED for char in value):
        return lambda tweet: value in tweet.text
    if len(wanted) == 1:
        return lambda tweet: wanted[0] in tweet.words
    return lambda tweet: _in_a_row(wanted, tweet.words)


def _phrase(value: str) -> Matcher:
    match = _PHRASE.fullmatch(value)
    assert match is not None  # noqa: S101 - the grammar saw to it
    if match[2] is None:
        return _word(match[1])
    wanted, reach = tuple(_WORD.findall(match[1])), int(match[2])
    return lambda tweet: _near(wanted, tweet.words, reach)


def _in_a_row(wanted: tuple[str, ...], words: tuple[str, ...]) -> bool:
    first, length = wanted[0], len(wanted)
    return any(word == first and words[at : at + length] == wanted for at, word in enumerate(words))


def _near(wanted: tuple[str, ...], words: tuple[str, ...], reach: int) -> bool:
    """Whether all wanted words stand within so many words more than they are."""
    if not wanted:
        return False
    span = len(wanted) + reach
    return any(
        set(wanted) <= set(words[at : at + span]) for at, word in enumerate(words) if word in wanted
    )


_IS: Mapping[str, Matcher] = {
    "retweet": lambda tweet: "retweeted" in tweet.refers,
    "reply": lambda tweet: "replied_to" in tweet.refers,
    "quote": lambda tweet: "quoted" in tweet.refers,
    "verified": lambda tweet: tweet.verified,
    "nullcast": lambda _tweet: False,
}
_OPERATORS: Mapping[str, Callable[[str], Matcher]] = {
    "word": _word,
    "phrase": _phrase,
    "#": lambda value: lambda tweet: value in tweet.hashtags,
    "$": lambda value: lambda tweet: value in tweet.cashtags,
    "@": lambda value: lambda tweet: value in tweet.mentions,
    "from": lambda value: lambda tweet: value in tweet.author,
    "to": lambda value: lambda tweet: value in tweet.to,
    "retweets_of": lambda value: lambda tweet: value in tweet.retweeted,
    "url": lambda value: lambda tweet: value in tweet.urls,
    "conversation_id": lambda value: lambda tweet: value == tweet.conversation,
    "in_reply_to_tweet_id": lambda value: lambda tweet: value == tweet.refers.get("replied_to"),
    "retweets_of_tweet_id": lambda value: lambda tweet: value == tweet.refers.get("retweeted"),
    "bio": lambda value: lambda tweet: value in tweet.bio["bio"],
    "bio_name": lambda value: lambda tweet: value in tweet.bio["bio_name"],
    "bio_location": lambda value: lambda tweet: value in tweet.bio["bio_location"],
    "place": lambda value: lambda tweet: value in tweet.place,
    "place_country": lambda value: lambda tweet: value == tweet.country,
    "lang": lambda value: lambda tweet: value == tweet.lang,
    "sample": lambda value: lambda tweet: tweet.bucket < int(value),
}
