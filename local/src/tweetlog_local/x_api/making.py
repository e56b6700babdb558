"""Where tweets come from: composed one by one, or prepared and given out again and again.

A tweet as it is kept is its whole v2 payload, without the rules it matched: those follow from
what rules there are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from tweetlog_local.tweets.chance import Chance
from tweetlog_local.tweets.compose import Composer
from tweetlog_local.tweets.moments import START, Moment, rfc3339
from tweetlog_local.tweets.oddities import hostile
from tweetlog_local.tweets.world import world
from tweetlog_local.x_api.matching import Features, features
from tweetlog_local.x_api.projection import loaded
from tweetlog_local.x_api.snowflake import id_at

# Every so many tweets one has a text that is out to break its reader.
_HOSTILE_EVERY = 250
# Trends come and go over so many tweets.
_SEASON = 20_000
# A prepared tweet's id until it happens, as long as the ids of our time.
_FIRST_ID = id_at(int(START.timestamp() * 1000))


@dataclass(slots=True)
class Draft:
    """A tweet's payload with a provisional id and moment, and what was worked out about it.

    Attributes:
        reused: whether it will be given out again.
        memory: what is the same each time it is given out; by whoever worked it out.
    """

    line: bytes
    id: bytes
    created_at: bytes
    seen: Features
    author_id: str
    reused: bool
    memory: dict[Any, Any] = field(default_factory=dict)

    def stamped(self, line: bytes, id: int, ms: int) -> bytes:
        """Return a line of this draft with its final id and moment."""
        final = b"%d" % id
        if final == self.id:
            return line
        return line.replace(self.id, final).replace(self.created_at, _second(ms // 1000))


@lru_cache(maxsize=64)
def _second(seconds: int) -> bytes:
    return rfc3339(seconds * 1000).encode()


Maker = Callable[[int, int, int], Draft]


def composed(seed: int) -> Maker:
    """Return what composes a tweet by its number, id and moment; call it in their order."""
    chance = Chance(seed)
    composer = Composer(chance, world(chance))

    def make(number: int, id: int, ms: int) -> Draft:
        payload = composer.payload(Moment(number % _SEASON / _SEASON, ms, str(id)))
        payload.pop("matching_rules", None)
        if number % _HOSTILE_EVERY == _HOSTILE_EVERY - 1:
            return drafted(hostile(payload, number // _HOSTILE_EVERY))
        return drafted(orjson.dumps(payload))

    return make


def prepared(seed: int, count: int) -> Maker:
    """Return what gives out `count` tweets, made now, in turn."""
    make = composed(seed)
    first_ms = int(START.timestamp() * 1000)
    drafts = [make(number, _FIRST_ID + number, first_ms) for number in range(count)]
    for draft in drafts:
        draft.reused = True
    return lambda number, _id, _ms: drafts[number % count]


def drafted(line: bytes) -> Draft:
    """Return the draft of a payload, which keeps the id it has."""
    payload, _ = loaded(line)
    tweet = payload["data"]
    return Draft(
        line=line,
        id=tweet["id"].encode(),
        created_at=tweet["created_at"].encode(),
        seen=features(payload),
        author_id=tweet["author_id"],
        reused=False,
    )
