"""One line of a file of tweets, read as whichever of the known shapes it has.

- `{"data": {...}, "includes": ...}`: a payload of X, as its stream gives it.
- `{"data": [...], "includes": ..., "meta": ...}`: a page of X or twarc; a payload a tweet.
- `{"id": ..., "text": ...}`: a tweet alone, or as twarc flattens it.

Only what stands in `data` is an event. A tweet that is merely included (the original of a
retweet) was not received for itself; it travels with the tweet that refers to it.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ingestor.capture import Captured, Origin, Tweet, Unusable
from ingestor.document import dump, parse
from ingestor.flattened import unflatten
from ingestor.loose import members, objects, words
from ingestor.pages import shelf
from tweetlog import events
from tweetlog.errors import InvalidEvent

_ID = re.compile(r"[0-9]{1,20}")
# The first snowflake id, which tells its time, has 11 digits (X developer docs, "Twitter IDs").
_TELLING_DIGITS = 12
# Beside a tweet, not part of it: what twarc notes about its own request.
_ARCHIVE = "__twarc"
# What stands beside `data` in a payload, and inside a tweet that was taken out of its payload.
_BESIDE = ("includes", "matching_rules", "errors")
_COMPLIANCE = frozenset(
    {
        "delete", "withheld", "drop", "undrop", "tweet_edit", "scrub_geo", "user_delete",
        "user_undelete", "user_protect", "user_unprotect", "user_suspend", "user_unsuspend",
        "user_withheld", "user_profile_modification",
    }
)  # fmt: skip


def captured(line: bytes, origin: Origin) -> Iterator[Captured]:
    """Yield every tweet of a line, and what in it is none with the reason.

    Args:
        line: one line without its end, not blank.
        origin: where it stands; items of a page are numbered in addition, from 1.
    """
    try:
        document = _document(line)
        if isinstance(document.get("data"), list):
            yield from _of_page(document, origin)
        elif not _is_empty_page(document):
            yield _alone(line, document, origin)
    except InvalidEvent as reason:
        yield Unusable(line, reason, origin)


def payload(line: bytes, origin: Origin, receivedtime: str) -> tuple[Tweet, dict[str, Any]]:
    """Return the tweet of a message of X's stream, its bytes untouched, and what it holds.

    Args:
        line: the message.
        origin: where it was read.
        receivedtime: when.

    Raises:
        InvalidEvent: if it holds no tweet.
    """
    document = _document(line)
    if "data" not in document:
        raise _something_else(document) or InvalidEvent(
            "a message without data", reason_class="no_data"
        )
    return _received(_tweet(document["data"]), line, receivedtime, origin), document


def _document(line: bytes) -> dict[str, Any]:
    document = parse(line)
    if not isinstance(document, dict):
        raise InvalidEvent(
            f"a tweet is a JSON object; this is {_kind(document)}", reason_class="not_a_tweet"
        )
    return document


def _is_empty_page(document: Mapping[str, Any]) -> bool:
    """Whether it is the answer to a search that found nothing: nothing, and no fault."""
    nothing = members(document, "meta").get("result_count") == 0
    return nothing and not document.keys() & {"data", "errors", "id"}


def _alone(line: bytes, document: dict[str, Any], origin: Origin) -> Tweet:
    if "data" in document:
        tweet = _tweet(document["data"])
        payload = line if _ARCHIVE not in document else dump(_without_archive(document))
    else:
        tweet = _tweet(document)
        payload = _wrapped(line, document)
    return _received(tweet, payload, _retrieved_at(document), origin)


def _without_archive(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != _ARCHIVE}


def _wrapped(line: bytes, document: dict[str, Any]) -> bytes:
    """Return the payload around a tweet that stands alone, byte for byte unless flattened."""
    beside = {name: document[name] for name in _BESIDE if name in document}
    tweet = {k: v for k, v in document.items() if k not in beside and k != _ARCHIVE}
    plain, includes = unflatten(tweet)
    if plain == document and not includes:
        return b'{"data":' + line + b"}"
    payload: dict[str, Any] = {"data": plain}
    if includes:
        payload["includes"] = includes
    return dump(payload | beside)


def _of_page(page: dict[str, Any], origin: Origin) -> Iterator[Captured]:
    includes = shelf(page)
    retrieved_at = _retrieved_at(page)
    for number, item in enumerate(page["data"], start=1):
        place = {**origin, "item": number}
        try:
            tweet = _tweet(item)
        except InvalidEvent as reason:
            yield Unusable(dump(item), reason, place)
        else:
            yield _received(tweet, dump(includes.payload(page, tweet)), retrieved_at, place)


def _received(
    tweet: Mapping[str, Any], payload: bytes, retrieved_at: str | None, origin: Origin
) -> Tweet:
    id = tweet["id"]
    created_at = _moment(tweet.get("created_at")) if len(id) < _TELLING_DIGITS else None
    return Tweet(id, payload, origin, time=created_at, receivedtime=retrieved_at)


def _tweet(value: Any) -> dict[str, Any]:
    """Return `value` if it is a tweet of X's API v2.

    Raises:
        InvalidEvent: if it is not; it says what it is instead, as far as that shows.
    """
    if not isinstance(value, dict):
        raise InvalidEvent(
            f"a tweet is a JSON object; this is {_kind(value)}", reason_class="not_a_tweet"
        )
    reason = _something_else(value) or _bad_id(value) or _bad_text(value)
    if reason:
        raise reason
    return value


def _something_else(value: Mapping[str, Any]) -> InvalidEvent | None:
    found = sorted(_COMPLIANCE & value.keys())
    if found and "text" not in value:
        return InvalidEvent(f"a compliance event: {found[0]}", reason_class="compliance_event")
    if "username" in value and "text" not in value:
        return InvalidEvent("a user, not a tweet", reason_class="user")
    if "errors" in value and "id" not in value:
        return InvalidEvent(f"an answer without data: {_problem(value)}", reason_class="x_error")
    if "id_str" in value:
        return InvalidEvent("a tweet of X's API v1.1; this reads v2", reason_class="not_v2")
    return None


def _problem(value: Mapping[str, Any]) -> str:
    first = next(objects(value["errors"]), {})
    return next(words(first.get("detail"), first.get("title"), first.get("message")), "no detail")


def _bad_id(value: Mapping[str, Any]) -> InvalidEvent | None:
    id = value.get("id")
    if id is None:
        return InvalidEvent("a tweet has an id", reason_class="no_id")
    if not isinstance(id, str) or not _ID.fullmatch(id):
        return InvalidEvent(
            f"a tweet's id is a string of 1 to 20 digits; this is {_kind(id)} {str(id)[:40]!r}",
            reason_class="bad_id",
        )
    return None


def _bad_text(value: Mapping[str, Any]) -> InvalidEvent | None:
    if isinstance(value.get("text"), str):
        return None
    found = _kind(value["text"]) if "text" in value else "nothing"
    return InvalidEvent(f"a tweet has a text; here is {found}", reason_class="no_text")


def _retrieved_at(document: Mapping[str, Any]) -> str | None:
    return _moment(members(document, _ARCHIVE).get("retrieved_at"))


def _moment(value: Any) -> str | None:
    """Return a moment as X writes it, or None for what is none."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return events.rfc3339(moment) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return names.get(type(value), "null" if value is None else "a number")
