"""Composing tweets: each kind that X has, as the v2 payload that its stream would give."""

from dataclasses import dataclass
from typing import Any

from tweetlog_local.tweets.chance import Chance, Weighted, few_first
from tweetlog_local.tweets.moments import Moment, rfc3339
from tweetlog_local.tweets.world import (
    ODD_TAGS,
    PLACES,
    RULES,
    Language,
    Person,
    World,
)
from tweetlog_local.tweets.writing import Entity, Writing, moved

Payload = dict[str, Any]
Includes = dict[str, list[Any]]

# X cuts the text of a retweet at 140 and that of a long post at 280 characters.
_RETWEET_CUT = 140
_POST_CUT = 280
# A tweet that others refer to is one of the last so many.
_REMEMBERED = 256

_EMOJI = ("😀", "🚆", "🌧️", "👩🏽‍🚀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏿", "❤️", "🇺🇦", "🫶🏼", "1️⃣", "☕")
_CASHTAGS = ("BTC", "ACME", "EURUSD", "BRK.B")
_BARE = ("emoji", "hashtags", "mention", "short", "media", "cashtag")
_MEDIA = ("photo", "photo", "photo", "video", "animated_gif")
_MEDIA_PREFIX = {"photo": "3", "video": "7", "animated_gif": "16"}
_ANSWERS: tuple[tuple[str, ...], ...] = (
    ("Yes", "No"),
    ("🚆", "✈️", "🚲"),
    ("はい", "いいえ"),
    ("A", "B", "C", "D"),
)
_HOSTS = ("news.example", "blog.example.org", "café.example", "video.example.net", "例え.example")
_RENAMED = {
    "referenced_tweets": "referenced_posts",
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "tweets": "posts",
}


@dataclass(frozen=True, slots=True)
class Known:
    """A tweet that later ones may refer to."""

    person: Person
    tweet: dict[str, Any]
    includes: Includes


