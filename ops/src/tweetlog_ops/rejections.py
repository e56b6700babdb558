"""The proof of a run whose input is known: what was rejected is what deserves it, and no more."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tweetlog_ops.answers import table
from tweetlog_ops.letters import INGEST

# How many are named; the counts are whole.
_NAMED = 20

#: The dead letters of the warehouse.
LETTERS = """
SELECT event_id, stage, reason_class, reason, JSON_VALUE(origin, '$.line') AS line
FROM tweetlog.v_dead_letters
ORDER BY publish_time, event_id
"""

Letter = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rejections:
    """What the comparison found.

    Attributes:
        explained: how many letters hold what is to be rejected.
        unexpected: letters of events that are good.
        unrejected: lines that are no tweets, and have no letter.
    """

    explained: int
    unexpected: Sequence[Letter]
    unrejected: Sequence[int] = ()

    @property
    def clean(self) -> bool:
        """Whether exactly that was rejected which deserves it."""
        return not (self.unexpected or self.unrejected)


def of_lines(letters: Sequence[Letter], no_tweets: Sequence[int]) -> Rejections:
    """Return the verdict on a file, of which it is known which lines are no tweets.

    Args:
        letters: rows of `LETTERS`.
        no_tweets: numbers of those lines, from 1.
    """
    found = {int(one["line"]) for one in letters if one["stage"] == INGEST and one["line"]}
    left = [line for line in no_tweets if line not in found]
    known = set(no_tweets)
    return _verdict(letters, lambda one: int(one["line"] or 0) in known, left)


def of_stream(letters: Sequence[Letter], noise: Mapping[str, int]) -> Rejections:
    """Return the verdict on a stream.

    Args:
        letters: rows of `LETTERS`.
        noise: by reason class, how many messages were given at most that are no tweets.
    """
    left = Counter(noise)

    def deserved(one: Letter) -> bool:
        left[one["reason_class"]] -= 1
        return left[one["reason_class"]] >= 0

    return _verdict(letters, deserved)


def _verdict(
    letters: Sequence[Letter], deserved: Callable[[Letter], bool], unrejected: Sequence[int] = ()
) -> Rejections:
    # What got past the ingestor is an event, and every event of a known input is good.
    wrong = [one for one in letters if one["stage"] != INGEST or not deserved(one)]
    return Rejections(len(letters) - len(wrong), wrong, unrejected)


def report(rejections: Rejections) -> str:
    """Return the verdict in words."""
    lines = [f"rejected, and no tweets: {rejections.explained:,}\n"]
    if rejections.unrejected:
        some = ", ".join(map(str, rejections.unrejected[:_NAMED]))
        lines.append(f"NOT REJECTED: {len(rejections.unrejected):,} lines, no tweets: {some}\n")
    if rejections.unexpected:
        lines.append(f"REJECTED, ALTHOUGH GOOD: {len(rejections.unexpected):,}\n")
        names = ("event_id", "stage", "reason_class", "reason")
        rows = [[one[name] for name in names] for one in rejections.unexpected[:_NAMED]]
        lines.append(table(names, ["STRING"] * len(names), rows))
    else:
        lines.append("rejected, although good: 0\n")
    return "".join(lines)
