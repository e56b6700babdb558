"""What became of tweets and users: deleted, protected, suspended, and the news of it.

The names are X's (docs, "Compliance streams" and "Batch compliance"): events on the streams,
reasons in the results of a job.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tweetlog_local.x_api.clock import written

#: Events about a tweet, with the reason that a job gives from then on; None: none.
TWEET_EVENTS: Mapping[str, str | None] = {
    "delete": "deleted",
    "drop": "bounced",
    "undrop": None,
    "withheld": None,
    "tweet_edit": None,
}
#: Events about a user, likewise. `scrub_geo` is about the user's tweets up to one.
USER_EVENTS: Mapping[str, str | None] = {
    "user_delete": "deactivated",
    "user_undelete": None,
    "user_protect": "protected",
    "user_unprotect": None,
    "user_suspend": "suspended",
    "user_unsuspend": None,
    "scrub_geo": "scrub_geo",
    "user_withheld": None,
    "user_profile_modification": None,
}
EVENTS = (*TWEET_EVENTS, *USER_EVENTS)
_LIFTS = {
    "undrop": "bounced",
    "user_undelete": "deactivated",
    "user_unprotect": "protected",
    "user_unsuspend": "suspended",
}
#: Each stream has so many partitions, and a tweet or user is in one of them.
PARTITIONS = 4


class EventError(ValueError):
    """An event that there is not; the text says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a tweet or user may not be shown any more, and since when (seconds since 1970)."""

    reason: str
    since: float


@dataclass(frozen=True, slots=True)
class News:
    """An event as its stream gives it.

    Attributes:
        stream: `tweets` or `users`.
        number: what it is about, which decides the partition.
    """

    stream: str
    number: int
    line: Mapping[str, Any]

    @property
    def partition(self) -> int:
        """Where it comes, from 1."""
        return self.number % PARTITIONS + 1

    def is_on(self, endpoint: str, partition: int) -> bool:
        """Whether a stream gives it."""
        return endpoint == f"{self.stream}_compliance_stream" and partition == self.partition


class Verdicts:
    """Knows what happened to whom.

    Args:
        author_of: returns the author of a tweet, as far as it is known.
    """

    def __init__(self, author_of: Callable[[int], str | None]) -> None:
        self._author_of = author_of
        self._tweets: dict[int, Verdict] = {}
        self._users: dict[str, dict[str, Verdict]] = {}
        self._scrubbed: dict[str, tuple[int, Verdict]] = {}

    def happen(self, event: Mapping[str, Any], now: float) -> News:
        """Let something happen to a tweet or user; return the news of it.

        Raises:
            EventError: if that does not happen on X.
        """
        name = event.get("event")
        if name in TWEET_EVENTS:
            return self._tweet_event(str(name), event, now)
        if name in USER_EVENTS:
            return self._user_event(str(name), event, now)
        raise EventError(f"event must be one of {', '.join(EVENTS)}, not {name!r}")

    def of_tweet(self, id: int, author: str | None = None) -> Verdict | None:
        """Return why a tweet may not be shown, or not whole; the gravest reason."""
        own = self._tweets.get(id)
        author = author or self._author_of(id)
        if own or author is None:
            return own
        by_author = self.of_user(author)
        if by_author:
            return by_author
        upto, scrubbed = self._scrubbed.get(author, (0, None))
        return scrubbed if id <= upto else None

    def of_user(self, id: str) -> Verdict | None:
        """Return why nothing of a user may be shown."""
        return next(iter(self._users.get(id, {}).values()), None)

    def hides(self, id: int, author: str) -> Verdict | None:
        """Return why a tweet is not given any more; one without its place still is."""
        verdict = self.of_tweet(id, author)
        return None if verdict and verdict.reason == "scrub_geo" else verdict

    def _tweet_event(self, name: str, event: Mapping[str, Any], now: float) -> News:
        id = _number(event, "tweet")
        reason = TWEET_EVENTS[name]
        if reason:
            self._tweets[id] = Verdict(reason, now)
        elif name in _LIFTS and self._tweets.get(id, Verdict("", 0)).reason == _LIFTS[name]:
            del self._tweets[id]
        tweet = {"id": str(id), "author_id": event.get("author") or self._author_of(id) or "0"}
        return News("tweets", id, {"data": {name: _about_tweet(name, tweet, event, written(now))}})

    def _user_event(self, name: str, event: Mapping[str, Any], now: float) -> News:
        number = _number(event, "user")
        id, reason = str(number), USER_EVENTS[name]
        if name == "scrub_geo":
            self._scrubbed[id] = (_number(event, "up_to"), Verdict("scrub_geo", now))
        elif reason:
            self._users.setdefault(id, {})[reason] = Verdict(reason, now)
        elif name in _LIFTS:
            self._users.get(id, {}).pop(_LIFTS[name], None)
        body: dict[str, Any] = {"user": {"id": id}, "event_at": written(now)}
        if name == "scrub_geo":
            body["up_to_tweet_id"] = str(event["up_to"])
        if name == "user_withheld":
            body["withheld_in_countries"] = _words(event, "countries")
        if name == "user_profile_modification":
            body |= {"profile_field": "name", "new_value": str(event.get("value", ""))}
        return News("users", number, {"data": {name: body}})


def _about_tweet(
    name: str, tweet: Mapping[str, str], event: Mapping[str, Any], at: str
) -> dict[str, Any]:
    if name == "tweet_edit":
        edits = _words(event, "edits")
        initial = {"initial_tweet_id": tweet["id"], "edit_tweet_ids": [tweet["id"], *edits]}
        return {"tweet": {"id": [tweet["id"], *edits][-1]}, **initial, "event_at": at}
    withheld = {"withheld_in_countries": _words(event, "countries")} if name == "withheld" else {}
    return {"tweet": dict(tweet), **withheld, "event_at": at}


def _number(event: Mapping[str, Any], name: str) -> int:
    text = str(event.get(name, ""))
    if not text.isascii() or not text.isdigit():
        raise EventError(f"{event['event']} is about a `{name}`: an id, not {event.get(name)!r}")
    return int(text)


def _words(event: Mapping[str, Any], name: str) -> Sequence[str]:
    words = event.get(name)
    if not isinstance(words, list) or not words:
        raise EventError(f"{event['event']} has `{name}`: a list, not {words!r}")
    return [str(word) for word in words]
