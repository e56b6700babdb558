"""What a reader of tweets has to survive: hostile tweets, and lines that are no tweets."""

from collections.abc import Callable

import orjson

from tweetlog_local.tweets.compose import Payload

_LONGEST_NOTE = 25_000

#: Texts of tweets that are valid all the same.
HOSTILE_TEXTS = (
    "\u202eright to left override\u202c and back \u2066isolated\u2069",
    "Z\u0351\u036b\u0343\u036a\u0302a\u036b\u033d\u034f\u0334l\u0307\u030dg\u036c\u0352o\u0304",
    "a null \x00 and controls \x07 \x1b \x7f \x85",
    "line\u2028separator and paragraph\u2029separator are not ends of lines",
    "'; DROP TABLE tweets; -- {{7*7}} ${jndi:ldap://localhost/a} %s %n <b>&amp;lt;</b>",
    "#" * 120 + " @@@@ $$$$ https:// #️⃣ \uff03",
    "\ufffe\uffff\ufeff no characters \U0010ffff",
    "👩🏽‍❤️‍💋‍👨🏻" * 20,
)
# Of the tweet whose place it takes: nothing that says anything of its text.
_KEPT = frozenset(
    {
        *("id", "text", "author_id", "created_at", "edit_history_tweet_ids", "lang"),
        *("public_metrics", "possibly_sensitive", "reply_settings"),
    }
)
#: Stands for half of a surrogate pair, which JSON can carry and Unicode cannot.
_HALF = "\ue000half\ue000"


def hostile(payload: Payload, number: int) -> bytes:
    """Return the line of a valid tweet with a text that is out to break its reader."""
    kind = number % (len(HOSTILE_TEXTS) + 2)
    tweet = {name: value for name, value in payload["data"].items() if name in _KEPT}
    if kind < len(HOSTILE_TEXTS):
        tweet["text"] = HOSTILE_TEXTS[kind]
    elif kind == len(HOSTILE_TEXTS):
        tweet["text"] = f"half a pair: {_HALF}"
    else:
        words = ("long " * _LONGEST_NOTE)[:_LONGEST_NOTE]
        tweet |= {"text": words[:279] + "…", "note_tweet": {"text": words}}
    includes = {"users": payload["includes"]["users"][:1]}
    return orjson.dumps({"data": tweet, "includes": includes}).replace(_HALF.encode(), b"\\ud83d")


def _cut_short(line: bytes) -> bytes:
    return line[: len(line) * 2 // 3]


def _not_utf8(line: bytes) -> bytes:
    return line.replace(b'"text":"', b'"text":"caf\xe9 ', 1)


def _null_text(line: bytes) -> bytes:
    return _with_tweet(line, text=None)


def _number_for_id(line: bytes) -> bytes:
    return _with_tweet(line, id=int(orjson.loads(line)["data"]["id"]))


def _not_a_number(line: bytes) -> bytes:
    return line.replace(b'"possibly_sensitive":false', b'"possibly_sensitive":NaN', 1)


def _repeated_key(line: bytes) -> bytes:
    return line.replace(b'"text":"', b'"text":"first","text":"', 1)


def _too_deep(_: bytes) -> bytes:
    return b'{"data":' + b"[" * 2_000 + b"]" * 2_000 + b"}"


def _user(line: bytes) -> bytes:
    return orjson.dumps({"data": orjson.loads(line)["includes"]["users"][0]})


def _deletion(line: bytes) -> bytes:
    tweet = orjson.loads(line)["data"]
    gone = {"tweet": {"id": tweet["id"], "author_id": tweet["author_id"]}}
    return orjson.dumps({"data": {"delete": {**gone, "event_at": tweet["created_at"]}}})


def _disconnect(_: bytes) -> bytes:
    return orjson.dumps(
        {
            "errors": [
                {
                    "title": "operational-disconnect",
                    "disconnect_type": "UpstreamOperationalDisconnect",
                    "detail": "This stream has been disconnected upstream for operational reasons.",
                    "type": "https://api.x.com/2/problems/operational-disconnect",
                }
            ]
        }
    )


def _with_tweet(line: bytes, **changed: object) -> bytes:
    payload = orjson.loads(line)
    return orjson.dumps({**payload, "data": {**payload["data"], **changed}})


POISONS: tuple[Callable[[bytes], bytes], ...] = (
    _cut_short,
    _user,
    lambda _: b"{}",
    _deletion,
    _not_utf8,
    _null_text,
    _number_for_id,
    _disconnect,
    _repeated_key,
    _not_a_number,
    _too_deep,
    lambda _: b"this line is no JSON",
)


def poison(line: bytes, number: int) -> bytes:
    """Return a line that is no tweet, made from the line of a tweet."""
    return POISONS[number % len(POISONS)](line)