class Composer:
    """Composes one tweet after the other, which may refer to those before it."""

    def __init__(self, chance: Chance, world: World) -> None:
        self._chance = chance
        self._world = world
        self._known: list[Known] = []
        self._count = 0
        self._kinds = Weighted(
            (self._original, self._retweet, self._reply, self._quote, self._edit),
            (0.42, 0.30, 0.16, 0.09, 0.03),
        )
        self._forms = Weighted(
            (self._plain, self._showing, self._linking, self._bare, self._long, self._asking),
            (0.61, 0.14, 0.12, 0.06, 0.05, 0.02),
        )
        self._tails = Weighted(
            (self._hashtags, self._nothing, self._emoji, self._cashtag), (0.5, 0.36, 0.12, 0.02)
        )
        self._popular = Weighted(range(_REMEMBERED), few_first(_REMEMBERED, steep=0.8))

    def payload(self, moment: Moment) -> Payload:
        """Return the next tweet's payload."""
        person = self._world.people.draw(self._chance)
        write = self._kinds.draw(self._chance) if self._known else self._original
        payload = write(moment, person)
        if self._chance.happens(0.85):
            payload["matching_rules"] = self._rules()
        return _renamed(payload) if self._chance.happens(0.02) else payload

    def _original(self, moment: Moment, person: Person) -> Payload:
        language = self._world.english if self._chance.happens(0.08) else person.language
        return self._forms.draw(self._chance)(moment, person, language)

    def _plain(self, moment: Moment, person: Person, language: Language) -> Payload:
        tweet, includes, writing = self._begun(moment, person, language)
        return self._finished(tweet, writing, includes, person)

    def _linking(self, moment: Moment, person: Person, language: Language) -> Payload:
        tweet, includes, writing = self._begun(moment, person, language)
        self._link(writing.say(" "))
        return self._finished(tweet, writing, includes, person)

    def _showing(self, moment: Moment, person: Person, language: Language) -> Payload:
        tweet, includes, writing = self._begun(moment, person, language)
        self._media(writing, tweet, includes, person)
        return self._finished(tweet, writing, includes, person)

    def _asking(self, moment: Moment, person: Person, language: Language) -> Payload:
        tweet, includes, writing = self._begun(moment, person, language)
        self._poll(tweet, includes, moment)
        return self._finished(tweet, writing, includes, person)

    def _begun(
        self, moment: Moment, person: Person, language: Language
    ) -> tuple[dict[str, Any], Includes, Writing]:
        """Return a tweet with a sentence, perhaps at a place, that waits for more."""
        tweet, writing = _tweet(moment, person, language.code), Writing()
        includes: Includes = {"users": [person.user]}
        self._sentence(writing, language, moment)
        if self._chance.happens(0.05):
            self._place(tweet, includes)
        return tweet, includes, writing

    def _bare(self, moment: Moment, person: Person, language: Language) -> Payload:
        """Compose what has hardly any words: X has codes of its own for it, not a language."""
        chance, writing = self._chance, Writing()
        kind = chance.one(_BARE)
        lang = {
            "hashtags": "qht",
            "mention": "qam",
            "short": "qst",
            "media": "qme",
            "cashtag": "qct",
        }
        tweet = _tweet(moment, person, lang.get(kind, chance.one(("und", "zxx", "art"))))
        includes: Includes = {"users": [person.user]}
        if kind == "emoji":
            writing.say("".join(chance.one(_EMOJI) for _ in range(1 + chance.below(4))))
        elif kind == "hashtags":
            self._hashtag(writing, language, moment.share)
            self._hashtag(writing.say(" "), language, moment.share)
        elif kind == "mention":
            self._mention(writing, includes)
        elif kind == "media":
            self._media(writing, tweet, includes, person)
        elif kind == "cashtag":
            writing.cashtag(chance.one(_CASHTAGS))
        else:
            writing.say(chance.one(("ok", "lol", "jajaja", "www", "?!", "😂😂 omg")))
        return self._finished(tweet, writing, includes, person)

    def _long(self, moment: Moment, person: Person, language: Language) -> Payload:
        """Compose a long post: a cut text, the whole in `note_tweet` with its own entities."""
        writing = Writing()
        self._sentence(writing, language, moment)
        while len(writing) <= _POST_CUT + 40:
            self._sentence(writing.say(language.joiner or " "), language, moment)
        self._hashtag(writing.say(" "), language, moment.share)
        note: dict[str, Any] = {"text": writing.text}
        if writing.entities:
            note["entities"] = writing.entities
        tweet = _tweet(moment, person, language.code)
        tweet["text"] = writing.text[: _POST_CUT - 1] + "…"
        _with_entities(tweet, moved(writing.entities, by=0, end=_POST_CUT - 1))
        tweet["note_tweet"] = note
        return self._remembered(tweet, {"users": [person.user]}, person)

    def _retweet(self, moment: Moment, person: Person) -> Payload:
        """Compose `RT @user: ` and the original, cut; the whole original is included."""
        original = self._referred()
        writing = Writing().say("RT ").mention(original.person.username, original.person.id)
        writing.say(": ")
        text = writing.text + original.tweet["text"]
        cut = len(text) if len(text) <= _RETWEET_CUT else _RETWEET_CUT - 1
        entities: dict[str, list[Entity]] = dict(writing.entities)
        for kind, some in moved(
            original.tweet.get("entities", {}), by=len(writing), end=cut
        ).items():
            entities[kind] = [*entities.get(kind, []), *some]
        tweet = _tweet(moment, person, original.tweet["lang"])
        tweet["text"] = text if cut == len(text) else text[:cut] + "…"
        tweet["referenced_tweets"] = [{"type": "retweeted", "id": original.tweet["id"]}]
        _with_entities(tweet, entities)
        return self._about(original, tweet, person, missing=self._chance.happens(0.04))

    def _reply(self, moment: Moment, person: Person) -> Payload:
        parent = self._referred()
        writing = Writing().mention(parent.person.username, parent.person.id).say(" ")
        self._sentence(writing, person.language, moment)
        tweet = _tweet(moment, person, person.language.code)
        tweet["in_reply_to_user_id"] = parent.person.id
        tweet["conversation_id"] = parent.tweet["conversation_id"]
        tweet["referenced_tweets"] = [{"type": "replied_to", "id": parent.tweet["id"]}]
        tweet["text"] = writing.text
        _with_entities(tweet, writing.entities)
        return self._about(parent, tweet, person, missing=self._chance.happens(0.1))

    def _quote(self, moment: Moment, person: Person) -> Payload:
        quoted = self._referred()
        writing = Writing()
        self._sentence(writing, person.language, moment)
        status = f"/{quoted.person.username}/status/{quoted.tweet['id']}"
        writing.say(" ").link(
            self._short_link(), expanded_url="https://x.com" + status, display_url="x.com" + status
        )
        tweet = _tweet(moment, person, person.language.code)
        tweet["referenced_tweets"] = [{"type": "quoted", "id": quoted.tweet["id"]}]
        tweet["text"] = writing.text
        _with_entities(tweet, writing.entities)
        return self._about(quoted, tweet, person, missing=False)

    def _edit(self, moment: Moment, _: Person) -> Payload:
        """Compose a later version of a tweet: another id, which names the ones before it."""
        before = self._known[(self._count - 1) % _REMEMBERED]
        person, language = before.person, before.person.language
        writing = Writing()
        self._sentence(writing, language, moment)
        tweet = _tweet(moment, person, language.code)
        tweet["edit_history_tweet_ids"] = [*before.tweet["edit_history_tweet_ids"], moment.id]
        tweet["edit_controls"] = {
            "edits_remaining": max(0, 6 - len(tweet["edit_history_tweet_ids"])),
            "is_edit_eligible": True,
            "editable_until": rfc3339(moment.ms + 3_600_000),
        }
        return self._finished(tweet, writing, {"users": [person.user]}, person)

    def _finished(
        self,
        tweet: dict[str, Any],
        writing: Writing,
        includes: Includes,
        person: Person,
    ) -> Payload:
        tweet["text"] = writing.text
        _with_entities(tweet, writing.entities)
        return self._remembered(tweet, includes, person)

    def _remembered(self, tweet: dict[str, Any], includes: Includes, person: Person) -> Payload:
        tweet["public_metrics"] = self._metrics()
        known = Known(person, tweet, includes)
        if self._count < _REMEMBERED:
            self._known.append(known)
        else:
            self._known[self._count % _REMEMBERED] = known
        self._count += 1
        return {"data": tweet, "includes": includes}

    def _about(
        self, other: Known, tweet: dict[str, Any], person: Person, *, missing: bool
    ) -> Payload:
        """Return the payload of a tweet that refers to another, which X may no longer have."""
        tweet["public_metrics"] = self._metrics()
        if missing:
            error = _not_found(other.tweet["id"])
            return {"data": tweet, "includes": {"users": [person.user]}, "errors": [error]}
        includes = {**other.includes, "tweets": [other.tweet]}
        includes["users"] = [
            person.user,
            *(u for u in other.includes["users"] if u is not person.user),
        ]
        return {"data": tweet, "includes": includes}

    def _referred(self) -> Known:
        """Return a tweet to refer to: the popular ones again and again."""
        return self._known[self._popular.draw(self._chance) % len(self._known)]

    def _sentence(self, writing: Writing, language: Language, moment: Moment) -> None:
        chance = self._chance
        writing.say(chance.one(language.openings) + language.joiner)
        writing.say(chance.one(language.clauses) + chance.one(language.closings))
        self._tails.draw(chance)(writing, language, moment.share)

    def _hashtags(self, writing: Writing, language: Language, share: float) -> None:
        for _ in range(1 + self._chance.below(3)):
            self._hashtag(writing.say(" "), language, share)

    def _hashtag(self, writing: Writing, language: Language, share: float) -> None:
        dice = self._chance.unit()
        for trend in self._world.trends:
            dice -= trend.strength(share)
            if dice < 0:
                writing.hashtag(trend.tag)
                return
        if self._chance.happens(0.12):
            tag, sign, cut = self._chance.one(ODD_TAGS)
            writing.hashtag(tag, sign=sign, cut=cut)
        else:
            writing.hashtag(language.tags.draw(self._chance))

    def _emoji(self, writing: Writing, _language: Language, _share: float) -> None:
        writing.say(" " + self._chance.one(_EMOJI))

    def _cashtag(self, writing: Writing, _language: Language, _share: float) -> None:
        writing.say(" ").cashtag(self._chance.one(_CASHTAGS))

    def _nothing(self, _writing: Writing, _language: Language, _share: float) -> None:
        pass

    def _mention(self, writing: Writing, includes: Includes) -> None:
        other = self._world.people.draw(self._chance)
        writing.mention(other.username, other.id)
        if other.user not in includes["users"]:
            includes["users"].append(other.user)

    def _link(self, writing: Writing) -> None:
        chance = self._chance
        host, path = chance.one(_HOSTS), chance.code(6)
        expanded = f"https://{host}/{path}?utm_source=x"
        more: dict[str, object] = {"expanded_url": expanded, "display_url": f"{host}/{path}"}
        if chance.happens(0.5):
            more |= {"status": 200, "unwound_url": f"https://{host}/{path}", "title": path}
        writing.link(self._short_link(), **more)

    def _short_link(self) -> str:
        return "https://t.co/" + self._chance.code(10)

    def _media(
        self,
        writing: Writing,
        tweet: dict[str, Any],
        includes: Includes,
        person: Person,
    ) -> None:
        chance = self._chance
        type = chance.one(_MEDIA)
        key = f"{_MEDIA_PREFIX[type]}_{int(tweet['id']) - (90_000 << 22)}"
        media: dict[str, Any] = {"media_key": key, "type": type, "width": 1200, "height": 900}
        if type == "photo":
            media["url"] = f"https://pbs.twimg.com/media/{chance.code(15)}.jpg"
        else:
            media["preview_image_url"] = f"https://pbs.twimg.com/thumb/{chance.code(12)}.jpg"
            media["duration_ms"] = 1_000 + chance.below(120_000)
        if chance.happens(0.3):
            media["alt_text"] = chance.one(person.language.clauses)
        tweet["attachments"] = {"media_keys": [key]}
        includes["media"] = [media]
        code = chance.code(10)
        if len(writing):
            writing.say(" ")
        writing.link(
            "https://t.co/" + code,
            expanded_url=f"https://x.com/{person.username}/status/{tweet['id']}/{type}/1",
            display_url="pic.x.com/" + code,
            media_key=key,
        )

    def _poll(self, tweet: dict[str, Any], includes: Includes, moment: Moment) -> None:
        answers = self._chance.one(_ANSWERS)
        id = str(int(tweet["id"]) - 1)
        options = [
            {"position": place, "label": label, "votes": self._chance.below(500)}
            for place, label in enumerate(answers, start=1)
        ]
        tweet["attachments"] = {"poll_ids": [id]}
        includes["polls"] = [
            {
                "id": id,
                "options": options,
                "duration_minutes": 1440,
                "end_datetime": rfc3339(moment.ms + 86_400_000),
                "voting_status": "open",
            }
        ]

    def _place(self, tweet: dict[str, Any], includes: Includes) -> None:
        place = self._chance.one(PLACES)
        tweet["geo"] = {"place_id": place["id"]}
        includes["places"] = [place]
        if self._chance.happens(0.3):
            west, south, east, north = place["geo"]["bbox"]
            point = [round((west + east) / 2, 4), round((south + north) / 2, 4)]
            tweet["geo"]["coordinates"] = {"type": "Point", "coordinates": point}

    def _metrics(self) -> dict[str, int]:
        """Return counts, of which few are large."""
        likes = int((self._chance.unit() + 0.0001) ** -1.1) - 1
        return {
            "retweet_count": likes // 6,
            "reply_count": likes // 9,
            "like_count": likes,
            "quote_count": likes // 40,
            "bookmark_count": likes // 30,
            "impression_count": 7 + likes * 31,
        }

    def _rules(self) -> list[dict[str, str]]:
        first = RULES[int(self._chance.unit() ** 2 * len(RULES))]
        return [first] if self._chance.happens(0.9) or first is RULES[0] else [RULES[0], first]


