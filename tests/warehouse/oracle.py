"""What the views over tweets say, computed from the rows in plain Python.

Written from the descriptions of the views, not from their SQL. Each function takes the tweets
that may be shown and returns rows of its view, in the order of its columns.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any, TypeVar

from enricher.languages import said_by_x

Tweet = Mapping[str, Any]
Rows = list[tuple[Any, ...]]
Key = TypeVar("Key", bound=Hashable)
PRICE = 0.005


def grouped(tweets: Iterable[Tweet], key: Callable[[Tweet], Key]) -> dict[Key, list[Tweet]]:
    groups: dict[Key, list[Tweet]] = defaultdict(list)
    for tweet in tweets:
        groups[key(tweet)].append(tweet)
    return groups


def moment(tweet: Tweet, column: str = "created_at") -> datetime:
    value = tweet[column]
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def day(tweet: Tweet) -> date:
    return moment(tweet).date()


def hour(tweet: Tweet) -> datetime:
    return moment(tweet).replace(minute=0, second=0, microsecond=0)


def minute(tweet: Tweet) -> datetime:
    return moment(tweet).replace(second=0, microsecond=0)


def different(tweets: Iterable[Tweet], column: str) -> int:
    return len({tweet.get(column) for tweet in tweets} - {None})


def total(tweets: Iterable[Tweet], column: str) -> int:
    return sum(tweet.get(column) or 0 for tweet in tweets)


def of_kind(tweets: Iterable[Tweet], kind: str) -> int:
    return sum(tweet["kind"] == kind for tweet in tweets)


def mean(values: Iterable[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def folded(tweet: Tweet) -> set[str]:
    return {tag["folded"] for tag in tweet.get("hashtags") or ()}


def x_language(tweet: Tweet) -> str | None:
    return said_by_x(tweet.get("x_lang"))


def differs(tweet: Tweet) -> bool:
    said = x_language(tweet)
    return said is not None and said != tweet["language"]


def most_used(spellings: Counter[str]) -> str:
    return min(spellings, key=lambda tag: (-spellings[tag], tag.encode()))


def spellings(tweets: Iterable[Tweet]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for tweet in tweets:
        for tag in tweet.get("hashtags") or ():
            found[tag["folded"]][tag["tag"]] += 1
    return found


def size(count: int) -> str:
    steps = ((1, "1"), (4, "2 to 4"), (9, "5 to 9"), (49, "10 to 49"))
    return next((name for most, name in steps if count <= most), "50 and more")


def over_time(tweets: Sequence[Tweet], unit: Callable[[Tweet], datetime]) -> Rows:
    return [
        (when, len(some), different(some, "author_id"))
        for when, some in grouped(tweets, unit).items()
    ]


def daily(tweets: Sequence[Tweet]) -> Rows:
    return [
        (*key, len(some), different(some, "author_id"), of_kind(some, "retweet"),
         total(some, "like_count"))
        for key, some in grouped(tweets, lambda one: (day(one), one["language"])).items()
    ]  # fmt: skip


def languages(tweets: Sequence[Tweet]) -> Rows:
    return [
        (language, len(some), mean(one.get("language_confidence") for one in some),
         sum(map(differs, some)))
        for language, some in grouped(tweets, lambda one: str(one["language"])).items()
    ]  # fmt: skip


def languages_hourly(tweets: Sequence[Tweet]) -> Rows:
    return [
        (*key, len(some), mean(one.get("language_confidence") for one in some),
         sum(x_language(one) == one["language"] for one in some),
         sum(map(differs, some)),
         sum(x_language(one) is None for one in some),
         sum(one["language_source"] == "x" for one in some))
        for key, some in grouped(tweets, lambda one: (hour(one), one["language"])).items()
    ]  # fmt: skip


def language_differences(tweets: Sequence[Tweet]) -> Rows:
    differing = [tweet for tweet in tweets if differs(tweet)]
    return [
        (*key, len(some), mean(one.get("language_confidence") for one in some))
        for key, some in grouped(
            differing, lambda one: (day(one), one["language"], x_language(one))
        ).items()
    ]


def hashtags(tweets: Sequence[Tweet]) -> Rows:
    found: Rows = []
    for when, some in grouped(tweets, day).items():
        for tag, written in spellings(some).items():
            having = sum(tag in folded(one) for one in some)
            found.append((when, tag, most_used(written), written.total(), having))
    return found


def hashtag_spellings(tweets: Sequence[Tweet]) -> Rows:
    return [
        (tag, most_used(written), len(written), written.total())
        for tag, written in spellings(tweets).items()
    ]


def hashtags_rising(tweets: Sequence[Tweet]) -> Rows:
    counts = Counter((tag, hour(tweet)) for tweet in tweets for tag in folded(tweet))
    spelled = {when: spellings(some) for when, some in grouped(tweets, hour).items()}
    found: Rows = []
    for (tag, when), count in counts.items():
        before = (counts[tag, when - timedelta(hours=back)] for back in range(1, 25))
        usual = sum(before) / 24
        rise = (count - usual) / math.sqrt(usual + 1)
        found.append((when, tag, most_used(spelled[when][tag]), count, usual, rise))
    return found


def hashtag_pairs(tweets: Sequence[Tweet]) -> Rows:
    uses: dict[tuple[date, str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    having: Counter[tuple[date, str, str]] = Counter()
    for tweet in tweets:
        written = tweet.get("hashtags") or ()
        pairs = [
            (one, other)
            for one, other in product(written, repeat=2)
            if one["folded"].encode() < other["folded"].encode()
        ]
        for one, other in pairs:
            uses[day(tweet), one["folded"], other["folded"]][one["tag"], other["tag"]] += 1
        having.update({(day(tweet), one["folded"], other["folded"]) for one, other in pairs})
    return [
        (
            *key,
            *min(spelled, key=lambda pair: (-spelled[pair], *map(str.encode, pair))),
            having[key],
        )
        for key, spelled in uses.items()
    ]


def _with_rule(tweets: Iterable[Tweet]) -> Iterator[tuple[Tweet, str | None, str]]:
    for tweet in tweets:
        for rule in tweet.get("rules") or ({"id": None, "tag": "(none)"},):
            yield tweet, rule["id"], str(rule.get("tag") or rule["id"])


def rules(tweets: Sequence[Tweet]) -> Rows:
    groups: dict[tuple[date, str | None, str], list[Tweet]] = defaultdict(list)
    for tweet, id, rule in _with_rule(tweets):
        groups[day(tweet), id, rule].append(tweet)
    return [
        (*key, len(some),
         sum(len(one.get("rules") or ()) == 1 for one in some),
         sum(PRICE / len(one["rules"]) for one in some if key[1] is not None),
         different(some, "author_id"), different(some, "language"), of_kind(some, "retweet"))
        for key, some in groups.items()
    ]  # fmt: skip


def spend(tweets: Sequence[Tweet]) -> Rows:
    posts = {when: sum(bool(one.get("rules")) for one in some)
             for when, some in grouped(tweets, day).items()}  # fmt: skip
    return [
        (when, count, count * PRICE,
         PRICE * sum(other for on, other in posts.items()
                     if (on.year, on.month) == (when.year, when.month) and on <= when))
        for when, count in posts.items()
    ]  # fmt: skip


def authors(tweets: Sequence[Tweet]) -> Rows:
    named = [tweet for tweet in tweets if tweet.get("author_id") is not None]
    each = Counter((day(tweet), tweet["author_id"]) for tweet in named)
    groups: dict[tuple[date, str], list[int]] = defaultdict(list)
    for (when, _), count in each.items():
        groups[when, size(count)].append(count)
    return [(*key, len(counts), sum(counts)) for key, counts in groups.items()]


def conversations(tweets: Sequence[Tweet]) -> Rows:
    known = [tweet for tweet in tweets if tweet.get("conversation_id") is not None]
    groups: dict[tuple[date, str], list[list[Tweet]]] = defaultdict(list)
    for some in grouped(known, lambda one: str(one["conversation_id"])).values():
        groups[min(map(day, some)), size(len(some))].append(some)
    return [
        (*key, len(talks), sum(map(len, talks)),
         sum(of_kind(talk, "reply") for talk in talks),
         mean(different(talk, "author_id") for talk in talks))
        for key, talks in groups.items()
    ]  # fmt: skip


_REFERRED = {"retweet": "retweeted_id", "quote": "quoted_id", "reply": "reply_to_id"}
_COUNTS = ("like_count", "retweet_count", "reply_count", "quote_count", "impression_count")


def reach(tweets: Sequence[Tweet]) -> Rows:
    return [
        (*key, len(some), different(some, "author_id"),
         different(some, _REFERRED.get(str(key[1]), "nothing")),
         *(total(some, column) for column in _COUNTS))
        for key, some in grouped(tweets, lambda one: (day(one), one["kind"])).items()
    ]  # fmt: skip


def lags(tweets: Iterable[Tweet], since: str) -> list[float]:
    """Return how many seconds it took from a moment to the table, in order."""
    return sorted(
        (moment(one, "loaded_at") - moment(one, since)).total_seconds()
        for one in tweets
        if one.get(since) is not None
    )


def enricher_versions(tweets: Sequence[Tweet]) -> Rows:
    return [
        (version, len(some), len(some) / len(tweets),
         sum(one.get("replay_id") is not None for one in some),
         min(moment(one, "enriched_at") for one in some),
         max(moment(one, "enriched_at") for one in some))
        for version, some in grouped(tweets, lambda one: int(one["enricher_version"])).items()
    ]  # fmt: skip


VIEWS: dict[str, Callable[[Sequence[Tweet]], Rows]] = {
    "v_minutely": lambda tweets: over_time(tweets, minute),
    "v_hourly": lambda tweets: over_time(tweets, hour),
    "v_daily": daily,
    "v_languages": languages,
    "v_languages_hourly": languages_hourly,
    "v_language_differences": language_differences,
    "v_hashtags": hashtags,
    "v_hashtag_spellings": hashtag_spellings,
    "v_hashtags_rising": hashtags_rising,
    "v_hashtag_pairs": hashtag_pairs,
    "v_rules": rules,
    "v_spend": spend,
    "v_authors": authors,
    "v_conversations": conversations,
    "v_reach": reach,
    "v_enricher_versions": enricher_versions,
    # Without a hole in the stream.
    "v_completeness": lambda tweets: [
        (when, len(some), 0, 0, 1) for when, some in grouped(tweets, day).items()
    ],
}
