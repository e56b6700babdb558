"""The lines in their order: tweets, some of them twice, some observed again, some no tweets.

Which line is what follows from its number alone, so that a test knows the counts exactly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from tweetlog_local.tweets.chance import Chance
from tweetlog_local.tweets.compose import Composer, Payload
from tweetlog_local.tweets.moments import START, Moment, rfc3339, window
from tweetlog_local.tweets.oddities import hostile, poison
from tweetlog_local.tweets.world import world

MAX_TWEETS = 100_000_000

# Of so many tweets, the one at this place is ...
_HOSTILE = (250, 49)
# ... and what follows the one at this place is ...
_DUPLICATE = (40, 9)
_OBSERVED_AGAIN = (100, 29)
_POISON = (200, 19)
_REPEATED_FROM = 128
_LATER_MS = 6 * 3_600_000


@dataclass(frozen=True, slots=True)
class Expected:
    """What a number of tweets comes with.

    Attributes:
        lines: all of them.
        tweets: distinct tweet ids, hostile ones included.
        duplicates: lines that repeat an earlier one byte for byte.
        observed_again: lines with a tweet that was there before, with other counts.
        poison: lines that are no tweets.
        hostile: tweets whose text is out to break its reader.
    """

    lines: int
    tweets: int
    duplicates: int
    observed_again: int
    poison: int
    hostile: int


def expected(tweets: int) -> Expected:
    """Return what `lines(tweets)` yields, whatever the seed."""
    duplicates = _count(tweets, _DUPLICATE)
    again = _count(tweets, _OBSERVED_AGAIN)
    poisons = _count(tweets, _POISON)
    total = tweets + duplicates + again + poisons
    return Expected(total, tweets, duplicates, again, poisons, _count(tweets, _HOSTILE))


def lines(
    tweets: int, seed: int = 1, *, start: datetime = START, days: float = 7.0
) -> Iterator[bytes]:
    r"""Yield the lines of a file of tweets, each with its `\n`.

    Args:
        tweets: how many distinct ones, at most 100 million.
        seed: the same seed and number give the same bytes.
        start: when the first one happens.
        days: how long they are spread over.

    Raises:
        ValueError: if there are to be more tweets than have ids of their own.
    """
    if not 0 <= tweets <= MAX_TWEETS:
        raise ValueError(f"{tweets:,} tweets; there are 0 to {MAX_TWEETS:,}")
    chance = Chance(seed)
    composer = Composer(chance, world(chance))
    span = window(start, days)
    recent: list[bytes] = []
    for number in range(tweets):
        moment = span.moment(number, tweets, chance.unit(), seed)
        payload = composer.payload(moment)
        line = _line(payload, number)
        _remember(recent, number, line)
        yield line + b"\n"
        if _is(number, _OBSERVED_AGAIN):
            yield orjson.dumps(_later(payload, moment)) + b"\n"
        for other in _others(number, recent, line, chance):
            yield other + b"\n"


def no_tweets(tweets: int) -> Iterator[int]:
    """Yield which of the `lines(tweets)` are no tweets: their numbers, from 1."""
    line = 0
    for number in range(tweets):
        line += 1 + _is(number, _OBSERVED_AGAIN) + _is(number, _DUPLICATE)
        if _is(number, _POISON):
            line += 1
            yield line


def _line(payload: Payload, number: int) -> bytes:
    if _is(number, _HOSTILE):
        return hostile(payload, number // _HOSTILE[0])
    return orjson.dumps(payload)


def _remember(recent: list[bytes], number: int, line: bytes) -> None:
    if number < _REPEATED_FROM:
        recent.append(line)
    else:
        recent[number % _REPEATED_FROM] = line


def _others(number: int, recent: list[bytes], line: bytes, chance: Chance) -> Iterator[bytes]:
    if _is(number, _DUPLICATE):
        yield chance.one(recent)
    if _is(number, _POISON):
        yield poison(line, number // _POISON[0])


def _later(payload: Payload, moment: Moment) -> Payload:
    """Return the payload as an archive holds it some hours later: the same tweet, more liked.

    It says when it was observed, so that it wins over the first one in whatever order they come.
    """
    tweet: dict[str, Any] = payload["data"]
    counts = {name: count * 3 + 1 for name, count in tweet["public_metrics"].items()}
    retrieved_at = rfc3339(moment.ms + _LATER_MS)
    return {
        **payload,
        "data": {**tweet, "public_metrics": counts},
        "__twarc": {"version": "made up", "retrieved_at": retrieved_at},
    }


def _is(number: int, place: tuple[int, int]) -> bool:
    return number % place[0] == place[1]


def _count(tweets: int, place: tuple[int, int]) -> int:
    every, at = place
    return (tweets + every - 1 - at) // every