def _tweet(moment: Moment, person: Person, lang: str) -> dict[str, Any]:
    return {
        "id": moment.id,
        "text": "",
        "author_id": person.id,
        "created_at": moment.created_at,
        "conversation_id": moment.id,
        "edit_history_tweet_ids": [moment.id],
        "lang": lang,
        "possibly_sensitive": False,
        "reply_settings": "everyone",
    }


def _with_entities(tweet: dict[str, Any], entities: dict[str, list[Entity]]) -> None:
    if entities:
        tweet["entities"] = entities


def _not_found(id: str) -> dict[str, str]:
    return {
        "resource_id": id,
        "resource_type": "tweet",
        "parameter": "referenced_tweets.id",
        "value": id,
        "title": "Not Found Error",
        "detail": f"Could not find tweet with referenced_tweets.id: [{id}].",
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    }


def _renamed(payload: Payload) -> Payload:
    """Return the payload with the names that X's OpenAPI 2.167 gives (posts for tweets)."""
    renamed = {**payload, "data": _with_new_names(payload["data"])}
    includes = _with_new_names(payload["includes"])
    if "posts" in includes:
        includes["posts"] = [_with_new_names(one) for one in includes["posts"]]
    renamed["includes"] = includes
    return renamed


def _with_new_names(members: dict[str, Any]) -> dict[str, Any]:
    return {_RENAMED.get(name, name): value for name, value in members.items()}
